//! The schema: made once, however many begin, and never taken for another one.

use std::any::Any;
use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::Duration;

use sqlx::{Connection, Executor, MySqlConnection, PgConnection};

use tokenkeeper_shared::seal::Seal;
use tokenkeeper_shared::store::{Role, SCHEMA_CHANGE, SCHEMA_VERSION, Store, StoreError};

use crate::ground::{Ground, at_once, on, on_each};
use crate::harness::databases::Kind;
use crate::keeping::{access_token, kept, noon};

#[test]
fn forty_first_starts_at_once_succeed() {
    on_each(async |ground| {
        let starts = at_once(40, |_| {
            let store = ground.open();
            async move {
                store.migrate().await?;
                store.check_schema().await
            }
        });
        for start in starts.await {
            start.unwrap();
        }
    });
}

#[test]
fn forty_first_looks_at_once_find_no_schema() {
    on_each(async |ground| {
        let looks = at_once(40, |_| {
            let store = ground.open();
            async move { store.schema_version().await }
        });
        for look in looks.await {
            assert_eq!(look.unwrap(), 0);
        }
    });
}

#[test]
fn a_start_waits_while_another_one_migrates() {
    on_each(async |ground| {
        let held = hold_the_lock(&ground).await;
        let store = ground.open();
        let start = tokio::spawn(async move { store.migrate().await });
        while !start.is_finished() && !lock_is_waited_for(&ground).await {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        assert!(!start.is_finished(), "it has not waited");
        assert_eq!(ground.open().schema_version().await.unwrap(), 0);
        drop(held);
        start.await.unwrap().unwrap();
    });
}

/// On paused time: what would be waited for is skipped.
#[tokio::test(start_paused = true)]
async fn a_lock_that_nobody_frees_does_not_hold_a_start_for_ever() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("t.db");
    let url = format!("sqlite://{}", file.display()).parse().unwrap();
    let store = Store::open(url, Seal::Off, Role::Worker).unwrap();
    let held = File::create(format!("{}.lock", file.display())).unwrap();
    held.lock().unwrap();
    let begun = tokio::time::Instant::now();
    let refused = store.migrate().await.unwrap_err();
    assert!(matches!(refused, StoreError::Late), "{refused:?}");
    assert!(begun.elapsed() >= SCHEMA_CHANGE);
}

#[test]
fn migrating_twice_changes_nothing() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = kept(&store, "quartile", noon()).await;
        let sql = "SELECT version, description, installed_on, success FROM _sqlx_migrations";
        let before = (ground.rows(sql).await, ground.row_text("quartile").await);
        store.migrate().await.unwrap();
        ground.open().migrate().await.unwrap();
        let after = (ground.rows(sql).await, ground.row_text("quartile").await);
        assert_eq!(before, after);
        assert_eq!(access_token(&store, &token).unwrap(), "access-1-quartile");
    });
}

#[test]
fn an_empty_database_is_too_old() {
    on_each(async |ground| {
        let refused = ground.open().check_schema().await.unwrap_err();
        assert!(
            matches!(refused, StoreError::SchemaTooOld { found: 0, needed } if needed == SCHEMA_VERSION),
            "{refused:?}"
        );
    });
}

#[test]
fn a_schema_of_a_later_version_is_too_new() {
    on_each(async |ground| {
        let store = ground.store().await;
        store.check_schema().await.unwrap();
        ground.run(LATER_VERSION).await;
        for refused in [store.check_schema().await, store.migrate().await] {
            assert!(
                matches!(refused, Err(StoreError::SchemaTooNew { found: 99, .. })),
                "{refused:?}"
            );
        }
    });
}

#[test]
fn migrating_a_schema_of_a_later_version_changes_nothing() {
    on(&[Kind::Postgres], async |ground| {
        let store = ground.store().await;
        ground.run(LATER_VERSION).await;
        ground.run("DROP VIEW quartile_tokens").await;
        store.migrate().await.unwrap_err();
        let views = "SELECT count(*) FROM pg_class WHERE relname = 'quartile_tokens'";
        assert_eq!(ground.cell(views).await.unwrap(), "0");
    });
}

#[test]
fn a_consumer_that_comes_before_the_file_is_told_so_and_makes_none() {
    on(&[Kind::Sqlite], async |ground| {
        let url = ground.database.url.parse().unwrap();
        let refused = Store::open(url, Seal::Off, Role::Consumer).unwrap_err();
        assert!(matches!(refused, StoreError::NoFile(_)), "{refused:?}");
        assert!(!file(&ground).exists());
    });
}

#[test]
fn the_file_and_its_log_are_their_owners_alone() {
    on(&[Kind::Sqlite], async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        for ending in ["", "-wal", "-shm"] {
            let path = format!("{}{ending}", file(&ground).display());
            let mode = fs::metadata(&path).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600, "{path}");
        }
    });
}

#[test]
fn closing_folds_the_log_into_the_file() {
    on(&[Kind::Sqlite], async |ground| {
        let store = ground.store().await;
        kept(&store, "quartile", noon()).await;
        store.close().await;
        assert!(!PathBuf::from(format!("{}-wal", file(&ground).display())).exists());
        let consumer = ground.open_with(Seal::With(ground.ring.clone()), Role::Consumer);
        consumer.check_schema().await.unwrap();
    });
}

fn file(ground: &Ground) -> PathBuf {
    PathBuf::from(ground.database.url.trim_start_matches("sqlite://"))
}

fn lock_file(ground: &Ground) -> PathBuf {
    PathBuf::from(format!("{}.lock", file(ground).display()))
}

/// Takes the lock as a migrating program does; dropping the value frees it.
async fn hold_the_lock(ground: &Ground) -> Box<dyn Any> {
    let url = &ground.database.url;
    match ground.kind() {
        Kind::Sqlite => {
            let file = File::create(lock_file(ground)).unwrap();
            file.lock().unwrap();
            Box::new(file)
        }
        Kind::Postgres => {
            let mut connection = PgConnection::connect(url).await.unwrap();
            let sql = "SELECT pg_advisory_lock(x'746f6b656e6b7072'::bigint)";
            connection.execute(sql).await.unwrap();
            Box::new(connection)
        }
        Kind::MySql => {
            let mut connection = MySqlConnection::connect(url).await.unwrap();
            let sql = "SELECT GET_LOCK(CONCAT('tokenkeeper.', LEFT(SHA2(DATABASE(), 256), 32)), 0)";
            connection.execute(sql).await.unwrap();
            Box::new(connection)
        }
    }
}

async fn lock_is_waited_for(ground: &Ground) -> bool {
    let count = match ground.kind() {
        Kind::Sqlite => return file_lock_is_waited_for(&lock_file(ground)),
        Kind::Postgres => {
            "SELECT count(*) FROM pg_locks JOIN pg_database ON database = pg_database.oid \
             WHERE locktype = 'advisory' AND NOT granted AND datname = current_database()"
        }
        Kind::MySql => {
            "SELECT COUNT(*) FROM information_schema.processlist \
             WHERE state = 'User lock' AND db = DATABASE()"
        }
    };
    ground.cell(count).await.unwrap() != "0"
}

/// Who waits asks again and again, through a handle of its own beside ours.
fn file_lock_is_waited_for(path: &PathBuf) -> bool {
    let opened = fs::read_dir("/proc/self/fd").unwrap().filter_map(Result::ok);
    opened.filter(|file| fs::read_link(file.path()).is_ok_and(|target| target == *path)).count() > 1
}

const LATER_VERSION: &str = "UPDATE _sqlx_migrations SET version = 99 WHERE version = 2";
