//! A server as it should run where tokens are kept: it makes sure of a commit before it acknowledges
//! it. The harness's own servers do not.

use std::time::Duration;

use sqlx::{Connection, MySqlConnection, PgConnection};

use crate::{
    plain_sql,
    suites::harness::{
        databases::Kind,
        keeper::{Keeper, Recipe, free_port},
        product::Product,
    },
};

/// A running server with an empty database; it stops when this value goes.
pub struct Durable {
    pub kind: Kind,
    pub url: String,
    _keeper: Keeper,
}

impl Durable {
    pub async fn start(kind: Kind) -> Self {
        // Room for all that any step writes: MariaDB makes everybody wait while it makes room in a full log.
        Self::with_log(kind, "2G").await
    }

    /// With a redo log of MariaDB of that size.
    pub async fn with_log(kind: Kind, log: &str) -> Self {
        let (product, scheme) = match kind {
            Kind::Postgres => (Product::Postgres, "postgres://postgres"),
            Kind::MySql => (Product::mysql(), "mysql://root"),
            Kind::Sqlite => panic!("SQLite has no server"),
        };
        let recipe = product.recipe();
        let start = recipe
            .start
            .replace("fsync=off", "fsync=on")
            .replace("full_page_writes=off", "full_page_writes=on")
            .replace("flush-log-at-trx-commit=2", "flush-log-at-trx-commit=1")
            .replace("innodb-log-file-size=8M", &format!("innodb-log-file-size={log}"))
            // From the start: with a buffer pool that grew later, one DELETE took 1.8 times as long.
            .replace("innodb-buffer-pool-size=64M", "innodb-buffer-pool-size=4G");
        let keeper =
            Keeper::prepare(&Recipe { start: Box::leak(start.into_boxed_str()), ..recipe });
        let port = free_port();
        keeper.start(port);
        let url = |database| format!("{scheme}@127.0.0.1:{port}/{database}");
        let first = url(product.first_database());
        wait_for(kind, &first).await;
        plain_sql::run(kind, &first, "CREATE DATABASE bench").await;
        Self { kind, url: url("bench"), _keeper: keeper }
    }
}

async fn wait_for(kind: Kind, url: &str) {
    for _ in 0..ATTEMPTS {
        let connected = match kind {
            Kind::MySql => MySqlConnection::connect(url).await.is_ok(),
            _ => PgConnection::connect(url).await.is_ok(),
        };
        if connected {
            return;
        }
        tokio::time::sleep(PAUSE).await;
    }
    panic!("the server does not start");
}

const ATTEMPTS: u32 = 600;
const PAUSE: Duration = Duration::from_millis(100);
