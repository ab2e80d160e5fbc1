//! Which clock an expression reads, and whether it lies ahead of it.

use sqlparser::{
    ast::{
        BinaryOperator, Expr, Function, FunctionArg, FunctionArgExpr, FunctionArguments,
        SelectItem, SetExpr, Spanned, UnaryOperator, Value,
    },
    tokenizer::Span,
};

use super::variables::Variables;

/// A reading of a clock.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Moment {
    pub clock: Clock,
    /// The sign of what is added to it; none where it is not known.
    pub shift: Option<Sign>,
    /// Where the clock is read.
    pub span: Span,
    /// As it is written.
    pub text: String,
}

/// What a clock tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Clock {
    /// The wall clock in UTC, or an instant.
    Utc,
    /// The wall clock of the session's or the server's zone.
    Session,
}

/// Behind the clock, at it, or ahead of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    Behind,
    At,
    Ahead,
}

/// The clock that an expression reads, if it reads one.
pub(super) fn moment(expression: &Expr, variables: &Variables) -> Option<Moment> {
    read(expression, variables, DEEPEST)
}

fn read(expression: &Expr, variables: &Variables, depth: usize) -> Option<Moment> {
    let depth = depth.checked_sub(1)?;
    let inner = |inner: &Expr| read(inner, variables, depth);
    match expression {
        Expr::Nested(of) | Expr::Cast { expr: of, .. } | Expr::Convert { expr: of, .. } => {
            inner(of)
        }
        // The seconds of an instant; but those between two wall clocks are as wrong as these.
        Expr::Extract { expr, .. } if matches!(**expr, Expr::BinaryOp { .. }) => inner(expr),
        Expr::Extract { expr, .. } => {
            inner(expr).map(|moment| Moment { clock: Clock::Utc, ..moment })
        }
        Expr::AtTimeZone { timestamp, time_zone } => {
            let moment = inner(timestamp)?;
            Some(Moment {
                clock: if is_utc(time_zone) { Clock::Utc } else { moment.clock },
                ..moment
            })
        }
        Expr::BinaryOp { left, op: op @ (BinaryOperator::Plus | BinaryOperator::Minus), right } => {
            let moment = inner(left)?;
            let sign = signed(right, variables, depth);
            let sign = if *op == BinaryOperator::Minus { sign.map(turned) } else { sign };
            Some(Moment { shift: both(moment.shift, sign), ..moment })
        }
        Expr::BinaryOp { left, right, .. } => inner(left).or_else(|| inner(right)),
        Expr::Subquery(query) => match query.body.as_ref() {
            SetExpr::Select(select) => match select.projection.first()? {
                SelectItem::UnnamedExpr(of) | SelectItem::ExprWithAlias { expr: of, .. } => {
                    inner(of)
                }
                _ => None,
            },
            _ => None,
        },
        Expr::Identifier(name) => named(&name.value, expression).or_else(|| {
            variables.values(&name.value).iter().find_map(|value| read(value, variables, depth))
        }),
        Expr::Function(function) => called(function, expression, variables, depth),
        _ => None,
    }
}

/// A clock that is a word.
fn named(name: &str, expression: &Expr) -> Option<Moment> {
    let name = name.to_ascii_uppercase();
    let clock = match () {
        () if SESSION.contains(&name.as_str()) => Clock::Session,
        () if UTC.contains(&name.as_str()) => Clock::Utc,
        () => return None,
    };
    Some(Moment {
        clock,
        shift: Some(Sign::At),
        span: expression.span(),
        text: expression.to_string(),
    })
}

fn called(
    function: &Function,
    expression: &Expr,
    variables: &Variables,
    depth: usize,
) -> Option<Moment> {
    let name = function.name.to_string().to_ascii_uppercase();
    let arguments = arguments(function);
    let inner = |at: usize| arguments.get(at).and_then(|of| read(of, variables, depth));
    let first = || (0..arguments.len()).find_map(inner);
    let shifted =
        |moment: Moment, by: Option<Sign>| Moment { shift: both(moment.shift, by), ..moment };
    let by = |at: usize| arguments.get(at).and_then(|of| signed(of, variables, depth));
    match name.as_str() {
        "UNIX_TIMESTAMP" if arguments.is_empty() => named("UTC_TIMESTAMP", expression),
        "DATETIME" | "STRFTIME" | "UNIXEPOCH" | "JULIANDAY" => of_sqlite(expression),
        "UNIX_TIMESTAMP" | "SYS_EXTRACT_UTC" => {
            first().map(|moment| Moment { clock: Clock::Utc, ..moment })
        }
        "TIMEZONE" | "CONVERT_TZ" | "SWITCHOFFSET" | "TODATETIMEOFFSET" => {
            // PostgreSQL's function has the zone in front, the others the new one at the end.
            let zone = if name == "TIMEZONE" { arguments.first() } else { arguments.last() };
            let is_utc = zone.is_some_and(is_utc);
            first()
                .map(|moment| if is_utc { Moment { clock: Clock::Utc, ..moment } } else { moment })
        }
        "DATE_ADD" | "ADDDATE" | "ADD_MONTHS" | "TIMESTAMPADD" | "DATEADD" => {
            let (of, amount) = if arguments.len() == 3 { (2, 1) } else { (0, 1) };
            inner(of).map(|moment| shifted(moment, by(amount)))
        }
        "DATE_SUB" | "SUBDATE" => inner(0).map(|moment| shifted(moment, by(1).map(turned))),
        _ => named(&name, expression).or_else(first),
    }
}

