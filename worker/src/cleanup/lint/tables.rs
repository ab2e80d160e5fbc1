//! Which tables hold tokens, and what their columns mean: by the policies, by the page's own CREATE TABLE, by their
//! names.

use std::collections::{BTreeMap, BTreeSet};

use sqlparser::tokenizer::Token;

use super::{
    unit::Unit,
    words::{Name, closing, is, is_any, is_sign, listed, word},
};
use crate::cleanup::{
    dialect::Dialect,
    policy::{Column, Encoding, Policy, Target, Value, Zone},
};

/// What is known of the tables of a page.
pub(super) struct Tables<'a> {
    known: BTreeMap<String, Vec<&'a Target>>,
    wished: BTreeSet<String>,
    /// Tables that the page makes, and the types of their columns.
    made: BTreeMap<String, BTreeMap<String, String>>,
}

/// A table that holds tokens.
#[derive(Clone, Copy)]
pub(super) struct Table<'a> {
    target: Option<&'a Target>,
    made: Option<&'a BTreeMap<String, String>>,
    /// Its rows are authorization codes.
    pub is_codes: bool,
}

/// What a column writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    /// A wall clock in a known zone, without that zone.
    Naive,
    /// An instant, or a wall clock of the server's own zone.
    Sound,
    /// A time; whether it has a zone cannot be seen.
    Unknown,
    /// A length of time.
    Length,
}

impl<'a> Tables<'a> {
    pub fn new(policies: &'a BTreeMap<String, Policy>, wished: &[String], units: &[Unit]) -> Self {
        let mut known: BTreeMap<String, Vec<&Target>> = BTreeMap::new();
        for target in policies.values().flat_map(|policy| &policy.targets) {
            known.entry(target.table.as_str().to_ascii_lowercase()).or_default().push(target);
        }
        let wished = wished.iter().map(|name| name.to_ascii_lowercase()).collect();
        Self { known, wished, made: units.iter().flat_map(made).collect() }
    }

    /// The table, if it holds tokens.
    pub fn find(&'a self, name: &str) -> Option<Table<'a>> {
        let name = name.to_ascii_lowercase();
        let target = self.known.get(&name).and_then(|targets| targets.first()).copied();
        let words = words_of(&name);
        let sounds = TOKEN_WORDS.iter().any(|word| words.contains(word)) && !is_copy(&name);
        if target.is_none() && !sounds && !self.wished.contains(&name) {
            return None;
        }
        let is_codes = words.contains("code") || words.contains("codes");
        Some(Table { target, made: self.made.get(&name), is_codes })
    }
}

/// Whether a name is that of a backup.
pub(super) fn is_copy(name: &str) -> bool {
    let name = name.to_ascii_lowercase();
    ["bak", "backup", "bkp", "archive", "history", "audit"].iter().any(|word| name.contains(word))
}

impl<'a> Table<'a> {
    /// The policy's part about it.
    pub fn target(&self) -> Option<&'a Target> {
        self.target
    }

    /// What a column writes; nothing where it is no time.
    pub fn kind(&self, column: &str, dialect: Option<Dialect>) -> Option<Kind> {
        let is_it = |name: &str| name.eq_ignore_ascii_case(column);
        if let Some(target) = self.target {
            let found = target.columns.iter().find(|(name, _)| is_it(name.as_str()));
            return match found.map(|(_, column)| column) {
                Some(Column::Time(time)) => {
                    Some(encoded(time.time.on(dialect.unwrap_or(Dialect::Postgres))))
                }
                Some(Column::Duration(_)) => Some(Kind::Length),
                _ => None,
            };
        }
        let column = column.to_ascii_lowercase();
        if LENGTHS.iter().any(|word| column.contains(word)) {
            return Some(Kind::Length);
        }
        let declared = self.made.and_then(|columns| columns.get(&column));
        match declared.map(String::as_str) {
            Some(declared) => of_type(declared),
            None => TIMES.iter().any(|word| column.contains(word)).then_some(Kind::Unknown),
        }
    }

    /// Whether a length of life means "never" from some number on, which a policy says.
    pub fn has_huge(&self, length: &str) -> bool {
        let columns = self.target.map(|target| &target.columns);
        columns.into_iter().flatten().any(|(name, column)| {
            let is_it = name.as_str().eq_ignore_ascii_case(length);
            is_it && matches!(column, Column::Duration(of) if of.never_from.is_some())
        })
    }

