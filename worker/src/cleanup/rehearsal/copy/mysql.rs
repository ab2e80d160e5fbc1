//! A copy of what is needed of a MySQL or MariaDB database, in a database beside it, by the server's own programs.

use tokenkeeper_shared::store::StoreError;

use super::{
    super::{
        NotRehearsed, login,
        name::CopyName,
        pipe::{command, first_of, pipe},
    },
    Copy, Home, Wanted, Way,
    server::ServerCopy,
    unless_stopped,
};
use crate::cleanup::{
    database::{Access, Database, mysql_number},
    sql::Bind,
};

/// The copy of a MySQL or MariaDB database.
#[derive(Debug)]
pub(super) struct MySqlCopy(ServerCopy);

pub(super) async fn make(wanted: &Wanted<'_>, name: &CopyName) -> Result<Copy, NotRehearsed> {
    let home = Database::open(wanted.source.clone(), Access::Change)?;
    let holder = home.session().await?;
    let programs = if home.is_mariadb().await? { MARIADB } else { MYSQL };
    let mut copy = MySqlCopy(ServerCopy::new(home, holder, name)?);
    let dropped = copy.prepare().await?;
    match unless_stopped(wanted.stop, copy.fill(wanted, programs)).await {
        Ok(()) => {
            let url = wanted.source.on_same_server(&name.to_string(), &[]);
            let url = url.map_err(|error| StoreError::Address(error.to_string()))?;
            let (name, way) = (name.to_string(), Way::Dump);
            Ok(Copy { url, name, way, dropped, home: Home::MySql(copy) })
        }
        Err(error) => {
            copy.end().await?;
            Err(error)
        }
    }
}

impl MySqlCopy {
    /// Takes the lock, and drops what dead rehearsals have left.
    async fn prepare(&mut self) -> Result<Vec<String>, StoreError> {
        let Self(copy) = self;
        let mut lock = copy.said("SELECT CAST(GET_LOCK(");
        lock.bind(Bind::Text(copy.name.to_string())).push(", 0) AS CHAR)");
        copy.holder.rows(&lock).await?;
        let mut dropped = Vec::new();
        for left in copy.passing(OURS).await? {
            let text = || Bind::Text(left.to_string());
            let mut free = copy.said("SELECT CAST(IS_FREE_LOCK(");
            free.bind(text()).push(
                ") = 1 AND NOT EXISTS (SELECT 1 FROM information_schema.processlist WHERE db = ",
            );
            free.bind(text()).push(") AS CHAR)");
            let is_free = copy.holder.cell(&free).await?.as_deref() == Some("1");
            if is_free && copy.is_dropped(&left).await? {
                dropped.push(left.to_string());
            }
        }
        Ok(dropped)
    }

    async fn fill(
        &mut self,
        wanted: &Wanted<'_>,
        [dumps, loads]: [[&'static str; 2]; 2],
    ) -> Result<(), NotRehearsed> {
        let Self(copy) = self;
        let charset = copy.holder.rows(&copy.said(CHARSET)).await?.into_iter().next();
        let charset = charset.and_then(|row| <[_; 2]>::try_from(row).ok());
        let [charset, collation] = charset.unwrap_or_default().map(Option::unwrap_or_default);
        let mut sql = copy.said("CREATE DATABASE ");
        sql.spelled(&copy.name).push(" CHARACTER SET ").literal(&charset);
        sql.push(" COLLATE ").literal(&collation);
        copy.create(&sql).await.map_err(no_right)?;
        let dump = first_of(&dumps, PACKAGE)?;
        let load = first_of(&loads, PACKAGE)?;
        let (dump_is, load_is) = (is_mariadb(dump).await?, is_mariadb(load).await?);
        let (mut dump, mut load) = (command(dump), command(load));
        login::mysql(&mut dump, wanted.source, dump_is)?;
        login::mysql(&mut load, wanted.source, load_is)?;
        dump.args(DUMP);
        if !dump_is {
            dump.args(MYSQL_DUMP);
        }
        let source = copy.holder.cell(&copy.said("SELECT CAST(DATABASE() AS CHAR)")).await?;
        dump.arg("--")
            .arg(source.unwrap_or_default())
            .args(wanted.tables.iter().map(|table| &table.table));
        load.arg("--").arg(copy.name.as_str());
        pipe(dump, load).await
    }

    pub(super) async fn end(self) -> Result<(), StoreError> {
        self.0.end().await
    }
}

/// Programs of that name come from either.
async fn is_mariadb(program: &str) -> Result<bool, NotRehearsed> {
    let said = command(program).arg("--version").output().await;
    let said = said.map_err(|error| NotRehearsed::Refused(format!("{program}: {error}")))?;
    Ok(String::from_utf8_lossy(&said.stdout).contains("MariaDB"))
}

fn no_right(error: StoreError) -> NotRehearsed {
    if !mysql_number(&error).is_some_and(|number| NO_RIGHT.contains(&number)) {
        return error.into();
    }
    let message = "this user may not make databases, which a copy needs: GRANT ALL ON `tokenkeeper\\_rehearsal\\_%`.* TO this user";
    NotRehearsed::Refused(message.to_owned())
}

/// What dumps and what loads: the server's own programs first, which know all that it has.
const MARIADB: [[&str; 2]; 2] = [["mariadb-dump", "mysqldump"], ["mariadb", "mysql"]];
const MYSQL: [[&str; 2]; 2] = [["mysqldump", "mariadb-dump"], ["mysql", "mariadb"]];
const NO_RIGHT: [u16; 2] = [1044, 1227];
const PACKAGE: &str = "mariadb-client or mysql-client";
/// Triggers may name other databases, this one's source among them: nothing there may change.
const DUMP: [&str; 5] =
    ["--single-transaction", "--quick", "--skip-triggers", "--no-tablespaces", "--hex-blob"];
/// Whose words the loading server, or its user, might not take.
const MYSQL_DUMP: [&str; 2] = ["--set-gtid-purged=OFF", "--column-statistics=0"];
const OURS: &str = "SELECT CAST(schema_name AS CHAR) FROM information_schema.schemata \
     WHERE schema_name LIKE 'tokenkeeper\\_rehearsal\\_%'";
const CHARSET: &str = "SELECT CAST(default_character_set_name AS CHAR), CAST(default_collation_name AS CHAR) \
     FROM information_schema.schemata WHERE schema_name = DATABASE()";
