//! When a token expires, when its row is due, when a failed one is tried again: pure functions of
//! instants, shared by all programs. What a consumer gets lies in `verdict`; nothing here reads a clock.

pub mod verdict;

use std::time::Duration;

use chrono::{DateTime, Utc};
use sha2::{Digest, Sha256};

use crate::{clock, name::TokenName, token::Token};

/// What a token's configuration says of its times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefreshPolicy {
    /// How long before the expiry to renew, at most.
    pub refresh_before: Duration,
    /// The lifetime to assume when the provider names none.
    pub default_lifetime: Option<Duration>,
}

impl Default for RefreshPolicy {
    fn default() -> Self {
        Self { refresh_before: REFRESH_BEFORE, default_lifetime: None }
    }
}

/// What a provider's answer says of an access token's end, as far as it says anything.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiryHints {
    /// RFC 6749, 5.1 `expires_in`; zero, negative and unreadable values are `None`.
    pub expires_in: Option<Duration>,
    /// An absolute time, already read as UTC where it bore no zone.
    pub expires_at: Option<DateTime<Utc>>,
    /// RFC 7519, 4.1.4 `exp`, when the access token is a JWT.
    pub jwt_exp: Option<DateTime<Utc>>,
}

/// Which of the sources named the expiry.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExpirySource {
    /// `expires_in`, counted from the moment of sending.
    ExpiresIn,
    /// The answer's own absolute time.
    ExpiresAt,
    /// The JWT's `exp`.
    Jwt,
    /// The configured default of this token.
    Configured,
    /// Nothing was known: five minutes, worth a warning.
    Fallback,
}

/// When an access token expires that was asked for at `sent_at`.
///
/// Counted from the sending, not from the answer: the truth lies between the two, and the earlier
/// one never outlives it. An absolute time that is not after `sent_at` is no news of a token that
/// was just made (a wrong clock or zone), so the next source decides.
#[must_use]
pub fn expiry(
    sent_at: DateTime<Utc>,
    hints: ExpiryHints,
    policy: RefreshPolicy,
) -> (DateTime<Utc>, ExpirySource) {
    let ahead = |instant: Option<DateTime<Utc>>| instant.filter(|&end| end > sent_at);
    if let Some(life) = hints.expires_in.filter(|life| !life.is_zero()) {
        (clock::after(sent_at, life), ExpirySource::ExpiresIn)
    } else if let Some(end) = ahead(hints.expires_at) {
        (end.min(clock::latest()), ExpirySource::ExpiresAt)
    } else if let Some(end) = ahead(hints.jwt_exp) {
        (end.min(clock::latest()), ExpirySource::Jwt)
    } else if let Some(life) = policy.default_lifetime {
        (clock::after(sent_at, life), ExpirySource::Configured)
    } else {
        (clock::after(sent_at, FALLBACK_LIFETIME), ExpirySource::Fallback)
    }
}

/// How long before its end a token that lives `lifetime` is renewed: `min(refresh_before, lifetime / 2)`.
///
/// Half the life is the bound that keeps a token of an hour or less from being due as soon as it is made.
#[must_use]
pub fn lead(lifetime: Duration, refresh_before: Duration) -> Duration {
    refresh_before.min(lifetime / 2)
}

/// How much earlier still: at most a tenth of the lead, the same on every host.
///
/// It spreads rows that were made together, and is drawn from the name and the generation so that
/// no two hosts disagree about one row.
#[must_use]
pub fn jitter(lead: Duration, name: &TokenName, generation: i64) -> Duration {
    let digest = Sha256::new()
        .chain_update(name.as_str())
        .chain_update([0])
        .chain_update(generation.to_be_bytes())
        .finalize();
    let draw = u16::from_be_bytes([digest[0], digest[1]]);
    lead / 10 * u32::from(draw) / u32::from(u16::MAX)
}

/// When a row whose answer was asked for at `obtained_at` is due again.
///
/// The earlier of two renewals, the access token's and, where its end is known, the refresh
/// token's; never sooner than [`minimum_gap`]. A refresh token whose renewal has already passed does
/// not count: the exchange just made did not move its end, so another would not either.
#[must_use]
pub fn refresh_at(
    obtained_at: DateTime<Utc>,
    expires_at: DateTime<Utc>,
    refresh_token_expires: Option<DateTime<Utc>>,
    policy: RefreshPolicy,
    row: (&TokenName, i64),
) -> DateTime<Utc> {
    let renewal = |end: DateTime<Utc>| {
        let lead = lead(clock::until(obtained_at, end), policy.refresh_before);
        clock::before(end, lead + jitter(lead, row.0, row.1))
    };
    let floor = clock::after(obtained_at, minimum_gap(clock::until(obtained_at, expires_at)));
    let of_refresh_token = refresh_token_expires.map(renewal).filter(|&due| due > floor);
    let due = renewal(expires_at).max(floor);
    of_refresh_token.map_or(due, |other| other.min(due))
}

