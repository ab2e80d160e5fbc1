//! Plain rows, which PostgreSQL deletes without picking them: while somebody holds them, and where that
//! cannot be done.

use crate::{
    cleaning::{column, number, program, rows},
    ground::in_zones,
    harness::databases::Kind,
};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_renewed_while_the_cleaner_waits_for_it_survives() {
    in_zones(&["UTC"], &["edfi-ods"], async |ground, policy| {
        // SQLite lets one write at a time.
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        let (schema, pause) = match ground.place.kind {
            Kind::Postgres => ("dbo.", "SELECT pg_sleep(1)"),
            _ => ("", "DO SLEEP(1)"),
        };
        let id = "00000000-0000-0000-0000-00000000000";
        let dead = format!(
            "INSERT INTO {schema}ClientAccessTokens (Id, Expiration) VALUES ('{id}1', '2020-01-01'), ('{id}2', '2020-01-01')"
        );
        ground.execute(&dead).await;
        let renewal = format!(
            "BEGIN; UPDATE {schema}ClientAccessTokens SET Expiration = '2199-01-01' WHERE Id = '{id}2'; {pause}; COMMIT"
        );
        let renewing = ground.execute(&renewal);
        let cleaning = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let mut cleaner = program(&ground, &policy, &["--apply", "--slot", "s"]);
            tokio::task::spawn_blocking(move || cleaner.run()).await.unwrap()
        };
        let ((), done) = tokio::join!(renewing, cleaning);
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        let left = rows(&ground, &policy, "ClientAccessTokens").await;
        assert_eq!(column(&left, "id"), [format!("{id}2")], "{ground}: {done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_stays_locked_is_passed_over_and_the_rest_goes() {
    in_zones(&["UTC"], &["edfi-ods"], async |ground, policy| {
        let (schema, pause) = match ground.place.kind {
            // SQLite lets one write at a time.
            Kind::Sqlite => return,
            Kind::Postgres => ("dbo.", "SELECT pg_sleep(60)"),
            Kind::MySql => ("", "DO SLEEP(60)"),
        };
        let id = "00000000-0000-0000-0000-00000000000";
        let dead = format!(
            "INSERT INTO {schema}ClientAccessTokens (Id, Expiration) VALUES ('{id}1', '2020-01-01'), ('{id}2', '2020-01-01')"
        );
        ground.execute(&dead).await;
        let holding = format!(
            "BEGIN; UPDATE {schema}ClientAccessTokens SET Scope = 'held' WHERE Id = '{id}2'; {pause}; ROLLBACK"
        );
        let cleaning = async {
            tokio::time::sleep(std::time::Duration::from_millis(300)).await;
            let mut cleaner = program(&ground, &policy, &["--apply", "--slot", "s"]);
            tokio::task::spawn_blocking(move || cleaner.run()).await.unwrap()
        };
        let done = tokio::select! {
            () = ground.execute(&holding) => panic!("{ground}: the cleaner waits for the row"),
            done = cleaning => done,
        };
        assert_eq!(done.code, Some(3), "{ground}: {done:?}");
        assert!(done.stdout.contains("1 rows deleted"), "{ground}: {done:?}");
        assert!(done.stdout.contains("1 dead rows are left"), "{ground}: {done:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partitioned_table_is_refused_in_words() {
    in_zones(&["UTC"], &["edfi-ods"], async |ground, policy| {
        // What the others call so is walked over as any table.
        if ground.place.kind != Kind::Postgres {
            return;
        }
        ground.execute(PARTITIONED).await;
        let refused = program(&ground, &policy, &["--apply", "--slot", "s"]).run();
        assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
        assert!(
            refused.stderr.contains("is a partitioned or foreign table"),
            "{ground}: {refused:?}"
        );
        assert_eq!(number(&ground, RUNS).await, 0, "{ground}: {refused:?}");
    })
    .await;
}

const RUNS: &str = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM tokenkeeper_cleanup_runs";
const PARTITIONED: &str = "DROP TABLE dbo.ClientAccessTokens; CREATE TABLE dbo.ClientAccessTokens (Id UUID PRIMARY KEY, \
     Expiration TIMESTAMP, Scope VARCHAR(100), ApiClient_ApiClientId BIGINT) PARTITION BY HASH (Id); \
     CREATE TABLE dbo.part PARTITION OF dbo.ClientAccessTokens FOR VALUES WITH (MODULUS 1, REMAINDER 0); \
     INSERT INTO dbo.ClientAccessTokens (Id, Expiration) VALUES ('00000000-0000-0000-0000-000000000001', '2020-01-01')";
