//! What a claimed row calls for: a pure function of the row, the configuration and the database's
//! time. What is then left in the row lies in `aftermath`.

#[cfg(test)]
pub(crate) mod stage;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock, lifecycle,
    secret::Secret,
    store::LEASE,
    token::{Claimed, State, Token},
};

use crate::{config::TokenConfig, outcome::Class, provider::Step};

/// What a claimed row calls for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Plan {
    /// Do this.
    Take(Step),
    /// Nothing before this instant: the credentials were presented a moment ago, or a worker died over
    /// the row, whose answer may still come from its journal.
    Wait(DateTime<Utc>),
    /// Nothing that the worker could do; the text says why.
    GiveUp(&'static str),
}

/// Whether the configured first refresh token may be called for; it is looked up only then, because
/// its file may be gone once it was spent.
#[must_use]
pub fn may_need_first_token(claimed: &Claimed) -> bool {
    claimed.refresh_token.is_none() || claimed.token.state == State::NeedsLogin
}

/// Decides on refresh or login. `first` is the configured first refresh token, if there is one.
///
/// A row that waits for a human comes here only when a human forces it. Its stored refresh token
/// then goes first, unless the provider has rejected it: the configured one may be the very first
/// of the grant, and presenting that again would kill what still lives.
#[must_use]
pub fn plan(
    claimed: &Claimed,
    config: &TokenConfig,
    first: Option<Secret>,
    now: DateTime<Utc>,
) -> Plan {
    let row = &claimed.token;
    let can_login = config.provider.can_login();
    let dead = row.refresh_token_expires.is_some_and(|end| end <= now);
    let stored = claimed.refresh_token.clone().filter(|_| !(dead && can_login));
    let forced = row.state == State::NeedsLogin;
    let rejected = row.last_error_class.as_deref() == Some(Class::Rejected.as_str());
    if let Some(later) = after_the_dead(claimed, config, now) {
        return Plan::Wait(later);
    }
    match stored {
        Some(_) if forced && rejected && first.is_some() => refresh_or_give_up(first),
        Some(token) if row.uncertain_tries == 0 || recovers(row, config, now) => {
            Plan::Take(Step::Refresh(token))
        }
        _ if can_login => match login_opens_at(claimed) {
            Some(opens) if now < opens => Plan::Wait(opens),
            _ => Plan::Take(Step::Login),
        },
        Some(token) if forced => Plan::Take(Step::Refresh(token)),
        Some(_) => Plan::GiveUp(SPENT),
        None if first.is_some() && !forced && row.uncertain_tries >= SPENT_TRIES => {
            Plan::GiveUp(SPENT)
        }
        None => refresh_or_give_up(first),
    }
}

/// When to go on with a row that its worker died over, where a refresh token presented twice kills
/// the grant and nobody can log in: not at once, as long as there is a valid token to live on. The
/// dead worker's answer may lie in a journal, whose replay would then come too late.
fn after_the_dead(
    claimed: &Claimed,
    config: &TokenConfig,
    now: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let row = &claimed.token;
    let is_final = config.replay_window.is_zero() && !config.provider.can_login();
    let since = row.uncertain_since.filter(|_| is_final && row.is_valid(now) && !claimed.forced)?;
    // Who noted a failure since then lived, and knew that it had no answer.
    let has_died = row.last_error_at.is_none_or(|failed| failed < since);
    let delay = lifecycle::recovery_delay(config.replay_window, row.valid_for(now));
    // The doubt of a dead worker dates from its claim, and is noticed when that claim has lapsed.
    let opens = clock::after(since, LEASE + delay);
    (has_died && now < opens).then_some(opens)
}

/// Before this no worker presents the credentials again, unless a human forces it: a provider that
/// counts failed logins must not lock the account because a whole fleet tries.
#[must_use]
pub fn login_opens_at(claimed: &Claimed) -> Option<DateTime<Utc>> {
    let row = &claimed.token;
    let gap = lifecycle::minimum_gap(row.lifetime().unwrap_or_default());
    row.last_login_at.filter(|_| !claimed.forced).map(|last| clock::after(last, gap))
}

/// The one try with a refresh token that may be spent: inside the provider's replay window where
/// it has one and a login is possible instead, else once in any case.
fn recovers(row: &Token, config: &TokenConfig, now: DateTime<Utc>) -> bool {
    let since = row.uncertain_since.unwrap_or(now);
    let in_window =
        config.replay_window.is_zero() || now <= clock::after(since, config.replay_window);
    row.uncertain_tries == 1 && (in_window || !config.provider.can_login())
}

fn refresh_or_give_up(first: Option<Secret>) -> Plan {
    first.map_or(
        Plan::GiveUp("it has no refresh token and no credentials to log in with"),
        |token| Plan::Take(Step::Refresh(token)),
    )
}

/// One exchange with an unknown outcome, and the one try that may follow it.
pub(crate) const SPENT_TRIES: i64 = 2;

const SPENT: &str = "its refresh token may have been spent without an answer, and there are no credentials to log in with";

#[cfg(test)]
mod tests;
