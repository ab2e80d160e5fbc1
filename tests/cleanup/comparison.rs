//! What published clean-ups do to rows that they misjudge, on each database in each zone, and what ours does to
//! the same rows. `docs/cleanup-comparison.md` is what these runs come to. Who fills the tables and runs ours is the
//! tests' concern.

#[path = "comparison/clock.rs"]
mod clock;
#[path = "comparison/family.rs"]
mod family;
#[path = "comparison/page.rs"]
mod page;
#[path = "comparison/rules.rs"]
mod rules;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use tokenkeeper_worker::cleanup::{
    database::{Database, Session},
    policy::{Case, Policy},
    sql::Sql,
};

use self::{
    clock::Clock,
    family::{FAMILIES, Family, Fate, Row},
    rules::{RULES, Rule, Step},
};
use crate::{cleaning::open, ground::Ground, harness::databases::Kind};

/// What became of the rows of some policies' fixtures.
pub struct Comparison {
    cells: Mutex<Cells>,
}

impl Comparison {
    pub fn new() -> Self {
        Self { cells: Mutex::default() }
    }

    /// Executes the published rules, and undoes each.
    pub async fn before(&self, ground: &Ground, policy: &Policy) {
        let of_policy = |(_, rule): &(usize, &Rule)| rule.policy == policy.name;
        let (database, mut session) = connect(ground).await;
        for (number, rule) in RULES.iter().enumerate().filter(of_policy) {
            let gone = published(ground, &mut session, rule).await;
            self.put(ground, &policy.name, Some(number), gone);
        }
        session.close().await;
        database.close().await;
    }

    /// Looks at what ours has left: no live row went, no dead one stayed.
    pub async fn after(&self, ground: &Ground, policy: &Policy) {
        let (database, mut session) = connect(ground).await;
        let gone = gone(ground, &mut session, &policy.name).await;
        session.close().await;
        database.close().await;
        let rows = family(&policy.name).rows.iter();
        let wrong: Vec<_> =
            rows.filter(|row| is_wrong(row, &gone)).map(|row| (row.table, row.key)).collect();
        assert!(wrong.is_empty(), "{ground}: {wrong:?}");
        self.put(ground, &policy.name, None, gone);
    }

    /// The documentation tells the same.
    pub fn assert_told(self) {
        page::tell(&self.cells.into_inner().unwrap());
    }

    fn put(&self, ground: &Ground, policy: &str, rule: Option<usize>, gone: Gone) {
        let place = (ground.place.kind.to_string(), ground.zone);
        self.cells.lock().unwrap().insert((rule, place, family(policy).policy), gone);
    }
}

fn family(policy: &str) -> &'static Family {
    FAMILIES.iter().find(|family| family.policy == policy).unwrap()
}

async fn connect(ground: &Ground) -> (Database, Session) {
    let database = open(ground);
    let session = database.session().await.unwrap();
    (database, session)
}

/// The tables and keys of rows that have gone.
type Gone = BTreeSet<(&'static str, &'static str)>;
/// By rule (none: ours), database and zone, and policy.
type Cells = BTreeMap<(Option<usize>, (String, &'static str), &'static str), Gone>;

/// Whether it is a live one that went, or a dead one that stayed.
fn is_wrong(row: &Row, gone: &Gone) -> bool {
    let has_gone = gone.contains(&(row.table, row.key));
    match row.fate {
        Fate::Alive => has_gone,
        Fate::Dead => !has_gone,
        Fate::Either => false,
    }
}

/// Which rows a published rule deletes; they are back afterwards.
async fn published(ground: &Ground, session: &mut Session, rule: &Rule) -> Gone {
    let clock = Clock::of(ground);
    session.begin().await.unwrap();
    for statement in clock.set() {
        run(session, ground, statement).await;
    }
    for step in (rule.steps)(&clock) {
        step.go(session, ground).await;
    }
    let gone = gone(ground, session, rule.policy).await;
    session.roll_back().await.unwrap();
    gone
}

impl Step {
    async fn go(self, session: &mut Session, ground: &Ground) {
        let Self { table, by, condition, at_least } = self;
        let chunk =
            format!("CREATE TEMPORARY TABLE chunk AS SELECT {by} FROM {table} WHERE {condition}");
        run(session, ground, chunk).await;
        let count = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM chunk".to_owned();
        let count: i64 = texts(session, ground, count).await[0].trim().parse().unwrap();
        if count >= at_least {
            let delete = format!("DELETE FROM {table} WHERE {by} IN (SELECT {by} FROM chunk)");
            run(session, ground, delete).await;
        }
        // Without that word MariaDB commits.
        let temporary = if ground.place.kind == Kind::MySql { "TEMPORARY " } else { "" };
        run(session, ground, format!("DROP {temporary}TABLE chunk")).await;
    }
}

/// Which of the family's rows are not there, as this session sees it.
async fn gone(ground: &Ground, session: &mut Session, policy: &str) -> Gone {
    let family = family(policy);
    let mut gone: Gone = family.rows.iter().map(|row| (row.table, row.key)).collect();
    for (table, key) in family.tables {
        let is_apart = family.policy == "edfi-ods" && ground.place.kind == Kind::Postgres;
        let schema = if is_apart { "dbo." } else { "" };
        let left = format!("SELECT CONCAT({key}) FROM {schema}{table}");
        for key in texts(session, ground, left).await {
            let known = gone.iter().find(|row| *row == &(*table, key.as_str())).copied();
            // Each row is told of once.
            assert!(known.is_some_and(|row| gone.remove(&row)), "{ground}: {table}, {key}");
        }
    }
    gone
}

async fn run(session: &mut Session, ground: &Ground, statement: String) {
    let sql = sql(session, statement);
    session.run(&sql).await.unwrap_or_else(|e| panic!("{ground}: {e}: {}", sql.text()));
}

/// The one column of the rows.
async fn texts(session: &mut Session, ground: &Ground, statement: String) -> Vec<String> {
    let sql = sql(session, statement);
    let rows = session.rows(&sql).await;
    let rows = rows.unwrap_or_else(|e| panic!("{ground}: {e}: {}", sql.text()));
    rows.into_iter().map(|mut row| row.remove(0).unwrap()).collect()
}

/// Statements take words of the program alone; a test may keep its own for good.
fn sql(session: &Session, statement: String) -> Sql {
    let mut sql = Sql::new(session.dialect(), Case::Fold);
    sql.push(statement.leak());
    sql
}
