//! The tutorial's users change nothing: what its four variables alone bring about.

use std::{fs, time::Duration};

use tokenkeeper_worker::sandbox::{Fault, Rewrite, Settings};

use super::{
    host::{ends, json, mode, on, on_each, path, tells},
    sql,
    stage::Stage,
};
use crate::harness::{databases::Kind, servers::postgres};

#[test]
fn the_tutorials_variables_alone_keep_a_token() {
    on_each(|kind| {
        let stage = Stage::tutorials(kind, Settings::default());
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 logged in\n");
        let token = stage.host.get("quartile");
        assert_eq!(Some(&token), stage.sandbox.newest_access_token().as_ref());
        assert!(stage.sandbox.is_active(&token));
    });
}

#[test]
fn a_token_is_renewed_when_half_of_its_life_is_over() {
    let settings = Settings { access_lifetime: Duration::from_secs(12), ..Settings::default() };
    on_each(|kind| {
        let stage = Stage::tutorials(kind, settings.clone());
        stage.host.work(0, &["run"]);
        let (first, spent) = (stage.host.get("quartile"), stage.newest_refresh_token());
        let early = stage.host.work(0, &["run"]);
        assert_eq!(early.stdout, "");
        sql::wait_until_due(&stage.database);
        let run = stage.host.work(0, &["run"]);
        assert_eq!(run.stdout, "1 refreshed\n");
        let token = stage.host.get("quartile");
        assert!(token != first && stage.sandbox.is_active(&token));
        assert_eq!(stage.sandbox.spends_of(&spent), 1);
        assert_eq!(stage.sandbox.counts().logins, 1);
    });
}

#[test]
fn a_hosts_time_zone_moves_no_expiry() {
    on_each(|kind| {
        let stage = Stage::tutorials(kind, Settings::default());
        // West of Greenwich, then east of it; POSIX writes them the other way round.
        for zone in ["BRT3", "JST-9"] {
            // What is left is a time without a zone.
            let rewrite = Rewrite::default().remove("/authorization/expires_in");
            stage.sandbox.next_answer(Fault::AnswerAs { rewrite });
            let refresh = ["refresh", "quartile", "--force"];
            ends(0, stage.host.worker(&refresh).env("TZ", zone).run());
            let get = ["get", "quartile", "--json"];
            let got = ends(0, stage.host.consumer(&get).env("TZ", zone).run());
            let left = json(&got.stdout)["expires_in"].as_u64().unwrap();
            assert!((43_000..=43_200).contains(&left), "{zone}: {left}");
        }
    });
}

#[test]
fn postgres_shows_the_tutorials_table_as_a_view_in_clear() {
    let stage = Stage::tutorials(Kind::Postgres, Settings::default());
    let run = stage.host.work(0, &["run"]);
    tells(&run, &["in clear", "key new --file", "TOKENKEEPER_KEY_FILE"]);
    let token = stage.host.get("quartile");
    let database = stage.database.name();
    let view = "SELECT id, access_token, updating, json_data->'authorization'->>'token' \
         FROM quartile_tokens";
    assert_eq!(
        postgres().execute(database, view),
        format!("febdb7d2-e95d-11ed-9255-65636df51340\t{token}\tf\t{token}\n")
    );
}

#[test]
fn the_warning_of_clear_storage_can_be_answered() {
    let stage = Stage::tutorials(Kind::Postgres, Settings::default());
    let host = stage.host.with("TOKENKEEPER_SEAL", "off");
    let run = host.work(0, &["run"]);
    assert_eq!(run.stderr, "");
}

#[test]
fn a_user_of_the_tutorial_comes_to_sealing_by_the_warnings_own_words() {
    on(&[Kind::Postgres, Kind::MySql], |kind| {
        let stage = Stage::tutorials(kind, Settings::default());
        stage.host.work(0, &["run"]);
        let token = stage.host.get("quartile");
        assert_eq!(stage.column("access_token"), Some(token));
        let key = stage.host.home().join("key");
        stage.host.work(0, &["key", "new", "--file", path(&key)]);
        let host = stage.host.with("TOKENKEEPER_KEY_FILE", path(&key));
        host.work(0, &["refresh", "quartile", "--force"]);
        let token = host.get("quartile");
        assert!(stage.sandbox.is_active(&token));
        let sql = "SELECT access_token FROM tokens";
        let stored = sql::cell(&stage.database, sql).unwrap();
        assert!(stored.starts_with("v1."), "{stored}");
    });
}

#[test]
fn sqlite_is_sealed_with_a_key_that_is_made_on_first_use() {
    let stage = Stage::tutorials(Kind::Sqlite, Settings::default());
    let run = stage.host.work(0, &["run"]);
    let key = stage.host.config_folder().join("key");
    tells(&run, &["made a key", path(&key)]);
    assert_eq!(mode(&key), 0o600);
    assert_eq!(mode(&stage.host.config_folder()), 0o700);
    let again = stage.host.work(0, &["run"]);
    assert_eq!(again.stderr, "");

    let file = stage.database.url.strip_prefix("sqlite://").unwrap();
    assert_eq!(mode(file.as_ref()), 0o600);
    let folder = std::path::Path::new(file).parent().unwrap();
    let secrets = [stage.host.get("quartile"), stage.newest_refresh_token()];
    for entry in fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap().path();
        let bytes = fs::read(&entry).unwrap();
        let holds = |secret: &String| bytes.windows(secret.len()).any(|w| w == secret.as_bytes());
        assert!(!secrets.iter().any(holds), "{}", entry.display());
    }
}

#[test]
fn a_sqlite_file_whose_key_is_gone_is_not_given_a_new_one() {
    let stage = Stage::tutorials(Kind::Sqlite, Settings::default());
    stage.host.work(0, &["run"]);
    let key = stage.host.config_folder().join("key");
    let kept = stage.host.home().join("kept");
    fs::rename(&key, &kept).unwrap();
    let run = stage.host.work(2, &["run"]);
    tells(&run, &[path(&key), "bring the key back"]);
    let got = stage.host.consume(2, &["get", "quartile"]);
    tells(&got, &["TOKENKEEPER_KEY_FILE"]);
    assert!(!key.exists());
    fs::rename(&kept, &key).unwrap();
    stage.host.get("quartile");
}

#[test]
fn one_of_the_three_variables_alone_is_told_which_are_missing() {
    let host = super::host::Host::new().with("QUARTILE_YOUR_USERNAME", "somebody");
    let run = host.work(2, &["run", "--json"]);
    let error = &json(&run.stderr)["error"];
    let message = error["message"].as_str().unwrap();
    for missing in ["QUARTILE_SUBSCRIPTION_KEY", "QUARTILE_YOUR_PASSWORD"] {
        assert!(message.contains(missing), "{message}");
    }
}
