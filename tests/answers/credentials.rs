//! Who is refused and why: P16, P17, and credentials that are wrong from the start.

use tokenkeeper_shared::{
    secret::Secret,
    settings::{Environment, SecretRef},
};
use tokenkeeper_worker::{
    outcome::Class,
    provider::{Step, oauth2::ClientAuth},
    sandbox::{Credentials, Fault},
};

use crate::ground::{
    Ground, class, credentials, environment, failure, file, judged, kept, oauth2_with,
};

#[tokio::test]
async fn a_login_and_a_refresh_bring_tokens_in_every_way_of_asking() {
    let ground = Ground::new().await;
    let posted = oauth2_with(
        &ground.sandbox.token_url(),
        ClientAuth::Post,
        crate::ground::env("SECRET"),
        None,
    );
    for provider in [ground.quartile(), ground.oauth2(), posted] {
        let login = ground.judged(&provider, &Step::Login).await;
        assert_eq!((class(&login), kept(&login)), ("ok", ground.newest()));
        let step = Step::Refresh(Secret::new(kept(&login).unwrap()));
        let refresh = ground.judged(&provider, &step).await;
        assert_eq!((class(&refresh), kept(&refresh)), ("ok", ground.newest()));
    }
    assert_eq!((ground.sandbox.counts().logins, ground.sandbox.counts().refreshes), (3, 3));
}

#[tokio::test]
async fn a_refresh_token_that_is_dead_is_rejected() {
    let ground = Ground::new().await;
    for provider in [ground.quartile(), ground.oauth2()] {
        let spent = ground.refresh();
        let newer = ground.judged(&provider, &spent).await;
        // The replay ends the whole grant: the newest token of it is dead too.
        assert_eq!(class(&ground.judged(&provider, &spent).await), "rejected");
        let newer = Step::Refresh(Secret::new(kept(&newer).unwrap()));
        assert_eq!(class(&ground.judged(&provider, &newer).await), "rejected");
        let expired = ground.refresh();
        ground.sandbox.expire_refresh_tokens();
        assert_eq!(class(&ground.judged(&provider, &expired).await), "rejected");
        let revoked = ground.refresh();
        ground.sandbox.revoke_all();
        assert_eq!(class(&ground.judged(&provider, &revoked).await), "rejected");
        let unknown = Step::Refresh(Secret::new("canary-unknown"));
        assert_eq!(class(&ground.judged(&provider, &unknown).await), "rejected");
    }
}

#[tokio::test]
async fn a_wrong_password_refuses_the_login_and_spares_the_refresh() {
    let ground = Ground::new().await;
    let changed = Credentials { password: "canary-changed".to_owned(), ..credentials() };
    ground.sandbox.set_credentials(changed);
    for provider in [ground.quartile(), ground.oauth2()] {
        assert_eq!(class(&ground.judged(&provider, &Step::Login).await), "login_refused");
        assert_eq!(class(&ground.judged(&provider, &ground.refresh()).await), "ok");
    }
}

#[tokio::test]
async fn a_wrong_client_is_the_configurations_fault() {
    let ground = Ground::new().await;
    let changed = Credentials { client_secret: "canary-changed".to_owned(), ..credentials() };
    ground.sandbox.set_credentials(changed);
    for step in [Step::Login, ground.refresh()] {
        let failed = failure(ground.judged(&ground.oauth2(), &step).await);
        assert_eq!(failed.class, Class::Misconfigured);
        assert!(failed.message.ends_with("401 invalid_client"), "{}", failed.message);
    }
}

#[tokio::test]
async fn the_refusals_that_real_servers_were_seen_to_give_are_understood() {
    let ground = Ground::new().await;
    for (status, body, login, refresh) in [
        (403, "", "login_refused", "misconfigured"),
        (400, r#"{"error":"invalid_request"}"#, "login_refused", "misconfigured"),
        (400, r#"{"error":"invalid_grant"}"#, "login_refused", "rejected"),
        (401, r#"{"error":"invalid_client"}"#, "misconfigured", "misconfigured"),
        (500, "<html>canary</html>", "uncertain", "uncertain"),
    ] {
        for (step, expected) in [(Step::Login, login), (ground.refresh(), refresh)] {
            let fault = Fault::Status { status, headers: vec![], body: body.into() };
            ground.sandbox.next_answer(fault);
            let outcome = ground.judged(&ground.oauth2(), &step).await;
            assert_eq!(class(&outcome), expected, "{status} {body}");
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_swapped_in_its_file_counts_from_the_next_request_on() {
    let ground = Ground::new().await;
    let directory = tempfile::tempdir().unwrap();
    let path = file(&directory, "secret", "canary-old\n");
    let secret = SecretRef::File(path);
    let provider = oauth2_with(&ground.sandbox.token_url(), ClientAuth::Basic, secret, None);
    let step = ground.refresh();
    assert_eq!(class(&ground.judged(&provider, &step).await), "misconfigured");
    file(&directory, "secret", "canary-secret\n");
    assert_eq!(class(&ground.judged(&provider, &step).await), "ok");
}

#[tokio::test]
async fn an_echo_of_the_refresh_token_is_not_repeated() {
    let ground = Ground::new().await;
    let token = "canary-refresh-0a1b2c3d";
    for echo in [format!(r#"{{"error":"{token}"}}"#), format!("error={token}"), token.to_owned()] {
        for status in [200, 400, 401, 404, 500] {
            let fault = Fault::Status { status, headers: vec![], body: echo.clone().into_bytes() };
            ground.sandbox.next_answer(fault);
            let step = Step::Refresh(Secret::new(token));
            // The judgement is searched for secrets where it is made.
            judged(&ground.http, &ground.oauth2(), &step, &environment()).await;
        }
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_is_told_before_anything_is_sent() {
    let ground = Ground::new().await;
    let error = ground.quartile().request(&Step::Login, &Environment::of([])).unwrap_err();
    assert!(error.to_string().starts_with("username"), "{error}");
    assert_eq!(ground.sandbox.counts().exchanges, 0);
}
