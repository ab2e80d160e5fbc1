//! Scripts for databases that cannot be run here: parsed by others' parsers, and their conditions, carried over to
//! PostgreSQL by one of these, held against ours on random rows.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Row, raw_sql};
use tokenkeeper_worker::cleanup::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Case, Policy, Target, shipped},
    predicate,
    script::script,
    sql::Sql,
};

use crate::{
    agreement::fill,
    ground::Ground,
    harness::{databases::Kind, programs::Program},
    parsers::python,
};

/// Sets to NULL what of such columns is so.
macro_rules! columns {
    ($such:literal, $so:literal) => {
        concat!(
            "DO $$ DECLARE of record; BEGIN FOR of IN SELECT table_schema, table_name, column_name \
             FROM information_schema.columns WHERE table_schema IN ('public', 'dbo', 'dmscs') AND ",
            $such,
            " LOOP EXECUTE format('UPDATE %I.%I SET %3$I = NULL WHERE ",
            $so,
            "', of.table_schema, of.table_name, of.column_name); END LOOP; END $$"
        )
    };
}

#[tokio::test(flavor = "multi_thread")]
async fn scripts_pick_the_rows_that_we_would_as_far_as_another_can_say() {
    let now: DateTime<Utc> = "2026-07-01T12:00:00Z".parse().unwrap();
    let all = shipped().unwrap();
    let cases =
        || all.values().flat_map(|policy| dialects(policy).map(move |dialect| (policy, dialect)));
    let told =
        python("meaning", cases().map(|(policy, dialect)| job(policy, dialect, now)).collect());
    let mut told = told.into_iter();
    for policy in all.values().filter(|policy| dialects(policy).count() > 0) {
        let ground = Ground::new(Kind::Postgres, "UTC", &policy.name).await;
        ground.execute(CARRIED).await;
        let selects: Vec<_> = dialects(policy).zip(told.by_ref()).collect();
        let mut dead = BTreeSet::new();
        for seed in SEEDS {
            let (database, clock) = (ground.open(), DatabaseClock::new(now, 0));
            fill(&ground, &database, policy, clock, seed).await;
            ground.execute(FINITE).await;
            for (dialect, selects) in &selects {
                if *dialect == Dialect::Oracle {
                    ground.execute(EMPTY_IS_NULL).await;
                }
                for (target, select) in policy.targets.iter().zip(selects.as_array().unwrap()) {
                    let ours = database.rows(&doomed(policy, target, clock)).await.unwrap();
                    let ours: Keys = ours.into_iter().collect();
                    dead.extend((!ours.is_empty()).then_some(&target.name));
                    let named = format!("{} {} {dialect}", policy.name, target.name);
                    compare(&ground, select.as_str().unwrap(), now, &ours, &named).await;
                }
            }
            database.close().await;
        }
        assert_eq!(
            dead.len(),
            policy.targets.len(),
            "{}: only of {dead:?} rows are dead",
            policy.name
        );
    }
}

async fn compare(ground: &Ground, select: &str, now: DateTime<Utc>, ours: &Keys, named: &str) {
    let theirs = picked(ground, select, now, named).await;
    assert!(theirs.is_subset(ours), "{named}: {:?}", theirs.difference(ours));
    // They cut seconds off where their databases reckon in days, and read the server's wall clock an hour early:
    // rows stay so much longer.
    let late = if select.contains("-1 HOUR") || select.contains(", -1)") { 3602 } else { 2 };
    let soon = picked(ground, select, now + TimeDelta::seconds(late), named).await;
    assert!(ours.is_subset(&soon), "{named}: {:?}", ours.difference(&soon));
}

#[test]
fn two_parsers_understand_a_script_whole() {
    let now = "2026-07-01T12:00:00Z".parse().unwrap();
    let policy = Policy::parse("own.toml", OWN).unwrap();
    let jobs: Vec<_> = BOTH.map(|dialect| job(&policy, dialect, now)).into();
    for script in jobs.iter().map(|job| job["script"].as_str().unwrap()) {
        // What nobody may read into a text, an identifier or a comment.
        assert!(script.is_ascii() && !script.contains("$(") && !script.contains('&'), "{script}");
        assert!(
            !script.lines().any(|line| matches!(line.trim(), "GO" | "DROP TABLE x;")),
            "{script}"
        );
        assert!(script.contains("'it''s'"), "{script}");
    }
    for (job, wrong) in jobs.iter().zip(python("parse", jobs.clone())) {
        assert_eq!(wrong, json!([]), "{}", job["script"].as_str().unwrap());
    }
}

#[test]
fn a_script_looks_only_and_is_for_databases_that_are_not_reached() {
    let script = |dialect: &str, policy: &str| {
        Program::worker().args(["cleanup", "script", policy, "--dialect", dialect]).run()
    };
    for (dialect, switch) in
        [("sqlserver", "DECLARE @apply bit = 0;"), ("oracle", "EXECUTE :apply := 0")]
    {
        let told = script(dialect, "wso2-token");
        assert_eq!(told.code, Some(0), "{told:?}");
        let (before, after) = told.stdout.split_once(switch).unwrap();
        assert!(before.contains("NEVER RUN"), "{before}");
        let stop = after.find("nothing was changed").unwrap();
        for change in ["DELETE FROM", "INSERT INTO", "CREATE TABLE", "\n    INTO "] {
            assert!(after.find(change).is_none_or(|at| at > stop), "{dialect}: {change}");
        }
    }
    let other = script("oracle", "edfi-ods");
    assert_eq!(other.code, Some(2), "{other:?}");
    assert!(other.stderr.contains("generated_only"), "{other:?}");
    assert_eq!(script("postgres", "edfi-ods").code, Some(2));
}