/// SQLite's clock is in UTC unless it is told otherwise.
fn of_sqlite(expression: &Expr) -> Option<Moment> {
    let text = expression.to_string().to_ascii_lowercase();
    let clock = if text.contains("'localtime'") { "NOW" } else { "UTC_TIMESTAMP" };
    text.contains("'now'").then(|| named(clock, expression))?
}

/// The arguments that are expressions.
pub(super) fn arguments(function: &Function) -> Vec<Expr> {
    let FunctionArguments::List(list) = &function.args else { return Vec::new() };
    let expression = |argument: &FunctionArg| match argument {
        FunctionArg::Unnamed(FunctionArgExpr::Expr(of)) => Some(of.clone()),
        _ => None,
    };
    list.args.iter().filter_map(expression).collect()
}

fn is_utc(zone: &Expr) -> bool {
    let zone = zone.to_string().to_ascii_uppercase();
    ["'UTC'", "'GMT'", "'Z'", "'ETC/UTC'", "'+00:00'", "'00:00'", "'UCT'"]
        .contains(&zone.trim_start_matches('N'))
}

fn signed(expression: &Expr, variables: &Variables, depth: usize) -> Option<Sign> {
    let depth = depth.checked_sub(1)?;
    match expression {
        Expr::Nested(of) | Expr::Cast { expr: of, .. } => signed(of, variables, depth),
        Expr::Interval(interval) => signed(&interval.value, variables, depth),
        Expr::UnaryOp { op: UnaryOperator::Minus, expr } => {
            signed(expr, variables, depth).map(turned)
        }
        Expr::UnaryOp { op: UnaryOperator::Plus, expr } => signed(expr, variables, depth),
        Expr::BinaryOp { left, op: BinaryOperator::Multiply | BinaryOperator::Divide, right } => {
            let (left, right) = (signed(left, variables, depth)?, signed(right, variables, depth)?);
            Some(if right == Sign::Behind { turned(left) } else { left })
        }
        Expr::Value(value) => of_value(&value.value),
        Expr::TypedString(text) => of_value(&text.value.value),
        Expr::Identifier(name) => variables
            .values(&name.value)
            .iter()
            .rev()
            .find_map(|value| signed(value, variables, depth)),
        Expr::Function(function) => signed(arguments(function).first()?, variables, depth),
        _ => None,
    }
}

fn of_value(value: &Value) -> Option<Sign> {
    let text = match value {
        Value::Number(digits, _) => digits.clone(),
        Value::SingleQuotedString(text) | Value::NationalStringLiteral(text) => text.clone(),
        _ => return None,
    };
    let text = text.trim();
    text.contains(|c: char| c.is_ascii_digit()).then_some(())?;
    let is_zero = !text.contains(|c: char| c.is_ascii_digit() && c != '0');
    Some(if is_zero {
        Sign::At
    } else if text.starts_with('-') {
        Sign::Behind
    } else {
        Sign::Ahead
    })
}

fn turned(sign: Sign) -> Sign {
    match sign {
        Sign::Behind => Sign::Ahead,
        Sign::At => Sign::At,
        Sign::Ahead => Sign::Behind,
    }
}

/// Two shifts together; what cannot be told where they pull apart.
fn both(one: Option<Sign>, other: Option<Sign>) -> Option<Sign> {
    match (one?, other?) {
        (Sign::At, sign) | (sign, Sign::At) => Some(sign),
        (one, other) => (one == other).then_some(one),
    }
}

/// Variables that are set by each other, and nested brackets.
const DEEPEST: usize = 24;

const SESSION: [&str; 16] = [
    "NOW",
    "CURRENT_TIMESTAMP",
    "LOCALTIMESTAMP",
    "LOCALTIME",
    "SYSDATE",
    "GETDATE",
    "SYSDATETIME",
    "CURDATE",
    "CURRENT_DATE",
    "SYSTIMESTAMP",
    "CLOCK_TIMESTAMP",
    "TRANSACTION_TIMESTAMP",
    "STATEMENT_TIMESTAMP",
    "CURTIME",
    "CURRENT_TIME",
    "CURRENT_DATETIME",
];
const UTC: [&str; 6] =
    ["GETUTCDATE", "SYSUTCDATETIME", "UTC_TIMESTAMP", "UTC_DATE", "SYSDATETIMEOFFSET", "UTC_TIME"];
