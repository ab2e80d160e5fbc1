//! A consumer's report that an API refused an access token whose time is not over: it was withdrawn.
//! When the row is due then lies with `lifecycle`; the renewal is the worker's.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, claim::free, on_pool};
use crate::{
    lifecycle,
    name::TokenName,
    token::{State, Token},
};

/// What follows from a report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// The token is renewed by the first worker that runs from then on.
    Noted {
        /// When the row is due.
        due: DateTime<Utc>,
    },
    /// This generation has been reported before: one early renewal is all that it gets.
    Known,
    /// Another generation is stored: ask for the token again.
    Superseded {
        /// The stored one.
        generation: i64,
    },
    /// A worker is renewing it right now.
    Updating,
    /// No worker renews it: it waits for a human, is switched off, or has never been there.
    NotRenewed(State),
}

impl Store {
    /// Makes the row due, once a generation: many consumers meet the same refusal. `None` when there
    /// is no such name. Wants the right to UPDATE.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn report(
        &self,
        name: &TokenName,
        generation: i64,
    ) -> Result<Option<Report>, StoreError> {
        let Some((token, now)) = self.read(name).await? else {
            return Ok(None);
        };
        if let Some(needless) = needless(&token, generation, now) {
            return Ok(Some(needless));
        }
        let due = lifecycle::due_after_rejection(&token, now);
        let sql = self.statement(REPORT);
        let noted = on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(due.timestamp_millis()).bind(generation);
            let query = query.bind(token.id).bind(generation).bind(now.timestamp_millis());
            Ok(query.execute(&mut *connection).await?.rows_affected())
        })?;
        if noted == 1 {
            return Ok(Some(Report::Noted { due }));
        }
        // Somebody was faster: a worker, or another consumer with the same report.
        let again = self.read(name).await?;
        Ok(again.map(|(token, now)| needless(&token, generation, now).unwrap_or(Report::Known)))
    }
}

/// Why there is nothing to note.
fn needless(token: &Token, generation: i64, now: DateTime<Utc>) -> Option<Report> {
    match token.state {
        _ if token.generation != generation => {
            Some(Report::Superseded { generation: token.generation })
        }
        _ if token.is_being_updated(now) => Some(Report::Updating),
        State::Ok => None,
        other => Some(Report::NotRenewed(other)),
    }
}

/// `updated_at` stays: after a worker's death it tells since when its refresh token may be spent.
const REPORT: &str = concat!(
    "UPDATE tokens SET refresh_at = ?, rejected_generation = ? WHERE id = ? AND generation = ? \
     AND state = 'ok' AND (rejected_generation IS NULL OR rejected_generation <> generation) AND ",
    free!()
);