    /// The columns that say when the refresh token ends, where the rows have one.
    pub fn refresh_columns(&self) -> Vec<String> {
        let Some(target) = self.target else {
            let columns = self.made.into_iter().flat_map(BTreeMap::keys);
            return columns.filter(|name| is_refresh_end(name)).cloned().collect();
        };
        let of = target.expiries.iter().filter(|(name, _)| name.contains("refresh"));
        of.flat_map(|(_, expiry)| [Some(&expiry.at), expiry.duration.as_ref()])
            .flatten()
            .map(|name| name.as_str().to_ascii_lowercase())
            .collect()
    }

    /// Whether a row in this state may go while its refresh token lives; without a state, a row in any.
    pub fn may_ignore_refresh(&self, state: Option<&str>) -> bool {
        let Some(target) = self.target else {
            return state.is_some_and(|state| ENDED.contains(&state.to_ascii_uppercase().as_str()));
        };
        target.reasons.iter().any(|reason| {
            let names = reason.states.iter().filter_map(|value| match value {
                Value::Text(name) => Some(name),
                Value::Int(_) | Value::Bool(_) => None,
            });
            let mut names = names.peekable();
            let fits = names.peek().is_none()
                || state.is_some_and(|state| names.any(|name| name.eq_ignore_ascii_case(state)));
            fits && !reason.past.iter().any(|name| name.contains("refresh"))
        })
    }
}

fn encoded(encoding: Encoding) -> Kind {
    match encoding {
        Encoding::UtcNaive | Encoding::SessionNaive(Zone::Named(_)) => Kind::Naive,
        _ => Kind::Sound,
    }
}

fn of_type(declared: &str) -> Option<Kind> {
    let declared = declared.to_ascii_lowercase();
    let has_zone = declared.contains("timestamptz")
        || declared.contains("datetimeoffset")
        || (declared.contains("zone") && !declared.contains("without"));
    match () {
        () if has_zone => Some(Kind::Sound),
        () if declared.starts_with("timestamp") || declared.starts_with("datetime") => {
            Some(Kind::Naive)
        }
        () => None,
    }
}

/// The tables that a unit makes with columns of its own.
fn made(unit: &Unit) -> Vec<(String, BTreeMap<String, String>)> {
    let tokens = &unit.tokens;
    let table = |at: usize| {
        let exists = if is(tokens, at + 1, "IF") { 3 } else { 0 };
        let name = Name::read(tokens, at + 1 + exists)?;
        is_sign(tokens, name.end, &Token::LParen).then_some(())?;
        let close = closing(tokens, name.end)?;
        let columns = listed(tokens, name.end + 1..close).into_iter().filter_map(|range| {
            let name = Name::read(tokens, range.start)?;
            let words = tokens[name.end..range.end.max(name.end)].iter();
            let declared: Vec<_> = words.map(|token| token.token.to_string()).collect();
            Some((name.last().to_ascii_lowercase(), declared.join(" ")))
        });
        Some((name.last().to_ascii_lowercase(), columns.collect()))
    };
    let makes = |at: &usize| is(tokens, *at, "TABLE") && makes(unit, *at);
    (0..tokens.len()).filter(makes).filter_map(table).collect()
}

fn makes(unit: &Unit, table: usize) -> bool {
    (1..4).any(|back| table.checked_sub(back).is_some_and(|at| is(&unit.tokens, at, "CREATE")))
        && !is_any(&unit.tokens, table + 1, &["SPACE"])
        && word(&unit.tokens, table).is_some()
}

fn is_refresh_end(column: &str) -> bool {
    column.contains("refresh") && TIMES.iter().chain(&LENGTHS).any(|word| column.contains(word))
}

/// The words of a name: `ClientAccessTokens` and `client_access_tokens` alike have been made lower case, so words
/// are looked for at the end of the parts between underscores too.
fn words_of(name: &str) -> BTreeSet<&'static str> {
    let ends = |word: &&'static str| name.split('_').any(|part| part.ends_with(*word));
    TOKEN_WORDS.into_iter().chain(["code", "codes"]).filter(ends).collect()
}

const TOKEN_WORDS: [&str; 15] = [
    "token",
    "tokens",
    "session",
    "sessions",
    "grant",
    "grants",
    "authcode",
    "authcodes",
    "authorization",
    "authorizations",
    "nonce",
    "nonces",
    "jti",
    "authorizationcode",
    "authorizationcodes",
];
const TIMES: [&str; 8] =
    ["expir", "created", "issued", "_at", "valid_until", "time", "date", "revoked"];
const LENGTHS: [&str; 6] = ["validity", "expires_in", "expiresin", "lifetime", "ttl", "duration"];
/// States in which no token of a row is taken.
const ENDED: [&str; 5] = ["REVOKED", "INACTIVE", "DELETED", "CONSUMED", "REDEEMED"];
