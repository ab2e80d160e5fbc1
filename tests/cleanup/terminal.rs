//! What somebody sees who watches a run on a terminal.

use tokenkeeper_worker::cleanup::policy::Policy;

use crate::{
    applying::dead,
    cleaning::{prepared, program},
    ground::{Ground, in_zones},
    harness::programs::{Finished, Program, built},
};

#[tokio::test(flavor = "multi_thread")]
async fn on_a_terminal_a_run_shows_how_far_it_has_come_and_nowhere_else() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(900)).await;
        let seen = on_terminal(&ground, &policy, "--slot a --max-rows 300", "");
        assert!(seen.stdout.contains("300 of 300 rows, "), "{ground}: {seen:?}");
        assert!(seen.stdout.contains(" rows/s, "), "{ground}: {seen:?}");
        assert!(seen.stdout.contains("300 rows deleted"), "{ground}: {seen:?}");
        let json = on_terminal(&ground, &policy, "--slot b --max-rows 300 --json", "");
        assert!(!json.stdout.contains("rows/s"), "{ground}: {json:?}");
        let filed = on_terminal(&ground, &policy, "--slot c --max-rows 100", "2> said; cat said");
        assert!(!filed.stdout.contains("rows/s"), "{ground}: {filed:?}");
        assert!(filed.stdout.contains("100 rows deleted"), "{ground}: {filed:?}");
        let piped = program(&ground, &policy, &["--apply", "--slot", "d"]).run();
        assert_eq!((piped.code, piped.stderr.as_str()), (Some(0), ""), "{ground}: {piped:?}");
    })
    .await;
}

fn on_terminal(ground: &Ground, policy: &Policy, arguments: &str, more: &str) -> Finished {
    let worker = built("tokenkeeper-worker");
    let (worker, name) = (worker.display(), &policy.name);
    let command = format!("'{worker}' cleanup {name} --apply {arguments} {more}");
    let script = Program::named("script").args(["-qec", &command, "/dev/null"]);
    prepared(script, ground, policy).env("TERM", "xterm").run()
}
