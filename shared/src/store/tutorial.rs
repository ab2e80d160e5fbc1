//! The tutorial's own table on PostgreSQL: the view that stands in for it, and its take-over.
//!
//! `quartile_tokens(id, access_token, refresh_token, access_token_expires, updating, json_data,
//! created_at, updated_at)` is the shape of the provider's tutorial; its Python consumer reads it.

use chrono::{DateTime, Utc};
use sqlx::{Connection, PgConnection, Postgres, Row};

use super::{
    Connections, Pools, Store, StoreError,
    enrol::{QUARTILE_ID, row_id},
    migrate::schema_change,
};
use crate::{clock, name::TokenName, seal::Column, secret::Secret, token::Stored};

/// What a take-over did.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Adopted {
    /// The table's row now is the token `quartile`; the table was renamed to this.
    Taken {
        /// The table's new name.
        kept_as: &'static str,
    },
    /// The table held no row of the tutorial; it was renamed all the same.
    Empty {
        /// The table's new name.
        kept_as: &'static str,
    },
    /// There is no such table: nothing to do.
    NoTable,
    /// The token `quartile` has been kept here before: its newer row stays, and so does the table.
    AlreadyKept,
}

/// The tutorial's row.
struct TutorialRow {
    access_token: Option<String>,
    refresh_token: Option<String>,
    expires: Option<i64>,
    json_data: Option<String>,
    created_at: i64,
}

impl Store {
    /// Takes an existing table of the tutorial over, in one transaction: its row becomes the token
    /// `quartile`, the table is renamed (nothing is deleted), and the view takes its name.
    ///
    /// # Errors
    /// [`StoreError::PostgresOnly`], or what the database said; then nothing has changed.
    /// [`StoreError::Late`] after [`SCHEMA_CHANGE`](super::SCHEMA_CHANGE).
    pub async fn adopt(&self, name: &TokenName, now: DateTime<Utc>) -> Result<Adopted, StoreError> {
        match &self.pools {
            Pools::Postgres(connections) => {
                schema_change(self.take_over(connections, name, now)).await
            }
            #[cfg(any(feature = "sqlite", feature = "mysql"))]
            _ => Err(StoreError::PostgresOnly(self.dialect())),
        }
    }

    async fn take_over(
        &self,
        connections: &Connections<Postgres>,
        name: &TokenName,
        now: DateTime<Utc>,
    ) -> Result<Adopted, StoreError> {
        let mut connection = connections.acquire().await?;
        let mut transaction = connection.begin().await?;
        if !is_table(&mut transaction).await? {
            return Ok(Adopted::NoTable);
        }
        // The tutorial's worker and consumers wait from here on, for milliseconds.
        sqlx::query("LOCK TABLE quartile_tokens IN ACCESS EXCLUSIVE MODE")
            .execute(&mut *transaction)
            .await?;
        let kept: Option<i64> = sqlx::query_scalar("SELECT generation FROM tokens WHERE name = $1")
            .bind(name.as_str())
            .fetch_optional(&mut *transaction)
            .await?;
        if kept.is_some_and(|generation| generation > 0) {
            return Ok(Adopted::AlreadyKept);
        }
        let found = tutorial_row(&mut transaction).await?;
        if let Some(row) = &found {
            self.insert_adopted(&mut transaction, name, row, now).await?;
        }
        sqlx::query("ALTER TABLE quartile_tokens RENAME TO quartile_tokens_adopted")
            .execute(&mut *transaction)
            .await?;
        create_view(&mut transaction).await?;
        transaction.commit().await?;
        Ok(if found.is_some() {
            Adopted::Taken { kept_as: KEPT_AS }
        } else {
            Adopted::Empty { kept_as: KEPT_AS }
        })
    }

