//! What published clean-ups delete: their conditions, in our words. A rule that its makers have not written for a
//! database is translated for it.

use super::{
    clock::Clock,
    family::{CODE, ED_FI_TOKEN, LOG, PROPERTY, RESOURCE, SESSION, TOKEN},
};
use crate::harness::databases::Kind;

pub struct Rule {
    pub name: &'static str,
    pub policy: &'static str,
    /// Where it comes from, and what is wrong with it.
    pub words: &'static str,
    /// The databases of ours for which it is published.
    pub published: &'static [Kind],
    pub steps: fn(&Clock) -> Vec<Step>,
}

/// One round of a procedure: it notes what it is going to delete, gives up when that is less than a number, and
/// deletes by what it has noted.
pub struct Step {
    pub table: &'static str,
    pub by: &'static str,
    pub condition: String,
    pub at_least: i64,
}

pub const RULES: [Rule; 10] = [
    Rule {
        name: "2.5.0",
        policy: "wso2-token",
        words: "The stored procedure that came with API Manager 2.5.0, for MySQL. Local clock, no care for lives without \
                an end, and codes that are not redeemed yet (`TOKEN_ID IS NULL`) go.",
        published: &[Kind::MySql],
        steps: first_tokens,
    },
    Rule {
        name: "current",
        policy: "wso2-token",
        words: "`token-cleanup` of carbon-identity-framework 5.14 and later, as shipped: it does nothing while fewer than \
                `checkCount` = 100 rows are in question. Local clock on MySQL, UTC on PostgreSQL.",
        published: WSO2,
        steps: |clock| current_tokens(clock, 100),
    },
    Rule {
        name: "current, checkCount 1",
        policy: "wso2-token",
        words: "The same, told to clean small tables too.",
        published: WSO2,
        steps: |clock| current_tokens(clock, 1),
    },
    Rule {
        name: "to 2021",
        policy: "wso2-session",
        words: "`session-data-cleanup` of API Manager 2.5.0 and until 2021: what is 14 days old, and all rows of an id with a \
                marker that is 12 hours old. By `SESSION_ID` alone.",
        published: WSO2,
        steps: first_sessions,
    },
    Rule {
        name: "current",
        policy: "wso2-session",
        words: "The later script: what has expired, and the markers, after two and twelve hours (on PostgreSQL after one \
                each, and not while fewer than 500 rows are in question). By `SESSION_ID` alone.",
        published: WSO2,
        steps: |clock| current_sessions(clock, 500),
    },
    Rule {
        name: "current, checkCount 1",
        policy: "wso2-session",
        words: "The same, told to clean small tables too.",
        published: WSO2,
        steps: |clock| current_sessions(clock, 1),
    },
    Rule {
        name: "current",
        policy: "wso2-registry",
        words: "`registry-cleanup`, as shipped: the log is left alone while fewer than `checkCount` = 1000 rows are in \
                question.",
        published: WSO2,
        steps: |clock| registry(clock, 1000),
    },
    Rule {
        name: "current, checkCount 1",
        policy: "wso2-registry",
        words: "The same, told to clean small tables too.",
        published: WSO2,
        steps: |clock| registry(clock, 1),
    },
    Rule {
        name: "pgAgent job",
        policy: "edfi-ods",
        words: "The published job for PostgreSQL: `expiration < now()`. The column is a wall clock of UTC, and `now()` is \
                read by the session's.",
        published: &[Kind::Postgres],
        steps: |clock| vec![ed_fi(&now(clock))],
    },
    Rule {
        name: "SQL Server Agent job",
        policy: "edfi-ods",
        words: "The published job for SQL Server: `Expiration < GETUTCDATE()`, without a grace. The API's own job says the \
                same.",
        published: &[],
        steps: |clock| vec![ed_fi(&clock.utc(0))],
    },
];

fn first_tokens(clock: &Clock) -> Vec<Step> {
    let cut = clock.local(SAFE);
    let [access, refresh, code] = ended(clock, &cut);
    let dead = format!("{DEAD_STATES} OR (TOKEN_STATE = 'ACTIVE' AND {access} AND {refresh})");
    let codes = format!("{TOKEN_IS_GONE} OR STATE <> 'ACTIVE' OR {code} OR TOKEN_ID IS NULL");
    vec![step(TOKEN, "TOKEN_ID", dead, 1), step(CODE, "CODE_ID", codes, 1)]
}

fn current_tokens(clock: &Clock, at_least: i64) -> Vec<Step> {
    let (cut, least) = match clock.kind {
        Kind::Postgres => (clock.utc(SAFE), 0),
        Kind::MySql | Kind::Sqlite => (clock.local(SAFE), 1),
    };
    let [access, refresh, code] = ended(clock, &cut);
    let ends = |life: &str| format!("{life} BETWEEN {least} AND 99999999999989");
    let (life, refresh_life) = (ends("VALIDITY_PERIOD"), ends("REFRESH_TOKEN_VALIDITY_PERIOD"));
    let dead = format!(
        "{DEAD_STATES} OR (TOKEN_STATE = 'ACTIVE' AND {life} AND {refresh_life} AND {access} AND {refresh})"
    );
    let codes = format!("{TOKEN_IS_GONE} AND (({life} AND {code}) OR STATE = 'INACTIVE')");
    vec![step(TOKEN, "TOKEN_ID", dead, at_least), step(CODE, "CODE_ID", codes, at_least)]
}

