//! Products' token tables, half of whose rows are dead, and what their applications do with them.

use std::{process::Command, time::Duration};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, raw_sql};
use tokio::time::sleep;

use crate::{
    deleting::python,
    durable::Durable,
    plain_sql::{rows, run, text},
    suites::harness::databases::Kind,
    tables::tables,
};

/// One product's tables.
pub struct Case {
    pub name: &'static str,
    /// The policy's.
    pub policy: &'static str,
    pub table: &'static str,
    pub key: &'static str,
    /// What is dead, in SQL.
    pub dead: &'static str,
    /// Inserts and reads a token of that number.
    pub operation: fn(u32) -> String,
    /// Fills the tables that it refers to.
    parents: &'static str,
    /// Fills the table with so many rows.
    rows: fn(u32) -> String,
}

impl Case {
    /// A table to copy from.
    pub async fn source(&'static self, server: &Durable, rows: u32) -> Source {
        let source = Source { case: self, name: format!("source_{rows}") };
        let url = source.empty(server, &source.name).await;
        run(server.kind, &url, &(self.rows)(rows)).await;
        if server.kind == Kind::Postgres {
            run(server.kind, &url, &format!("VACUUM ANALYZE {}", self.table)).await;
        }
        source
    }

    /// How many rows are dead.
    pub async fn dead(&self, kind: Kind, url: &str) -> u64 {
        let cast = if kind == Kind::Postgres { "text" } else { "CHAR" };
        let sql =
            format!("SELECT CAST(COUNT(*) AS {cast}) FROM {} WHERE {}", self.table, self.dead);
        text(kind, url, &sql).await.parse().unwrap()
    }
}

/// A filled table that stays as it is.
pub struct Source {
    pub case: &'static Case,
    name: String,
}

impl Source {
    /// A database with a copy of the table, read once; returns its URL.
    pub async fn copy(&self, server: &Durable) -> String {
        let (kind, case) = (server.kind, self.case);
        let url = if kind == Kind::Postgres {
            let sql = format!(
                "DROP DATABASE IF EXISTS {COPY}; CREATE DATABASE {COPY} TEMPLATE {}",
                self.name
            );
            // Neither may stand in a transaction, as several statements in one text do.
            for statement in sql.split(';') {
                run(kind, &server.url, statement).await;
            }
            run(kind, &server.url, "CHECKPOINT").await;
            of(server, COPY)
        } else {
            let url = self.empty(server, COPY).await;
            self.import(server, &url).await;
            url
        };
        case.dead(kind, &url).await;
        if kind == Kind::MySql {
            self.read_indexes(&url).await;
            settled(&url).await;
        }
        url
    }

    /// Their pages come from the imported file.
    async fn read_indexes(&self, url: &str) {
        let table = self.case.table;
        let indexes = format!(
            "SELECT DISTINCT index_name FROM information_schema.statistics \
             WHERE table_schema = '{COPY}' AND table_name = '{table}'"
        );
        for index in rows(Kind::MySql, url, &indexes, &[0]).await.concat() {
            let sql = format!("SELECT CONCAT(COUNT(*)) FROM {table} FORCE INDEX ({index})");
            text(Kind::MySql, url, &sql).await;
        }
    }

    async fn empty(&self, server: &Durable, name: &str) -> String {
        let (kind, case) = (server.kind, self.case);
        run(kind, &server.url, &format!("DROP DATABASE IF EXISTS {name}")).await;
        run(kind, &server.url, &format!("CREATE DATABASE {name}")).await;
        let url = of(server, name);
        if case.policy == DJANGO.policy {
            migrated(&url);
        } else {
            let schema = if kind == Kind::Postgres { "CREATE SCHEMA dbo; " } else { "" };
            let tables = tables(kind, case.policy);
            run(kind, &url, &format!("{schema}{tables}{}", case.parents)).await;
        }
        url
    }

    /// MariaDB takes the file itself: filling a million rows by key takes it a minute.
    async fn import(&self, server: &Durable, url: &str) {
        let table = self.case.table;
        let data = text(server.kind, &server.url, "SELECT @@datadir").await;
        let file = |of: &str, kind: &str| format!("{data}/{of}/{table}.{kind}");
        let mut holder = MySqlConnection::connect(&of(server, &self.name)).await.unwrap();
        let export = format!("FLUSH TABLES {table} FOR EXPORT");
        holder.execute(raw_sql(AssertSqlSafe(export))).await.unwrap();
        let no_checks = "SET foreign_key_checks = 0";
        run(server.kind, url, &format!("{no_checks}; ALTER TABLE {table} DISCARD TABLESPACE"))
            .await;
        for kind in ["ibd", "cfg"] {
            let mut copy = Command::new("cp");
            copy.arg("-p").arg(file(&self.name, kind)).arg(file(COPY, kind));
            assert!(copy.status().unwrap().success());
        }
        holder.close().await.unwrap();
        run(server.kind, url, &format!("{no_checks}; ALTER TABLE {table} IMPORT TABLESPACE")).await;
        run(server.kind, url, &format!("ANALYZE TABLE {table}")).await;
    }
}

