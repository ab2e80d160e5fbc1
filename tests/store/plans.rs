//! How the databases go about the statement that every pass begins with.

use tokenkeeper_shared::store::DueCursor;

use crate::ground::on_each;
use crate::harness::databases::Kind;
use crate::keeping::{later, noon};

#[test]
fn a_pass_walks_the_index_not_the_table() {
    on_each(async |ground| {
        let store = ground.store().await;
        let first = noon().timestamp_millis();
        let (id, analyze) = match ground.kind() {
            Kind::Sqlite => ("randomblob(16)", "ANALYZE"),
            Kind::Postgres => ("gen_random_uuid()", "ANALYZE tokens"),
            Kind::MySql => ("UNHEX(REPLACE(UUID(), '-', ''))", "ANALYZE TABLE tokens"),
        };
        let rows = format!(
            "INSERT INTO tokens (id, name, provider, state, generation, token_type, refresh_at, \
             updating, uncertain_tries, failures, created_at, updated_at) \
             WITH RECURSIVE digits (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM digits WHERE n < 99), \
             numbers (n) AS (SELECT a.n * 50 + b.n FROM digits AS a JOIN digits AS b ON b.n < 50) \
             SELECT {id}, CONCAT('row-', n), 'example', 'ok', 1, 'Bearer', {first} + n * 1000, \
             FALSE, 0, 0, {first}, {first} FROM numbers"
        );
        ground.run(&rows).await;
        ground.run(analyze).await;
        // Few rows are due on a usual day, and all of them after a long silence.
        for (due, expected) in [(49, 50), (4999, 5000)] {
            let now = later(due);
            let found = store.due(now, DueCursor::default(), u16::MAX).await.unwrap();
            assert_eq!(found.len(), expected);
            let plan = ground.rows(&explained(ground.kind(), now.timestamp_millis())).await;
            // MariaDB and MySQL also name the indexes that they did not take.
            let taken: &[&str] = match ground.kind() {
                Kind::MySql => {
                    &[r#""key": "tokens_by_refresh_at""#, r#""index_name": "tokens_by_refresh_at""#]
                }
                _ => &["tokens_by_refresh_at"],
            };
            let mut told = plan.iter().flatten().flatten();
            assert!(
                told.any(|text| taken.iter().any(|index| text.contains(index))),
                "{expected} due: {plan:?}"
            );
        }
    });
}

/// The statement of `Store::due` for a page of a hundred.
fn explained(kind: Kind, now: i64) -> String {
    let (explain, nil) = match kind {
        Kind::Sqlite => ("EXPLAIN QUERY PLAN", "zeroblob(16)"),
        Kind::Postgres => ("EXPLAIN", "'00000000-0000-0000-0000-000000000000'"),
        Kind::MySql => ("EXPLAIN FORMAT=JSON", "REPEAT('\\0', 16)"),
    };
    format!(
        "{explain} SELECT id, name, refresh_at FROM tokens \
         WHERE refresh_at <= {now} AND refresh_at >= -1 AND NOT (refresh_at = -1 AND id <= {nil}) \
         AND state IN ('new', 'ok') \
         AND (updating = FALSE OR lease_until IS NULL OR lease_until <= {now}) \
         ORDER BY refresh_at, id LIMIT 100"
    )
}
