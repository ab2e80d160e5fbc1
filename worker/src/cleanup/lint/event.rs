//! Events of MySQL: what CREATE EVENT needs, names in single quotes, and procedures that nobody defines.

use std::collections::BTreeSet;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{
    Findings,
    finding::{Code, Finding, Note},
    unit::Unit,
    words::{LONGEST, Name, is, is_any, is_sign, place, shown, text},
};

pub(super) fn check(units: &[Unit], page: &str, findings: &mut Findings) {
    let upper = page.to_ascii_uppercase();
    let is_wso2 = upper.contains("WSO2") || upper.contains("IDN_");
    let defined: BTreeSet<_> = units.iter().flat_map(defined).collect();
    let mut events = 0;
    for unit in units {
        for at in 0..unit.tokens.len() {
            quoted(&unit.tokens, at, findings);
            if is(&unit.tokens, at, "EVENT") && begins_create(&unit.tokens, at) && events < MOST {
                events += 1;
                event(&unit.tokens, at, findings);
            }
            if is(&unit.tokens, at, "CALL") {
                call(&unit.tokens, at, &defined, is_wso2, findings);
            }
        }
    }
}

fn begins_create(tokens: &[TokenWithSpan], event: usize) -> bool {
    let before = (event.saturating_sub(7)..event).rev();
    before.take_while(|at| tokens[*at].token != Token::SemiColon).any(|at| is(tokens, at, "CREATE"))
}

fn event(tokens: &[TokenWithSpan], at: usize, findings: &mut Findings) {
    // Its body may be a CALL: not the end of the event.
    let most = tokens.len().min(at + LONGEST);
    let end = (at..most).find(|at| is_sign(tokens, *at, &Token::SemiColon)).unwrap_or(most);
    let has = |one: &str, other: &str| {
        (at..end).any(|at| is(tokens, at, one) && (other.is_empty() || is(tokens, at + 1, other)))
    };
    let missing = match (has("ON", "SCHEDULE"), has("DO", "")) {
        (true, true) => return,
        (false, false) => "ON SCHEDULE and DO",
        (false, true) => "ON SCHEDULE",
        (true, false) => "DO",
    };
    let body = (at..end).find(|at| is_any(tokens, *at, &["CALL", "DELETE", "BEGIN"]));
    let body = body.map_or("…".to_owned(), |at| shown(&tokens[at..end]).replace('\'', "`"));
    let name = Name::read(tokens, at + 1 + if is(tokens, at + 1, "IF") { 3 } else { 0 });
    let name = name.map_or("name".to_owned(), |name| name.parts.join("."));
    let found = Finding::new(
        Code::EventIncomplete,
        place(tokens, at),
        format!("CREATE EVENT without {missing}"),
    )
    .why("MySQL answers with a syntax error (1064): there is no event, and nothing is ever cleaned")
    .mended(format!("CREATE EVENT `{name}` ON SCHEDULE EVERY 1 WEEK DO {body};"));
    findings.add(found);
}

/// A name in single quotes, where MySQL wants none or back-ticks.
fn quoted(tokens: &[TokenWithSpan], at: usize, findings: &mut Findings) {
    let skips = match () {
        () if is(tokens, at, "USE") || is(tokens, at, "CALL") => 1,
        () if is_any(tokens, at, &["EVENT", "PROCEDURE"])
            && is_any(tokens, at.wrapping_sub(1), &["CREATE", "DROP", "ALTER"]) =>
        {
            1 + if is(tokens, at + 1, "IF") {
                2 + usize::from(is(tokens, at + 2, "NOT"))
            } else {
                0
            }
        }
        () => return,
    };
    let begin = at + skips;
    if text(tokens, begin).is_none() || !matches!(tokens[begin].token, Token::SingleQuotedString(_))
    {
        return;
    }
    let Some(name) = Name::read(tokens, begin) else { return };
    let written = shown(&tokens[begin..name.end]);
    let found = Finding::new(
        Code::QuotedName,
        place(tokens, begin),
        format!("the name {written} stands in single quotes"),
    )
    .why("these make it a text, no name: a syntax error (1064), and the statement does nothing")
    .mended(written.replace('\'', "`"));
    findings.add(found);
}

/// The names of the procedures that a unit makes.
fn defined(unit: &Unit) -> Vec<String> {
    let tokens = &unit.tokens;
    let made =
        (0..tokens.len()).filter(|at| is_any(tokens, *at, &["PROCEDURE", "FUNCTION", "PROC"]));
    let made = made.filter(|at| !is(tokens, at.wrapping_sub(1), "DROP"));
    made.filter_map(|at| Name::read(tokens, at + 1 + if is(tokens, at + 1, "IF") { 3 } else { 0 }))
        .map(|name| name.last().to_ascii_lowercase())
        .collect()
}

fn call(
    tokens: &[TokenWithSpan],
    at: usize,
    defined: &BTreeSet<String>,
    is_wso2: bool,
    findings: &mut Findings,
) {
    let Some(name) = Name::read(tokens, at + 1) else { return };
    let called = name.last().to_ascii_lowercase();
    let cleans =
        ["clean", "purge", "token", "session", "expire"].iter().any(|word| called.contains(word));
    if !cleans || defined.contains(&called) || !is_sign(tokens, name.end, &Token::LParen) {
        return;
    }
    let is_vendors = VENDORS.iter().any(|own| own.eq_ignore_ascii_case(&called));
    if is_vendors {
        return;
    }
    let called = name.last();
    let at = place(tokens, at);
    if !is_wso2 {
        findings.note(Note::new(
            at,
            format!("{called} is not defined here: what it deletes was not looked at"),
        ));
        return;
    }
    let found = Finding::new(Code::UnknownProcedure, at, format!("{called} is defined neither here nor by WSO2's scripts"))
        .why("each run of the event fails (1305: PROCEDURE does not exist), which only the server's error log tells")
        .mended(format!("CALL {}(); or, for the scripts of 2.5.0, CALL {}();", VENDORS[0], VENDORS[1]));
    findings.add(found);
}

/// What the token clean-up of WSO2 defines: scripts since 2019, and those before.
const VENDORS: [&str; 2] = ["WSO2_TOKEN_CLEANUP_SP", "CLEANUP_OAUTH2_TOKENS"];
/// More than any script has; each is read to its end.
const MOST: usize = 200;
