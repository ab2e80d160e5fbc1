//! When pgAgent would come, by its own function.

use tokenkeeper_worker::cron::{self, Schedule};

use crate::{
    agent::{schedule, server},
    place::Place,
};

/// The instants after which it would come, by its own function, one after the other.
fn instants(place: &Place<'_>, zone: &str, from: &str, count: usize) -> Vec<String> {
    let text = place.execute(&format!(
        "SET TIME ZONE '{zone}'; CREATE OR REPLACE FUNCTION come() RETURNS SETOF text LANGUAGE plpgsql AS $$ \
         DECLARE at timestamptz := '{from}'; BEGIN FOR step IN 1..{count} LOOP \
         SELECT MIN(pgagent.pga_next_schedule(jscid, at + interval '1 minute', NULL, jscminutes, jschours, jscweekdays, jscmonthdays, \
         jscmonths)) INTO at FROM pgagent.pga_schedule; \
         RETURN NEXT to_char(at AT TIME ZONE 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"'); END LOOP; END $$; SELECT come()"
    ));
    text.lines().map(str::to_owned).collect()
}

#[test]
fn pgagent_reckons_the_instants_that_the_schedule_says() {
    let server = server("UTC");
    let place = Place::within(&server, "postgres", "edfi-ods");
    // Its first look may come to a later minute of an hour: from a full day on it does not.
    let from = "2031-01-01T00:00:00Z";
    for (at, of, by) in [
        ("0 3 * * *", "UTC", "UTC"),
        ("*/15 * * * *", "UTC", "UTC"),
        ("5,35 2,14 * * 1-5", "UTC", "UTC"),
        ("0 3 1,15 * *", "UTC", "UTC"),
        ("0 4 1 */3 *", "UTC", "UTC"),
        ("0 3 1 * MON", "UTC", "UTC"),
        ("0 3 * * SUN", "Asia/Tokyo", "Asia/Tokyo"),
        ("0 3 * * SUN", "Asia/Tokyo", "UTC"),
        ("30 4 * * *", "America/Chicago", "America/Chicago"),
        ("@every 6h", "UTC", "Asia/Tokyo"),
    ] {
        let (code, said) =
            schedule(&place, &["--at", at, "--zone", of, "--agent-zone", by, "--install"]);
        assert_eq!(code, Some(0), "{at}: {said}");
        let schedule = Schedule::parse(at, cron::zone(of).unwrap()).unwrap();
        let expected: Vec<_> = schedule
            .upcoming(from.parse().unwrap(), 300)
            .into_iter()
            .map(|at| at.format("%Y-%m-%dT%H:%M:%SZ").to_string())
            .collect();
        assert_eq!(instants(&place, by, from, 300), expected, "{at} of {of} by {by}");
    }
    // Why some days are refused: it looks for a 31st of April.
    let failed = server.try_execute(
        "postgres",
        "SELECT pgagent.pga_next_schedule(jscid, '2031-04-02', NULL, jscminutes, jschours, jscweekdays, \
         array_fill(false, ARRAY[30]) || ARRAY[true, false], jscmonths) FROM pgagent.pga_schedule",
    );
    assert!(failed.unwrap_err().contains("out of range"));
}
