//! Reading rows: one for a consumer, pages of them for a list.

use chrono::{DateTime, Utc};
use sqlx::Row;

use super::{
    Store, StoreError, on_pool,
    row::{self, token_columns},
};
use crate::{
    clock,
    name::TokenName,
    seal::{Column, Place},
    secret::Secret,
    token::{State, Token},
};

impl Store {
    /// The row of this name and the database's time, in one round trip.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn read(
        &self,
        name: &TokenName,
    ) -> Result<Option<(Token, DateTime<Utc>)>, StoreError> {
        let sql = self.read.clone();
        on_pool!(self, connection => {
            let row = sqlx::query(sql).bind(name.as_str()).fetch_optional(&mut *connection).await?;
            row.map(|row| {
                Ok((row::token(&row)?, clock::from_millis(row.try_get::<i64, _>("clock")?)))
            })
            .transpose()
        })
    }

    /// What [`Store::read`] asks, for those who measure what this library adds to it.
    #[must_use]
    pub fn reading_statement(&self) -> &str {
        self.read.as_str()
    }

    /// The next rows by name after `after`, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn page(
        &self,
        after: Option<&TokenName>,
        limit: u16,
    ) -> Result<Vec<Token>, StoreError> {
        let sql = self.statement(PAGE);
        let after = after.map_or("", TokenName::as_str);
        on_pool!(self, connection => {
            let rows = sqlx::query(sql).bind(after).bind(i64::from(limit)).fetch_all(&mut *connection).await?;
            rows.iter().map(row::token).collect()
        })
    }

    /// The rows that wait for a human, at most `limit`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn waiting_for_a_human(&self, limit: u16) -> Result<Vec<Token>, StoreError> {
        let sql = self.statement(WAITING_FOR_A_HUMAN);
        let never = clock::latest().timestamp_millis();
        let state = State::NeedsLogin.as_str();
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(never).bind(state).bind(i64::from(limit));
            query.fetch_all(&mut *connection).await?.iter().map(row::token).collect()
        })
    }

    /// Which of these rows failed last and have no token that works: their users stand still. At most
    /// [`super::NAMES_AT_ONCE`] names a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn without_valid_token(
        &self,
        names: &[&TokenName],
        now: DateTime<Utc>,
    ) -> Result<Vec<String>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self.dialect().statement(WITHOUT_VALID_TOKEN, names.len());
        on_pool!(self, connection => {
            let mut query = sqlx::query(sql).bind(now.timestamp_millis());
            for name in names {
                query = query.bind(name.as_str());
            }
            let rows = query.fetch_all(&mut *connection).await?;
            Ok(rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?)
        })
    }

    /// Opens the access token of a row.
    ///
    /// # Errors
    /// [`StoreError::Seal`] when the key at hand does not fit.
    pub fn open_access_token(&self, token: &Token) -> Result<Option<Secret>, StoreError> {
        let Some(stored) = &token.access_token else {
            return Ok(None);
        };
        self.seal
            .open(place(&token.name, Column::AccessToken), stored)
            .map(Some)
            .map_err(|source| StoreError::Seal { name: token.name.to_string(), source })
    }
}

/// Where a secret column of a row lies, for the seal.
pub(super) fn place(name: &TokenName, column: Column) -> Place<'_> {
    Place { table: "tokens", row: name.as_str(), column }
}

pub(super) const READ: &str =
    concat!("SELECT ", token_columns!(), ", {now} AS clock FROM tokens WHERE name = ?");

const PAGE: &str =
    concat!("SELECT ", token_columns!(), " FROM tokens WHERE name > ? ORDER BY name LIMIT ?");

const WITHOUT_VALID_TOKEN: &str = "SELECT name FROM tokens WHERE failures > 0 \
     AND state IN ('new', 'ok') AND COALESCE(access_token_expires, 0) <= ? AND name IN ({list}) \
     ORDER BY name";

/// A row that waits for a human is due never, so that the index on `refresh_at` finds it.
const WAITING_FOR_A_HUMAN: &str = concat!(
    "SELECT ",
    token_columns!(),
    " FROM tokens WHERE refresh_at = ? AND state = ? ORDER BY id LIMIT ?"
);
