//! The hands of those who play with the sandbox: what goes wrong from now on, and what exists without
//! an exchange. What was seen meanwhile is told in `observation`.

use std::{sync::Arc, time::Duration};

use super::{Credentials, Fault, Pair, Sandbox, provider::instant};

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
