//! The rows that are compared: what each of them is, and whether it lives.

/// A policy's fixture.
pub struct Family {
    pub policy: &'static str,
    pub title: &'static str,
    /// Its tables, and what names a row of each.
    pub tables: &'static [(&'static str, &'static str)],
    pub rows: &'static [Row],
}

pub struct Row {
    pub table: &'static str,
    pub key: &'static str,
    pub words: &'static str,
    pub fate: Fate,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// Somebody can still use it, or the product still reads it.
    Alive,
    /// It has been dead for longer than its grace.
    Dead,
    /// It is dead within its grace, or kept as evidence: nothing is lost whether it goes or not.
    Either,
}

pub const FAMILIES: [Family; 4] = [TOKENS, SESSIONS, REGISTRY, ED_FI];

const TOKENS: Family = Family {
    policy: "wso2-token",
    title: "WSO2: tokens and authorization codes",
    tables: &[(TOKEN, "TOKEN_ID"), (CODE, "CODE_ID")],
    rows: &[
        row(TOKEN, "T1", "ACTIVE, access and refresh token valid", Fate::Alive),
        row(TOKEN, "T2", "ACTIVE, refresh token valid for 20 h more", Fate::Alive),
        row(TOKEN, "T3", "EXPIRED, refresh token valid for 20 h more and accepted", Fate::Alive),
        row(TOKEN, "T4", "ACTIVE, access token without an end (-1)", Fate::Alive),
        row(TOKEN, "T5", "ACTIVE, both over for eight days", Fate::Dead),
        row(TOKEN, "T6", "REVOKED now, within its grace", Fate::Either),
        row(TOKEN, "T7", "ACTIVE, refresh token valid for 3 h more", Fate::Alive),
        row(TOKEN, "T8", "ACTIVE, refresh token without an end (the greatest number)", Fate::Alive),
        row(TOKEN, "T9", "REVOKED nine days ago, both without an end", Fate::Dead),
        row(TOKEN, "TX", "ACTIVE, refresh token over for exactly the grace", Fate::Either),
        row(
            TOKEN,
            "TY",
            "ACTIVE, access token of a life that nobody has stated (NULL)",
            Fate::Alive,
        ),
        row(
            TOKEN,
            "TZ",
            "ACTIVE, access token of no life at all (0), refresh token over",
            Fate::Dead,
        ),
        row(CODE, "C1", "a minute old, not redeemed yet", Fate::Alive),
        row(CODE, "C2", "over for a day, never redeemed", Fate::Dead),
        row(CODE, "C3", "redeemed, its token lives: evidence against a replay", Fate::Either),
    ],
};

const SESSIONS: Family = Family {
    policy: "wso2-session",
    title: "WSO2: sessions",
    tables: &[(SESSION, "SESSION_ID, ' ', SESSION_TYPE, ' ', OPERATION")],
    rows: &[
        row(SESSION, "alive app STORE", "begun 20 days ago, valid for a day more", Fate::Alive),
        row(SESSION, "two-types app STORE", "over for a day", Fate::Dead),
        row(SESSION, "two-types idp STORE", "another type of the same id, valid", Fate::Alive),
        row(SESSION, "ended app STORE", "logged out a day ago", Fate::Dead),
        row(SESSION, "ended app DELETE", "the marker of that", Fate::Dead),
        row(
            SESSION,
            "ended-now app STORE",
            "logged out an hour ago, within its grace",
            Fate::Either,
        ),
        row(SESSION, "ended-now app DELETE", "the marker of that", Fate::Either),
        row(
            SESSION,
            "begun-again app DELETE",
            "a marker that a new login has overtaken",
            Fate::Either,
        ),
        row(SESSION, "begun-again app STORE", "that login, valid", Fate::Alive),
        row(SESSION, "ended-alone app DELETE", "a marker whose session has gone", Fate::Dead),
    ],
};

const REGISTRY: Family = Family {
    policy: "wso2-registry",
    title: "WSO2: registry",
    tables: &[(LOG, "REG_LOG_ID"), (RESOURCE, "REG_VERSION"), (PROPERTY, "REG_ID")],
    rows: &[
        row(LOG, "1", "superseded", Fate::Dead),
        row(LOG, "2", "the newest of its path", Fate::Alive),
        row(LOG, "3", "the newest of the same path of another tenant", Fate::Alive),
        row(LOG, "4", "of a deleted path", Fate::Dead),
        row(RESOURCE, "10", "a confirmation code, over for a day", Fate::Dead),
        row(RESOURCE, "11", "a confirmation code, valid", Fate::Alive),
        row(RESOURCE, "12", "elsewhere, with a time of the same name", Fate::Alive),
        row(RESOURCE, "13", "at the codes' place, its time linked by the path alone", Fate::Alive),
        row(PROPERTY, "100", "of resource 10", Fate::Dead),
        row(PROPERTY, "101", "of resource 11", Fate::Alive),
        row(PROPERTY, "102", "of resource 12", Fate::Alive),
        row(PROPERTY, "103", "linked by a path alone", Fate::Alive),
        row(PROPERTY, "104", "linked to nothing", Fate::Dead),
    ],
};

const ED_FI: Family = Family {
    policy: "edfi-ods",
    title: "Ed-Fi: access tokens",
    tables: &[(ED_FI_TOKEN, "SUBSTR(CONCAT(Id), 36, 1)")],
    rows: &[
        row(ED_FI_TOKEN, "1", "valid for 25 min more", Fate::Alive),
        row(ED_FI_TOKEN, "2", "over for 25 min", Fate::Dead),
        row(ED_FI_TOKEN, "3", "valid for 3 h more", Fate::Alive),
        row(ED_FI_TOKEN, "4", "over for 3 h", Fate::Dead),
        row(ED_FI_TOKEN, "5", "over for exactly the grace", Fate::Either),
    ],
};

const fn row(table: &'static str, key: &'static str, words: &'static str, fate: Fate) -> Row {
    Row { table, key, words, fate }
}

pub const TOKEN: &str = "IDN_OAUTH2_ACCESS_TOKEN";
pub const CODE: &str = "IDN_OAUTH2_AUTHORIZATION_CODE";
pub const SESSION: &str = "IDN_AUTH_SESSION_STORE";
pub const LOG: &str = "REG_LOG";
pub const RESOURCE: &str = "REG_RESOURCE";
pub const PROPERTY: &str = "REG_PROPERTY";
pub const ED_FI_TOKEN: &str = "ClientAccessTokens";
