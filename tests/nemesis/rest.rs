//! After the nemesis: one quiet pass must heal every row, and what other hosts still have in their
//! journals must not undo it.

use super::{
    consumers::came,
    ground::{Ground, names},
    history::Came,
    host::runtime,
    judge::Violation,
    sql,
};
use crate::harness::databases::Kind;

pub fn rest(ground: &Ground) -> Vec<Violation> {
    let database = &ground.database;
    sql::run(database, "UPDATE tokens SET lease_until = 1, last_login_at = 1, refresh_at = 1");
    let mut found = Vec::new();
    for host in &ground.hosts {
        let run = host.worker(&["run"]).run();
        if run.code != Some(0) {
            let what = format!("a quiet pass: {run:?}");
            found.push(Violation { rule: "I5", name: None, what });
        }
        found.extend(ill(ground));
    }
    found
}

/// How many answers were committed.
pub fn generations(ground: &Ground) -> i64 {
    count(ground, "SUM(generation)", "TRUE")
}

fn ill(ground: &Ground) -> Vec<Violation> {
    let violation = |name: Option<String>, what| Violation { rule: "I5", name, what };
    let mut found = Vec::new();
    let unwell = count(ground, "COUNT(*)", "state <> 'ok' OR updating");
    if unwell > 0 {
        found.push(violation(None, format!("{unwell} rows are not ok, or still updating")));
    }
    let consumer = ground.consumer();
    for name in names() {
        let given = runtime().block_on(consumer.token(&name));
        match came(given, &ground.sandbox) {
            Came::Token { active: true, .. } => {}
            Came::Token { generation, .. } => {
                found.push(violation(Some(name), format!("generation {generation} is dead")));
            }
            Came::Refused(what) | Came::Outage(what) | Came::Odd(what) => {
                found.push(violation(Some(name), what));
            }
        }
    }
    found
}

fn count(ground: &Ground, what: &str, condition: &str) -> i64 {
    let text = match ground.database.kind {
        Kind::MySql => "CHAR(20)",
        Kind::Sqlite | Kind::Postgres => "VARCHAR(20)",
    };
    let query = format!("SELECT CAST({what} AS {text}) FROM tokens WHERE {condition}");
    let counted = sql::cell(&ground.database, &query).expect("a number");
    counted.trim().parse().expect("a number")
}
