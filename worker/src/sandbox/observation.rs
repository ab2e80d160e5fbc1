//! What a sandbox has seen and issued, for those who watch it.
//! Changing its behaviour is not here but in `sandbox` itself.

use std::{
    fmt,
    time::{Duration, Instant},
};

use super::{Sandbox, provider::instant, recorded::Recorded};

/// What the provider has seen. An *exchange* is one login or refresh request, whatever became of
/// it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Exchanges that arrived, those that a fault kept from being processed among them.
    pub exchanges: u64,
    /// Logins (also by client credentials) that issued tokens, even if the answer was lost.
    pub logins: u64,
    /// Refreshes that issued tokens, even if the answer was lost.
    pub refreshes: u64,
    /// Exchanges that were processed and refused.
    pub refused: u64,
    /// Times a superseded refresh token was presented, however it was answered.
    pub replays: u64,
}

/// One exchange that was processed, whatever became of its answer. `Debug` shows neither token.
#[derive(Clone, PartialEq, Eq)]
pub struct Exchange {
    /// When it was processed.
    pub at: Instant,
    /// The refresh token that was presented; `None` for a login, or a request that makes no sense.
    pub presented: Option<String>,
    /// Whether a newer refresh token had taken its place already.
    pub superseded: bool,
    /// The access token that was issued; `None` when the exchange was refused.
    pub access_token: Option<String>,
    /// How long that had left.
    pub expires_in: Duration,
}

impl fmt::Debug for Exchange {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Exchange")
            .field("at", &self.at)
            .field("is_refresh", &self.presented.is_some())
            .field("superseded", &self.superseded)
            .field("is_refused", &self.access_token.is_none())
            .field("expires_in", &self.expires_in)
            .finish()
    }
}

/// What the provider has seen.
impl Sandbox {
    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.provider.lock().counts
    }

    /// Every exchange that was processed, in that order.
    #[must_use]
    pub fn exchanges(&self) -> Vec<Exchange> {
        self.provider.lock().exchanges.clone()
    }

    /// How often a refresh token was presented, known or not, however it was answered.
    #[must_use]
    pub fn spends_of(&self, refresh_token: &str) -> u64 {
        self.provider.lock().spends.get(refresh_token).copied().unwrap_or_default()
    }

    /// Whether an access token is alive now: issued here, not expired, not revoked.
    #[must_use]
    pub fn is_active(&self, access_token: &str) -> bool {
        self.provider.lock().ledger.is_active(access_token, instant())
    }

    /// Whether a refresh token could be spent now.
    #[must_use]
    pub fn is_spendable(&self, refresh_token: &str) -> bool {
        self.provider.lock().ledger.refresh_left(refresh_token, instant()).is_some()
    }

    /// The refresh token that was issued last, even if its answer was lost or it is dead by now.
    #[must_use]
    pub fn newest_refresh_token(&self) -> Option<String> {
        self.provider.lock().ledger.newest_refresh().map(str::to_owned)
    }

    /// The access token that was issued last, even if its answer was lost or it is dead by now.
    #[must_use]
    pub fn newest_access_token(&self) -> Option<String> {
        self.provider.lock().ledger.newest_access().map(str::to_owned)
    }

    /// The last request to any endpoint.
    #[must_use]
    pub fn last_request(&self) -> Option<Recorded> {
        let heard = self.provider.lock().last.clone();
        heard.map(|heard| heard.record())
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use crate::sandbox::{
        Rotation, Sandbox, Settings,
        test_client::{login, refresh},
    };

    #[tokio::test]
    async fn every_exchange_is_kept_with_what_was_presented_and_issued() {
        let rotation = Rotation::Strict;
        let sandbox = Sandbox::start(Settings { rotation, ..Settings::default() }).await.unwrap();
        let first = login(&sandbox).await.text("/refresh/token");
        let second = refresh(&sandbox, &first).await.text("/authorization/token");
        refresh(&sandbox, &first).await;
        let seen = sandbox.exchanges();
        let presented: Vec<_> = seen.iter().map(|one| one.presented.as_deref()).collect();
        assert_eq!(presented, [None, Some(first.as_str()), Some(first.as_str())]);
        let superseded: Vec<_> = seen.iter().map(|one| one.superseded).collect();
        assert_eq!(superseded, [false, false, true]);
        assert_eq!(seen[1].access_token, Some(second));
        assert_eq!((seen[2].access_token.as_ref(), seen[2].expires_in), (None, Duration::ZERO));
        let shown = format!("{seen:?}");
        assert!(!shown.contains("access-") && !shown.contains("refresh-"), "{shown}");
    }
}
