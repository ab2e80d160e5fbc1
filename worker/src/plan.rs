//! What to do with a claimed row, and what a failure leaves in it: pure functions of the row, the
//! configuration and the database's time.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock, lifecycle,
    secret::Secret,
    store::{LEASE, Release},
    token::{Claimed, NewAccessToken, NewTokens, RefreshTokenChange, State, Token},
};

use crate::{
    answer::Answer,
    attempt::Sent,
    config::TokenConfig,
    outcome::{Asked, Class, Failed},
    provider::Step,
};

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

/// What an answer leaves to store, and when the row is due again.
#[must_use]
pub fn new_tokens(
    claimed: &Claimed,
    answer: &Answer,
    problem: Option<String>,
    (asked, sent_at): (Asked, DateTime<Utc>),
    config: &TokenConfig,
) -> (NewTokens, DateTime<Utc>) {
    let row = &claimed.token;
    let (expires_at, _) = lifecycle::expiry(sent_at, answer.hints, config.policy);
    let access = answer.usable_access_token().filter(|_| problem.is_none());
    let access = access.map(|token| NewAccessToken {
        token: token.clone(),
        token_type: answer.token_type.clone().unwrap_or_else(|| "Bearer".to_owned()),
        scope: answer.scope.clone().or_else(|| row.scope.clone()),
        expires_at,
        not_before: answer.not_before,
    });
    let refresh_token = match (&answer.refresh_token, asked) {
        (Some(token), _) => RefreshTokenChange::Replace(token.clone()),
        (None, Asked::Refresh) => RefreshTokenChange::Keep,
        (None, Asked::Login) => RefreshTokenChange::Clear,
    };
    let refresh_token_expires = refresh_token_expiry(answer, &refresh_token, row, sent_at);
    let refresh_at = match &access {
        Some(_) => lifecycle::refresh_at(
            sent_at,
            expires_at,
            refresh_token_expires,
            config.policy,
            (&row.name, row.generation.saturating_add(1)),
        ),
        None => {
            clock::after(sent_at, lifecycle::retry_delay(failures(row), row.valid_for(sent_at)))
        }
    };
    let json_data = answer.json.clone();
    let login_at = (asked == Asked::Login).then_some(sent_at);
    let new =
        NewTokens { access, refresh_token, refresh_token_expires, json_data, problem, login_at };
    (new, refresh_at)
}

/// Whether neither the answer nor the configuration says how long the token lives.
#[must_use]
pub fn is_lifetime_assumed(
    answer: &Answer,
    sent_at: DateTime<Utc>,
    policy: lifecycle::RefreshPolicy,
) -> bool {
    lifecycle::expiry(sent_at, answer.hints, policy).1 == lifecycle::ExpirySource::Fallback
}

fn refresh_token_expiry(
    answer: &Answer,
    change: &RefreshTokenChange,
    row: &Token,
    sent_at: DateTime<Utc>,
) -> Option<DateTime<Utc>> {
    let told = answer.refresh_expires_in.map(|life| clock::after(sent_at, life));
    let told = told.or(answer.refresh_expires_at.filter(|&end| end > sent_at));
    match change {
        RefreshTokenChange::Keep => told.or(row.refresh_token_expires),
        RefreshTokenChange::Replace(_) => told,
        RefreshTokenChange::Clear => None,
    }
}

