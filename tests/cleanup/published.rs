//! Rows that published clean-ups misjudge: which of them may go is known for each, in each zone.

use chrono::{DateTime, TimeDelta, Utc};
use tokenkeeper_worker::cleanup::{cutoff::DatabaseClock, policy::Policy, predicate, sql::Sql};

use crate::ground::{Ground, in_each_zone};

#[tokio::test(flavor = "multi_thread")]
async fn of_wso2s_tokens_and_codes_only_the_dead_ones_go() {
    in_each_zone(&["wso2-token"], async |ground, policy| {
        ground.execute(&tokens()).await;
        let went = doomed(&ground, &policy, 0).await;
        assert_eq!(went, ["T5", "T9", "TZ"], "{ground}");
        assert_eq!(doomed(&ground, &policy, 1).await, ["C2"], "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_sessions_only_the_expired_and_the_ended_ones_go() {
    in_each_zone(&["wso2-session"], async |ground, policy| {
        ground.execute(&sessions()).await;
        let went = doomed(&ground, &policy, 0).await;
        assert_eq!(went, ["ended", "two-types"], "{ground}");
        // The marker of a logout stays until what it ends has gone.
        assert_eq!(doomed(&ground, &policy, 1).await, ["ended-alone"], "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_the_registry_the_newest_log_rows_and_what_is_linked_stay() {
    in_each_zone(&["wso2-registry"], async |ground, policy| {
        ground.execute(&registry()).await;
        assert_eq!(doomed(&ground, &policy, 0).await, ["1"], "{ground}: log");
        assert_eq!(doomed(&ground, &policy, 1).await, ["4"], "{ground}: log of deleted");
        assert_eq!(doomed(&ground, &policy, 2).await, ["10"], "{ground}: codes");
        assert_eq!(doomed(&ground, &policy, 3).await, ["104"], "{ground}: properties");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_ed_fis_tokens_those_that_have_ended_go_whatever_the_sessions_zone() {
    in_each_zone(&["edfi-ods"], async |ground, policy| {
        ground.execute(&ed_fi(&policy)).await;
        assert_eq!(doomed(&ground, &policy, 0).await, [ed_fi_id(2), ed_fi_id(4)], "{ground}");
    })
    .await;
}

/// The first key column of the rows that may go.
async fn doomed(ground: &Ground, policy: &Policy, target: usize) -> Vec<String> {
    let database = ground.open();
    let offset = database.clock().await.unwrap().server_offset().num_seconds();
    let clock = DatabaseClock::new(now(), offset.try_into().unwrap());
    let target = &policy.targets[target];
    let mut sql = Sql::new(database.dialect(), policy.case);
    sql.push("SELECT DISTINCT CAST(").name(&target.key[0]).push(" AS CHAR(255)) FROM ");
    sql.table(target.schema.as_ref(), &target.table).push(" WHERE ");
    predicate::doomed(target).render(&mut sql, &clock);
    let rows =
        database.rows(&sql).await.unwrap_or_else(|e| panic!("{ground}: {e}: {}", sql.text()));
    database.close().await;
    let keys = rows.into_iter().map(|mut row| row.remove(0).unwrap().trim_end().to_owned());
    let mut keys: Vec<_> = keys.collect();
    keys.sort();
    keys
}

pub fn now() -> DateTime<Utc> {
    "2026-07-01T12:00:00Z".parse().unwrap()
}

/// The wall clock in UTC, so many seconds from now.
pub fn utc(seconds: i64) -> String {
    (now() + TimeDelta::seconds(seconds)).format("%Y-%m-%d %H:%M:%S").to_string()
}

pub fn tokens() -> String {
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
        // At the cut-off exactly, a moment before it, and lives of nothing and of nobody knows.
        token("TX", "ACTIVE", 26 * 3600, hour, day),
        token("TY", "ACTIVE", 9 * 86_400, "NULL", "0"),
        token("TZ", "ACTIVE", 26 * 3600 + 1, "0", day),
    ];
    let code = |id: &str, state: &str, created: i64, token: &str| {
        format!("('{id}', '{state}', '{}', 300000, {token})", utc(-created))
    };
    let codes = [
        code("C1", "ACTIVE", 60, "NULL"),
        code("C2", "ACTIVE", 86_400, "NULL"),
        code("C3", "INACTIVE", 86_400, "'T1'"),
    ];
    format!(
        "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, ACCESS_TOKEN, REFRESH_TOKEN, TIME_CREATED, VALIDITY_PERIOD, \
         REFRESH_TOKEN_TIME_CREATED, REFRESH_TOKEN_VALIDITY_PERIOD, TOKEN_STATE, TOKEN_STATE_ID) VALUES {}; \
         INSERT INTO IDN_OAUTH2_AUTHORIZATION_CODE (CODE_ID, STATE, TIME_CREATED, VALIDITY_PERIOD, TOKEN_ID) VALUES {}",
        rows.join(", "),
        codes.join(", ")
    )
}

pub fn sessions() -> String {
    let nanos = |hours: i64| (now() + TimeDelta::hours(hours)).timestamp_nanos_opt().unwrap();
    let row = |id: &str, of: &str, operation: &str, created: i64, ends: i64| {
        format!("('{id}', '{of}', '{operation}', {}, {})", nanos(created), nanos(ends))
    };
    let rows = [
        row("alive", "app", "STORE", -20 * 24, 24),
        // One type has expired, the other has not.
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
        "INSERT INTO IDN_AUTH_SESSION_STORE (SESSION_ID, SESSION_TYPE, OPERATION, TIME_CREATED, EXPIRY_TIME) VALUES {}",
        rows.join(", ")
    )
}

pub fn registry() -> String {
    let place = "/_system/config/repository/components/org.wso2.carbon.identity.mgt/data";
    let millis = |hours: i64| (now() + TimeDelta::hours(hours)).timestamp_millis();
    let old = utc(-9 * 86_400);
    format!(
        "INSERT INTO REG_LOG (REG_LOG_ID, REG_PATH, REG_LOGGED_TIME, REG_ACTION, REG_TENANT_ID) VALUES \
         (1, '/a', '{old}', 0, 1), (2, '/a', '{old}', 1, 1), (3, '/a', '{old}', 1, 2), (4, '/b', '{old}', 7, 1); \
         INSERT INTO REG_PATH (REG_PATH_ID, REG_PATH_VALUE, REG_TENANT_ID) VALUES (1, '{place}', 1), (2, '/other', 1); \
         INSERT INTO REG_RESOURCE (REG_VERSION, REG_PATH_ID, REG_TENANT_ID) VALUES (10, 1, 1), (11, 1, 1), (12, 2, 1), (13, 1, 1); \
         INSERT INTO REG_PROPERTY (REG_ID, REG_NAME, REG_VALUE, REG_TENANT_ID) VALUES (100, 'expireTime', '{}', 1), \
         (101, 'expireTime', '{}', 1), (102, 'expireTime', '{0}', 1), (103, 'expireTime', '{0}', 1), (104, 'any', 'x', 1); \
         INSERT INTO REG_RESOURCE_PROPERTY (REG_PROPERTY_ID, REG_VERSION, REG_PATH_ID, REG_TENANT_ID) VALUES \
         (100, 10, NULL, 1), (101, 11, NULL, 1), (102, 12, NULL, 1), (103, NULL, 1, 1)",
        millis(-24),
        millis(24),
    )
}

pub fn ed_fi(policy: &Policy) -> String {
    let row = |(number, minutes): (i64, i64)| {
        format!("('{}', '{}')", ed_fi_id(number), utc(minutes * 60))
    };
    let rows = [(1, 25), (2, -25), (3, 180), (4, -180), (5, -5)].map(row).join(", ");
    let schema = policy.targets[0].schema.as_ref().map_or("", |_| "dbo.");
    format!("INSERT INTO {schema}ClientAccessTokens (Id, Expiration) VALUES {rows}")
}

pub fn ed_fi_id(number: i64) -> String {
    format!("00000000-0000-0000-0000-{number:012}")
}
