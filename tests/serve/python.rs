//! Programs of the Python world that nobody here wrote: an OAuth2 client gets the managed token, and
//! a validator of `OpenAPI` documents reads the description.

use std::path::Path;

use super::stage::{HOUR, Server, Stage, path};
use crate::harness::{databases::Kind, programs::Finished};

#[test]
fn authlib_gets_a_token_and_uses_it_until_it_expires() {
    let stage = Stage::on(Kind::Sqlite);
    stage.keep("edfi", HOUR);
    let key = stage.new_key("edfi", &["--token", "edfi"]);
    let server = stage.serve(&[]);
    let told = run(&stage, &server, &key, AUTHLIB);
    assert_eq!(told.code, Some(0), "{told:?}");
    let lines: Vec<_> = told.stdout.lines().collect();
    let basic = "client_secret_basic access-edfi-1 Bearer read";
    let post = "client_secret_post access-edfi-1 Bearer read";
    assert_eq!(lines, [basic, post, "refused invalid_client"], "{told:?}");
}

#[test]
fn the_description_is_one_of_openapi() {
    let stage = Stage::with_token();
    let key = stage.new_key("all", &["--token", "*"]);
    let server = stage.serve(&[]);
    let told = run(&stage, &server, &key, VALIDATOR);
    assert_eq!((told.code, &*told.stdout), (Some(0), "valid\n"), "{told:?}");
}

fn run(stage: &Stage, server: &Server, key: &str, script: &str) -> Finished {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/python/venv/bin/python");
    assert!(python.is_file(), "authlib is not installed: call tests/run, which runs pip");
    let program = stage.consumer_by(path(&python), &["-c", script]);
    program.env("PORT", server.port.to_string()).env("KEY", key).run()
}

const AUTHLIB: &str = r#"
import os
os.environ["AUTHLIB_INSECURE_TRANSPORT"] = "1"
from authlib.integrations.base_client.errors import OAuthError
from authlib.integrations.requests_client import OAuth2Session
url = "http://127.0.0.1:%s/oauth2/token" % os.environ["PORT"]
for method in ("client_secret_basic", "client_secret_post"):
    client = OAuth2Session("edfi", os.environ["KEY"], scope="read", token_endpoint_auth_method=method)
    token = client.fetch_token(url, grant_type="client_credentials")
    assert 3500 < token["expires_in"] <= 3600, token
    assert not token.is_expired()
    print(method, token["access_token"], token["token_type"], token["scope"])
try:
    OAuth2Session("edfi", "wrong").fetch_token(url, grant_type="client_credentials")
except OAuthError as error:
    print("refused", error.error)
"#;

const VALIDATOR: &str = r#"
import json, os, urllib.request
from openapi_spec_validator import OpenAPIV31SpecValidator
url = "http://127.0.0.1:%s/openapi.json" % os.environ["PORT"]
request = urllib.request.Request(url, headers={"Authorization": "Bearer " + os.environ["KEY"]})
OpenAPIV31SpecValidator(json.load(urllib.request.urlopen(request))).validate()
print("valid")
"#;
