//! What fields say, held against the schedule that they were made of.

use chrono::{DateTime, Utc};

use super::Fields;
use crate::cron::Schedule;

fn schedule(text: &str) -> Schedule {
    Schedule::parse(text, chrono_tz::Tz::UTC).unwrap()
}

#[test]
fn five_fields_come_when_the_schedule_comes() {
    for text in [
        "0 3 * * *",
        "*/15 * * * *",
        "7/20 9-17 * * mon-fri",
        "0 0 3 ? * 2 *",
        "0 0/30 * 1/1 * ? *",
        "0 0 3 ? * 1",
        "0 3 * * 7",
        "0 3 13 * 5",
        "5 4 */2 * 1",
        "0 0 1,15 jan,JUL *",
        "0 22 28-31 * *",
        "@weekly",
        "@every 30m",
        "@every 6h",
        "@every 24h",
        "@every 1m",
        "30,0 2,14 * * 1-5",
        "0 3 1-31 * MON",
        "0 3 1 * 0-6",
        "0 3 * * sun,7",
    ] {
        let wanted = schedule(text);
        let said = Fields::of(&wanted).unwrap().five().unwrap();
        let from: DateTime<Utc> = "2026-11-22T12:00:00Z".parse().unwrap();
        assert_eq!(schedule(&said).upcoming(from, 60), wanted.upcoming(from, 60), "{text}: {said}");
    }
}

#[test]
fn either_of_two_days_is_a_list_that_begins_with_no_star() {
    let said = Fields::of(&schedule("0 3 */10 * */2")).unwrap().five().unwrap();
    assert_eq!(said, "0 3 1,11,21,31 * 0,2,4,6");
}

#[test]
fn what_fields_cannot_say_is_refused_with_what_to_write() {
    for (text, told) in [
        ("0 3 L * *", "the day of the month of 0 3 L * * (UTC)"),
        ("0 3 15W * *", "daemon"),
        ("0 3 * * 5#3", "the weekday"),
        ("0 3 1 * +MON", "daemon"),
        ("0 0 3 1 1 ? 2028", "the year"),
        ("@every 45m", "`@every 30m`"),
        ("@every 25h", "`@every 30m`"),
    ] {
        let error = Fields::of(&schedule(text)).unwrap_err().to_string();
        assert!(error.contains(told), "{text}: {error}");
    }
    for text in ["30 0 3 * * *", "@every 20s"] {
        let error = Fields::of(&schedule(text)).unwrap().five().unwrap_err().to_string();
        assert!(error.contains("no seconds"), "{text}: {error}");
    }
}
