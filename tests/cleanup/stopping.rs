//! Rehearsals that do not come to their end: killed, or asked to stop.

use std::{collections::BTreeSet, fs, os::unix::fs::PermissionsExt, time::Duration};

use crate::{
    applying::{TOKENS, dead},
    cleaning::number,
    copies::{COPIES, copies, crowd, drop_copy, state},
    ground::in_zones,
    harness::{databases::Kind, product::Product, wait},
    meeting::is_held,
    rehearsing::{name, rehearse, report},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_copy_that_a_killed_rehearsal_left_is_dropped_by_the_next_and_no_other_one() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let kept = report(&ground, &rehearse(&ground, &policy, &["--keep-copy"]).run());
        assert_eq!(kept["copy"]["is_kept"], true, "{ground}: {kept}");
        let held = rehearse(&ground, &policy, &[]).env("TOKENKEEPER_FAILPOINT", "rehearsal_held");
        let folder = held.home().to_owned();
        let running = held.env("TOKENKEEPER_FAILPOINT_HOLD", &folder).spawn();
        is_held(&folder);
        let busy = copies(&ground);
        let killed = rehearse(&ground, &policy, &[])
            .env("TOKENKEEPER_FAILPOINT", "rehearsal_after_copy")
            .run();
        assert_eq!(killed.code, None, "{ground}: {killed:?}");
        let left: Vec<_> = copies(&ground).difference(&busy).cloned().collect();
        assert_eq!(left.len(), 1, "{ground}: {left:?}");
        let next = report(&ground, &rehearse(&ground, &policy, &[]).run());
        assert_eq!(next["dropped"], serde_json::json!(left), "{ground}: {next}");
        assert_eq!(copies(&ground), busy, "{ground}: {next}");
        // Somebody asks the one that is held to stop: it leaves nothing either.
        running.signal("TERM");
        running.complains("stopping", 1);
        fs::write(folder.join("go"), "").unwrap();
        let stopped = running.wait();
        assert_eq!(stopped.code, Some(3), "{ground}: {stopped:?}");
        assert_eq!(copies(&ground), BTreeSet::from([name(&kept)]), "{ground}: {stopped:?}");
        assert_eq!(number(&ground, TOKENS).await, 9, "{ground}");
        drop_copy(&ground, &name(&kept));
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_asked_to_stop_in_the_middle_of_a_dump_leaves_nothing() {
    let _alone = COPIES.lock().await;
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        let name = match ground.place.kind {
            Kind::Sqlite => return,
            Kind::Postgres => "pg_dump",
            Kind::MySql if Product::mysql() == Product::MySql => "mysqldump",
            Kind::MySql => "mariadb-dump",
        };
        ground.execute(&dead(9)).await;
        let before = state(&ground);
        let rehearsal = rehearse(&ground, &policy, &[]);
        // The server's own program, which goes on for ever after the first half of its dump.
        let programs = rehearsal.home().join("programs");
        let path = std::env::var("PATH").unwrap();
        let half = format!(
            "#!/bin/sh\nPATH='{path}' {name} \"$@\" >'{0}/whole' && head -c 3000 '{0}/whole' && : >'{0}/begun'\nexec sleep 60\n",
            rehearsal.home().display()
        );
        let (begun, file) = (rehearsal.home().join("begun"), programs.join(name));
        fs::create_dir(&programs).unwrap();
        fs::write(&file, half).unwrap();
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).unwrap();
        let crowd = crowd(&ground).await;
        let path = format!("{}:{path}", programs.display());
        let running = rehearsal.env("PATH", path).spawn();
        assert!(wait::until(LIMIT, || begun.is_file().then_some(())).is_some(), "{ground}: no dump");
        assert_eq!(copies(&ground).len(), 1, "{ground}");
        running.signal("TERM");
        let stopped = running.wait();
        drop(crowd);
        assert_eq!(stopped.code, Some(7), "{ground}: {stopped:?}");
        assert_eq!(copies(&ground), BTreeSet::new(), "{ground}: {stopped:?}");
        assert_eq!(state(&ground), before, "{ground}: {stopped:?}");
    })
    .await;
}

const LIMIT: Duration = Duration::from_secs(40);
