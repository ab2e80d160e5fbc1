//! A run that holds itself back: hours of the day, a stop file, rests.

use std::{
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use chrono::{DateTime, Timelike, Utc};
use tokenkeeper_shared::clock::{Clock, SystemClock};
use tokenkeeper_worker::{
    cleanup::{drive::Ended, hold::Hold, restraint::Restraint},
    stop::Stop,
};

use crate::{
    applying::{BACKED_UP, TOKENS, dead},
    cleaning::{clean_held, number, program},
    ground::{Ground, in_zones},
};

#[tokio::test(flavor = "multi_thread")]
async fn outside_its_hours_or_beside_a_stop_file_a_run_is_not_begun_and_has_no_slot() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let hour = |later| (SystemClock::new().utc().hour() + later) % 24;
        let window = format!("{:02}:00-{:02}:00", hour(3), hour(6));
        let slot = ["--apply", "--slot", "s", "--json"];
        let mut outside = program(&ground, &policy, &slot).args(["--window", &window]);
        not_begun(&ground, &outside.run().stdout, "outside --window");
        let stopped = program(&ground, &policy, &slot);
        let file = stopped.home().join("stop");
        std::fs::write(&file, "").unwrap();
        let stopped = stopped.args(["--stop-file", file.to_str().unwrap()]).run();
        not_begun(&ground, &stopped.stdout, "stop file");
        assert_eq!(number(&ground, TOKENS).await, 9, "{ground}");
        // The slot is still free.
        let inside = format!("{:02}:00-{:02}:00", hour(23), hour(3));
        let begun = program(&ground, &policy, &slot).args(["--window", &inside]).run();
        assert_eq!(begun.code, Some(0), "{ground}: {begun:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
    })
    .await;
}

fn not_begun(ground: &Ground, told: &str, why: &str) {
    let report: serde_json::Value = serde_json::from_str(told).unwrap();
    assert_eq!(report["status"], "not_begun", "{ground}: {report}");
    assert!(report["held_back"].as_str().unwrap().contains(why), "{ground}: {report}");
}

#[tokio::test(flavor = "multi_thread")]
async fn when_its_hours_end_a_run_ends_after_its_batch() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(usize::try_from(MANY).unwrap())).await;
        let restraint =
            Restraint { window: Some("05:00-05:05".parse().unwrap()), ..Restraint::default() };
        let (stop, clock) = (Stop::never(), Hasty::default());
        let hold = Hold::new(&restraint, &stop, &clock, "2026-11-22T05:00:00Z".parse().unwrap());
        let (ended, run) = clean_held(&ground, &policy, None, None, &hold).await;
        let deleted = i64::try_from(run.progress.deleted()).unwrap();
        assert_eq!(ended, Ended::Partly, "{ground}: {:#?}", run.progress);
        assert!((1..MANY).contains(&deleted), "{ground}: {deleted}");
        assert_eq!(number(&ground, TOKENS).await, MANY - deleted, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_nice_run_rests_after_its_batch_and_a_stop_file_ends_it_there() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(usize::try_from(MANY).unwrap())).await;
        let arguments = ["--apply", "--slot", "s", "--yes-large", "--json", "--nice", "1000"];
        let cleaner = program(&ground, &policy, &arguments);
        let file = cleaner.home().join("stop");
        let running = cleaner.args(["--stop-file", file.to_str().unwrap()]).spawn();
        while !has_begun(&ground).await {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        std::fs::write(&file, "").unwrap();
        let done = running.wait();
        assert_eq!(done.code, Some(3), "{ground}: {done:?}");
        let report: serde_json::Value = serde_json::from_str(&done.stdout).unwrap();
        assert!(report["held_back"].as_str().unwrap().contains("stop file"), "{ground}: {report}");
        let left = number(&ground, TOKENS).await;
        // It rested when the file came: otherwise it would have gone on by then.
        assert_eq!(report["targets"][0]["deleted"], MANY - left, "{ground}: {report}");
        assert_eq!(number(&ground, BACKED_UP).await, MANY - left, "{ground}");
        assert!(left > 0, "{ground}: {done:?}");
    })
    .await;
}

async fn has_begun(ground: &Ground) -> bool {
    number(ground, TOKENS).await < MANY
}

/// A minute passes with each look.
#[derive(Debug, Default)]
struct Hasty(AtomicU64);

impl Clock for Hasty {
    fn monotonic(&self) -> Duration {
        Duration::from_mins(self.0.fetch_add(1, Ordering::Relaxed))
    }

    fn utc(&self) -> DateTime<Utc> {
        unreachable!("this host's wall clock is not asked")
    }
}

/// More than a first batch has, on each database.
const MANY: i64 = 6_000;
