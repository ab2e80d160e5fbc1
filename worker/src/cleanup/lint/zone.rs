//! Wall clocks of the wrong zone: a session's clock beside a time without a zone, and offsets written as numbers.

use std::ops::ControlFlow;

use sqlparser::{
    ast::{BinaryOperator, Expr, Visit, Visitor},
    tokenizer::{Token, TokenWithSpan},
};

use super::{
    Findings,
    finding::{Code, Finding, Note},
    moment::{Clock, Moment, moment},
    statement::Statement,
    tables::{Kind, Table},
    unit::Unit,
    variables::Variables,
    words::{is_any, number, text},
};
use crate::cleanup::dialect::Dialect;

pub(super) fn session_clocks(
    statement: &Statement<'_>,
    variables: &Variables,
    findings: &mut Findings,
) {
    let Some(tree) = &statement.tree else { return };
    let mut told = Comparisons { statement, variables, findings };
    let _: ControlFlow<()> = tree.visit(&mut told);
}

struct Comparisons<'a, 'b> {
    statement: &'a Statement<'a>,
    variables: &'a Variables,
    findings: &'b mut Findings,
}

impl Visitor for Comparisons<'_, '_> {
    type Break = ();

    fn pre_visit_expr(&mut self, expression: &Expr) -> ControlFlow<()> {
        let sides = match expression {
            Expr::BinaryOp { left, op, right } if compares(op) => [left, right],
            Expr::Between { expr, high, .. } => [expr, high],
            _ => return ControlFlow::Continue(()),
        };
        let dialect = self.statement.dialect();
        let clock = sides.iter().find_map(|side| moment(side, self.variables));
        let Some(clock) = clock.filter(|moment| moment.clock == Clock::Session) else {
            return ControlFlow::Continue(());
        };
        let times = sides.iter().flat_map(|side| times(side, &self.statement.table, dialect));
        let mut times: Vec<_> = times.filter(|(_, kind)| *kind != Kind::Length).collect();
        times.sort_by_key(|(_, kind)| *kind != Kind::Naive);
        match times.first() {
            Some((column, Kind::Naive)) => {
                self.findings.add(finding(column, &clock, expression, dialect));
            }
            Some((column, Kind::Unknown)) => self.findings.note(note(column, &clock, dialect)),
            _ => {}
        }
        ControlFlow::Continue(())
    }
}

pub(super) fn compares(operator: &BinaryOperator) -> bool {
    use BinaryOperator::{Eq, Gt, GtEq, Lt, LtEq, NotEq};
    matches!(operator, Eq | NotEq | Gt | GtEq | Lt | LtEq)
}

/// The columns of time in an expression.
pub(super) fn times(
    expression: &Expr,
    table: &Table<'_>,
    dialect: Option<Dialect>,
) -> Vec<(String, Kind)> {
    let mut found = Vec::new();
    let _: ControlFlow<()> = sqlparser::ast::visit_expressions(expression, |inner| {
        let name = match inner {
            Expr::Identifier(name) => Some(name),
            Expr::CompoundIdentifier(parts) => parts.last(),
            _ => None,
        };
        let is_variable = |name: &str| name.starts_with(['@', ':']);
        if let Some(name) = name.filter(|name| !is_variable(&name.value))
            && moment(inner, &Variables::default()).is_none()
            && let Some(kind) = table.kind(&name.value, dialect)
        {
            found.push((name.value.clone(), kind));
        }
        ControlFlow::Continue(())
    });
    found
}

fn finding(column: &str, clock: &Moment, comparison: &Expr, dialect: Option<Dialect>) -> Finding {
    let (utc, text) = (utc(dialect), &clock.text);
    let comparison = comparison.to_string();
    let mended =
        if comparison.contains(text) { comparison.replace(text, utc) } else { utc.to_owned() };
    let what = format!(
        "{column} holds UTC without a zone and is compared with {text}, the session's wall clock"
    );
    Finding::new(Code::SessionClock, clock.span.start, what)
        .why("east of UTC live tokens are deleted, up to 14 hours early; west of it dead ones stay as much longer; it is right only where server and session are in UTC")
        .mended(mended)
}

fn note(column: &str, clock: &Moment, dialect: Option<Dialect>) -> Note {
    let text = &clock.text;
    let what = format!(
        "whether {column} has a time zone cannot be seen here: if not, {text} compares it with the session's wall clock; write {}",
        utc(dialect)
    );
    Note::new(clock.span.start, what)
}

