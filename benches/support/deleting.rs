//! Ways to delete what is dead: ours, and what others do.

use std::{
    fs,
    path::PathBuf,
    process::{Child, Command, Stdio},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, raw_sql};
use tokio::time::sleep;
use url::Url;

use crate::{
    dead_rows::{Case, SETUP},
    durable::Durable,
    plain_sql::run,
    suites::harness::{databases::Kind, programs::built, wait::stopwatch},
};

/// A way to delete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// `cleanup --apply`.
    Ours { is_kept: bool },
    /// The same without a backup, with a rest after each batch as long as the batch.
    OursGently,
    /// One DELETE, on MariaDB at READ COMMITTED.
    OneDelete,
    /// The same at the isolation that a MariaDB session has by itself.
    OneDeleteByDefault,
    /// `DELETE … WHERE id IN (SELECT … LIMIT 10000)` until there is none.
    InBatches,
    /// WSO2's procedure: a table of 10,000 keys at a time, and a sleep of two seconds.
    Vendors,
    /// Percona's tool, 1,000 rows a transaction, row by row or each transaction in one statement.
    Archiver { is_bulk: bool },
    /// The product's own command.
    ClearTokens,
}

/// What came of it.
pub struct Done {
    pub took: Duration,
    /// The peak of the process that did it; 0 where the bench itself did it.
    pub megabytes: f64,
    pub longest_batch: Option<Duration>,
}

impl Way {
    pub const FEW: [Self; 3] =
        [Self::Ours { is_kept: false }, Self::Ours { is_kept: true }, Self::OneDelete];

    pub fn of_mariadb() -> [Self; 8] {
        [
            Self::Ours { is_kept: false },
            Self::Ours { is_kept: true },
            Self::OursGently,
            Self::OneDelete,
            Self::OneDeleteByDefault,
            Self::Archiver { is_bulk: true },
            Self::Archiver { is_bulk: false },
            Self::Vendors,
        ]
    }

    pub fn of_postgres() -> [Self; 4] {
        [
            Self::Ours { is_kept: false },
            Self::Ours { is_kept: true },
            Self::OneDelete,
            Self::InBatches,
        ]
    }

    pub fn of_django() -> [Self; 4] {
        [
            Self::Ours { is_kept: false },
            Self::Ours { is_kept: true },
            Self::OneDelete,
            Self::ClearTokens,
        ]
    }

    pub fn name(self) -> &'static str {
        match self {
            Self::Ours { is_kept: false } => "ours",
            Self::Ours { is_kept: true } => "ours, backup",
            Self::OursGently => "ours, --nice 1",
            Self::OneDelete => "one DELETE",
            Self::OneDeleteByDefault => "one DELETE, REPEATABLE READ",
            Self::InBatches => "IN (… LIMIT 10000)",
            Self::Vendors => "the vendor's procedure",
            Self::Archiver { is_bulk: true } => "pt-archiver --bulk-delete",
            Self::Archiver { is_bulk: false } => "pt-archiver",
            Self::ClearTokens => "cleartokens",
        }
    }

    /// `None` where the program is missing.
    pub async fn run(self, server: &Durable, case: &Case, url: &str) -> Option<Done> {
        let (table, dead, key) = (case.table, case.dead, case.key);
        let one = format!("DELETE FROM {table} WHERE {dead}");
        let began = stopwatch();
        match self {
            Self::Ours { is_kept: true } => return Some(ours(case, url, &[]).await),
            Self::Ours { is_kept: false } => return Some(ours(case, url, &NOT_KEPT).await),
            Self::OursGently => {
                return Some(ours(case, url, &[&NOT_KEPT[..], &["--nice", "1"]].concat()).await);
            }
            Self::OneDelete if server.kind == Kind::MySql => {
                let isolation = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
                run(server.kind, url, &format!("{isolation}; {one}")).await;
            }
            Self::OneDelete | Self::OneDeleteByDefault => run(server.kind, url, &one).await,
            Self::InBatches => {
                let sql = format!(
                    "DELETE FROM {table} WHERE {key} IN (SELECT {key} FROM {table} WHERE {dead} LIMIT 10000)"
                );
                let mut connection = PgConnection::connect(url).await.unwrap();
                while connection
                    .execute(raw_sql(AssertSqlSafe(sql.clone())))
                    .await
                    .unwrap()
                    .rows_affected()
                    > 0
                {}
            }
            Self::Vendors => vendors(case, url).await,
            Self::Archiver { is_bulk } => return archiver(case, url, is_bulk).await,
            Self::ClearTokens => {
                let mut command = Command::new(python()?);
                command.args([SETUP, "cleartokens"]).env("DATABASE", url);
                return Some(watched(&mut command).await.0);
            }
        }
        Some(Done { took: began.elapsed(), megabytes: 0.0, longest_batch: None })
    }
}