/// The databases that a policy is but generated for.
fn dialects(policy: &Policy) -> impl Iterator<Item = Dialect> {
    BOTH.into_iter().filter(|dialect| policy.dialects.contains_key(dialect))
}

fn job(policy: &Policy, dialect: Dialect, now: DateTime<Utc>) -> Value {
    json!({
        "dialect": dialect,
        "script": script(policy, dialect, now).unwrap(),
        "fold": policy.case == Case::Fold,
        "now": NOW,
        "keys": policy.targets.iter().map(|target| &target.key).collect::<Vec<_>>(),
    })
}

/// The keys of the rows that we would delete.
fn doomed(policy: &Policy, target: &Target, clock: DatabaseClock) -> Sql {
    let mut sql = Sql::new(Dialect::Postgres, policy.case);
    for (at, key) in target.key.iter().enumerate() {
        sql.push(if at == 0 { "SELECT CAST(" } else { ", CAST(" }).name(key).push(" AS text)");
    }
    sql.push(" FROM ").table(target.schema.as_ref(), &target.table).push(" WHERE ");
    predicate::doomed(target).render(&mut sql, &clock);
    sql
}

async fn picked(ground: &Ground, select: &str, now: DateTime<Utc>, named: &str) -> Keys {
    let sql = select.replace(NOW, &now.format("%Y-%m-%d %H:%M:%S").to_string());
    let mut connection = PgConnection::connect(&ground.place.url).await.unwrap();
    let rows = raw_sql(AssertSqlSafe(sql.clone())).fetch_all(&mut connection).await;
    let rows = rows.unwrap_or_else(|error| panic!("{named}: {error}: {sql}"));
    connection.close().await.unwrap();
    rows.iter().map(|row| (0..row.len()).map(|at| row.get(at)).collect()).collect()
}

/// Stands for the time in what comes back.
const NOW: &str = "the time";
/// What a key's columns hold, as text.
type Keys = BTreeSet<Vec<Option<String>>>;

/// Of each target some rows are dead with one of them.
const SEEDS: [u64; 3] = [1, 2, 3];
const BOTH: [Dialect; 2] = [Dialect::SqlServer, Dialect::Oracle];

/// What PostgreSQL lacks of the functions that stay as they are.
const CARRIED: &str = "
CREATE FUNCTION datalength(text) RETURNS integer LANGUAGE sql AS 'SELECT octet_length($1)';
CREATE FUNCTION numtodsinterval(numeric, text) RETURNS interval LANGUAGE sql AS 'SELECT make_interval(secs => $1::float8)';
CREATE FUNCTION script_wall(text, integer) RETURNS timestamp LANGUAGE sql
    AS 'SELECT CAST($1 AS timestamp) + make_interval(hours => $2)';
CREATE FUNCTION script_date(text) RETURNS timestamp LANGUAGE sql AS 'SELECT CAST($1 AS timestamp)';
CREATE FUNCTION script_days(timestamp) RETURNS numeric LANGUAGE sql
    AS 'SELECT EXTRACT(EPOCH FROM date_trunc(''second'', $1)) / 86400';
";

/// The two databases have no infinity.
const FINITE: &str = columns!("data_type LIKE 'timestamp%'", "NOT isfinite(%3$I)");
const EMPTY_IS_NULL: &str =
    columns!("is_nullable = 'YES' AND data_type IN ('text', 'character varying')", "%3$I = ''''");

/// All that a script may hold, and words that mean something to those who read it before the database.
const OWN: &str = r#"
name = "own"
product = "a shop\nGO\nDROP TABLE x;"
versions = "1 $(x) & ä */"
dialects = { sqlserver = "generated_only", oracle = "generated_only" }
notes = "one\u2028two\r/\n--"
[[target]]
name = "session"
schema = "app"
table = "web_session"
optional = true
key = ["id"]
state = "status"
grace = "1d"
secrets = { token = "hash" }
columns = { id = "integer", status = "text", token = "text", begun = { time = "utc_naive" }, life = { duration = "s", never_from = 9 }, ends = { time = "session_naive(America/Chicago)" } }
expiries.session = { at = "begun", duration = "life" }
expiries.refresh = { at = "ends", token = "token" }
[[target.reason]]
name = "logged-out"
states = ["it's", "a\nGO\n/\n", "$(x)", "&y", "ä", "'; DROP TABLE x; --"]
past = ["session", "refresh"]
[[target.child]]
table = "web_scope_detail"
parent = "web_scope"
on = { scope_id = "id" }
optional = true
[[target.child]]
table = "web_scope"
on = { session_id = "id" }
[[target.child]]
table = "web_note"
on = { session_token = "token" }
orphaned = true
secrets = { session_token = "hash" }
"#;