/// What a failed exchange leaves in its row.
#[must_use]
pub fn release_after(
    claimed: &Claimed,
    failed: &Failed,
    (asked, sent): (Asked, &Sent),
    config: &TokenConfig,
    now: DateTime<Utc>,
) -> Release {
    let row = &claimed.token;
    let valid_for = row.valid_for(now);
    // Only a spent refresh token can be lost; a login can be repeated.
    let is_uncertain = failed.class == Class::Uncertain && asked == Asked::Refresh;
    let delay = match failed.class {
        Class::Throttled => {
            lifecycle::told_delay(failed.told.unwrap_or(lifecycle::THROTTLED_DELAY), valid_for)
        }
        Class::Misconfigured => lifecycle::told_delay(lifecycle::MISCONFIGURED_DELAY, valid_for),
        // Nobody was asked, so the next run may look at once whether it is mended.
        Class::Configuration => lifecycle::told_delay(Duration::ZERO, valid_for),
        _ if is_uncertain && row.uncertain_tries == 0 => {
            lifecycle::recovery_delay(config.replay_window, valid_for)
        }
        _ => lifecycle::retry_delay(failures(row), valid_for),
    };
    // No pass takes up a row that already waits: a forced try that failed promises no other.
    let waits_for_human = row.state == State::NeedsLogin
        || matches!(failed.class, Class::Rejected | Class::LoginRefused);
    let nobody_was_asked = matches!(failed.class, Class::NotSent | Class::Configuration);
    let is_login = asked == Asked::Login && !nobody_was_asked;
    let mut next = clock::after(now, delay);
    if is_login {
        let gap = lifecycle::minimum_gap(row.lifetime().unwrap_or_default());
        next = next.max(clock::after(sent.at, gap));
    }
    Release {
        state: if waits_for_human { State::NeedsLogin } else { row.state },
        refresh_at: if waits_for_human { clock::latest() } else { next },
        next_attempt_at: (!waits_for_human).then_some(next),
        failures: row.failures.saturating_add(1),
        uncertain_since: row.uncertain_since.or(is_uncertain.then_some(sent.at)),
        uncertain_tries: row.uncertain_tries + i64::from(is_uncertain),
        last_login_at: if is_login { Some(sent.at) } else { row.last_login_at },
        refused_login: sent.login.clone().filter(|_| failed.class == Class::LoginRefused),
        error: Some((failed.class.as_str().to_owned(), failed.message.clone())),
    }
}

/// Marks the stored refresh token so that it is not presented again: a provider has refused it, and
/// the login that should have replaced it failed for a while.
pub fn count_as_spent(release: &mut Release, since: DateTime<Utc>) {
    release.uncertain_since = release.uncertain_since.or(Some(since));
    release.uncertain_tries = release.uncertain_tries.max(SPENT_TRIES);
}

/// What a row is left with that only a human can help, and the class of that failure.
#[must_use]
pub fn release_to_a_human(claimed: &Claimed, why: &str) -> (Class, Release) {
    let is_uncertain = claimed.token.uncertain_tries > 0;
    let class = if is_uncertain { Class::Uncertain } else { Class::Rejected };
    let release = Release {
        state: State::NeedsLogin,
        refresh_at: clock::latest(),
        next_attempt_at: None,
        failures: claimed.token.failures.saturating_add(1),
        error: Some((class.as_str().to_owned(), why.to_owned())),
        ..release_unused(claimed)
    };
    (class, release)
}

/// What a claim leaves that was given back without a request.
#[must_use]
pub fn release_unused(claimed: &Claimed) -> Release {
    let row = &claimed.token;
    Release {
        state: row.state,
        refresh_at: row.refresh_at,
        next_attempt_at: row.next_attempt_at,
        failures: row.failures,
        uncertain_since: row.uncertain_since,
        uncertain_tries: row.uncertain_tries,
        last_login_at: row.last_login_at,
        refused_login: None,
        error: None,
    }
}

/// Whether the same pass may try again within seconds: after what did not reach the provider, and
/// inside a replay window. A refresh token that may be spent at a provider without such a window,
/// and credentials, are not presented again so soon.
#[must_use]
pub fn may_retry_in_pass(failed: &Failed, asked: Asked, replay_window: Duration) -> bool {
    match failed.class {
        Class::NotSent => true,
        Class::Uncertain => asked == Asked::Refresh && !replay_window.is_zero(),
        _ => false,
    }
}

/// One exchange with an unknown outcome, and the one try that may follow it.
const SPENT_TRIES: i64 = 2;

const SPENT: &str = "its refresh token may have been spent without an answer, and there are no credentials to log in with";

fn failures(row: &Token) -> u32 {
    u32::try_from(row.failures.saturating_add(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
