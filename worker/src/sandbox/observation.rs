//! What a sandbox has seen and issued, for those who watch it.
//! Changing its behaviour is not here but in `sandbox` itself.

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

/// What the provider has seen.
impl Sandbox {
    /// The counts so far.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.provider.lock().counts
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
