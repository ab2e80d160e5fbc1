//! The SQL and the evaluator in Rust agree on every row, reason by reason.

use std::{collections::BTreeMap, collections::BTreeSet};

use fastrand::Rng;
use tokenkeeper_worker::cleanup::{
    columns::{self, Read},
    cutoff::DatabaseClock,
    database::Database,
    evaluate::{Evaluator, Row, Tables},
    policy::{Identifier, Policy, Target, shipped},
    predicate,
    sql::Sql,
    survey::catalog::TableName,
};

use crate::{
    ground::{Ground, ZONES, in_zones},
    harness::long::is_wanted,
    random::{Chance, Filling, compared, fillings, key},
};

#[tokio::test(flavor = "multi_thread")]
async fn sql_and_rust_agree_on_random_rows_of_each_policy_in_each_zone() {
    let policies = shipped().unwrap();
    let names: Vec<_> = policies.keys().map(String::as_str).collect();
    let doomed = std::sync::Mutex::new(BTreeSet::new());
    // With summer time, and without: the other two show no more, and a run of all four takes its time.
    let zones = if is_wanted() { &ZONES[..] } else { &ZONES[1..3] };
    in_zones(zones, &names, async |ground, policy| {
        // The hours around a change of clocks matter where clocks change.
        let instants = if ground.zone == "America/Chicago" { &NOWS[..] } else { &NOWS[..1] };
        for (seed, now) in (1..).zip(instants) {
            let database = ground.open();
            let offset = database.clock().await.unwrap().server_offset();
            let offset = offset.num_seconds().try_into().unwrap();
            let clock = DatabaseClock::new(now.parse().unwrap(), offset);
            fill(&ground, &database, &policy, clock, seed).await;
            let tables = everything(&database, &policy).await;
            for target in &policy.targets {
                let went = compare(&ground, &database, &policy, target, clock, &tables).await;
                doomed.lock().unwrap().extend(went);
            }
            database.close().await;
        }
    })
    .await;
    // A reason that never holds is not tested at all.
    let doomed = doomed.into_inner().unwrap();
    for policy in policies.values() {
        let reasons = policy.targets.iter().flat_map(|t| t.reasons.iter().map(move |r| (t, r)));
        for (target, reason) in reasons {
            let reason = format!("{} {} {}", policy.name, target.name, reason.name);
            assert!(doomed.contains(&reason), "no row went by {reason}");
        }
    }
}

/// Both say the same of each row; returns the reasons by which rows went.
async fn compare(
    ground: &Ground,
    database: &Database,
    policy: &Policy,
    target: &Target,
    clock: DatabaseClock,
    tables: &Tables,
) -> Vec<String> {
    let mut sql = Sql::new(database.dialect(), policy.case);
    sql.push("SELECT ");
    let reads = columns::of_target(target);
    for reason in &target.reasons {
        sql.push("CASE WHEN ");
        predicate::because(target, reason).render(&mut sql, &clock);
        sql.push(" THEN 'goes' ELSE 'stays' END, ");
    }
    columns(&reads, &mut sql);
    sql.push(" FROM ").table(target.schema.as_ref(), &target.table);
    let evaluator = Evaluator { dialect: database.dialect(), clock, tables };
    let mut went = Vec::new();
    for texts in
        database.rows(&sql).await.unwrap_or_else(|e| panic!("{ground}: {e}: {}", sql.text()))
    {
        let row: Row = reads
            .iter()
            .map(|read| read.column.clone())
            .zip(texts[target.reasons.len()..].iter().cloned())
            .collect();
        for (reason, said) in target.reasons.iter().zip(&texts) {
            let sqls = said.as_deref() == Some("goes");
            let rusts = evaluator.holds(target, reason, &row);
            let named = format!("{} {} {}", policy.name, target.name, reason.name);
            assert_eq!(sqls, rusts, "{ground}, {named}: SQL, then Rust, of {row:?} at {clock:?}");
            if sqls {
                went.push(named);
            }
        }
    }
    went
}

