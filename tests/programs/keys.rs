//! Keys and first steps: what is made when nothing is there, who can open what, and what another
//! key does.

use std::fs;

use tokenkeeper_worker::sandbox::Settings;

use super::{
    host::{Host, json, mode, on, on_each, only_line, path, tells},
    sql,
    stage::{Stage, host_of, start},
};
use crate::harness::databases::Kind;

#[test]
fn a_configuration_file_is_all_that_the_default_store_needs() {
    let sandbox = start(Settings::default());
    let host = host_of(&sandbox, &["quartile"]);
    host.work(0, &["run"]);
    let token = host.get("quartile");
    assert!(sandbox.is_active(&token));
    for file in [host.state_folder().join("tokenkeeper.db"), host.config_folder().join("key")] {
        assert_eq!(mode(&file), 0o600, "{}", file.display());
    }
}

#[test]
fn init_makes_what_is_missing_and_leaves_what_is_there() {
    let host = Host::new();
    let init = host.work(0, &["init"]);
    let file = host.config_folder().join("tokenkeeper.toml");
    let (key, database) =
        (host.config_folder().join("key"), host.state_folder().join("tokenkeeper.db"));
    tells(&init, &[path(&file), path(&key), path(&database)]);
    let made = || [&file, &key].map(|file| fs::read(file).unwrap());
    let first = made();
    let again = host.work(0, &["init", "--json"]);
    let told = json(&again.stdout);
    assert_eq!(told["config"], path(&file));
    assert!(told["database"].as_str().unwrap().contains(path(&database)));
    assert_eq!(made(), first);
    // What it wrote is valid as it stands, and says what is to be done next.
    let run = host.work(2, &["run"]);
    tells(&run, &["no token is configured", path(&file)]);
    host.work(0, &["status"]);
    host.consume(0, &["list"]);
}

#[test]
fn a_server_database_without_a_key_is_told_how_to_make_one() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let sandbox = start(Settings::default());
        let database = crate::harness::databases::Database::fresh(kind);
        let host = host_of(&sandbox, &["quartile"]).with("DATABASE_URL", &database.url);
        for verb in ["run", "migrate"] {
            let refused = host.work(2, &[verb]);
            let key = host.config_folder().join("key");
            let command = format!("tokenkeeper-worker key new --file {}", path(&key));
            tells(&refused, &[&command]);
        }
        assert_eq!(sandbox.counts().exchanges, 0);
        host.make_key();
        host.work(0, &["run"]);
        host.get("quartile");
    });
}

#[test]
fn a_key_is_never_overwritten() {
    let host = Host::new();
    let key = host.make_key();
    let before = fs::read(&key).unwrap();
    let again = host.work(2, &["key", "new", "--file", path(&key)]);
    tells(&again, &["never overwritten"]);
    assert_eq!(fs::read(&key).unwrap(), before);
    assert_eq!(mode(&key), 0o600);
}

#[test]
fn consumers_open_tokens_by_a_key_that_keeps_none() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let file = stage.host.home().join("consumers.key");
        stage.host.work(0, &["key", "consumer", "--file", path(&file)]);
        assert_eq!(mode(&file), 0o600);
        let printed = stage.host.work(0, &["key", "consumer"]);
        assert_eq!(printed.stdout, fs::read_to_string(&file).unwrap());

        let consumer = stage.another_host().with("TOKENKEEPER_KEY_FILE", path(&file));
        assert_eq!(consumer.get("quartile"), stage.host.get("quartile"));
        let refused = consumer.work(2, &["run"]);
        tells(&refused, &["consumer's", "worker's key"]);
    });
}

#[test]
fn hosts_with_one_key_share_a_token() {
    on_each(|kind| {
        let stage = Stage::logged_in(kind, Settings::default());
        let key = stage.host.config_folder().join("key");
        let second = stage
            .another_host()
            .with("TOKENKEEPER_KEY", only_line(&fs::read_to_string(key).unwrap()));
        assert_eq!(second.get("quartile"), stage.host.get("quartile"));
        let refreshed = second.work(0, &["refresh", "quartile", "--force"]);
        assert_eq!(refreshed.stdout, "1 refreshed\n");
        assert_eq!(stage.host.get("quartile"), second.get("quartile"));
        assert_eq!(stage.host.status("quartile")["generation"], 2);
    });
}

