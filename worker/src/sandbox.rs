//! An OAuth2 provider in this process, on loopback, with short-lived tokens, rotation and reuse
//! detection. It shows newcomers a refresh and it plays every provider fault for the tests; it
//! keeps nothing and is no provider for anybody's real users. Nothing of the worker's own protocol
//! lives here.
//!
//! It serves Quartile's API (`/auth/v2`, `/auth/v3`), RFC 6749 (`/oauth2/token`), RFC 7662
//! (`/oauth2/introspect`) and a resource that a bearer token opens (`GET /resource`).

mod answer;
mod body;
mod connection;
mod exchange;
mod fault;
mod form;
mod ledger;
mod observation;
mod pace;
mod protected;
mod provider;
mod quartile;
mod recorded;
mod rewrite;
mod rfc6749;
mod settings;
#[cfg(test)]
mod test_client;

use std::{fmt, io, net::Ipv4Addr, sync::Arc, time::Duration};

use axum::{
    Router,
    routing::{get, post},
};
use tokio::{net::TcpListener, task::JoinHandle};

use self::provider::{Provider, instant};
pub use self::{
    fault::Fault,
    observation::{Counts, Exchange},
    recorded::Recorded,
    rewrite::Rewrite,
    settings::{Credentials, Rotation, Settings},
};

/// A running provider; dropping the handle stops it and closes its connections.
pub struct Sandbox {
    url: String,
    provider: Arc<Provider>,
    server: JoinHandle<()>,
}

/// A token pair for a grant that was opened without any exchange. `Debug` shows neither token.
#[derive(Clone, PartialEq, Eq)]
pub struct Pair {
    /// The access token.
    pub access_token: String,
    /// The refresh token.
    pub refresh_token: String,
}

impl fmt::Debug for Pair {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Pair([redacted])")
    }
}

/// Starting and stopping, and where the provider is.
impl Sandbox {
    /// Starts a provider on a free loopback port, inside the running tokio runtime.
    ///
    /// # Errors
    /// When no port can be bound.
    pub async fn start(settings: Settings) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        Self::start_on(listener, settings).await
    }

    /// Starts a provider on a listener, for those who need to know the port beforehand.
    ///
    /// # Errors
    /// When the listener has no local address.
    #[expect(clippy::unused_async, reason = "spawning asks for a runtime, and this says so")]
    pub async fn start_on(listener: TcpListener, settings: Settings) -> io::Result<Self> {
        let url = format!("http://{}", listener.local_addr()?);
        let provider = Arc::new(Provider::new(settings));
        let server = tokio::spawn(connection::serve(listener, router(Arc::clone(&provider))));
        Ok(Self { url, provider, server })
    }

    /// Stops the provider and waits until its port is free again: connections are refused from then
    /// on.
    pub async fn stop(mut self) {
        self.server.abort();
        // The task was told to end; how it ended is of no interest.
        let _ = (&mut self.server).await;
    }

    /// `http://127.0.0.1:PORT`
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The base of Quartile's `login` and `refresh`: `{url}/auth/{version}`, for `v2` or `v3`.
    #[must_use]
    pub fn quartile_url(&self, version: &str) -> String {
        format!("{}/auth/{version}", self.url)
    }

    /// The token endpoint of RFC 6749.
    #[must_use]
    pub fn token_url(&self) -> String {
        format!("{}/oauth2/token", self.url)
    }

    /// The introspection endpoint of RFC 7662.
    #[must_use]
    pub fn introspect_url(&self) -> String {
        format!("{}/oauth2/introspect", self.url)
    }

    /// The resource that an active bearer token opens.
    #[must_use]
    pub fn resource_url(&self) -> String {
        format!("{}/resource", self.url)
    }
}

/// What goes wrong from now on.
impl Sandbox {
    /// Queues a fault: each queued one spoils one exchange, first come, first served.
    pub fn next_answer(&self, fault: Fault) {
        self.provider.lock().queue.push_back(Arc::new(fault));
    }

    /// Spoils every exchange for which no fault is queued, until told `None`.
    pub fn every_answer(&self, fault: Option<Fault>) {
        self.provider.lock().standing = fault.map(Arc::new);
    }

    /// How long each exchange waits from now on; the tokens are rotated before the wait.
    pub fn set_latency(&self, latency: Duration) {
        self.provider.lock().latency = latency;
    }

    /// Changes who may log in, as when somebody changes the password; tokens already issued live
    /// on.
    pub fn set_credentials(&self, credentials: Credentials) {
        self.provider.lock().credentials = credentials;
    }

    /// Lets every refresh token issued so far expire now.
    pub fn expire_refresh_tokens(&self) {
        self.provider.lock().ledger.expire_refresh(instant());
    }

    /// Lets every access token issued so far expire now.
    pub fn expire_access_tokens(&self) {
        self.provider.lock().ledger.expire_access(instant());
    }

    /// Revokes every grant: no token issued so far is good for anything.
    pub fn revoke_all(&self) {
        self.provider.lock().ledger.revoke_all();
    }

    /// Opens a grant without an exchange, uncounted, and returns its refresh token.
    #[must_use]
    pub fn issue_grant(&self) -> String {
        self.issue_pair().refresh_token
    }

    /// Opens a grant without an exchange, uncounted, and returns both tokens.
    #[must_use]
    pub fn issue_pair(&self) -> Pair {
        let issued = self.provider.open_grant();
        let refresh_token = issued.refresh.map(|(token, _)| token).unwrap_or_default();
        Pair { access_token: issued.access, refresh_token }
    }
}

impl fmt::Debug for Sandbox {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sandbox").field("url", &self.url).finish_non_exhaustive()
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.server.abort();
    }
}

fn router(provider: Arc<Provider>) -> Router {
    Router::new()
        .route("/auth/v2/login", post(quartile::login))
        .route("/auth/v2/refresh", post(quartile::refresh))
        .route("/auth/v3/login", post(quartile::login))
        .route("/auth/v3/refresh", post(quartile::refresh))
        .route("/oauth2/token", post(rfc6749::token))
        .route("/oauth2/introspect", post(protected::introspect))
        .route("/resource", get(protected::resource))
        .with_state(provider)
}

#[cfg(test)]
mod tests {
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
        assert!(
            sandbox.is_active(&access_token(&first)) && sandbox.is_active(&access_token(&second))
        );
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
        let counts =
            Counts { exchanges: 3, refreshes: 1, refused: 2, replays: 1, ..Counts::default() };
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
        assert!(
            !sandbox.is_active(&pair.access_token) && sandbox.is_spendable(&pair.refresh_token)
        );
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
        assert_eq!(
            (recorded.method.as_str(), recorded.path.as_str()),
            ("POST", "/auth/v2/refresh")
        );
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
}
