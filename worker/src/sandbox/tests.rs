//! The provider as a whole: rotation, expiry, revocation, and who may log in.

use std::time::Duration;

use super::{
    Counts, Rotation, Sandbox, Settings,
    test_client::{Reply, login, refresh},
};

async fn sandbox(rotation: Rotation) -> Sandbox {
    Sandbox::start(Settings { rotation, ..Settings::default() }).await.unwrap()
}

fn access_token(reply: &Reply) -> String {
    reply.text("/authorization/token")
}

fn refresh_token(reply: &Reply) -> String {
    reply.text("/refresh/token")
}

#[tokio::test]
async fn a_login_issues_tokens_that_a_refresh_renews() {
    let sandbox = sandbox(Rotation::Strict).await;
    let first = login(&sandbox).await;
    let second = refresh(&sandbox, &refresh_token(&first)).await;
    assert_eq!((first.status, second.status), (201, 201));
    assert!(sandbox.is_active(&access_token(&first)) && sandbox.is_active(&access_token(&second)));
    assert_ne!(refresh_token(&first), refresh_token(&second));
    assert_eq!(sandbox.newest_refresh_token(), Some(refresh_token(&second)));
    assert_eq!(sandbox.newest_access_token(), Some(access_token(&second)));
    let counts = Counts { exchanges: 2, logins: 1, refreshes: 1, ..Counts::default() };
    assert_eq!(sandbox.counts(), counts);
    assert_eq!(sandbox.spends_of(&refresh_token(&first)), 1);
}

#[tokio::test]
async fn a_replay_revokes_the_grant_under_strict_rotation() {
    let sandbox = sandbox(Rotation::Strict).await;
    let first = sandbox.issue_grant();
    let second = refresh(&sandbox, &first).await;
    assert_eq!(refresh(&sandbox, &first).await.status, 401);
    assert!(!sandbox.is_active(&access_token(&second)));
    assert!(!sandbox.is_spendable(&refresh_token(&second)));
    assert_eq!(refresh(&sandbox, &refresh_token(&second)).await.status, 401);
    let counts = Counts { exchanges: 3, refreshes: 1, refused: 2, replays: 1, ..Counts::default() };
    assert_eq!(sandbox.counts(), counts);
    assert_eq!(sandbox.spends_of(&first), 2);
}

#[tokio::test]
async fn grace_answers_a_replay_with_the_same_pair() {
    let sandbox = sandbox(Rotation::Grace(Duration::from_mins(1))).await;
    let first = sandbox.issue_grant();
    let (second, again) = (refresh(&sandbox, &first).await, refresh(&sandbox, &first).await);
    assert_eq!(access_token(&second), access_token(&again));
    assert_eq!(refresh_token(&second), refresh_token(&again));
    assert_eq!(sandbox.counts().replays, 1);
}

#[tokio::test]
async fn a_reissue_answers_a_replay_with_another_pair_while_the_first_is_unused() {
    let sandbox = sandbox(Rotation::ReissueIfUnused).await;
    let first = sandbox.issue_grant();
    let (lost, second) = (refresh(&sandbox, &first).await, refresh(&sandbox, &first).await);
    assert!(!sandbox.is_active(&access_token(&lost)));
    assert!(sandbox.is_active(&access_token(&second)));
    assert_eq!(refresh(&sandbox, &refresh_token(&second)).await.status, 201);
    assert_eq!(refresh(&sandbox, &first).await.status, 401);
}

#[tokio::test]
async fn without_rotation_an_answer_has_no_refresh_token() {
    let sandbox = sandbox(Rotation::None).await;
    let token = sandbox.issue_grant();
    for _ in 0..2 {
        let reply = refresh(&sandbox, &token).await;
        assert_eq!(reply.status, 201);
        assert!(reply.json().get("refresh").is_none());
    }
    assert_eq!((sandbox.counts().replays, sandbox.spends_of(&token)), (0, 2));
}

#[tokio::test]
async fn an_access_token_is_inactive_once_it_has_expired() {
    let settings = Settings { access_lifetime: Duration::ZERO, ..Settings::default() };
    let sandbox = Sandbox::start(settings).await.unwrap();
    assert!(!sandbox.is_active(&sandbox.issue_pair().access_token));
}

#[tokio::test]
async fn expired_and_revoked_refresh_tokens_are_refused() {
    let sandbox = sandbox(Rotation::Strict).await;
    let expired = sandbox.issue_pair();
    sandbox.expire_refresh_tokens();
    assert!(sandbox.is_active(&expired.access_token));
    let revoked = sandbox.issue_pair();
    assert!(sandbox.is_spendable(&revoked.refresh_token));
    sandbox.revoke_all();
    assert!(!sandbox.is_active(&revoked.access_token));
    for token in [expired.refresh_token, revoked.refresh_token] {
        assert_eq!(refresh(&sandbox, &token).await.status, 401);
    }
    let pair = sandbox.issue_pair();
    sandbox.expire_access_tokens();
    assert!(!sandbox.is_active(&pair.access_token) && sandbox.is_spendable(&pair.refresh_token));
}

#[tokio::test]
async fn a_changed_password_refuses_logins_and_spares_refreshes() {
    let sandbox = sandbox(Rotation::Strict).await;
    let token = sandbox.issue_grant();
    let credentials =
        super::Credentials { password: "changed".to_owned(), ..super::Credentials::default() };
    sandbox.set_credentials(credentials);
    assert_eq!(login(&sandbox).await.status, 401);
    assert_eq!(refresh(&sandbox, &token).await.status, 201);
}

#[tokio::test]
async fn a_stopped_sandbox_refuses_connections() {
    let sandbox = sandbox(Rotation::Strict).await;
    let address = sandbox.url().replace("http://", "");
    sandbox.stop().await;
    assert!(tokio::net::TcpStream::connect(address).await.is_err());
}

#[tokio::test]
async fn the_last_request_can_be_read() {
    let sandbox = sandbox(Rotation::Strict).await;
    assert_eq!(sandbox.last_request(), None);
    refresh(&sandbox, "t").await;
    let recorded = sandbox.last_request().unwrap();
    assert_eq!((recorded.method.as_str(), recorded.path.as_str()), ("POST", "/auth/v2/refresh"));
    assert_eq!(recorded.body, r#"{"token":"t"}"#);
    assert_eq!(recorded.header("Content-Type"), Some("application/json"));
}

#[tokio::test]
async fn debug_output_shows_no_tokens() {
    let sandbox = sandbox(Rotation::Strict).await;
    let pair = sandbox.issue_pair();
    let shown = format!("{sandbox:?} {pair:?}");
    assert!(!shown.contains("access-") && !shown.contains("refresh-"), "{shown}");
}
