//! The statements of a batch, on each database: which rows it is about, and that they are copied and
//! deleted. Transactions, retries and the way from batch to batch lie in `batch` and `drive`.

mod mysql;
mod postgres;
mod sqlite;
mod window;

use tokenkeeper_shared::store::StoreError;

pub use self::window::is_single;
use super::{
    archive::Archive,
    database::Session,
    dialect::Dialect,
    policy::{Identifier, Treatment},
    site::{Held, Kept, Site, columns_of, is_text},
    sql::{Bind, Sql},
    walk::{Walk, Window},
};

/// What cleans one target.
#[derive(Debug)]
pub struct Engine<'a> {
    /// The target.
    pub site: Site<'a>,
    /// How its table is walked over.
    pub walk: Walk,
    /// The run, as backups name it.
    pub run: String,
    /// Where the rows go from the backup tables, in the batch that put them there.
    pub archive: Option<&'a Archive>,
    /// Rows that somebody has locked are passed over (MySQL 8, MariaDB 10.6 and later).
    skips_locked: bool,
}

/// The rows of the target that a batch is about; they are locked until it ends.
#[derive(Debug, Default)]
pub struct Picked {
    /// How many, by the number of the reason.
    pub reasons: Vec<(usize, u64)>,
    /// The rows, as the database's statements take them.
    members: String,
}

impl Picked {
    /// How many.
    #[must_use]
    pub fn rows(&self) -> u64 {
        self.reasons.iter().map(|(_, rows)| rows).sum()
    }

    /// From rows of a place and the number of a reason.
    fn gathered(rows: Vec<super::database::Texts>, members: impl Fn(&[String]) -> String) -> Self {
        let mut picked = Self::default();
        let mut places = Vec::new();
        for row in rows {
            let mut row = row.into_iter();
            let place = row.next().flatten().unwrap_or_default();
            let reason = row.next().flatten().and_then(|at| at.parse().ok()).unwrap_or_default();
            places.push(place);
            match picked.reasons.iter_mut().find(|(at, _)| *at == reason) {
                Some((_, rows)) => *rows += 1,
                None => picked.reasons.push((reason, 1)),
            }
        }
        picked.members = members(&places);
        picked
    }
}

