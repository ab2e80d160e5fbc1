//! Deleted rows in a file instead of tables, and from there back.

use std::{
    fs,
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::Path,
    process::Command,
};

use serde_json::Value;
use tokenkeeper_worker::cleanup::site::Secrets;

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{clean_with, number, program, restore},
    dump::{dump, rows},
    ground::in_zones,
    harness::{
        databases::Kind,
        programs::{Program, built},
    },
    restoring::{fill, report, total},
};

#[tokio::test(flavor = "multi_thread")]
async fn all_that_went_into_a_file_comes_back_to_the_last_byte_and_once() {
    let policies = ["wso2-token", "wso2-session", "wso2-registry"];
    in_zones(&["America/Chicago"], &policies, async |ground, policy| {
        fill(&ground, &policy).await;
        if policy.name == "wso2-token" {
            let zone =
                if ground.place.kind == Kind::MySql { "SET time_zone = '+00:00';" } else { "" };
            ground.execute(&format!("{zone}{AUTUMN}")).await;
        }
        let before = dump(&ground, &policy, "").await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup.ndjson.zst");
        let (_, run) = clean_with(&ground, &policy, Some(Secrets::Keep), Some(&file)).await;
        let after = dump(&ground, &policy, "").await;
        let gone = rows(&before) - rows(&after);
        assert_eq!(rows(&dump(&ground, &policy, "tokenkeeper_backup_").await), 0, "{ground}");
        for tally in &run.progress.targets {
            let seen = tally.verified.clone().unwrap_or_default();
            assert_eq!((seen.backed_up, seen.misjudged), (tally.deleted_in_all(), 0), "{ground}");
        }
        assert_eq!(lines(&file).len() as u64, gone, "{ground}");
        assert_eq!(fs::metadata(&file).unwrap().permissions().mode() & 0o777, 0o600, "{ground}");
        let summed = Command::new("sha256sum")
            .arg("-c")
            .arg("backup.ndjson.zst.sha256")
            .current_dir(folder.path())
            .output()
            .unwrap();
        assert!(summed.status.success(), "{ground}: {summed:?}");
        let without = restore(&ground, &run.id, &[]).run();
        assert_eq!(without.code, Some(2), "{ground}: {without:?}");
        assert!(without.stderr.contains("--from"), "{ground}: {without:?}");
        let from = ["--from", file.to_str().unwrap()];
        let done = restore(&ground, &run.id, &from).run();
        assert_eq!((done.code, total(&done, "restored")), (Some(0), gone), "{ground}: {done:?}");
        assert!(dump(&ground, &policy, "").await == before, "{ground}");
        let again = restore(&ground, &run.id, &from).run();
        assert_eq!((again.code, total(&again, "rows")), (Some(0), 0), "{ground}: {again:?}");
        assert!(dump(&ground, &policy, "").await == before, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_is_damaged_or_of_another_run_brings_nothing_back() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        let folder = tempfile::tempdir().unwrap();
        let mut runs = Vec::new();
        for slot in ["one", "two"] {
            ground.execute(&dead(9)).await;
            let file = folder.path().join(slot);
            let to = format!("file={}", file.display());
            let arguments =
                ["--apply", "--secrets", "keep", "--backup", &to, "--slot", slot, "--json"];
            let done = program(&ground, &policy, &arguments).run();
            assert_eq!(done.code, Some(0), "{ground}: {done:?}");
            runs.push((report(&done)["run"].as_str().unwrap().to_owned(), file));
        }
        let [(one, _), (_, file)] = &runs[..] else { panic!() };
        for damage in [false, true] {
            if damage {
                let mut bytes = fs::read(file).unwrap();
                *bytes.last_mut().unwrap() ^= 1;
                fs::write(file, bytes).unwrap();
            }
            let refused = restore(&ground, one, &["--from", file.to_str().unwrap()]).run();
            let said = if damage { "manifest" } else { "another run" };
            assert_eq!(refused.code, Some(2), "{ground}: {refused:?}");
            assert!(refused.stderr.contains(said), "{ground}: {refused:?}");
        }
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
        assert_eq!(number(&ground, BACKED_UP).await, 0, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_place_for_the_file_nothing_is_deleted() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(900)).await;
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("backup");
        let to = format!("file={}", file.display());
        let arguments = ["--apply", "--secrets", "keep", "--backup", &to, "--slot", "s"];
        fs::File::create(&file).unwrap().write_all(b"somebody's").unwrap();
        let there = program(&ground, &policy, &arguments).run();
        assert_eq!(there.code, Some(2), "{ground}: {there:?}");
        assert_eq!(fs::read(&file).unwrap(), b"somebody's", "{ground}");
        fs::remove_file(&file).unwrap();
        // SQLite's own file would be too long, too.
        if ground.place.kind != Kind::Sqlite {
            let full = Program::named("sh")
                .env("TOKENKEEPER_CLEANUP_DATABASE_URL", &ground.place.url)
                .args(["-c", FULL])
                .args([built("tokenkeeper-worker").to_str().unwrap(), "cleanup", &policy.name])
                .args(arguments)
                .run();
            assert_eq!(full.code, Some(2), "{ground}: {full:?}");
            assert!(full.stderr.contains("File too large"), "{ground}: {full:?}");
            assert_eq!(number(&ground, TOKENS).await, 900, "{ground}: {full:?}");
            assert_eq!(number(&ground, BACKED_UP).await, 0, "{ground}: {full:?}");
            fs::remove_file(&file).unwrap();
        }
        let done = program(&ground, &policy, &arguments).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_at_any_step_the_file_holds_what_was_deleted_and_each_row_comes_back_once() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1200)).await;
        let before = dump(&ground, &policy, "").await;
        let folder = tempfile::tempdir().unwrap();
        for step in ground.share(&STEPS) {
            let file = folder.path().join(step);
            let to = format!("file={}", file.display());
            let arguments = [
                "--apply",
                "--secrets",
                "keep",
                "--yes-large",
                "--json",
                "--backup",
                &to,
                "--slot",
                step,
            ];
            let killed =
                program(&ground, &policy, &arguments).env("TOKENKEEPER_FAILPOINT", step).run();
            assert_eq!(killed.code, None, "{ground}, {step}: {killed:?}");
            let in_file = lines(&file).len();
            let there = number(&ground, TOKENS).await;
            assert!(
                in_file >= usize::try_from(1200 - there).unwrap(),
                "{ground}, {step}: {in_file}, {there}"
            );
            ground
                .execute(
                    "UPDATE tokenkeeper_cleanup_runs SET lease_until = 0 WHERE status = 'running'",
                )
                .await;
            // Whatever file the next one names.
            let arguments = [
                "--apply",
                "--secrets",
                "keep",
                "--yes-large",
                "--json",
                "--backup",
                "file=other",
                "--slot",
                "x",
            ];
            let next = program(&ground, &policy, &arguments).run();
            assert_eq!(next.code, Some(0), "{ground}, {step}: {next:?}");
            assert_eq!(report(&next)["targets"][0]["deleted"], 1200, "{ground}, {step}: {next:?}");
            assert_eq!(lines(&file).len(), 1200, "{ground}, {step}");
            let run = report(&next)["run"].as_str().unwrap().to_owned();
            let done = restore(&ground, &run, &["--from", file.to_str().unwrap()]).run();
            assert_eq!(
                (done.code, total(&done, "restored")),
                (Some(0), 1200),
                "{ground}, {step}: {done:?}"
            );
            assert!(dump(&ground, &policy, "").await == before, "{ground}, {step}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_it_loads_a_file_a_restore_goes_on_and_each_row_comes_back_once() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(1200)).await;
        let before = dump(&ground, &policy, "").await;
        let folder = tempfile::tempdir().unwrap();
        for step in ["load_before_commit", "load_after_commit"] {
            let file = folder.path().join(step);
            let to = format!("file={}", file.display());
            let wish = ["--apply", "--secrets", "keep", "--yes-large", "--json", "--backup", &to];
            let done = program(&ground, &policy, &wish).args(["--slot", step]).run();
            assert_eq!(done.code, Some(0), "{ground}, {step}: {done:?}");
            let run = report(&done)["run"].as_str().unwrap().to_owned();
            let load = || restore(&ground, &run, &["--from", file.to_str().unwrap()]);
            let killed = load().env("TOKENKEEPER_FAILPOINT", step).run();
            assert_eq!(killed.code, None, "{ground}, {step}: {killed:?}");
            let done = load().run();
            let restored = (done.code, total(&done, "restored"));
            assert_eq!(restored, (Some(0), 1200), "{ground}, {step}: {done:?}");
            assert!(dump(&ground, &policy, "").await == before, "{ground}, {step}");
            let left = rows(&dump(&ground, &policy, "tokenkeeper_backup_").await);
            assert_eq!(left, 0, "{ground}, {step}: no row twice");
        }
    })
    .await;
}

/// The rows in a file, whatever the ledger says of them.
fn lines(file: &Path) -> Vec<Value> {
    let mut text = String::new();
    zstd::Decoder::new(fs::File::open(file).unwrap()).unwrap().read_to_string(&mut text).unwrap();
    text.lines().skip(1).map(|line| serde_json::from_str(line).unwrap()).collect()
}

const STEPS: [&str; 4] =
    ["cleanup_after_delete", "cleanup_after_sync", "cleanup_before_commit", "cleanup_after_commit"];
/// No file grows beyond 1 kB.
const FULL: &str = "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\"";
/// In Chicago half past one was twice in that night.
const AUTUMN: &str = "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, TIME_CREATED, VALIDITY_PERIOD, TOKEN_STATE, \
     TOKEN_STATE_ID) VALUES ('early', '2024-11-03 06:30:00', 1000, 'ACTIVE', 'e'), ('late', '2024-11-03 07:30:00', 1000, 'ACTIVE', 'l')";