    async fn insert_adopted(
        &self,
        connection: &mut PgConnection,
        name: &TokenName,
        row: &TutorialRow,
        now: DateTime<Utc>,
    ) -> Result<(), StoreError> {
        let seal = |column, text: Option<&String>| {
            let sealed = text.map(|text| {
                self.seal.seal(super::read::place(name, column), &Secret::new(text.as_str()))
            });
            sealed.transpose().map_err(|source| StoreError::Seal { name: name.to_string(), source })
        };
        let text = |stored: Option<Stored>| stored.map(|stored| stored.0.expose().to_owned());
        let now = now.timestamp_millis();
        sqlx::query("DELETE FROM tokens WHERE name = $1 AND generation = 0")
            .bind(name.as_str())
            .execute(&mut *connection)
            .await?;
        // Due at once: what the tutorial's flag and clock arithmetic left there is not believed.
        sqlx::query(ADOPT)
            .bind(row_id(name))
            .bind(name.as_str())
            .bind(text(seal(Column::AccessToken, row.access_token.as_ref())?))
            .bind(row.expires.map(|seconds| seconds.saturating_mul(1000)))
            .bind(text(seal(Column::RefreshToken, row.refresh_token.as_ref())?))
            .bind(text(seal(Column::JsonData, row.json_data.as_ref())?))
            .bind(now)
            .bind(clock::from_millis(row.created_at).timestamp_millis())
            .execute(&mut *connection)
            .await?;
        Ok(())
    }
}

async fn is_table(connection: &mut PgConnection) -> Result<bool, sqlx::Error> {
    sqlx::query_scalar(IS_TABLE).fetch_one(connection).await
}

async fn tutorial_row(connection: &mut PgConnection) -> Result<Option<TutorialRow>, StoreError> {
    let found = sqlx::query(TUTORIAL_ROW).bind(QUARTILE_ID).fetch_optional(connection).await?;
    let read = |row: sqlx::postgres::PgRow| {
        Ok::<_, sqlx::Error>(TutorialRow {
            access_token: row.try_get("access_token")?,
            refresh_token: row.try_get("refresh_token")?,
            expires: row.try_get("expires")?,
            json_data: row.try_get("json_data")?,
            created_at: row.try_get("created_at")?,
        })
    };
    Ok(found.map(read).transpose()?)
}

/// Makes the view, unless the tutorial's table still has the name: then `adopt` does.
pub(super) async fn create_view(connection: &mut PgConnection) -> Result<(), sqlx::Error> {
    if is_table(connection).await? {
        return Ok(());
    }
    sqlx::query(CREATE_VIEW).execute(connection).await.map(drop)
}

const KEPT_AS: &str = "quartile_tokens_adopted";

const IS_TABLE: &str = "SELECT EXISTS (SELECT FROM pg_catalog.pg_class \
     WHERE oid = to_regclass('quartile_tokens') AND relkind IN ('r', 'p'))";

const TUTORIAL_ROW: &str = "SELECT access_token, refresh_token, json_data::text AS json_data, \
     access_token_expires::bigint AS expires, \
     CAST(extract(epoch FROM created_at) * 1000 AS bigint) AS created_at \
     FROM quartile_tokens WHERE id = $1";

const ADOPT: &str = "INSERT INTO tokens (id, name, provider, state, generation, access_token, \
     token_type, access_token_expires, refresh_token, json_data, refresh_at, updating, \
     uncertain_tries, failures, created_at, updated_at) \
     VALUES ($1, $2, 'quartile', 'ok', 1, $3, 'Bearer', $4, $5, $6, $7, FALSE, 0, 0, $8, $7)";

/// `updating` is also true while there is no valid token: the tutorial's consumer looks at nothing
/// else, and must wait rather than take a dead one; and it is false once a lease has lapsed. Its
/// `INTEGER` ends in 2038. A sealed answer is no JSON, so it shows as NULL.
const CREATE_VIEW: &str = "CREATE OR REPLACE VIEW quartile_tokens AS SELECT id, access_token, \
     refresh_token, CASE WHEN access_token_expires IS NOT NULL \
     THEN CAST(LEAST(access_token_expires / 1000, 2147483647) AS INTEGER) END AS access_token_expires, \
     (updating AND COALESCE(lease_until, 0) > CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT)) \
     OR access_token IS NULL \
     OR COALESCE(access_token_expires, 0) <= CAST(extract(epoch FROM clock_timestamp()) * 1000 AS BIGINT) AS updating, \
     CASE WHEN json_data LIKE '{%' THEN json_data::json END AS json_data, \
     to_timestamp(created_at / 1000.0) AT TIME ZONE 'utc' AS created_at, \
     to_timestamp(updated_at / 1000.0) AT TIME ZONE 'utc' AS updated_at \
     FROM tokens WHERE provider = 'quartile'";
