//! Programs that call `get` for their credentials, as they are: git, a client of Kubernetes; and
//! docker's side of its protocol.

use serde_json::json;
use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, parsed, set_mode, tells},
    readme,
    stage::Stage,
};
use crate::harness::databases::Kind;

#[test]
fn git_fills_in_the_token_for_its_host_alone() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let token = stage.host.get("quartile");
    let git = |request: &str, verb: &str| {
        let helper = "!tokenkeeper-consumer get quartile --format git-credential";
        let line = format!(
            "printf '{request}\\n\\n' | GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0 git \
             -c credential.https://git.example.org.helper='{helper}' credential {verb}"
        );
        stage.host.script("sh", &line)
    };
    let filled = git("protocol=https\\nhost=git.example.org", "fill");
    let filled = String::from_utf8(filled.stdout).unwrap();
    for line in ["username=oauth2".to_owned(), format!("password={token}")] {
        assert!(filled.lines().any(|filled| filled == line), "{line}: {filled}");
    }
    let named = git("protocol=https\\nhost=git.example.org\\nusername=me", "fill");
    assert!(String::from_utf8_lossy(&named.stdout).contains("username=me\n"), "{named:?}");
    for elsewhere in
        ["protocol=https\\nhost=evil.example.org", "protocol=http\\nhost=git.example.org"]
    {
        let refused = git(elsewhere, "fill");
        assert!(!String::from_utf8_lossy(&refused.stdout).contains(&token), "{refused:?}");
    }
    for verb in ["approve", "reject"] {
        let ended = git(
            &format!("protocol=https\\nhost=git.example.org\\nusername=oauth2\\npassword={token}"),
            verb,
        );
        assert!(ended.status.success() && ended.stderr.is_empty(), "{verb}: {ended:?}");
    }
    assert_eq!(stage.host.get("quartile"), token);
}

#[test]
fn a_client_of_kubernetes_takes_the_token_by_its_kubeconfig() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    for version in ["v1", "v1beta1"] {
        stage.host.write("kubeconfig", &KUBECONFIG.replace("VERSION", version));
        let read = stage.host.says("sh", CLIENT);
        assert_eq!(read, format!("Bearer {}\n", stage.host.get("quartile")), "{version}");
    }
    let unknown = r#"{"kind":"ExecCredential","apiVersion":"client.authentication.k8s.io/v9"}"#;
    let mut get = stage.host.consumer(&["get", "quartile", "--format", "exec-credential"]);
    let answer = parsed(get.run().stdout.trim());
    assert_eq!(
        answer["status"]["expirationTimestamp"],
        stage.host.status("quartile")["expires_at"]
    );
    let refused = get.env("KUBERNETES_EXEC_INFO", unknown).run();
    assert_eq!((refused.code, refused.stdout.as_str()), (Some(2), ""), "{refused:?}");
    tells(&refused, &["KUBERNETES_EXEC_INFO", "client.authentication.k8s.io/v1"]);
}

#[test]
fn docker_finds_a_helper_in_two_lines() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    docker_helper(&stage.host);
    let got = stage
        .host
        .says("sh", "printf https://registry.example.org | docker-credential-quartile get");
    let expected = json!({
        "ServerURL": "https://registry.example.org",
        "Username": "oauth2",
        "Secret": stage.host.get("quartile"),
    });
    assert_eq!(parsed(got.trim()), expected);
    assert_eq!(stage.host.says("sh", "docker-credential-quartile list"), "{}\n");
    let stored = r#"echo '{"ServerURL":"a","Username":"b","Secret":"c"}' | docker-credential-quartile store"#;
    assert_eq!(stage.host.says("sh", stored), "");
    assert_eq!(stage.host.says("sh", "echo a | docker-credential-quartile erase"), "");
    for bad in [
        "printf '' | docker-credential-quartile get",
        "docker-credential-quartile steal",
        "docker-credential-quartile",
    ] {
        let refused = stage.host.script("sh", bad);
        assert_eq!((refused.status.code(), refused.stdout.len()), (Some(2), 0), "{refused:?}");
    }
}

#[test]
fn what_is_only_stored_or_erased_asks_no_database() {
    let host = Host::new();
    for format in ["git-credential", "docker-credential"] {
        // There is no database: whoever asked it would fail.
        for operation in ["store", "erase"] {
            let done = host.consume(0, &["get", "quartile", "--format", format, operation]);
            assert_eq!((done.stdout.as_str(), done.stderr.as_str()), ("", ""));
        }
    }
}

/// The two lines of README.
fn docker_helper(host: &Host) {
    let wrapper = readme::samples().into_iter().find(|sample| sample.starts_with("#!/bin/sh"));
    std::fs::create_dir_all(host.home().join("bin")).unwrap();
    let wrapper = wrapper.unwrap().replace("get edfi", "get quartile");
    set_mode(&host.write("bin/docker-credential-quartile", &wrapper), 0o700);
}

const KUBECONFIG: &str = r#"
apiVersion: v1
kind: Config
current-context: c
clusters: [{ name: c, cluster: { server: "https://127.0.0.1:6443" } }]
contexts: [{ name: c, context: { cluster: c, user: u } }]
users:
- name: u
  user:
    exec:
      apiVersion: client.authentication.k8s.io/VERSION
      command: tokenkeeper-consumer
      args: [get, quartile, --format, exec-credential]
      interactiveMode: Never
"#;

const CLIENT: &str = r#"/usr/bin/python3 -c "
from kubernetes import client, config
config.load_kube_config('kubeconfig')
print(client.Configuration.get_default_copy().api_key['authorization'])
""#;
