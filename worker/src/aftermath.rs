//! What an answer, a failure or an unused claim leaves in its row: pure functions of the row, the
//! configuration and the database's time. What to do with the row lies in `plan`.

use std::time::Duration;

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock, lifecycle,
    store::Release,
    token::{Claimed, NewAccessToken, NewTokens, RefreshTokenChange, State, Token},
};

use crate::{
    answer::Answer,
    attempt::Sent,
    config::TokenConfig,
    outcome::{Asked, Class, Failed},
    plan::SPENT_TRIES,
};

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

fn failures(row: &Token) -> u32 {
    u32::try_from(row.failures.saturating_add(1)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
