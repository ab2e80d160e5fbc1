//! Secrets that must never be printed, in whichever dress: programs are run through successes and
//! failures at the highest level of logging, and everything that they print is searched.

use base64::{Engine, prelude::BASE64_STANDARD_NO_PAD, prelude::BASE64_URL_SAFE_NO_PAD};
use tokenkeeper_worker::sandbox::{Credentials, Fault, Rewrite, Sandbox, Settings};
use url::form_urlencoded;

use super::{
    host::{Host, on_each},
    stage::{Stage, status},
};
use crate::harness::{databases::Kind, programs::Finished};

#[test]
fn no_secret_is_printed_whatever_the_provider_answers() {
    let (stage, mut canaries) = stage(Kind::Sqlite);
    for fault in faults(&canaries) {
        stage.sandbox.next_answer(fault);
        let refresh = stage.host.worker(&["refresh", "all", "--force"]).run();
        canaries.keep(&stage.sandbox);
        canaries.are_absent(&refresh);
        canaries.are_absent(&stage.host.worker(&["status", "--json"]).run());
        let got = stage.host.consumer(&["get", "all"]).run();
        canaries.are_absent(&Finished { stdout: String::new(), ..got });
    }
}

#[test]
fn no_secret_is_printed_when_all_goes_well() {
    on_each(|kind| {
        let (stage, mut canaries) = stage(kind);
        for arguments in [&["run"][..], &["refresh", "all", "--force"]] {
            let told = stage.host.work(0, arguments);
            canaries.keep(&stage.sandbox);
            canaries.are_absent(&told);
        }
        for arguments in [&["status"][..], &["status", "--json"], &["migrate"], &["init"]] {
            canaries.are_absent(&stage.host.work(0, arguments));
        }
        for arguments in [&["list"][..], &["list", "--json"]] {
            canaries.are_absent(&stage.host.consume(0, arguments));
        }
    });
}

#[test]
fn no_secret_is_printed_when_a_login_is_refused() {
    let (stage, mut canaries) = stage(Kind::Sqlite);
    stage.sandbox.set_credentials(Credentials::default());
    let run = stage.host.worker(&["run"]).run();
    canaries.keep(&stage.sandbox);
    canaries.are_absent(&run);
    assert_ne!(run.code, Some(0), "{run:?}");
    for arguments in [&["run", "--json"][..], &["refresh", "all", "--force"]] {
        canaries.are_absent(&stage.host.worker(arguments).run());
    }
    canaries.are_absent(&stage.host.consumer(&["get", "all"]).run());
}

#[test]
fn no_secret_of_an_address_is_printed() {
    let canaries = Canaries(vec![PASSWORD.to_owned()]);
    let password: String = form_urlencoded::byte_serialize(PASSWORD.as_bytes()).collect();
    let password = password.replace('+', "%20");
    let urls = [
        format!("postgres://canary:{password}@127.0.0.1:1/db"),
        format!("postgres://127.0.0.1:1/db?user=a&password={password}"),
        format!("mysql://canary:{password}@127.0.0.1:1/db"),
        format!("mysql://canary:{password}@no-such-host.invalid/db"),
        format!("postgres://canary:{password}@no-such-host.invalid/db?sslmode=maybe"),
    ];
    let hosts = urls.map(|url| loud(Host::new()).with("DATABASE_URL", url));
    let start = |host: &Host| {
        host.make_key();
        let (status, list) = (host.worker(&["status"]).spawn(), host.consumer(&["list"]).spawn());
        [status, host.worker(&["migrate", "--json"]).spawn(), list]
    };
    // Some wait for the database for some seconds: all at once.
    let running: Vec<_> = hosts.iter().flat_map(start).collect();
    for running in running {
        let finished = running.wait();
        canaries.are_absent(&finished);
        assert_ne!(finished.code, Some(0), "{finished:?}");
    }
}

/// The secrets that a provider may echo, and everything it has issued.
pub struct Canaries(pub Vec<String>);

impl Canaries {
    /// Also looks for what the sandbox has issued last.
    pub fn keep(&mut self, sandbox: &Sandbox) {
        self.0.extend(sandbox.newest_access_token());
        self.0.extend(sandbox.newest_refresh_token());
    }

    #[track_caller]
    pub fn are_absent(&self, finished: &Finished) {
        let said = [finished.stdout.as_str(), finished.stderr.as_str()].concat();
        assert!(!said.contains("panicked"), "{finished:#?}");
        for dress in self.0.iter().flat_map(|canary| dresses(canary)) {
            assert!(!said.contains(&dress), "{dress} in {finished:#?}");
        }
    }
}

