//! A run in this process, or as a program, and what it leaves in the tables.

use std::{collections::BTreeMap, path::Path};

use tokenkeeper_shared::clock::SystemClock;
use tokenkeeper_worker::{
    cleanup::{
        archive::Archive,
        cutoff::DatabaseClock,
        database::{Access, Database},
        drive::{Drive, Ended},
        hold::Hold,
        ledger::{Claim, Claimed, Run},
        policy::{Case, Identifier, Mark, Policy},
        restraint::Restraint,
        site::Secrets,
        sql::Sql,
        survey::catalog::TableName,
    },
    stop::Stop,
};

use crate::{ground::Ground, harness::programs::Program, published::now};

/// Cleans in this process, at the fixtures' time.
pub async fn clean(ground: &Ground, policy: &Policy) -> (Ended, Run) {
    clean_keeping(ground, policy, Some(Secrets::Policy)).await
}

/// The same, with another say on what backups keep.
pub async fn clean_keeping(
    ground: &Ground,
    policy: &Policy,
    kept: Option<Secrets>,
) -> (Ended, Run) {
    clean_with(ground, policy, kept, None).await
}

/// The same, into a file instead of tables.
pub async fn clean_with(
    ground: &Ground,
    policy: &Policy,
    kept: Option<Secrets>,
    file: Option<&Path>,
) -> (Ended, Run) {
    let (restraint, stop, clock) = (Restraint::default(), Stop::never(), SystemClock::new());
    clean_held(ground, policy, kept, file, &Hold::new(&restraint, &stop, &clock, now())).await
}

/// The same, held back.
pub async fn clean_held(
    ground: &Ground,
    policy: &Policy,
    kept: Option<Secrets>,
    file: Option<&Path>,
    hold: &Hold<'_>,
) -> (Ended, Run) {
    let database = open(ground);
    let offset = database.clock().await.unwrap().server_offset().num_seconds();
    let claim = Claim {
        policy: policy.name.clone(),
        digest: String::new(),
        slot: "slot".to_owned(),
        runner: "test".to_owned(),
        clock: DatabaseClock::new(now(), offset.try_into().unwrap()),
    };
    let mut session = database.session().await.unwrap();
    let claimed = claim.make(&mut session).await.unwrap_or_else(|e| panic!("{ground}: {e}"));
    let Claimed::Ours(mut run) = claimed else { panic!("{ground}: {claimed:?}") };
    let archive = file.map(|path| Archive::open(path, &policy.name, &mut run).unwrap());
    let drive = Drive {
        policy,
        database: &database,
        kept,
        archive: archive.as_ref(),
        most_rows: u64::MAX,
        run_time: std::time::Duration::MAX,
        hold,
        far: &tokio::sync::watch::Sender::default(),
    };
    let ended = drive.run(&mut run, &mut session).await;
    let ended = ended.unwrap_or_else(|e| panic!("{ground}, {}: {e}", policy.name));
    if let Some(archive) = &archive {
        archive.finish(&run).unwrap();
    }
    session.close().await;
    database.close().await;
    (ended, run)
}

/// The program on this ground, with the policy as it is here, also where the product does not run.
pub fn program(ground: &Ground, policy: &Policy, arguments: &[&str]) -> Program {
    let program = prepared(Program::worker(), ground, policy);
    program.args(["cleanup", &policy.name]).args(arguments)
}

/// A program that cleans on this ground, whatever it is.
pub fn prepared(program: Program, ground: &Ground, policy: &Policy) -> Program {
    let mut policy = policy.clone();
    let dialect = ground.open().dialect();
    policy.dialects.entry(dialect).or_insert(Mark::GeneratedOnly);
    let file = program.home().join("policy.toml");
    std::fs::write(&file, toml::to_string(&policy).unwrap()).unwrap();
    program
        .env("TOKENKEEPER_CLEANUP_DATABASE_URL", &ground.place.url)
        .env("TOKENKEEPER_CLEANUP_POLICIES", &file)
}

/// `cleanup restore` of a run.
pub fn restore(ground: &Ground, run: &str, more: &[&str]) -> Program {
    verb(ground, &["restore", run, "--json"]).args(more)
}

/// A verb of `cleanup` that needs no policy.
pub fn verb(ground: &Ground, arguments: &[&str]) -> Program {
    let program = Program::worker().env("TOKENKEEPER_CLEANUP_DATABASE_URL", &ground.place.url);
    program.args(["cleanup"]).args(arguments)
}

/// All rows of a table, each cell as text, sorted.
pub async fn rows(ground: &Ground, policy: &Policy, table: &str) -> Vec<BTreeMap<String, String>> {
    let database = ground.open();
    let table: Identifier = table.parse().unwrap();
    let schema = policy.targets[0].schema.as_ref();
    let named = TableName::new(schema, &table, database.dialect(), policy.case);
    let columns = database.columns(&named).await.unwrap();
    let mut sql = Sql::new(database.dialect(), policy.case);
    for (at, column) in columns.iter().enumerate() {
        sql.push(if at == 0 { "SELECT CAST(" } else { ", CAST(" });
        sql.spelled(&column.name.parse().unwrap()).push(" AS CHAR(255))");
    }
    sql.push(" FROM ").table(schema, &table);
    let rows = if columns.is_empty() { Vec::new() } else { database.rows(&sql).await.unwrap() };
    database.close().await;
    let named = |row: Vec<Option<String>>| {
        let cells = columns.iter().map(|column| column.name.to_lowercase()).zip(row);
        cells
            .map(|(name, cell)| {
                (name, cell.unwrap_or_else(|| "NULL".to_owned()).trim_end().to_owned())
            })
            .collect()
    };
    let mut rows: Vec<_> = rows.into_iter().map(named).collect();
    rows.sort();
    rows
}

/// One column of those rows.
pub fn column(rows: &[BTreeMap<String, String>], name: &str) -> Vec<String> {
    rows.iter().map(|row| row[name].clone()).collect()
}

pub async fn number(ground: &Ground, sql: &'static str) -> i64 {
    number_of(&ground.place.url, sql).await
}

/// The same of any database.
pub async fn number_of(url: &str, sql: &'static str) -> i64 {
    let database = Database::open(url.parse().unwrap(), Access::Look).unwrap();
    let mut statement = Sql::new(database.dialect(), Case::Fold);
    statement.push(sql);
    let cell = database.cell(&statement).await.unwrap_or_else(|e| panic!("{database:?}: {e}"));
    database.close().await;
    cell.unwrap().trim().parse().unwrap()
}

pub fn open(ground: &Ground) -> Database {
    Database::open(ground.place.url.parse().unwrap(), Access::Change).unwrap()
}