/// The wall clock in UTC.
pub(super) fn utc(dialect: Option<Dialect>) -> &'static str {
    match dialect {
        Some(Dialect::Postgres) => "(now() AT TIME ZONE 'UTC')",
        Some(Dialect::MySql) => "UTC_TIMESTAMP()",
        Some(Dialect::SqlServer) => "GETUTCDATE()",
        Some(Dialect::Oracle) => "SYS_EXTRACT_UTC(SYSTIMESTAMP)",
        Some(Dialect::Sqlite) => "datetime('now')",
        None => "(CURRENT_TIMESTAMP AT TIME ZONE 'UTC')",
    }
}

/// Offsets of zones, where a script counts with clocks.
pub(super) fn fixed_shifts(unit: &Unit, findings: &mut Findings) {
    let tokens = &unit.tokens;
    for (at, token) in tokens.iter().enumerate() {
        let Some(shift) = shift(tokens, at) else { continue };
        let what = format!("{shift} is the offset of one zone, written as a number");
        let found = Finding::new(Code::FixedShift, token.span.start, what)
            .why("a server in another zone, or one that changes to summer time, is off by the difference: live tokens are deleted, or dead ones kept; hours with a fraction such as 5.30 are 5 hours and 18 minutes, too")
            .mended(format!("no shift: compare UTC with {}", utc(unit.dialect)));
        findings.add(found);
    }
}

/// The shift that stands there, in words.
fn shift(tokens: &[TokenWithSpan], at: usize) -> Option<String> {
    let before = at.wrapping_sub(1);
    if let Some(text) = text(tokens, at) {
        let is_interval = is_any(tokens, before, &["INTERVAL"]) || cast_to_interval(tokens, at);
        let is_zone = is_any(tokens, before, &["ZONE"]) || in_conversion(tokens, at);
        let odd = (is_interval && is_odd(text)) || (is_zone && is_offset(text));
        return odd.then(|| format!("'{text}'"));
    }
    let unit = |names: &[&str]| is_any(tokens, at + 1, names) || dateadd(tokens, at, names);
    let minutes = number(tokens, at).filter(|_| unit(&["MINUTE", "MINUTES"]));
    let seconds = number(tokens, at).filter(|_| unit(&["SECOND", "SECONDS"]));
    let minutes =
        minutes.or(seconds.filter(|seconds| seconds % 60 == 0).map(|seconds| seconds / 60))?;
    ODD_MINUTES.contains(&minutes).then(|| format!("{minutes} minutes"))
}

fn cast_to_interval(tokens: &[TokenWithSpan], at: usize) -> bool {
    tokens.get(at + 1).is_some_and(|token| token.token == Token::DoubleColon)
        && is_any(tokens, at + 2, &["INTERVAL"])
}

/// An argument of what carries a clock over into another zone.
fn in_conversion(tokens: &[TokenWithSpan], at: usize) -> bool {
    let from = at.saturating_sub(12);
    (from..at).any(|at| {
        is_any(tokens, at, &["CONVERT_TZ", "SWITCHOFFSET", "TODATETIMEOFFSET", "FROM_TZ"])
    })
}

/// `DATEADD(MINUTE, 330, …`.
fn dateadd(tokens: &[TokenWithSpan], at: usize, units: &[&str]) -> bool {
    let sign = usize::from(at > 0 && matches!(tokens[at - 1].token, Token::Minus | Token::Plus));
    at.checked_sub(2 + sign).is_some_and(|unit| is_any(tokens, unit, units))
}

/// An interval of hours and a part of one, as zones have and graces have not.
fn is_odd(text: &str) -> bool {
    let text = text.trim().trim_start_matches(['+', '-']).to_ascii_lowercase();
    let digits: Vec<_> =
        text.split(|c: char| !c.is_ascii_digit()).filter(|part| !part.is_empty()).collect();
    let hours = digits.first().and_then(|hours| hours.parse::<u32>().ok());
    let part = digits.get(1).copied().unwrap_or_default();
    let is_hours = text.contains("hour") || text.contains(':');
    is_hours
        && hours.is_some_and(|hours| (1..=14).contains(&hours))
        && ["30", "45", "5", "75"].contains(&part)
}

/// An offset of a zone other than UTC.
fn is_offset(text: &str) -> bool {
    let text = text.trim();
    let signed = text.starts_with(['+', '-']) && text.contains(':');
    signed && text.contains(|c: char| ('1'..='9').contains(&c))
}

/// Kabul, Kolkata, Kathmandu, Yangon, Adelaide, Tehran, Caracas, St John's.
const ODD_MINUTES: [u64; 8] = [270, 330, 345, 390, 570, 210, 765, 525];