fn ended(clock: &Clock, cut: &str) -> [String; 3] {
    let access = clock.is_past(cut, "TIME_CREATED", "VALIDITY_PERIOD");
    let refresh = clock.is_past(cut, "REFRESH_TOKEN_TIME_CREATED", "REFRESH_TOKEN_VALIDITY_PERIOD");
    [access.clone(), refresh, access]
}

fn first_sessions(clock: &Clock) -> Vec<Step> {
    let old = format!("TIME_CREATED < {}", nanoseconds_ago(clock, 14 * 24 * 60));
    vec![step(SESSION, "SESSION_ID", old, 1), markers(clock, 12 * 60, 1)]
}

fn current_sessions(clock: &Clock, fewest: i64) -> Vec<Step> {
    let (expired, ended, at_least) = match clock.kind {
        Kind::Postgres => (60, 60, fewest),
        Kind::MySql | Kind::Sqlite => (2 * 60, 12 * 60, 1),
    };
    let over = format!("EXPIRY_TIME < {}", nanoseconds_ago(clock, expired));
    vec![step(SESSION, "SESSION_ID", over, at_least), markers(clock, ended, at_least)]
}

fn markers(clock: &Clock, minutes: i64, at_least: i64) -> Step {
    let old = nanoseconds_ago(clock, minutes);
    step(SESSION, "SESSION_ID", format!("OPERATION = 'DELETE' AND TIME_CREATED < {old}"), at_least)
}

fn nanoseconds_ago(clock: &Clock, minutes: i64) -> String {
    format!("({} - {}) * 1000000000", clock.unix(), minutes * 60)
}

fn registry(clock: &Clock, at_least: i64) -> Vec<Step> {
    let unix = clock.unix();
    let millis = match clock.kind {
        Kind::MySql => "CAST(p.REG_VALUE AS SIGNED)",
        Kind::Postgres | Kind::Sqlite => "CAST(p.REG_VALUE AS bigint)",
    };
    // Not each property's value is a number, and a database may look at it first.
    let over = format!("CASE WHEN p.REG_NAME = 'expireTime' THEN {millis} / 1000 < {unix} END");
    let codes = format!(
        "REG_PATH_ID IN (SELECT REG_PATH_ID FROM REG_PATH WHERE REG_PATH_VALUE = \
         '/_system/config/repository/components/org.wso2.carbon.identity.mgt/data') AND REG_VERSION IN \
         (SELECT l.REG_VERSION FROM REG_RESOURCE_PROPERTY l JOIN REG_PROPERTY p ON p.REG_ID = l.REG_PROPERTY_ID WHERE {over})"
    );
    let (log, links) = (NOT_THE_NEWEST.to_owned(), LINKED_TO_NO_RESOURCE.to_owned());
    vec![
        step(LOG, "REG_LOG_ID", log, at_least),
        step(RESOURCE, "REG_VERSION", codes, 1),
        step("REG_RESOURCE_PROPERTY", "REG_PROPERTY_ID", links, 1),
        step(PROPERTY, "REG_ID", NOT_LINKED.to_owned(), 1),
    ]
}

/// Of the type that the job's database gives it.
fn now(clock: &Clock) -> String {
    if clock.kind == Kind::Postgres { "now()".to_owned() } else { clock.local(0) }
}

fn ed_fi(now: &str) -> Step {
    step(ED_FI_TOKEN, "Id", format!("Expiration < {now}"), 1)
}

fn step(table: &'static str, by: &'static str, condition: String, at_least: i64) -> Step {
    Step { table, by, condition, at_least }
}

const WSO2: &[Kind] = &[Kind::Postgres, Kind::MySql];
/// The scripts' safe period, in minutes.
const SAFE: i64 = 120;
const DEAD_STATES: &str = "TOKEN_STATE IN ('INACTIVE', 'REVOKED', 'EXPIRED')";
const TOKEN_IS_GONE: &str = "NOT EXISTS (SELECT 1 FROM IDN_OAUTH2_ACCESS_TOKEN t \
     WHERE t.TOKEN_ID = IDN_OAUTH2_AUTHORIZATION_CODE.TOKEN_ID)";
const NOT_THE_NEWEST: &str = "REG_ACTION = 7 OR REG_LOG_ID NOT IN \
     (SELECT MAX(newest.REG_LOG_ID) FROM REG_LOG newest GROUP BY newest.REG_PATH, newest.REG_TENANT_ID)";
const LINKED_TO_NO_RESOURCE: &str = "NOT EXISTS (SELECT 1 FROM REG_RESOURCE_PROPERTY l JOIN REG_RESOURCE r \
     ON r.REG_VERSION = l.REG_VERSION OR r.REG_PATH_ID = l.REG_PATH_ID \
     WHERE l.REG_PROPERTY_ID = REG_RESOURCE_PROPERTY.REG_PROPERTY_ID)";
const NOT_LINKED: &str = "NOT EXISTS (SELECT 1 FROM REG_RESOURCE_PROPERTY l WHERE l.REG_PROPERTY_ID = REG_PROPERTY.REG_ID)";
