//! Schedules at given instants.

use chrono::{DateTime, Utc};

use super::{Schedule, zone};

fn at(text: &str) -> DateTime<Utc> {
    text.parse().unwrap()
}

fn schedule(text: &str, zone_name: &str) -> Schedule {
    Schedule::parse(text, zone(zone_name).unwrap()).unwrap()
}

fn next(text: &str, zone_name: &str, after: &str, count: usize) -> Vec<String> {
    let schedule = schedule(text, zone_name);
    schedule.upcoming(at(after), count).into_iter().map(crate::report::text).collect()
}

/// Sunday, 2026-11-22.
const SUNDAY: &str = "2026-11-22T12:00:00Z";

#[test]
fn expressions_of_five_six_and_seven_fields_come_when_they_say() {
    for (text, expected) in [
        ("0 3 * * *", "2026-11-23T03:00:00Z"),
        ("*/15 * * * *", "2026-11-22T12:15:00Z"),
        ("30 0 3 * * *", "2026-11-23T03:00:30Z"),
        ("0 0/30 * 1/1 * ? *", "2026-11-22T12:30:00Z"),
        ("0 0 3 1 1 ? 2028", "2028-01-01T03:00:00Z"),
        ("0 3 * jan MON", "2027-01-04T03:00:00Z"),
        ("0 3 L * *", "2026-11-30T03:00:00Z"),
        ("0 0 3 L * ?", "2026-11-30T03:00:00Z"),
        ("0 0 3 LW * ?", "2026-11-30T03:00:00Z"),
        // 2027-05-15 is a Saturday.
        ("0 0 3 15W 5 ?", "2027-05-14T03:00:00Z"),
        ("0 0 3 ? * FRI#1", "2026-12-04T03:00:00Z"),
        ("0/20 * * * *", "2026-11-22T12:20:00Z"),
        ("0 3 1 * +TUE", "2026-12-01T03:00:00Z"),
        ("0 3 2-7 * +SAT", "2026-12-05T03:00:00Z"),
        ("@hourly", "2026-11-22T13:00:00Z"),
        ("@daily", "2026-11-23T00:00:00Z"),
        ("@Midnight", "2026-11-23T00:00:00Z"),
        ("@weekly", "2026-11-29T00:00:00Z"),
        ("@every 45m", "2026-11-22T12:45:00Z"),
        ("0 22-23 * * *", "2026-11-22T22:00:00Z"),
    ] {
        assert_eq!(next(text, "UTC", SUNDAY, 1), [expected], "{text}");
    }
}

#[test]
fn a_weekday_counts_from_sunday_as_1_for_quartz_and_as_0_or_7_elsewhere() {
    for (text, expected) in [
        ("0 3 * * 0", "2026-11-29T03:00:00Z"),
        ("0 3 * * 7", "2026-11-29T03:00:00Z"),
        ("0 3 * * 1", "2026-11-23T03:00:00Z"),
        ("0 0 3 * * 1", "2026-11-23T03:00:00Z"),
        ("0 0 3 ? * 1", "2026-11-29T03:00:00Z"),
        ("0 0 3 * * 2 *", "2026-11-23T03:00:00Z"),
        ("0 0 3 ? * 7", "2026-11-28T03:00:00Z"),
        ("0 0 3 ? * SUN", "2026-11-29T03:00:00Z"),
        ("0 0 3 * * SUN", "2026-11-29T03:00:00Z"),
        // The last Friday of the month, in either way of counting.
        ("0 3 * * 5L", "2026-11-27T03:00:00Z"),
        ("0 0 3 ? * 6L", "2026-11-27T03:00:00Z"),
        ("0 0 3 ? * 6#4 *", "2026-11-27T03:00:00Z"),
    ] {
        assert_eq!(next(text, "UTC", SUNDAY, 1), [expected], "{text}");
    }
}

/// Zurich left 2027-03-28 02:00–03:00 out and has 2027-10-31 02:00–03:00 twice; Chicago 2027-03-14 and 2027-11-07 (01:00–02:00).
#[test]
fn a_time_that_the_clocks_leave_out_comes_once_right_after_it() {
    for (text, name, after, expected) in [
        (
            "30 2 * * *",
            "Europe/Zurich",
            "2027-03-27T12:00:00Z",
            ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"],
        ),
        (
            "0 30 2 ? * * *",
            "Europe/Zurich",
            "2027-03-27T12:00:00Z",
            ["2027-03-28T01:00:00Z", "2027-03-29T00:30:00Z"],
        ),
        (
            "30 2,22 * * *",
            "Europe/Zurich",
            "2027-03-27T22:00:00Z",
            ["2027-03-28T01:00:00Z", "2027-03-28T20:30:00Z"],
        ),
        (
            "30 2 * * *",
            "America/Chicago",
            "2027-03-13T20:00:00Z",
            ["2027-03-14T08:00:00Z", "2027-03-15T07:30:00Z"],
        ),
    ] {
        assert_eq!(next(text, name, after, 2), expected, "{text} {name}");
    }
}

