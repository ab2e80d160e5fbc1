//! Rows for configured names: a first login goes the same way as every renewal, through a claim.

use chrono::{DateTime, Utc};
use sqlx::Row;
use uuid::{Uuid, uuid};

use super::{Store, StoreError, on_pool};
use crate::{name::TokenName, token::Token};

impl Store {
    /// Which of these names have no row yet. At most [`NAMES_AT_ONCE`] names a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn without_row<'n>(
        &self,
        names: &[&'n TokenName],
    ) -> Result<Vec<&'n TokenName>, StoreError> {
        if names.is_empty() {
            return Ok(Vec::new());
        }
        let sql = self.dialect().statement(PRESENT, names.len());
        let present: Vec<String> = on_pool!(self, connection => {
            let mut query = sqlx::query(sql);
            for name in names {
                query = query.bind(name.as_str());
            }
            let rows = query.fetch_all(&mut *connection).await?;
            Ok(rows.iter().map(|row| row.try_get("name")).collect::<Result<_, _>>()?)
        })?;
        let present: std::collections::HashSet<_> = present.iter().map(String::as_str).collect();
        Ok(names.iter().copied().filter(|name| !present.contains(name.as_str())).collect())
    }

    /// Inserts a row in state `new`, due at once. That somebody else did so first is as good.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn enrol(
        &self,
        name: &TokenName,
        provider: &str,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let (sql, row) =
            (self.statement(ENROL), Token::enrolled(row_id(name), name.clone(), provider, now));
        let now = now.timestamp_millis();
        on_pool!(self, connection => {
            let query = sqlx::query(sql).bind(row.id).bind(row.name.as_str()).bind(&row.provider);
            let query = query.bind(row.state.as_str()).bind(row.generation).bind(&row.token_type);
            let query = query.bind(row.refresh_at.timestamp_millis()).bind(row.updating);
            let query = query.bind(row.uncertain_tries).bind(row.failures);
            match query.bind(now).bind(now).execute(&mut *connection).await {
                Err(sqlx::Error::Database(refusal)) if refusal.is_unique_violation() => Ok(()),
                other => Ok(other.map(drop)?),
            }
        })
    }
}

/// A new row's key: the tutorial's constant for its token, or one that sorts by time.
pub(super) fn row_id(name: &TokenName) -> Uuid {
    if name.as_str() == "quartile" { QUARTILE_ID } else { Uuid::now_v7() }
}

/// How many names [`Store::without_row`] takes: well under every database's bound on parameters.
pub const NAMES_AT_ONCE: usize = 500;

/// The tutorial's own consumer looks its row up by this key.
pub(super) const QUARTILE_ID: Uuid = uuid!("febdb7d2-e95d-11ed-9255-65636df51340");

const PRESENT: &str = "SELECT name FROM tokens WHERE name IN ({list})";

const ENROL: &str = "INSERT INTO tokens (id, name, provider, state, generation, token_type, \
     refresh_at, updating, uncertain_tries, failures, created_at, updated_at) \
     VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
