//! The provider's memory: grants, their tokens, and which of them are still good; the caller says
//! what time it is.
//! What a spent refresh token is answered is not here but in `rotation`; HTTP is nowhere near.

mod rotation;

use std::{
    collections::HashMap,
    time::{Duration, Instant},
};

use uuid::Uuid;

use super::settings::Settings;

/// Every token ever issued; nothing is forgotten, a sandbox does not live that long.
#[derive(Default)]
pub(super) struct Ledger {
    grants: Vec<Grant>,
    access: HashMap<String, Access>,
    refresh: HashMap<String, Refresh>,
    newest: Pair,
}

/// What one exchange yields.
pub(super) struct Issued {
    pub access: String,
    pub access_left: Duration,
    /// The refresh token and the time it has left.
    pub refresh: Option<(String, Duration)>,
    pub scope: Option<String>,
}

#[derive(Clone, Default)]
struct Pair {
    access: String,
    refresh: String,
}

struct Grant {
    scope: Option<String>,
    revoked: bool,
}

struct Access {
    grant: usize,
    expires: Instant,
    shown: bool,
}

struct Refresh {
    grant: usize,
    expires: Instant,
    standing: Standing,
    /// The access token issued together with it, or by it where nothing rotates.
    access: String,
}

enum Standing {
    Live,
    Spent {
        at: Instant,
        successor: Pair,
    },
    /// Replaced before anybody used it.
    Orphaned,
}

impl Ledger {
    /// A fresh grant with its first tokens.
    pub fn open(&mut self, settings: &Settings, scope: Option<String>, now: Instant) -> Issued {
        let grant = self.add_grant(scope);
        let pair = self.issue_pair(settings, grant, now);
        self.issued(&pair, grant, now)
    }

    /// A fresh grant with an access token and nothing to refresh it (RFC 6749, 4.4.3).
    pub fn open_without_refresh(
        &mut self,
        settings: &Settings,
        scope: Option<String>,
        now: Instant,
    ) -> Issued {
        let grant = self.add_grant(scope);
        let access = self.issue_access(settings, grant, now);
        self.issued(&Pair { access, refresh: String::new() }, grant, now)
    }

    /// Whether the access token opens doors at `now`.
    pub fn is_active(&self, access: &str, now: Instant) -> bool {
        self.access_left(access, now).is_some()
    }

    /// The time an active access token has left.
    pub fn access_left(&self, access: &str, now: Instant) -> Option<Duration> {
        let access = self.access.get(access)?;
        self.left(access.grant, access.expires, now)
    }

    /// The time a refresh token has left that could be spent now.
    pub fn refresh_left(&self, refresh: &str, now: Instant) -> Option<Duration> {
        let refresh = self.refresh.get(refresh)?;
        let is_live = matches!(refresh.standing, Standing::Live);
        self.left(refresh.grant, refresh.expires, now).filter(|_| is_live)
    }

    /// The scope of the grant that a token of either kind belongs to.
    pub fn scope_of(&self, token: &str) -> Option<&str> {
        let of_access = self.access.get(token).map(|access| access.grant);
        let grant = of_access.or_else(|| self.refresh.get(token).map(|refresh| refresh.grant))?;
        self.grants[grant].scope.as_deref()
    }

    /// A protected resource has seen the access token.
    pub fn mark_shown(&mut self, access: &str) {
        if let Some(access) = self.access.get_mut(access) {
            access.shown = true;
        }
    }

    /// Whether a newer refresh token has taken this one's place.
    pub fn is_superseded(&self, refresh: &str) -> bool {
        self.refresh.get(refresh).is_some_and(|refresh| !matches!(refresh.standing, Standing::Live))
    }

    /// The refresh token issued last, whatever became of it.
    pub fn newest_refresh(&self) -> Option<&str> {
        Some(self.newest.refresh.as_str()).filter(|token| !token.is_empty())
    }

    /// The access token issued last, whatever became of it.
    pub fn newest_access(&self) -> Option<&str> {
        Some(self.newest.access.as_str()).filter(|token| !token.is_empty())
    }

