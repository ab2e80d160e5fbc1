//! A copy of a database of PostgreSQL: by the server itself where nobody else is connected, else by a dump of
//! the tables that are needed.

mod dump;

use tokenkeeper_shared::{
    database_url::{DatabaseUrl, InvalidDatabaseUrl},
    store::StoreError,
};

use super::{
    super::{NotRehearsed, name::CopyName},
    Copy, Home, Wanted, Way,
    server::{self, ServerCopy},
    unless_stopped,
};
use crate::cleanup::{
    database::{Access, Database},
    dialect::Dialect,
    sql::{Bind, Sql},
};

/// The copy of a database of PostgreSQL, and the process that makes it.
#[derive(Debug)]
pub(super) struct PostgresCopy {
    copy: ServerCopy,
    process: Option<String>,
}

/// What of the source the copy must have by itself.
struct Source {
    database: String,
    encoding: String,
    collate: String,
    ctype: String,
    search_path: String,
}

pub(super) async fn make(wanted: &Wanted<'_>, name: &CopyName) -> Result<Copy, NotRehearsed> {
    let source = Source::read(wanted.source).await?;
    let beside = wanted.source.on_same_server(MAINTENANCE, &[]);
    let beside = Database::open(beside.map_err(address)?, Access::Change)?;
    // A user may be kept from that database: then dumps are all there is.
    let (home, holder, is_apart) = if let Ok(session) = beside.session().await {
        (beside, session, true)
    } else {
        let home = Database::open(wanted.source.clone(), Access::Change)?;
        let session = home.session().await?;
        (home, session, false)
    };
    let mut copy = PostgresCopy { copy: ServerCopy::new(home, holder, name)?, process: None };
    let dropped = copy.prepare(name).await?;
    match unless_stopped(wanted.stop, copy.fill(wanted, &source, is_apart)).await {
        Ok(way) => {
            let parameters = [("options[search_path]", source.search_path.as_str())];
            let url = wanted.source.on_same_server(&name.to_string(), &parameters);
            let url = url.map_err(address)?;
            let name = name.to_string();
            Ok(Copy { url, name, way, dropped, home: Home::Postgres(copy) })
        }
        Err(error) => {
            copy.interrupt().await;
            copy.end().await?;
            Err(error)
        }
    }
}

impl Source {
    async fn read(url: &DatabaseUrl) -> Result<Self, NotRehearsed> {
        let database = Database::open(url.clone(), Access::Look)?;
        let row = database.rows(&said(SOURCE)).await?.into_iter().next().unwrap_or_default();
        database.close().await;
        let cells: Vec<_> = row.into_iter().map(Option::unwrap_or_default).collect();
        let cells = <[_; 5]>::try_from(cells);
        let cells =
            cells.map_err(|_| StoreError::Row("the database is not in its catalog".to_owned()))?;
        let [database, encoding, collate, ctype, search_path] = cells;
        Ok(Self { database, encoding, collate, ctype, search_path })
    }
}

impl PostgresCopy {
    /// Takes the lock, and drops what dead rehearsals have left.
    async fn prepare(&mut self, name: &CopyName) -> Result<Vec<String>, StoreError> {
        let Self { copy, process } = self;
        // The copy of a large database takes its time.
        copy.holder.run(&said("SET statement_timeout = 0")).await?;
        *process = copy.holder.cell(&said("SELECT CAST(pg_backend_pid() AS text)")).await?;
        let mut lock = said("SELECT CAST(pg_advisory_lock(");
        lock.number(LOCKS.into()).push(", ").number(key(name)).push(") AS text)");
        copy.holder.rows(&lock).await?;
        let mut dropped = Vec::new();
        for left in copy.passing(OURS).await? {
            let mut held = said(
                "SELECT CAST(COUNT(*) AS text) FROM pg_locks WHERE locktype = 'advisory' AND objsubid = 2 AND classid = ",
            );
            held.number(LOCKS.into()).push(" AND objid = ").number(left.number().into());
            let is_held = copy.holder.cell(&held).await?.as_deref() != Some("0");
            if !is_held && copy.is_dropped(&left).await? {
                dropped.push(left.to_string());
            }
        }
        Ok(dropped)
    }

