//! Lines for cron, in the table that Debian's `crontab` keeps, or in one that a stand-in keeps where there must be no
//! other user's.

use std::fs;

use crate::stage::{StandIn, printed, refused, run, schedule};

/// Keeps a table as `crontab` does; what Debian's own takes and refuses is asked of it below.
const TABLE: &str = r#"
table=$(dirname "$0")/table
case "$1" in
-l) [ -e "$table" ] && cat "$table" || { echo "no crontab for me" >&2; exit 1; } ;;
-) cat >"$table" ;;
esac"#;

#[test]
fn lines_come_once_are_brought_up_to_date_and_leave_the_rest_as_it_was() {
    let crontab = StandIn::new("crontab", TABLE);
    let table = crontab.folder().join("table");
    let done = |rest: &str| {
        schedule(&format!("cron {rest}")).env("PATH", crontab.path()).env("TZ", "UTC").run()
    };
    assert_eq!(done("--check").code, Some(3), "there is no table yet");
    let others = "MAILTO=me\n0 1 * * * backup\n";
    fs::write(&table, others).unwrap();
    assert_eq!(done("--install --refresh --cleanup edfi-ods").code, Some(0));
    let first = fs::read_to_string(&table).unwrap();
    assert!(first.starts_with(others) && first.contains("cleanup edfi-ods --apply"), "{first}");
    crontab.calls();
    assert_eq!(done("--install --refresh --cleanup edfi-ods").code, Some(0));
    assert_eq!(crontab.calls(), ["-l"], "nothing is written where nothing changes");
    assert_eq!(done("--check").code, Some(0));
    let old = done("--check --at @hourly");
    assert!(old.code == Some(3) && old.stdout.contains("--install"), "{old:?}");
    assert_eq!(done("--install --at @hourly").code, Some(0));
    assert_eq!(done("--check --at @hourly").code, Some(0));
    assert_eq!(done("--remove --refresh --cleanup edfi-ods").code, Some(0));
    assert_eq!(fs::read_to_string(&table).unwrap(), others);
    assert!(done("--remove").stderr.contains("was not there"));
}

#[test]
fn debians_crontab_takes_the_lines() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("table");
    for words in
        ["cron --refresh --cleanup edfi-ods", "cron --at 5,35%*%13%*%fri", "cron --at @every%6h"]
    {
        let words = words.split_whitespace().map(|word| word.replace('%', " "));
        let done = crate::harness::programs::Program::worker().args(["schedule"]).args(words).run();
        assert_eq!(done.code, Some(0), "{done:?}");
        fs::write(&path, &done.stdout).unwrap();
        // -n: look, change nothing.
        let read = run("crontab", &["-n", path.to_str().unwrap()]);
        assert_eq!(read.code, Some(0), "{read:?}\n{}", done.stdout);
    }
    fs::write(&path, "61 * * * * x\n").unwrap();
    assert_ne!(run("crontab", &["-n", path.to_str().unwrap()]).code, Some(0), "it looks");
}

#[test]
fn what_cron_cannot_say_is_refused_with_what_to_write() {
    for (words, told) in [
        ("cron --at @every_20s", "no seconds"),
        ("cron --at @every_45m", "@every 30m"),
        ("cron --daemon", "systemd"),
        ("cron --cron-d me;rm", "no name of a user"),
    ] {
        let words: Vec<String> = words.split(' ').map(|word| word.replace("y_", "y ")).collect();
        let done = crate::harness::programs::Program::worker().args(["schedule"]).args(words).run();
        assert!(done.code == Some(2) && done.stderr.contains(told), "{done:?}");
    }
    let zone = schedule("cron --zone Pacific/Chatham").env("TZ", "UTC").run();
    assert!(zone.code == Some(2) && zone.stderr.contains("CRON_TZ"), "{zone:?}");
    assert!(refused("cron --cron-d keeper --install", 2).contains("cannot be used with"));
    assert!(printed("cron --cron-d keeper").contains(" keeper /"));
}

#[test]
fn a_policy_of_ones_own_is_started_by_its_file() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("own.toml");
    let policy = printed_by(&["cleanup", "policies", "show", "edfi-ods"]);
    fs::write(&file, policy.replace("\"edfi-ods\"", "\"own\"")).unwrap();
    let file = file.to_str().unwrap();
    let here = printed(&format!("cron --cleanup own --policy-files {file}"));
    assert!(here.contains(&format!(" cleanup own --apply --policy-files {file} ")), "{here}");
    let cloud = printed("google-cloud --cleanup own --policy-files /etc/tokenkeeper/own.toml");
    assert!(cloud.contains("--policy-files"), "{cloud}");
    assert!(refused("cron --cleanup own", 6).contains("there is no policy"));
    refused("cron --cleanup own --policy-files /nowhere.toml", 2);
    // Elsewhere the file is not looked at, and its names go into others' texts.
    let odd = "kubernetes --cleanup a;b --policy-files /etc/own.toml";
    assert!(refused(odd, 2).contains("a name has"));
    for target in ["azure-functions", "aws-lambda"] {
        let own = format!("{target} --cleanup own --policy-files /etc/own.toml");
        assert!(refused(&own, 2).contains("[cleanup.NAME]"));
    }
}

fn printed_by(words: &[&str]) -> String {
    crate::harness::programs::Program::worker().args(words).run().stdout
}
