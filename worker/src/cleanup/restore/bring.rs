//! Some rows of a backup, back in one transaction: put into their table and taken out of the backup, so that
//! no row is ever in both, or in neither.

use sqlx::error::ErrorKind;
use tokenkeeper_shared::store::StoreError;

use super::{Conflict, way::Way};
use crate::{
    cleanup::{
        batch,
        database::Session,
        dialect::Dialect,
        ledger,
        policy::{Case, Identifier},
        sql::{Bind, Sql},
    },
    failpoint,
};

/// Where a row is in its backup: its `ctid`, its `rowid`, or its number.
pub(super) type Place = String;

/// Why rows did not come back. Nothing has changed, but where the connection broke in the very commit.
#[derive(Debug)]
pub(super) enum Hindered {
    /// One of them at least cannot.
    Conflict(Conflict),
    /// A lock, a deadlock, or somebody else who brings them back.
    Locked,
    /// The database.
    Store(StoreError),
}

impl Hindered {
    /// What it means for a single row.
    pub(super) fn conflict(&self) -> Conflict {
        match self {
            Self::Conflict(conflict) => *conflict,
            _ => Conflict::Locked,
        }
    }
}

impl From<StoreError> for Hindered {
    fn from(error: StoreError) -> Self {
        let (StoreError::Temporary(source) | StoreError::Refused(source)) = &error else {
            return Self::Store(error);
        };
        match source.as_database_error().map(sqlx::error::DatabaseError::kind) {
            Some(ErrorKind::UniqueViolation) => Self::Conflict(Conflict::Taken),
            Some(ErrorKind::ForeignKeyViolation) => Self::Conflict(Conflict::ParentGone),
            Some(ErrorKind::NotNullViolation | ErrorKind::CheckViolation) => {
                Self::Conflict(Conflict::Refused)
            }
            _ if !batch::is_in_the_way(&error) => Self::Store(error),
            _ if error.is_transient() => Self::Locked,
            _ => Self::Conflict(Conflict::Refused),
        }
    }
}

/// The rows of a batch that may come back, and the number of those that must not: whose parents are in the
/// backup still.
///
/// # Errors
/// [`StoreError`].
pub(super) async fn places(
    way: &Way,
    run: &str,
    batch: u64,
    session: &mut Session,
) -> Result<(Vec<Place>, u64), StoreError> {
    let mut sql = Sql::new(session.dialect(), Case::Exact);
    sql.push("SELECT ").text_of(place(session.dialect())).push(", ");
    if let Some(parent) = &way.of.parent {
        let (theirs, ours): (Vec<_>, Vec<_>) = parent.on.iter().unzip();
        sql.push("CASE WHEN (").names(theirs).push(") IN (SELECT ").names(ours).push(" FROM ");
        kept_of(way, &parent.table, run, batch, &mut sql);
        sql.push(") THEN '1' ELSE '0' END FROM ");
    } else {
        sql.push("'0' FROM ");
    }
    kept_of(way, &way.of.table, run, batch, &mut sql);
    let (mut places, mut held_back) = (Vec::new(), 0);
    for row in session.rows(&sql).await? {
        let [place, is_held] = <[_; 2]>::try_from(row).unwrap_or_default();
        if is_held.as_deref() == Some("1") {
            held_back += 1;
        } else {
            places.extend(place);
        }
    }
    Ok((places, held_back))
}

/// Brings those rows back. Returns how many: less where somebody else was quicker.
///
/// # Errors
/// [`Hindered`].
pub(super) async fn bring(
    way: &Way,
    run: &str,
    places: &[Place],
    session: &mut Session,
) -> Result<u64, Hindered> {
    session.begin().await?;
    let done = inside(way, run, places, session).await;
    if done.is_err() {
        session.roll_back().await?;
    }
    done
}

async fn inside(
    way: &Way,
    run: &str,
    places: &[Place],
    session: &mut Session,
) -> Result<u64, Hindered> {
    if session.dialect() != Dialect::Sqlite {
        // Another restore of the run may be at the same rows: it is waited for, and they are gone then.
        let mut lock = Sql::new(session.dialect(), Case::Exact);
        lock.push("SELECT ").text_of(place(session.dialect())).push(" FROM ");
        among(way, places, &mut lock);
        lock.push(" FOR UPDATE");
        session.rows(&lock).await?;
    }
    let mut insert = Sql::new(session.dialect(), Case::Exact);
    insert.push("INSERT INTO ").table(way.of.schema.as_ref(), &way.of.table).push(" (");
    insert.names(&way.columns).push(match session.dialect() {
        // Else PostgreSQL takes no value for an identity that is always generated.
        Dialect::Postgres => ") OVERRIDING SYSTEM VALUE SELECT ",
        _ => ") SELECT ",
    });
    insert.names(&way.columns).push(" FROM ");
    among(way, places, &mut insert);
    let inserted = session.run(&insert).await?;
    failpoint::reach("restore_after_insert");
    failpoint::hold("restore_before_delete");
    let mut delete = Sql::new(session.dialect(), Case::Exact);
    delete.push("DELETE FROM ");
    among(way, places, &mut delete);
    if session.run(&delete).await? != inserted {
        return Err(Hindered::Locked);
    }
    ledger::add(session, run, inserted).await?;
    failpoint::reach("restore_before_commit");
    // Constraints that are checked late are checked here.
    session.commit().await?;
    failpoint::reach("restore_after_commit");
    Ok(inserted)
}

/// Adds `table WHERE` of what a batch has kept of a table.
fn kept_of(way: &Way, table: &Identifier, run: &str, batch: u64, sql: &mut Sql) {
    let backup = crate::cleanup::site::backup_of(table);
    sql.table(way.of.schema.as_ref(), backup.as_ref().unwrap_or(&way.backup));
    sql.push(" WHERE tokenkeeper_run = ").bind(Bind::Text(run.to_owned()));
    sql.push(" AND tokenkeeper_batch = ");
    sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX)));
}

fn place(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::Postgres => "ctid",
        Dialect::MySql => "tokenkeeper_row",
        _ => "rowid",
    }
}

fn among(way: &Way, places: &[Place], sql: &mut Sql) {
    let dialect = sql.dialect();
    sql.table(way.of.schema.as_ref(), &way.backup).push(" WHERE ").push(place(dialect));
    if dialect == Dialect::Postgres {
        let quoted: Vec<_> = places.iter().map(|place| format!("\"{place}\"")).collect();
        sql.among_places(format!("{{{}}}", quoted.join(",")));
        return;
    }
    sql.push(" IN (");
    for (at, place) in places.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        sql.number(place.parse().unwrap_or(i64::MIN));
    }
    sql.push(")");
}