impl<'a> Engine<'a> {
    /// Looks how the table is best walked over.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn new(site: Site<'a>, run: &str, session: &mut Session) -> Result<Self, StoreError> {
        let run = run.to_owned();
        let walk = Walk::Keys(Vec::new());
        let mut engine = Self { site, walk, run, archive: None, skips_locked: true };
        match engine.site.dialect {
            Dialect::Postgres => engine.prepare_postgres(session).await?,
            Dialect::MySql => engine.prepare_mysql(session).await?,
            _ => engine.walk = sqlite::walk()?,
        }
        Ok(engine)
    }

    /// What a batch needs before its transaction begins.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn clear(&self, session: &mut Session) -> Result<(), StoreError> {
        match self.site.dialect {
            Dialect::MySql => self.clear_mysql(session).await,
            _ => Ok(()),
        }
    }

    /// Deletes all rows of a window at once, where the database can do that as safely as by picking them;
    /// `None` where it cannot.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn sweep(
        &self,
        window: &Window,
        batch: u64,
        session: &mut Session,
    ) -> Result<Option<Picked>, StoreError> {
        if self.site.dialect != Dialect::Postgres || !self.is_plain() {
            return Ok(None);
        }
        self.sweep_postgres(window, batch, session).await.map(Some)
    }

    /// Locks the rows of the window that may go, `most` of them at most.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn pick(
        &self,
        window: &Window,
        most: u64,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        match self.site.dialect {
            Dialect::Postgres => self.pick_postgres(window, most, session).await,
            Dialect::MySql => self.pick_mysql(window, most, session).await,
            _ => self.pick_sqlite(window, most, session).await,
        }
    }

    /// Copies and deletes the rows of a table that the picked rows stand for; the target's own are judged
    /// once more by the statement that deletes them. Returns how many there were.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn take(
        &self,
        held: &Held,
        picked: &Picked,
        batch: u64,
        session: &mut Session,
    ) -> Result<u64, StoreError> {
        match self.site.dialect {
            Dialect::Postgres => self.take_postgres(held, picked, batch, session).await,
            Dialect::MySql => self.take_mysql(held, batch, session).await,
            _ => self.take_sqlite(held, picked, batch, session).await,
        }
    }

    /// Before the parents go: the orphans-to-be of a child, as its own `Picked`.
    ///
    /// # Errors
    /// [`StoreError`].
    pub async fn candidates(
        &self,
        held: &Held,
        picked: &Picked,
        session: &mut Session,
    ) -> Result<Picked, StoreError> {
        match self.site.dialect {
            Dialect::Postgres => self.candidates_postgres(held, picked, session).await,
            // What was picked bears the columns that are needed.
            Dialect::MySql => Ok(Picked::default()),
            _ => self.candidates_sqlite(held, picked, session).await,
        }
    }

    /// Adds that a child's row belongs to the picked ones.
    fn of_picked(&self, held: &Held, picked: &Picked, among: Among, sql: &mut Sql) {
        let table = &self.site.target.table;
        self.site.belongs(&held.path, sql, &|sql: &mut Sql, columns: &[&Identifier]| {
            sql.push("SELECT ");
            columns_of(table, columns, sql);
            sql.push(" FROM ");
            self.site.table(sql, table);
            sql.push(" WHERE ");
            among(table, picked, sql);
        });
    }

    /// Adds `INSERT INTO backup (columns)`.
    fn insert(&self, held: &Held, sql: &mut Sql) {
        let Some(backup) = held.backup() else { return };
        sql.push("INSERT INTO ");
        self.site.table(sql, &backup);
        sql.push(" (");
        for column in held.kept() {
            sql.spelled(&column.name).push(", ");
        }
        sql.push(
            "tokenkeeper_run, tokenkeeper_batch, tokenkeeper_reason, tokenkeeper_deleted_at) ",
        );
    }

    /// Adds the run's own values behind the columns.
    fn stamp(&self, batch: u64, reason: impl Fn(&mut Sql), sql: &mut Sql) {
        sql.bind(Bind::Text(self.run.clone())).push(", ");
        sql.bind(Bind::Int(i64::try_from(batch).unwrap_or(i64::MAX))).push(", ");
        reason(sql);
        sql.push(match self.site.dialect {
            Dialect::Postgres => ", clock_timestamp()",
            Dialect::MySql => ", UTC_TIMESTAMP(3)",
            _ => ", strftime('%Y-%m-%d %H:%M:%f', 'now')",
        });
    }

    /// Adds a column as backups keep it: as it is, or its SHA-256 in hexadecimal digits. NULL and '' stay,
    /// because to the rules they say that there is no token.
    fn kept(&self, column: &Kept, of: &dyn Fn(&mut Sql), sql: &mut Sql) {
        if column.treatment != Treatment::Hash {
            of(sql);
            return;
        }
        let empty = is_text(self.site.target, &column.name);
        if empty {
            sql.push("CASE WHEN ");
            of(sql);
            sql.push(" = '' THEN '' ELSE ");
        }
        let (before, after) = match (self.site.dialect, column.is_binary) {
            (Dialect::Postgres, true) => ("encode(sha256(", "), 'hex')"),
            (Dialect::Postgres, false) => {
                ("encode(sha256(convert_to(CAST(", " AS text), 'UTF8')), 'hex')")
            }
            (_, true) => ("SHA2(", ", 256)"),
            (_, false) => ("SHA2(CONVERT(", " USING utf8mb4), 256)"),
        };
        sql.push(before);
        of(sql);
        sql.push(after).push(if empty { " END" } else { "" });
    }
}

/// Adds that a row of the table is among those that were picked.
type Among = fn(&Identifier, &Picked, &mut Sql);

/// As many rows were copied as deleted; else somebody changed them in between.
///
/// # Errors
/// [`StoreError::Row`]: the batch must be undone, and tried again.
fn agree(copied: Option<u64>, deleted: u64) -> Result<u64, StoreError> {
    match copied {
        Some(copied) if copied != deleted => Err(StoreError::Row(format!(
            "{copied} rows were copied and {deleted} would be deleted: somebody changed them"
        ))),
        _ => Ok(deleted),
    }
}
