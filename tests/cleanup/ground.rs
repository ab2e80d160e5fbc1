//! Where clean-up runs: a product's tables on a database whose server has a time zone. The tables' rows are
//! the tests' concern.

use sqlx::{
    AssertSqlSafe, ConnectOptions, Connection, Executor, MySqlConnection, PgConnection,
    SqliteConnection, mysql::MySqlConnectOptions, raw_sql, sqlite::SqliteConnectOptions,
};
use tokio::sync::{Mutex, RwLock};

use tokenkeeper_worker::cleanup::{
    database::{Access, Database},
    policy::{Policy, shipped},
};

use crate::{
    harness::{
        databases::{self, Kind},
        long,
        servers::mysql,
    },
    tables::tables,
};

/// UTC and what lies around it: without summer time, with it, and with half an hour.
pub const ZONES: [&str; 4] = ["UTC", "Asia/Tokyo", "America/Chicago", "Asia/Kolkata"];

/// MariaDB and MySQL have one zone for all that connect: who sets another than UTC holds this alone.
static MYSQL_ZONE: RwLock<()> = RwLock::const_new(());
/// A zone's rules are loaded by one test, not by two at the same moment.
static ZONES_LOADED: Mutex<()> = Mutex::const_new(());

/// Runs the test on each kind of database in each zone, one after the other.
pub async fn in_each_zone(policies: &[&str], test: impl AsyncFn(Ground, Policy)) {
    in_zones(&ZONES, policies, test).await;
}

/// The same in some zones.
pub async fn in_zones(
    zones: &[&'static str],
    policies: &[&str],
    test: impl AsyncFn(Ground, Policy),
) {
    let all = shipped().unwrap();
    for kind in databases::each() {
        for zone in zones {
            let _held = match (kind, *zone) {
                (Kind::MySql, "UTC") => (Some(MYSQL_ZONE.read().await), None),
                (Kind::MySql, _) => (None, Some(MYSQL_ZONE.write().await)),
                _ => (None, None),
            };
            for name in policies {
                let policy = without_schema(kind, &all[*name]);
                test(Ground::new(kind, zone, name).await, policy).await;
            }
        }
    }
}

/// Elsewhere than on PostgreSQL the database stands for the schema.
fn without_schema(kind: Kind, policy: &Policy) -> Policy {
    let mut policy = policy.clone();
    if kind != Kind::Postgres {
        policy.targets.iter_mut().for_each(|target| target.schema = None);
    }
    policy
}

pub struct Ground {
    pub zone: &'static str,
    pub place: databases::Database,
}

impl Ground {
    pub async fn new(kind: Kind, zone: &'static str, fixture: &str) -> Self {
        let place = databases::Database::fresh(kind);
        let ground = Self { zone, place };
        match kind {
            Kind::Postgres => {
                let name = ground.place.name();
                let set = format!(
                    "ALTER DATABASE {name} SET timezone = '{zone}'; CREATE SCHEMA dbo; CREATE SCHEMA dmscs"
                );
                ground.execute(&set).await;
            }
            Kind::MySql => {
                let _alone = ZONES_LOADED.lock().await;
                mysql().live_in(zone);
            }
            Kind::Sqlite => {}
        }
        ground.execute(&tables(kind, fixture)).await;
        ground
    }

    /// Of cases that every database is to stand, those for this one: each is tried on one of them every day, and on
    /// all of them in the long runs.
    pub fn share<Case: Copy>(&self, cases: &[Case]) -> Vec<Case> {
        let is_its_turn = |at: usize| long::is_wanted() || at % 3 == self.place.kind as usize;
        let numbered = cases.iter().enumerate();
        numbered.filter(|(at, _)| is_its_turn(*at)).map(|(_, case)| *case).collect()
    }

    pub fn open(&self) -> Database {
        Database::open(self.place.url.parse().unwrap(), Access::Look).unwrap()
    }

    /// Runs SQL as the product's own sessions would, without looking at foreign keys.
    pub async fn execute(&self, sql: &str) {
        let url = &self.place.url;
        let sql = |before: &str| raw_sql(AssertSqlSafe(format!("{before};{sql}")));
        let done = match self.place.kind {
            Kind::Sqlite => {
                let options: SqliteConnectOptions = url.parse().unwrap();
                let options = options.create_if_missing(true);
                let mut connection: SqliteConnection = options.connect().await.unwrap();
                connection.execute(sql("PRAGMA foreign_keys = OFF")).await.map(drop)
            }
            Kind::Postgres => {
                let mut connection = PgConnection::connect(url).await.unwrap();
                connection.execute(sql("SET session_replication_role = replica")).await.map(drop)
            }
            Kind::MySql => {
                let options: MySqlConnectOptions = url.parse().unwrap();
                let mut connection: MySqlConnection =
                    options.timezone(None).connect().await.unwrap();
                connection.execute(sql("SET sql_mode = '', foreign_key_checks = 0")).await.map(drop)
            }
        };
        done.unwrap_or_else(|error| panic!("{self}: {error}"));
    }

    /// The beginning of an INSERT that passes over rows whose key is there already, and its end.
    pub fn insert(&self) -> (&'static str, &'static str) {
        match self.place.kind {
            Kind::Sqlite => ("INSERT OR IGNORE INTO ", ""),
            Kind::Postgres => ("INSERT INTO ", " ON CONFLICT DO NOTHING"),
            Kind::MySql => ("INSERT IGNORE INTO ", ""),
        }
    }
}

impl std::fmt::Display for Ground {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "{} in {}", self.place.kind, self.zone)
    }
}