/// All rows of all tables that the policy's conditions look at.
async fn everything(database: &Database, policy: &Policy) -> Tables {
    let mut all: BTreeMap<Identifier, Vec<Read>> = BTreeMap::new();
    let related = policy.targets.iter().flat_map(columns::of_related);
    for (table, reads) in related {
        all.entry(table).or_default().extend(reads);
    }
    let mut tables = Tables::new();
    for (table, reads) in all {
        let mut sql = Sql::new(database.dialect(), policy.case);
        sql.push("SELECT ");
        columns(&reads, &mut sql);
        sql.push(" FROM ").table(policy.targets[0].schema.as_ref(), &table);
        let rows = database.rows(&sql).await.unwrap();
        let named =
            |texts: Vec<_>| reads.iter().map(|read| read.column.clone()).zip(texts).collect();
        tables.insert(table, rows.into_iter().map(named).collect());
    }
    tables
}

fn columns(reads: &[Read], sql: &mut Sql) {
    for (at, read) in reads.iter().enumerate() {
        sql.push(if at == 0 { "" } else { ", " });
        read.render(sql);
    }
}

/// Puts new rows into each table that the policy reads.
pub async fn fill(
    ground: &Ground,
    database: &Database,
    policy: &Policy,
    clock: DatabaseClock,
    seed: u64,
) {
    let graces = policy.targets.iter().flat_map(|t| t.reasons.iter().map(|r| t.grace(r).as_secs()));
    let mut chance = Chance {
        rng: Rng::with_seed(seed),
        clock,
        dialect: database.dialect(),
        graces: graces.map(|seconds| i64::try_from(seconds).unwrap()).collect(),
    };
    let (before, after) = ground.insert();
    for (table, fillings) in fillings(policy, database.dialect()) {
        let rows = rows(database, policy, &table, &fillings, &mut chance).await.join(", ");
        let mut name = Sql::new(database.dialect(), policy.case);
        name.table(policy.targets[0].schema.as_ref(), &table);
        let mut columns = Sql::new(database.dialect(), policy.case);
        columns.names(fillings.keys());
        let (name, columns) = (name.text(), columns.text());
        let insert = format!("{before}{name} ({columns}) VALUES {rows}{after}");
        ground.execute(&format!("DELETE FROM {name};{insert}")).await;
    }
}

/// Rows as lists of literals; none has NULL in its key.
async fn rows(
    database: &Database,
    policy: &Policy,
    table: &Identifier,
    fillings: &BTreeMap<Identifier, Filling>,
    chance: &mut Chance,
) -> Vec<String> {
    let schema = policy.targets[0].schema.as_ref();
    let named = TableName::new(schema, table, database.dialect(), policy.case);
    let types = database.columns(&named).await.unwrap();
    let sql_type = |name: &Identifier| {
        let spelled = name.spelled(database.dialect(), policy.case);
        let found = types.iter().find(|column| column.name == spelled);
        found.unwrap_or_else(|| panic!("{table} has no {name}")).sql_type.clone()
    };
    let of_table = policy.targets.iter().filter(|target| target.table == *table);
    let keys: BTreeSet<_> = of_table.flat_map(|target| &target.key).collect();
    let values = compared(policy);
    let mut rows = Vec::new();
    for number in 1..=ROWS {
        let mut cells = Vec::new();
        for (name, filling) in fillings {
            let of_column = values.get(name).map_or(&[][..], Vec::as_slice);
            let cell = if keys.len() == 1 && keys.contains(name) {
                key(&sql_type(name), number)
            } else {
                chance.cell(name, filling, &sql_type(name), of_column)
            };
            cells.push((keys.contains(name), cell));
        }
        if !cells.iter().any(|(is_key, cell)| *is_key && cell == "NULL") {
            let cells: Vec<_> = cells.into_iter().map(|(_, cell)| cell).collect();
            rows.push(format!("({})", cells.join(", ")));
        }
    }
    rows
}

const ROWS: usize = 120;
/// Midsummer, just after clocks went forward in Chicago, and inside the hour that came twice there.
const NOWS: [&str; 3] = ["2026-07-01T12:00:00Z", "2026-03-08T09:30:00Z", "2026-11-01T07:30:00Z"];
