//! A worker's stage whose database lies behind a proxy.

use tokenkeeper_shared::secret::Secret;
use tokenkeeper_worker::sandbox::Settings;

use crate::{
    harness::{
        databases::{Database, Kind},
        proxy::Proxy,
    },
    stage::Stage,
};

/// The databases that are reached over a network.
pub const NETWORKED: [Kind; 2] = [Kind::Postgres, Kind::MySql];

/// A stage, and the proxy in front of its database.
pub struct Ground {
    pub stage: Stage,
    pub proxy: Proxy,
}

impl Ground {
    /// After the first login.
    pub async fn logged_in(kind: Kind) -> Self {
        let url = Database::fresh(kind).url;
        let server = url.split(['@', '/']).find(|part| part.starts_with("127.0.0.1:")).unwrap();
        let proxy = Proxy::start(server.parse().unwrap());
        // What is spoken is looked at on its way; MySQL offers TLS of itself.
        let clear = if kind == Kind::MySql { "?ssl-mode=DISABLED" } else { "" };
        let url = format!("{}{clear}", proxy.in_url(&url));
        let stage = Stage::on(url, Settings::default()).await;
        assert_eq!(stage.run().await.logged_in, 1, "{kind}");
        Self { stage, proxy }
    }

    /// The refresh token that the next worker would spend.
    pub async fn stored_refresh_token(&self) -> Option<String> {
        let (row, now) = (self.stage.row().await, self.stage.now().await);
        let claim = self.stage.store.claim_named(&row, true, "a look", now).await.unwrap();
        let token = claim.unwrap().unwrap().refresh_token;
        token.as_ref().map(Secret::expose).map(str::to_owned)
    }

    /// Whether the row is renewed once, by one exchange, and holds what that has brought.
    pub async fn is_renewed_once(&self, told: &str) {
        let (row, counts) = (self.stage.row().await, self.stage.sandbox.counts());
        assert_eq!((row.generation, row.updating, row.failures), (2, false, 0), "{told}");
        assert_eq!((counts.exchanges, counts.refreshes, counts.replays), (2, 1, 0), "{told}");
        assert!(self.stage.sandbox.is_active(&self.stage.token().await), "{told}");
        let newest = self.stage.sandbox.newest_refresh_token();
        assert_eq!(self.stored_refresh_token().await, newest, "{told}");
    }
}
