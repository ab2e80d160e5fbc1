//! When a worker that stays has something to do again.

use chrono::{DateTime, Utc};

use super::{Store, StoreError, on_pool};
use crate::{clock, name::TokenName};

impl Store {
    /// When the first of these rows is due and free. What another worker holds is looked at again when its lease
    /// ends. `None`: nothing comes by itself. At most [`super::NAMES_AT_ONCE`] names a call.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn next_due(
        &self,
        names: &[&TokenName],
    ) -> Result<Option<DateTime<Utc>>, StoreError> {
        if names.is_empty() {
            return Ok(None);
        }
        let sql = self.dialect().statement(NEXT_DUE, names.len());
        on_pool!(self, connection => {
            let query = names.iter().fold(sqlx::query_scalar(sql), |q, name| q.bind(name.as_str()));
            let millis: Option<i64> = query.fetch_one(&mut *connection).await?;
            Ok(millis.map(clock::from_millis))
        })
    }
}

const NEXT_DUE: &str = "SELECT MIN(CASE WHEN updating = TRUE AND lease_until > refresh_at THEN lease_until \
     ELSE refresh_at END) FROM tokens WHERE state IN ('new', 'ok') AND name IN ({list})";