#[test]
fn another_key_is_told_by_the_right_ones_id_and_spends_nothing() {
    on_each(|kind| {
        let (stage, stranger) = with_a_stranger(kind);
        let unspent = stage.newest_refresh_token();
        let got = stranger.consume(2, &["get", "quartile"]);
        tells(&got, &[&key_id(&stage, "access_token"), "quartile"]);
        let id = key_id(&stage, "refresh_token");
        sql::make_due(&stage.database);
        for arguments in [&["run"][..], &["refresh", "quartile", "--force"]] {
            let refused = stranger.worker(arguments).run();
            tells(&refused, &[&id, "quartile", "works until"]);
            assert_ne!(refused.code, Some(0), "{refused:?}");
        }
        assert_eq!(stage.sandbox.spends_of(&unspent), 0);
        let got = stage.host.consume(0, &["get", "quartile"]);
        assert!(stage.sandbox.is_active(&only_line(&got.stdout)));
        stage.host.work(0, &["refresh", "quartile", "--force"]);
        assert_eq!(stage.sandbox.spends_of(&unspent), 1);
        assert_eq!(stage.sandbox.counts().logins, 1);
    });
}

#[test]
fn another_key_is_a_mistake_in_the_configuration() {
    on_each(|kind| {
        let (stage, stranger) = with_a_stranger(kind);
        stranger.work(2, &["refresh", "quartile", "--force"]);
        sql::make_due(&stage.database);
        stranger.work(2, &["run"]);
    });
}

#[test]
fn a_worker_with_another_key_does_not_hold_the_right_one_up() {
    on_each(|kind| {
        let (stage, stranger) = with_a_stranger(kind);
        sql::make_due(&stage.database);
        stranger.worker(&["run"]).run();
        sql::wait_until_due(&stage.database);
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 refreshed\n");
    });
}

#[test]
fn a_consumer_needs_no_right_to_write() {
    for (kind, login, grant) in [
        (
            Kind::Postgres,
            "reader",
            "CREATE ROLE reader LOGIN; GRANT SELECT ON tokens, _sqlx_migrations TO reader",
        ),
        (
            Kind::MySql,
            "reader:pass",
            "CREATE USER reader@'%' IDENTIFIED BY 'pass'; GRANT SELECT ON *.* TO reader@'%'",
        ),
    ] {
        let stage = Stage::logged_in(kind, Settings::default());
        sql::run(&stage.database, grant);
        let (login_before, place) = stage.database.url.split_once('@').unwrap();
        let (scheme, _) = login_before.split_once("://").unwrap();
        let host = stage.host.with("DATABASE_URL", format!("{scheme}://{login}@{place}"));
        assert!(stage.sandbox.is_active(&host.get("quartile")), "{kind}");
    }
}

#[test]
fn a_key_can_be_replaced_while_values_of_the_old_one_are_stored() {
    let stage = Stage::logged_in(Kind::Sqlite, Settings::default());
    let new = stage.host.work(0, &["key", "new"]).stdout;
    let key = stage.host.config_folder().join("key");
    let old = fs::read_to_string(&key).unwrap();
    fs::write(&key, [new.as_str(), &old].concat()).unwrap();
    let before = key_id(&stage, "access_token");
    stage.host.get("quartile");
    stage.host.work(0, &["refresh", "quartile", "--force"]);
    assert_ne!(key_id(&stage, "access_token"), before);
    fs::write(&key, new).unwrap();
    stage.host.get("quartile");
}

/// A stage, and another host of it that has made a key of its own.
fn with_a_stranger(kind: Kind) -> (Stage, Host) {
    let stage = Stage::logged_in(kind, Settings::default());
    let stranger = stage.another_host();
    stranger.make_key();
    (stage, stranger)
}

/// Which key a column is sealed with: `v1.KEY.…`
fn key_id(stage: &Stage, column: &str) -> String {
    let sealed = stage.column(column).unwrap();
    sealed.split('.').nth(1).unwrap().to_owned()
}
