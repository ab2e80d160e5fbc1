use serde_json::json;
use tokenkeeper_shared::settings::{Environment, Paths};
use uuid::Uuid;

use super::*;
use crate::config::Config;
use tokenkeeper_shared::{settings::ConfigFile, store::LEASE, token::Token};

fn now() -> DateTime<Utc> {
    clock::from_millis(1_767_225_600_000)
}

fn config() -> Arc<TokenConfig> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("tokenkeeper.toml");
    let text = "[tokens.a]\nprovider = \"oauth2\"\ntoken_url = \"https://a.test/\"\n\
                grant = \"client_credentials\"\nclient_id = \"a\"\nclient_secret.env = \"A\"\n";
    std::fs::write(&path, text).unwrap();
    let environment = Environment::default();
    let file = ConfigFile::find(Some(path), &environment, &Paths::of(&environment)).unwrap();
    let config = Config::of_file(&file.unwrap()).unwrap();
    Arc::new(config.tokens.into_values().next().unwrap())
}

fn claimed() -> Claimed {
    let token = Token {
        state: State::Ok,
        generation: 7,
        token_type: "Bearer".to_owned(),
        updating: true,
        lease_until: Some(clock::after(now(), LEASE)),
        ..Token::enrolled(Uuid::nil(), "a".parse().unwrap(), "oauth2", now())
    };
    let refresh_token = Some(Secret::new("canary-stored"));
    Claimed { token, attempt: Uuid::nil(), refresh_token, forced: false }
}

#[test]
fn a_refused_refresh_token_is_remembered_when_the_lease_does_not_bear_the_login() {
    let (mut attempt, next) = Attempt::begin(config(), claimed(), Ok(None), now());
    let Next::Exchange(step) = next else { panic!("{next:?}") };
    let body = json!({ "error": "invalid_grant" }).to_string().into_bytes();
    let reply = Reply::Answered { status: 400, retry_after: None, redirect_host: None, body };
    let sent = Sent { at: now(), login: None };
    let next = attempt.answered(&step, reply, sent, now());
    assert!(matches!(next, Next::ReadAgain), "{next:?}");
    let next = attempt.row_stands_at(Some(7), now());
    assert!(matches!(next, Next::Exchange(Step::Login)), "{next:?}");
    let Next::GiveBack(back) = attempt.too_late() else { panic!() };
    assert_eq!(back.release.uncertain_tries, 2);
    assert_eq!(back.release.uncertain_since, Some(now()));
}

/// Everything that an attempt hands on, formatted.
#[test]
fn debug_output_shows_no_secret() {
    let (mut attempt, next) =
        Attempt::begin(config(), claimed(), Ok(Some(Secret::new("canary-first"))), now());
    let mut shown = vec![format!("{next:?}")];
    let Next::Exchange(step) = next else { panic!("{next:?}") };
    let answer = json!({ "access_token": "canary-access", "refresh_token": "canary-refresh" });
    let error = json!({ "error": "invalid_scope", "error_description": "canary-description" });
    for (status, body) in [(200, answer), (400, error)] {
        let body = body.to_string().into_bytes();
        let reply = Reply::Answered { status, retry_after: None, redirect_host: None, body };
        let sent = Sent { at: now(), login: None };
        let next = attempt.answered(&step, reply, sent, now());
        shown.push(format!("{next:?}"));
        match next {
            Next::Commit(commit) => shown.push(format!("{commit:?}")),
            Next::GiveBack(back) => shown.push(format!("{back:?}")),
            other => panic!("{other:?}"),
        }
    }
    shown.push(format!("{attempt:?} {:?}", attempt.claimed()));
    assert!(shown.iter().any(|text| text.contains("ToCommit")));
    assert!(shown.iter().any(|text| text.contains("invalid_scope")));
    assert!(shown.iter().all(|text| !text.contains("canary")), "{shown:#?}");
}