    async fn fill(
        &mut self,
        wanted: &Wanted<'_>,
        source: &Source,
        is_apart: bool,
    ) -> Result<Way, NotRehearsed> {
        if is_apart && self.is_alone(source).await? {
            let mut sql = said("CREATE DATABASE ");
            sql.spelled(&self.copy.name).push(" TEMPLATE ").found(&source.database);
            match self.copy.create(&sql).await {
                Ok(()) => return Ok(Way::Template),
                Err(error) if has_code(&error, &ELSE_DUMPED) => {}
                Err(error) => return Err(error.into()),
            }
        }
        let mut sql = said("CREATE DATABASE ");
        sql.spelled(&self.copy.name)
            .push(" TEMPLATE template0 ENCODING ")
            .literal(&source.encoding);
        sql.push(" LC_COLLATE ").literal(&source.collate);
        sql.push(" LC_CTYPE ").literal(&source.ctype);
        self.copy.create(&sql).await.map_err(no_right)?;
        let target = wanted.source.on_same_server(self.copy.name.as_str(), &[]).map_err(address)?;
        dump::dump(wanted, &target).await?;
        Ok(Way::Dump)
    }

    /// Connections that have just been closed are there a moment longer.
    async fn is_alone(&mut self, source: &Source) -> Result<bool, StoreError> {
        let mut others =
            said("SELECT CAST(COUNT(*) AS text) FROM pg_stat_activity WHERE datname = ");
        others.bind(Bind::Text(source.database.clone()));
        for _ in 0..LOOKS {
            if self.copy.holder.cell(&others).await?.as_deref() == Some("0") {
                return Ok(true);
            }
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
        Ok(false)
    }

    /// A statement that nobody waits for would go on.
    async fn interrupt(&self) {
        let Some(process) = self.process.as_deref().and_then(|text| text.parse().ok()) else {
            return;
        };
        let mut sql = said("SELECT CAST(pg_terminate_backend(CAST(");
        sql.number(process).push(" AS integer)) AS text)");
        if let Err(error) = self.copy.home.rows(&sql).await {
            tracing::debug!("the copying was not interrupted: {error}");
        }
    }

    pub(super) async fn end(self) -> Result<(), StoreError> {
        self.copy.end().await
    }
}

fn said(statement: &'static str) -> Sql {
    server::said(Dialect::Postgres, statement)
}

/// The server takes it for a signed number.
fn key(name: &CopyName) -> i64 {
    i64::from(name.number().cast_signed())
}

#[expect(clippy::needless_pass_by_value, reason = "it stands in `map_err`")]
fn address(error: InvalidDatabaseUrl) -> NotRehearsed {
    NotRehearsed::Store(StoreError::Address(error.to_string()))
}

fn no_right(error: StoreError) -> NotRehearsed {
    if !has_code(&error, &["42501"]) {
        return error.into();
    }
    let message = "this user may not make databases, which a copy needs: ALTER ROLE … CREATEDB, or give --database another user";
    NotRehearsed::Refused(message.to_owned())
}

fn has_code(error: &StoreError, codes: &[&str]) -> bool {
    let (StoreError::Refused(error) | StoreError::Temporary(error)) = error else { return false };
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| codes.contains(&&*code))
}

/// There by custom; no copy can be made from within the database that is copied.
const MAINTENANCE: &str = "postgres";
/// Somebody has connected meanwhile; another's database may not be a template.
const ELSE_DUMPED: [&str; 2] = ["55006", "42501"];
/// Half of the two-part keys of advisory locks: "tkrh".
const LOCKS: i32 = 0x746b_7268;
const LOOKS: u32 = 5;
const BETWEEN_LOOKS: std::time::Duration = std::time::Duration::from_millis(100);
const SOURCE: &str = "SELECT CAST(datname AS text), CAST(pg_encoding_to_char(encoding) AS text), CAST(datcollate AS text), \
     CAST(datctype AS text), current_setting('search_path') FROM pg_database WHERE datname = current_database()";
const OURS: &str = "SELECT CAST(datname AS text) FROM pg_database WHERE datname LIKE 'tokenkeeper\\_rehearsal\\_%'";
