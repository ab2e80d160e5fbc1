//! Rows of products, relative to the time that it is, and which of them are dead.

use chrono::{DateTime, TimeDelta, Utc};
use tokenkeeper_shared::clock::{Clock, SystemClock};

/// The dead ones by the key of the first table of the policy.
pub fn dead(policy: &str) -> &'static [&'static str] {
    match policy {
        "edfi-ods" => {
            &["00000000-0000-0000-0000-000000000002", "00000000-0000-0000-0000-000000000004"]
        }
        "wso2-token" => &["T5", "T9"],
        _ => &["ended", "two-types"],
    }
}

pub fn of(policy: &str) -> String {
    match policy {
        "edfi-ods" => ed_fi(),
        "wso2-token" => tokens(),
        _ => sessions(),
    }
}

fn now() -> DateTime<Utc> {
    SystemClock::new().utc()
}

/// The wall clock in UTC, so many seconds from now.
fn utc(seconds: i64) -> String {
    (now() + TimeDelta::seconds(seconds)).format("%Y-%m-%d %H:%M:%S").to_string()
}

/// Lives 25 minutes, has ended 25 minutes ago, and so on: the published job deletes the first one east of UTC. The last
/// one is dead after the policy's grace of five minutes, which a test must not take.
fn ed_fi() -> String {
    let row = |(number, minutes): (i64, i64)| {
        format!("('00000000-0000-0000-0000-{number:012}', '{}', 'scope', 1)", utc(minutes * 60))
    };
    let rows = [(1, 25), (2, -25), (3, 180), (4, -180), (5, -1)].map(row).join(", ");
    format!(
        "INSERT INTO dbo.ApiClients (ApiClientId) VALUES (1); \
         INSERT INTO dbo.ClientAccessTokens (Id, Expiration, Scope, ApiClient_ApiClientId) VALUES {rows}"
    )
}

fn tokens() -> String {
    let token = |id: &str, state: &str, created: i64, life: &str, refresh_life: &str| {
        let created = utc(-created);
        format!(
            "('{id}', 'a{id}', 'r{id}', '{created}', {life}, '{created}', {refresh_life}, '{state}', '{id}')"
        )
    };
    let (hour, day, long) = ("3600000", "86400000", "9223372036854775807");
    let rows = [
        token("T1", "ACTIVE", 60, hour, day),
        token("T2", "ACTIVE", 4 * 3600, hour, day),
        token("T3", "EXPIRED", 4 * 3600, hour, day),
        token("T4", "ACTIVE", 9 * 86_400, "-1", day),
        token("T5", "ACTIVE", 9 * 86_400, hour, day),
        token("T6", "REVOKED", 0, hour, day),
        token("T7", "ACTIVE", 21 * 3600, hour, day),
        token("T8", "ACTIVE", 9 * 86_400, hour, long),
        token("T9", "REVOKED", 9 * 86_400, "-1", "-1"),
        token("TY", "ACTIVE", 9 * 86_400, "NULL", "0"),
    ];
    let code = |id: &str, state: &str, created: i64, token: &str| {
        format!("('{id}', '{state}', '{}', 300000, {token})", utc(-created))
    };
    let codes = [
        code("C1", "ACTIVE", 60, "NULL"),
        code("C2", "ACTIVE", 86_400, "NULL"),
        code("C3", "INACTIVE", 86_400, "'T1'"),
        code("C4", "INACTIVE", 10 * 86_400, "'T5'"),
    ];
    format!(
        "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TIME_CREATED, VALIDITY_PERIOD, \
         REFRESH_TOKEN_TIME_CREATED, REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_STATE, TOKEN_STATE_ID) VALUES {}; \
         INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE (CODE_ID, STATE, TIME_CREATED, VALIDITY_PERIOD, TOKEN_ID) VALUES {}; \
         INSERT INTO IDN_OAUTH2_ACCESS_TOKEN_SCOPE (TOKEN_ID, TOKEN_SCOPE) VALUES ('T5', 'one'), ('T5', 'two'), ('T1', 'one'); \
         INSERT INTO IDN_OIDC_REQ_OBJECT_REFERENCE (ID, TOKEN_ID) VALUES (1, 'T5'), (2, 'T1'); \
         INSERT INTO IDN_OIDC_REQ_OBJECT_CLAIMS (ID, REQ_OBJECT_ID) VALUES (10, 1), (20, 2); \
         INSERT INTO IDN_OIDC_REQ_OBJ_CLAIM_VALUES (ID, REQ_OBJECT_CLAIMS_ID) VALUES (100, 10), (200, 20)",
        rows.join(", "),
        codes.join(", ")
    )
}

fn sessions() -> String {
    let nanos = |hours: i64| (now() + TimeDelta::hours(hours)).timestamp_nanos_opt().unwrap();
    let row = |id: &str, of: &str, operation: &str, created: i64, ends: i64| {
        format!("('{id}', '{of}', '{operation}', {}, {})", nanos(created), nanos(ends))
    };
    let rows = [
        row("alive", "app", "STORE", -20 * 24, 24),
        row("two-types", "app", "STORE", -48, -24),
        row("two-types", "idp", "STORE", -48, 24),
        row("ended", "app", "STORE", -48, 24),
        row("ended", "app", "DELETE", -24, 24),
        row("ended-now", "app", "STORE", -48, 24),
        row("ended-now", "app", "DELETE", -1, 24),
        row("begun-again", "app", "DELETE", -24, 24),
        row("begun-again", "app", "STORE", -23, 24),
        row("ended-alone", "app", "DELETE", -24, 24),
    ];
    format!(
        "INSERT INTO IDN_AUTH_SESSION_STORE (SESSION_ID, SESSION_TYPE, OPERATION, TIME_CREATED, EXPIRY_TIME) VALUES {}; \
         INSERT INTO IDN_AUTH_SESSION_APP_INFO (SESSION_ID, SUBJECT, APP_ID, INBOUND_AUTH_TYPE) VALUES ('ended', 's', 1, 'x'), \
         ('two-types', 's', 1, 'x'), ('alive', 's', 1, 'x')",
        rows.join(", ")
    )
}