async fn ours(case: &Case, url: &str, flags: &[&str]) -> Done {
    let mut command = Command::new(built("tokenkeeper-worker"));
    command.args(["cleanup", case.policy, "--apply", "--json"]).args(flags);
    command.env("TOKENKEEPER_CLEANUP_DATABASE_URL", url);
    let (mut done, said) = watched(&mut command).await;
    let report: serde_json::Value = serde_json::from_str(&said).unwrap();
    let longest = report["targets"].as_array().unwrap().iter();
    let longest = longest.map(|target| target["longest_batch_ms"].as_u64().unwrap()).max();
    done.longest_batch = longest.map(Duration::from_millis);
    done
}

/// Its access-token part, without the logging.
async fn vendors(case: &Case, url: &str) {
    let mut connection = MySqlConnection::connect(url).await.unwrap();
    let (table, key, dead) = (case.table, case.key, case.dead);
    let mut execute = async |sql: String| {
        connection.execute(raw_sql(AssertSqlSafe(sql))).await.unwrap().rows_affected()
    };
    execute(format!(
        "CREATE TABLE chunk (PRIMARY KEY ({key})) SELECT {key} FROM {table} WHERE {dead}"
    ))
    .await;
    loop {
        execute("DROP TABLE IF EXISTS batch".to_owned()).await;
        execute(format!("CREATE TABLE batch SELECT {key} FROM chunk LIMIT 10000")).await;
        if execute(format!("DELETE a FROM {table} a INNER JOIN batch b ON a.{key} = b.{key}")).await
            == 0
        {
            break;
        }
        execute(format!("DELETE a FROM chunk a INNER JOIN batch b ON a.{key} = b.{key}")).await;
        sleep(Duration::from_secs(2)).await;
    }
}

async fn archiver(case: &Case, url: &str, is_bulk: bool) -> Option<Done> {
    let url = Url::parse(url).unwrap();
    let (host, port) = (url.host_str().unwrap(), url.port().unwrap());
    let (database, table) = (url.path().trim_start_matches('/'), case.table);
    let source = format!("h={host},P={port},D={database},t={table},u=root");
    let mut command = Command::new("pt-archiver");
    command.args(["--source", &source, "--where", case.dead, "--purge", "--limit", "1000"]);
    command.args(["--commit-each", "--no-check-charset", "--no-version-check"]);
    command.args(is_bulk.then_some("--bulk-delete"));
    command.stdout(Stdio::null()).stderr(Stdio::null());
    is_there("pt-archiver").then_some(())?;
    Some(watched(&mut command).await.0)
}

fn is_there(program: &str) -> bool {
    Command::new(program).arg("--version").output().is_ok()
}

/// Runs a program, and looks at its memory.
async fn watched(command: &mut Command) -> (Done, String) {
    let began = stopwatch();
    let mut child = command.stdout(Stdio::piped()).spawn().unwrap();
    let mut peak = 0;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        peak = peak.max(kilobytes(&child));
        sleep(LOOK).await;
    };
    let took = began.elapsed();
    let said = std::io::read_to_string(child.stdout.take().unwrap()).unwrap();
    assert!(status.success(), "{status}: {said}");
    let megabytes = Duration::from_millis(peak).as_secs_f64();
    (Done { took, megabytes, longest_batch: None }, said)
}

fn kilobytes(child: &Child) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    peak.and_then(|peak| peak.trim().trim_end_matches(" kB").parse().ok()).unwrap_or_default()
}

/// A Python with django-oauth-toolkit: the variable's, or `benches/venv` (see `benches/run`).
pub fn python() -> Option<PathBuf> {
    let own = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/venv/bin/python"));
    own.exists().then_some(own)
}

const NOT_KEPT: [&str; 2] = ["--backup", "none"];
const LOOK: Duration = Duration::from_millis(20);
