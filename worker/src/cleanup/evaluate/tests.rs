use super::*;
use crate::cleanup::policy::{Policy, shipped};

const NOW: &str = "2026-07-01T12:00:00Z";

fn policy(name: &str) -> Policy {
    shipped().unwrap().remove(name).unwrap()
}

fn row(cells: &[(&str, &str)]) -> Row {
    let cell = |(column, text): &(&str, &str)| {
        let text = (*text != "NULL").then(|| (*text).to_owned());
        (column.parse().unwrap(), text)
    };
    cells.iter().map(cell).collect()
}

fn judged(policy: &Policy, target: usize, row: &Row, tables: &Tables) -> Option<String> {
    let clock = DatabaseClock::new(NOW.parse().unwrap(), 0);
    let evaluator = Evaluator { dialect: Dialect::Postgres, clock, tables };
    evaluator.reason(&policy.targets[target], row).map(|reason| reason.name.clone())
}

fn token(
    state: &str,
    created: &str,
    life: &str,
    refresh: &str,
    refresh_life: &str,
) -> Option<String> {
    let row = row(&[
        ("TOKEN_STATE", state),
        ("TIME_CREATED", created),
        ("VALIDITY_PERIOD", life),
        ("REFRESH_TOKEN", refresh),
        ("REFRESH_TOKEN_TIME_CREATED", created),
        ("REFRESH_TOKEN_VALIDITY_PERIOD", refresh_life),
    ]);
    judged(&policy("wso2-token"), 0, &row, &Tables::new())
}

#[test]
fn no_row_goes_while_its_refresh_token_works() {
    let (hour, day) = ("3600000", "86400000");
    let yesterday = "2026-06-30 14:00:00";
    assert_eq!(token("ACTIVE", yesterday, hour, "r", day), None);
    assert_eq!(token("EXPIRED", yesterday, hour, "r", day), None);
    assert_eq!(token("ACTIVE", yesterday, hour, "", day).as_deref(), Some("expired"));
    assert_eq!(token("ACTIVE", yesterday, hour, "NULL", day).as_deref(), Some("expired"));
    assert_eq!(
        token("EXPIRED", "2026-06-29 12:00:00", hour, "r", day).as_deref(),
        Some("refresh-ended")
    );
}

#[test]
fn negative_null_and_huge_lives_never_end() {
    let old = "2020-01-01 00:00:00";
    for never in ["-1", "NULL", "9223372036854775807", "99999999999990", "-9223372036854775808"] {
        assert_eq!(token("ACTIVE", old, never, "", "1"), None, "{never}");
        assert_eq!(token("ACTIVE", old, "1", "r", never), None, "{never}");
        assert_eq!(token("REVOKED", old, never, "r", never).as_deref(), Some("revoked"));
    }
    assert_eq!(token("ACTIVE", old, "0", "r", "0").as_deref(), Some("expired"));
}

#[test]
fn what_ends_exactly_at_the_cut_off_stays_and_a_millisecond_earlier_goes() {
    assert_eq!(token("ACTIVE", "2026-07-01 09:00:00", "3600000", "", "0"), None);
    assert!(token("ACTIVE", "2026-07-01 08:59:59.999", "3600000", "", "0").is_some());
}

#[test]
fn what_is_no_time_after_1970_is_no_time() {
    for text in [
        "infinity",
        "-infinity",
        "1970-01-01 00:00:00",
        "0001-01-01 00:00:00",
        "0000-00-00 00:00:00",
        "now",
        "",
        "NULL",
    ] {
        let row = row(&[("Expiration", text)]);
        assert_eq!(judged(&policy("edfi-ods"), 0, &row, &Tables::new()), None, "{text}");
    }
}

#[test]
fn an_authorization_goes_when_each_token_in_it_has_ended_and_not_before_it_has_one() {
    let spring = policy("spring-authorization-server");
    let ended = ("access_token_expires_at", "2026-06-01 00:00:00");
    let judged = |cells: &[(&str, &str)]| judged(&spring, 0, &row(cells), &Tables::new());
    assert_eq!(judged(&[]), None);
    assert!(judged(&[("access_token_value", "a"), ended]).is_some());
    let alive = ("refresh_token_expires_at", "2026-07-02 00:00:00");
    assert_eq!(
        judged(&[("access_token_value", "a"), ended, ("refresh_token_value", "r"), alive]),
        None
    );
}

#[test]
fn a_code_stays_as_long_as_its_token() {
    let code = row(&[
        ("TOKEN_ID", "t"),
        ("TIME_CREATED", "2026-06-01 00:00:00"),
        ("VALIDITY_PERIOD", "1"),
    ]);
    let tokens = |id| {
        Tables::from([("IDN_OAUTH2_ACCESS_TOKEN".parse().unwrap(), vec![row(&[("TOKEN_ID", id)])])])
    };
    assert_eq!(judged(&policy("wso2-token"), 1, &code, &tokens("t")), None);
    assert!(judged(&policy("wso2-token"), 1, &code, &tokens("other")).is_some());
}

#[test]
fn times_are_read_as_each_database_writes_them() {
    let seconds = |text: &str, encoding: &str, dialect| {
        let stored = Stored::read(text, encoding.parse().unwrap(), dialect)?;
        let clock = DatabaseClock::new(NOW.parse().unwrap(), 9 * 3600);
        Some(stored.age(&clock.cut(Duration::ZERO)) / 1_000_000_000)
    };
    for (text, encoding, dialect) in [
        ("2026-07-01 11:00:00", "utc_naive", Dialect::MySql),
        ("2026-07-01T11:00:00Z", "utc_naive", Dialect::Sqlite),
        ("2026-07-01 11:00", "utc_naive", Dialect::Sqlite),
        ("2026-07-01 16:30:00.000000+05:30", "timestamptz", Dialect::Postgres),
        ("2026-07-01 06:00:00-05", "timestamptz", Dialect::Postgres),
        ("1782903600.000000", "timestamptz", Dialect::MySql),
        ("2026-07-01 20:00:00", "session_naive(server)", Dialect::Postgres),
        ("2026-07-01 05:00:00", "session_naive(America/Chicago)", Dialect::MySql),
        ("1782903600", "epoch_s", Dialect::MySql),
        ("1782903600000", "epoch_ms_text", Dialect::MySql),
        ("1782903600000000", "epoch_us", Dialect::MySql),
        ("1782903600000000000", "epoch_ns", Dialect::MySql),
    ] {
        assert_eq!(seconds(text, encoding, dialect), Some(3600), "{text} {encoding}");
    }
}
