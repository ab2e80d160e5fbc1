//! The database is there and not well: read-only, locked, restored from yesterday. In each case the
//! provider is asked nothing that would be lost. Databases that die are in `exits` and `kill_matrix`.

use std::fs;

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, on, on_each, tells},
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::{databases::Kind, product::Product, servers::Server};

#[test]
fn a_server_that_became_read_only_ends_a_run_with_7_before_the_provider_is_asked() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let (product, read_only, again) = if kind == Kind::Postgres {
            (Product::Postgres, "ALTER DATABASE kept SET default_transaction_read_only = on", "")
        } else {
            (Product::mysql(), "SET GLOBAL read_only = 1", "SET GLOBAL read_only = 0")
        };
        let server = Server::start(product);
        let sandbox = start(Settings::default());
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", kept(&server, kind));
        host.make_key();
        host.work(0, &["run"]);
        server.execute("kept", "UPDATE tokens SET refresh_at = 1");
        server.execute("kept", read_only);
        let run = host.work(7, &["run"]);
        tells(&run, &["database", "read-only"]);
        assert_eq!(sandbox.counts().exchanges, 1, "{kind}: nothing was asked in vain");
        host.get("quartile");
        let writable = "ALTER DATABASE kept RESET default_transaction_read_only";
        let writable = if again.is_empty() { writable } else { again };
        server.execute(product.first_database(), writable);
        assert_eq!(host.work(0, &["run"]).stdout, "1 refreshed\n");
    });
}

/// A database, and for MariaDB a user whom its read-only mode binds.
fn kept(server: &Server, kind: Kind) -> String {
    if kind == Kind::Postgres {
        server.execute(Product::Postgres.first_database(), "CREATE DATABASE kept");
        return server.url("kept");
    }
    for sql in [
        "CREATE DATABASE kept",
        "CREATE USER plain@'%' IDENTIFIED BY 'plain'",
        "CREATE USER plain@localhost IDENTIFIED BY 'plain'",
        "GRANT ALL ON kept.* TO plain@'%'",
        "GRANT ALL ON kept.* TO plain@localhost",
    ] {
        server.execute(Product::mysql().first_database(), sql);
    }
    let url = server.url("kept");
    let (_, rest) = url.split_once("://").unwrap();
    let place = rest.split_once('@').map_or(rest, |(_, place)| place);
    format!("mysql://plain:plain@{place}")
}

#[test]
fn a_locked_table_ends_a_run_with_7_before_the_provider_is_asked() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        sql::make_due(&stage.database);
        let held = sql::Held::table(&stage.database);
        let run = stage.host.work(7, &["run"]);
        tells(&run, &["database"]);
        assert_eq!(stage.sandbox.counts().exchanges, 1, "{kind}: nothing was asked in vain");
        drop(held);
        assert_eq!(stage.host.work(0, &["run"]).stdout, "1 refreshed\n");
    });
}

/// As after a replica took over that lacked the last commit: the refresh token in it is spent.
#[test]
fn a_database_from_before_a_renewal_heals_by_one_login() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    sql::forget_logins(&stage.database);
    let file = stage.database.url.strip_prefix("sqlite://").unwrap().to_owned();
    let copy = format!("{file}.yesterday");
    fs::copy(&file, &copy).unwrap();
    assert_eq!(stage.host.work(0, &["run"]).stdout, "1 refreshed\n");
    for ending in ["", "-wal", "-shm"] {
        fs::remove_file(format!("{file}{ending}")).ok();
    }
    fs::rename(copy, &file).unwrap();
    assert_eq!(stage.host.work(0, &["run"]).stdout, "1 logged in\n");
    assert!(stage.sandbox.is_active(&stage.host.get("quartile")));
    assert_eq!((stage.sandbox.counts().logins, stage.sandbox.counts().replays), (2, 1));
}

#[test]
fn a_sealed_value_that_was_moved_from_another_row_spoils_that_row_alone() {
    on_each(|kind| {
        let stage = Stage::configured(kind, Settings::default(), &["a", "b", "c"]);
        stage.host.work(0, &["run"]);
        let stolen = "SELECT access_token FROM tokens WHERE name = 'a'";
        let stolen = sql::cell(&stage.database, stolen).unwrap();
        let moved = format!("UPDATE tokens SET access_token = '{stolen}' WHERE name = 'b'");
        sql::run(&stage.database, &moved);
        tells(&stage.host.consume(2, &["get", "b"]), &["\"b\"", "damaged or moved"]);
        both_others_are_served(&stage.host);
    });
}

fn both_others_are_served(host: &Host) {
    for name in ["a", "c"] {
        host.get(name);
    }
}