    /// Every refresh token issued so far is expired from `now` on.
    pub fn expire_refresh(&mut self, now: Instant) {
        for refresh in self.refresh.values_mut() {
            refresh.expires = refresh.expires.min(now);
        }
    }

    /// Every access token issued so far is expired from `now` on.
    pub fn expire_access(&mut self, now: Instant) {
        for access in self.access.values_mut() {
            access.expires = access.expires.min(now);
        }
    }

    /// Every token issued so far is dead.
    pub fn revoke_all(&mut self) {
        for grant in &mut self.grants {
            grant.revoked = true;
        }
    }

    fn left(&self, grant: usize, expires: Instant, now: Instant) -> Option<Duration> {
        let is_alive = now < expires && !self.grants[grant].revoked;
        is_alive.then(|| expires - now)
    }

    fn add_grant(&mut self, scope: Option<String>) -> usize {
        self.grants.push(Grant { scope, revoked: false });
        self.grants.len() - 1
    }

    fn issue_access(&mut self, settings: &Settings, grant: usize, now: Instant) -> String {
        let token = format!("access-{}", Uuid::new_v4().simple());
        let expires = later(now, settings.access_lifetime);
        self.access.insert(token.clone(), Access { grant, expires, shown: false });
        self.newest.access.clone_from(&token);
        token
    }

    fn issue_pair(&mut self, settings: &Settings, grant: usize, now: Instant) -> Pair {
        let access = self.issue_access(settings, grant, now);
        let refresh = format!("refresh-{}", Uuid::new_v4().simple());
        let expires = later(now, settings.refresh_lifetime);
        let entry = Refresh { grant, expires, standing: Standing::Live, access: access.clone() };
        self.refresh.insert(refresh.clone(), entry);
        self.newest.refresh.clone_from(&refresh);
        Pair { access, refresh }
    }

    /// The pair as an answer, with the lifetimes that are left.
    fn issued(&self, pair: &Pair, grant: usize, now: Instant) -> Issued {
        let refresh = self
            .refresh
            .get(&pair.refresh)
            .map(|refresh| (pair.refresh.clone(), refresh.expires.saturating_duration_since(now)));
        let access_left = self.access.get(&pair.access).map(|access| access.expires);
        Issued {
            access: pair.access.clone(),
            access_left: access_left.map_or(Duration::ZERO, |at| at.saturating_duration_since(now)),
            refresh,
            scope: self.grants[grant].scope.clone(),
        }
    }
}

/// `Instant + Duration` panics when a test asks for a lifetime of for ever.
fn later(now: Instant, lifetime: Duration) -> Instant {
    now.checked_add(lifetime).unwrap_or_else(|| now + FAR_AWAY)
}

/// Thirty years.
const FAR_AWAY: Duration = Duration::from_hours(30 * 365 * 24);

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::{Ledger, Settings};
    use crate::sandbox::provider::instant;

    #[test]
    fn tokens_are_good_until_the_instant_of_their_expiry() {
        let settings = Settings {
            access_lifetime: Duration::from_secs(10),
            refresh_lifetime: Duration::from_secs(20),
            ..Settings::default()
        };
        let (mut ledger, start) = (Ledger::default(), instant());
        let issued = ledger.open(&settings, None, start);
        let refresh = issued.refresh.unwrap().0;
        let after = |seconds| start + Duration::from_secs(seconds);
        assert!(ledger.is_active(&issued.access, after(9)));
        assert!(!ledger.is_active(&issued.access, after(10)));
        assert_eq!(ledger.refresh_left(&refresh, after(19)), Some(Duration::from_secs(1)));
        assert_eq!(ledger.refresh_left(&refresh, after(20)), None);
    }

    #[test]
    fn a_lifetime_of_for_ever_does_not_overflow() {
        let settings = Settings { access_lifetime: Duration::MAX, ..Settings::default() };
        let (mut ledger, now) = (Ledger::default(), instant());
        let issued = ledger.open(&settings, None, now);
        assert!(ledger.is_active(&issued.access, now));
    }
}