/// The least time between two renewals of a row: 30 s, or for tokens that live less than a minute
/// half their life, so that they are renewed before they die.
///
/// A life under ten seconds is no life that a timer can keep; 30 s hold there too, against a loop.
#[must_use]
pub fn minimum_gap(lifetime: Duration) -> Duration {
    if lifetime < SHORTEST_KEPT_LIFE { MINIMUM_GAP } else { MINIMUM_GAP.min(lifetime * 2 / 5) }
}

/// When a row is due whose access token the API refused at `now`, though its time was not over.
///
/// At once, but never later than it was due anyway, never sooner than [`minimum_gap`] after its last
/// renewal, and never sooner than the next try that a failure has put off: a consumer that reports
/// each token must not make the worker hammer the provider.
#[must_use]
pub fn due_after_rejection(token: &Token, now: DateTime<Utc>) -> DateTime<Utc> {
    let gap = minimum_gap(token.lifetime().unwrap_or_default());
    let floor = token.last_success_at.map_or(now, |renewed| clock::after(renewed, gap));
    if token.failures > 0 { token.refresh_at } else { floor.max(now).min(token.refresh_at) }
}

/// How long to wait after the `failures`-th failure in a row, across passes.
///
/// 30 s, doubling, up to five minutes or a quarter of the life left, whichever is less: several
/// tries must fit before the token dies.
#[must_use]
pub fn retry_delay(failures: u32, valid_for: Duration) -> Duration {
    let doubled = RETRY_FIRST.saturating_mul(1 << failures.saturating_sub(1).min(5));
    doubled.min(retry_cap(valid_for)).max(RETRY_LEAST)
}

/// How long to wait before the one try that is left with a refresh token that may be spent.
///
/// A provider with a replay window answers a spent refresh token only inside it: at once. Without
/// one the only try should find the provider recovered: as late as the bound of [`retry_delay`]
/// allows, or at once when there is no valid token to live on meanwhile.
#[must_use]
pub fn recovery_delay(replay_window: Duration, valid_for: Duration) -> Duration {
    let at_once = !replay_window.is_zero() || valid_for.is_zero();
    if at_once { RETRY_LEAST } else { retry_cap(valid_for).max(RETRY_LEAST) }
}

/// How long to wait when the provider said how long (`Retry-After`), or when only a human can mend
/// the cause: as told, at most an hour, but so that one try lands before the token expires.
#[must_use]
pub fn told_delay(told: Duration, valid_for: Duration) -> Duration {
    let last_chance = valid_for.saturating_sub(LAST_TRY_BEFORE_EXPIRY).max(valid_for / 2);
    let wait = told.min(LONGEST_TOLD_DELAY);
    if valid_for.is_zero() { wait } else { wait.min(last_chance) }.max(RETRY_LEAST)
}

fn retry_cap(valid_for: Duration) -> Duration {
    if valid_for.is_zero() { RETRY_CAP } else { RETRY_CAP.min(valid_for / 4) }
}

/// The mission's hour.
pub const REFRESH_BEFORE: Duration = Duration::from_secs(3600);
/// How long to wait when the configuration is what is wrong: long, because only a human mends it.
pub const MISCONFIGURED_DELAY: Duration = Duration::from_secs(15 * 60);
/// How long to wait after a 429 that does not say.
pub const THROTTLED_DELAY: Duration = Duration::from_secs(60);
/// Short enough to be safe with every provider known to us.
const FALLBACK_LIFETIME: Duration = Duration::from_secs(5 * 60);
/// Bounds the provider calls of a row per hour, whatever is forced or answered.
const MINIMUM_GAP: Duration = Duration::from_secs(30);
/// Below this a renewal at half the life would be a loop.
const SHORTEST_KEPT_LIFE: Duration = Duration::from_secs(10);
const RETRY_FIRST: Duration = Duration::from_secs(30);
const RETRY_CAP: Duration = Duration::from_secs(5 * 60);
/// A token about to die must not make the worker spin.
const RETRY_LEAST: Duration = Duration::from_secs(1);
/// `Retry-After: 10 years` must not park a row.
const LONGEST_TOLD_DELAY: Duration = Duration::from_secs(3600);
/// Room for one whole exchange (30 s) and its commit.
const LAST_TRY_BEFORE_EXPIRY: Duration = Duration::from_secs(60);

#[cfg(test)]
mod tests;