/// MariaDB's word for CHECKPOINT: no page is left to be written, neither by it nor by the system.
async fn settled(url: &str) {
    let most_dirty = async |percent| {
        let sql = format!("SET GLOBAL innodb_max_dirty_pages_pct = {percent}");
        run(Kind::MySql, url, &sql).await;
    };
    let sql = "SHOW GLOBAL STATUS LIKE 'Innodb_buffer_pool_pages_dirty'";
    most_dirty(0).await;
    while rows(Kind::MySql, url, sql, &[1]).await.concat().concat() != "0" {
        sleep(LOOK).await;
    }
    most_dirty(90).await;
    assert!(Command::new("sync").status().unwrap().success());
}

fn of(server: &Durable, database: &str) -> String {
    server.url.rsplit_once('/').map(|(host, _)| format!("{host}/{database}")).unwrap()
}

/// As the product's own migrations make them.
fn migrated(url: &str) {
    let mut migrate = Command::new(python().unwrap());
    let output = migrate.args([SETUP, "migrate"]).env("DATABASE", url).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

pub const WSO2: Case = Case {
    name: "WSO2's access tokens",
    policy: "wso2-token",
    table: "IDN_OAUTH2_ACCESS_TOKEN",
    key: "TOKEN_ID",
    dead: "TOKEN_STATE = 'ACTIVE' AND TIME_CREATED < '2020-02-01' AND VALIDITY_PERIOD = 3600000 AND \
           REFRESH_TOKEN_TIME_CREATED < '2020-02-01' AND REFRESH_TOKEN_VALIDITY_PERIOD = 86400000",
    operation: |number| {
        format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, CONSUMER_KEY_ID, TIME_CREATED, VALIDITY_PERIOD, \
             TOKEN_STATE_ID) VALUES (MD5('new{number}'), 'a', 1, UTC_TIMESTAMP(), 3600000, MD5('new{number}')); \
             SELECT * FROM IDN_OAUTH2_ACCESS_TOKEN WHERE TOKEN_ID = MD5('new{number}')"
        )
    },
    parents: "INSERT INTO IDN_OAUTH_CONSUMER_APPS SELECT seq, seq FROM seq_1_to_100",
    rows: |rows| {
        format!(
            "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, CONSUMER_KEY_ID, AUTHZ_USER, TENANT_ID, \
             USER_DOMAIN, USER_TYPE, GRANT_TYPE, TIME_CREATED, REFRESH_TOKEN_TIME_CREATED, VALIDITY_PERIOD, \
             REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_SCOPE_HASH, TOKEN_STATE_ID, ACCESS_TOKEN_HASH, REFRESH_TOKEN_HASH) \
             SELECT MD5(seq), CONCAT('access', MD5(seq)), CONCAT('refresh', MD5(seq)), seq % 100 + 1, CONCAT('user', seq % 10000), \
             -1234, 'PRIMARY', 'APPLICATION_USER', 'password', IF(seq % 2, '2020-01-01', UTC_TIMESTAMP()), \
             IF(seq % 2, '2020-01-01', UTC_TIMESTAMP()), 3600000, 86400000, MD5(seq % 7), MD5(seq + 1), \
             SHA2(seq, 256), SHA2(seq + 1, 256) FROM seq_1_to_{rows}"
        )
    },
};

pub const ED_FI: Case = Case {
    name: "Ed-Fi's access tokens",
    policy: "edfi-ods",
    table: "dbo.ClientAccessTokens",
    key: "Id",
    dead: "Expiration < '2020-02-01'",
    operation: |number| {
        format!(
            "INSERT INTO dbo.ClientAccessTokens VALUES ('00000000-0000-4000-8000-{number:012}', \
             now() AT TIME ZONE 'utc' + interval '30 min', 'scope', 1); \
             SELECT * FROM dbo.ClientAccessTokens WHERE Id = '00000000-0000-4000-8000-{number:012}'"
        )
    },
    parents: "INSERT INTO dbo.ApiClients SELECT n, n, n FROM generate_series(1, 100) n",
    rows: |rows| {
        format!(
            "INSERT INTO dbo.ClientAccessTokens SELECT gen_random_uuid(), CASE WHEN n % 2 = 0 \
             THEN timestamp '2020-01-01' + n * interval '1 s' / 10 ELSE now() AT TIME ZONE 'utc' + n * interval '1 s' END, \
             'scope', n % 100 + 1 FROM generate_series(1, {rows}) n"
        )
    },
};

pub const DJANGO: Case = Case {
    name: "django-oauth-toolkit's access tokens",
    policy: "django-oauth-toolkit",
    table: "oauth2_provider_accesstoken",
    key: "id",
    dead: "expires < '2020-02-01'",
    operation: |number| {
        format!(
            "INSERT INTO oauth2_provider_accesstoken (token, token_checksum, expires, scope, created, updated, resource) VALUES \
             ('new{number}', 'new{number}', now() + interval '1 h', 'read', now(), now(), '[]'); \
             SELECT * FROM oauth2_provider_accesstoken WHERE token_checksum = 'new{number}'"
        )
    },
    parents: "",
    rows: |rows| {
        format!(
            "INSERT INTO oauth2_provider_accesstoken (token, token_checksum, expires, scope, created, updated, resource) \
             SELECT md5(n::text), encode(sha256(n::text::bytea), 'hex'), CASE WHEN n % 2 = 0 THEN timestamptz '2020-01-01' \
             ELSE now() + interval '1 h' END, 'read write', now(), now(), '[]' FROM generate_series(1, {rows}) n"
        )
    },
};

pub const SETUP: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../benches/support/django_tables.py");
const COPY: &str = "copy";
const LOOK: Duration = Duration::from_millis(100);
