//! How a row of any of the three databases becomes a `Token`. The columns stand here once.

use sqlx::{ColumnIndex, Decode, Row, Type};
use uuid::Uuid;

use super::StoreError;
use crate::{
    clock,
    secret::Secret,
    token::{Stored, Token},
};

/// The columns that [`token`] reads, for `concat!`.
macro_rules! token_columns {
    () => {
        "id, name, provider, state, generation, access_token, token_type, scope, \
         access_token_expires, refresh_token_expires, not_before, refresh_at, updating, worker, \
         lease_until, uncertain_since, uncertain_tries, failures, next_attempt_at, \
         last_error_class, last_error, last_error_at, last_success_at, last_login_at"
    };
}
pub(super) use token_columns;

/// Reads a [`Token`] from a row that holds [`token_columns`].
pub(super) fn token<'r, R>(row: &'r R) -> Result<Token, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    i64: Decode<'r, R::Database> + Type<R::Database>,
    bool: Decode<'r, R::Database> + Type<R::Database>,
    String: Decode<'r, R::Database> + Type<R::Database>,
    Uuid: Decode<'r, R::Database> + Type<R::Database>,
{
    let instant = |column| {
        Ok::<_, StoreError>(row.try_get::<Option<i64>, _>(column)?.map(clock::from_millis))
    };
    let invalid = |error: &dyn std::fmt::Display| StoreError::Row(error.to_string());
    Ok(Token {
        id: row.try_get("id")?,
        name: row.try_get::<String, _>("name")?.parse().map_err(|e| invalid(&e))?,
        provider: row.try_get("provider")?,
        state: row.try_get::<String, _>("state")?.parse().map_err(|e| invalid(&e))?,
        generation: row.try_get("generation")?,
        access_token: stored(row, "access_token")?,
        token_type: row.try_get("token_type")?,
        scope: row.try_get("scope")?,
        access_token_expires: instant("access_token_expires")?,
        refresh_token_expires: instant("refresh_token_expires")?,
        not_before: instant("not_before")?,
        refresh_at: clock::from_millis(row.try_get("refresh_at")?),
        updating: row.try_get("updating")?,
        worker: row.try_get("worker")?,
        lease_until: instant("lease_until")?,
        uncertain_since: instant("uncertain_since")?,
        uncertain_tries: row.try_get("uncertain_tries")?,
        failures: row.try_get("failures")?,
        next_attempt_at: instant("next_attempt_at")?,
        last_error_class: row.try_get("last_error_class")?,
        last_error: row.try_get("last_error")?,
        last_error_at: instant("last_error_at")?,
        last_success_at: instant("last_success_at")?,
        last_login_at: instant("last_login_at")?,
    })
}

/// Reads a secret column as it lies there.
pub(super) fn stored<'r, R>(row: &'r R, column: &'static str) -> Result<Option<Stored>, StoreError>
where
    R: Row,
    &'static str: ColumnIndex<R>,
    String: Decode<'r, R::Database> + Type<R::Database>,
{
    Ok(row.try_get::<Option<String>, _>(column)?.map(|text| Stored(Secret::new(text))))
}