/// A secret in clear, escaped for JSON and Rust, percent-encoded, and in base64 at each alignment.
pub fn dresses(secret: &str) -> Vec<String> {
    let percent: String = form_urlencoded::byte_serialize(secret.as_bytes()).collect();
    let mut dresses = vec![
        secret.to_owned(),
        secret.escape_debug().to_string(),
        percent.replace('+', "%20"),
        percent,
    ];
    for shift in 0..3 {
        let shifted = [vec![0; shift].as_slice(), secret.as_bytes()].concat();
        // The characters at both ends are made of foreign bits, too.
        let (first, whole) = ((shift * 8).div_ceil(6), shifted.len() * 8 / 6);
        for encoded in
            [BASE64_STANDARD_NO_PAD.encode(&shifted), BASE64_URL_SAFE_NO_PAD.encode(&shifted)]
        {
            dresses.push(encoded[first..whole].to_owned());
        }
    }
    dresses
}

/// A sandbox with telling credentials, and a token that uses every kind of secret.
pub fn stage(kind: Kind) -> (Stage, Canaries) {
    let credentials = Credentials {
        username: "user".to_owned(),
        password: PASSWORD.to_owned(),
        client_id: "client".to_owned(),
        client_secret: CLIENT_SECRET.to_owned(),
        ..Credentials::default()
    };
    let stage = Stage::configured(kind, with(&credentials), &[]);
    let Stage { sandbox, database, host } = stage;
    let url = sandbox.token_url();
    host.configure(&format!(
        "[tokens.all]\nprovider = \"oauth2\"\ntoken_url = \"{url}\"\ngrant = \"password\"\n\
         username = \"user\"\npassword = {{ env = \"PASSWORD\" }}\nclient_id = \"client\"\n\
         client_secret = {{ env = \"CLIENT_SECRET\" }}\n\
         headers = {{ X-Api-Key = {{ env = \"HEADER\" }} }}\n\
         parameters = {{ extra = {{ env = \"PARAMETER\" }} }}\n"
    ));
    let host = loud(host)
        .with("PASSWORD", PASSWORD)
        .with("CLIENT_SECRET", CLIENT_SECRET)
        .with("HEADER", HEADER)
        .with("PARAMETER", PARAMETER);
    let key = std::fs::read_to_string(host.config_folder().join("key")).unwrap();
    let key = key.trim().rsplit('.').next().unwrap().to_owned();
    let canaries = [PASSWORD, CLIENT_SECRET, HEADER, PARAMETER, &key].map(str::to_owned);
    let stage = Stage { sandbox, database, host };
    (stage, Canaries(canaries.to_vec()))
}

fn with(credentials: &Credentials) -> Settings {
    Settings { credentials: credentials.clone(), ..Settings::default() }
}

fn loud(host: Host) -> Host {
    host.with("TOKENKEEPER_LOG", "trace").with("RUST_LOG", "trace").with("RUST_BACKTRACE", "1")
}

/// Answers that a careless program would print: secrets are echoed in every place there is.
fn faults(canaries: &Canaries) -> Vec<Fault> {
    let echo = canaries.0.join(" ");
    let error = format!(r#"{{"error":"{PASSWORD}","error_description":"{echo}"}}"#);
    let answered = |status, body: &str| Fault::Status {
        status,
        headers: vec![
            ("retry-after".to_owned(), PASSWORD.to_owned()),
            ("www-authenticate".to_owned(), echo.clone()),
        ],
        body: body.as_bytes().to_vec(),
    };
    let rewritten = |rewrite| Fault::AnswerAs { rewrite };
    vec![
        answered(400, &error),
        answered(200, &error),
        answered(429, &echo),
        answered(500, &echo),
        answered(201, &echo),
        Fault::Redirect {
            location: format!("https://{HEADER}@elsewhere.invalid/?secret={HEADER}"),
            status: 307,
        },
        Fault::Cut { processed: false },
        Fault::Truncated { cut: true },
        rewritten(Rewrite::default().remove("access_token")),
        rewritten(Rewrite::default().set("access_token", format!("{PASSWORD} {HEADER}"))),
        rewritten(Rewrite::default().set("token_type", PASSWORD).set("expires_in", PASSWORD)),
        status(401),
    ]
}

// With characters that look otherwise in a URL, in JSON and in either alphabet of base64.
const PASSWORD: &str = "canary-pass+word/\u{e4}?>&=\"quoted\"";
const CLIENT_SECRET: &str = "canary:client secret~\u{bf}??>>";
const HEADER: &str = "canary-header-0123456789";
const PARAMETER: &str = "canary parameter \u{20ac}";