#[test]
fn a_time_that_the_clocks_repeat_comes_once() {
    for (text, name, after, expected) in [
        (
            "30 2 * * *",
            "Europe/Zurich",
            "2027-10-30T12:00:00Z",
            ["2027-10-31T00:30:00Z", "2027-11-01T01:30:00Z"],
        ),
        (
            "30 2,4 * * *",
            "Europe/Zurich",
            "2027-10-30T12:00:00Z",
            ["2027-10-31T00:30:00Z", "2027-10-31T03:30:00Z"],
        ),
        (
            "0 30 1 * * ?",
            "America/Chicago",
            "2027-11-06T20:00:00Z",
            ["2027-11-07T06:30:00Z", "2027-11-08T07:30:00Z"],
        ),
    ] {
        assert_eq!(next(text, name, after, 2), expected, "{text} {name}");
    }
}

#[test]
fn an_interval_goes_on_evenly_when_clocks_change() {
    let expected = ["2027-10-31T00:30:00Z", "2027-10-31T01:00:00Z", "2027-10-31T01:30:00Z"];
    for text in ["*/30 * * * *", "@every 30m"] {
        assert_eq!(next(text, "Europe/Zurich", "2027-10-31T00:00:00Z", 3), expected, "{text}");
    }
}

#[test]
fn of_missed_instants_the_last_one_counts() {
    let daily = schedule("30 2 * * *", "Europe/Zurich");
    let last = |from: &str, to: &str| daily.last_within(at(from), at(to));
    assert_eq!(last("2026-11-01T00:00:00Z", SUNDAY), Some(at("2026-11-22T01:30:00Z")));
    assert_eq!(
        last("2026-11-01T00:00:00Z", "2026-11-22T01:30:00Z"),
        Some(at("2026-11-22T01:30:00Z"))
    );
    assert_eq!(last("2026-11-22T01:30:00Z", SUNDAY), None, "it was done");
    assert_eq!(
        last("2027-03-27T12:00:00Z", "2027-03-28T12:00:00Z"),
        Some(at("2027-03-28T01:00:00Z"))
    );
    assert_eq!(
        last("2027-10-30T12:00:00Z", "2027-10-31T12:00:00Z"),
        Some(at("2027-10-31T00:30:00Z"))
    );
    let seconds = schedule("@every 1s", "UTC");
    assert_eq!(seconds.last_within(at("1971-01-01T00:00:00Z"), at(SUNDAY)), Some(at(SUNDAY)));
}

#[test]
fn what_is_wrong_is_told_with_its_field_and_what_it_takes() {
    for (text, told) in [
        ("0 25 * * *", "the hour \"25\" cannot be read: it takes 0 to 23,"),
        ("61 * * * *", "the minute \"61\""),
        ("0 3 32 * *", "the day of the month \"32\""),
        ("0 3 * 13 *", "the month \"13\""),
        ("0 3 * * 8", "the weekday \"8\" cannot be read: it takes 0 (Sunday)"),
        ("0 0 3 ? * 0", "the weekday \"0\" cannot be read: it takes 1 (Sunday)"),
        ("99 0 3 * * *", "the second \"99\""),
        ("0 0 3 ? * MON soon", "the year \"soon\""),
        ("0 3 * * 5-", "the weekday \"5-\""),
        ("*/0 * * * *", "the minute \"*/0\""),
        // Amazon's six fields have a year, and no second.
        ("0 10 * * ? *", "the month \"?\""),
        ("0 3 * *", "has 4 fields: write five (minute, hour,"),
        ("", "has 0 fields"),
        ("@reboot", "there are @yearly"),
        ("@every", "there are @yearly"),
        ("@every day", "`@every` takes"),
        ("@every 0s", "`@every` takes"),
        ("@every 1500ms", "`@every` takes"),
        ("0 3 30 2 *", "never comes"),
    ] {
        let error = Schedule::parse(text, chrono_tz::UTC).map(|s| s.to_string()).unwrap_err();
        assert!(error.to_string().contains(told), "{text}: {error}");
    }
}

#[test]
fn an_unknown_zone_is_told_with_the_nearest_one() {
    let told = |name: &str| zone(name).map(|zone| zone.to_string()).unwrap_err().to_string();
    assert!(
        told("Europe/Zurch").ends_with("is \"Europe/Zurich\" meant?"),
        "{}",
        told("Europe/Zurch")
    );
    assert!(told("europe/zurich").ends_with("is \"Europe/Zurich\" meant?"));
    assert!(told("nowhere at all").contains("write an IANA name"), "{}", told("nowhere at all"));
}
