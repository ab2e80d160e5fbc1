//! Schedules of pgAgent: arrays of booleans, whose sizes a check of the table guards, and whose meaning is easily
//! mistaken: an array without any `true` means each hour, each day.

use std::ops::Range;

use sqlparser::tokenizer::{Token, TokenWithSpan};

use super::{
    Findings,
    finding::{Code, Finding, Note},
    unit::Unit,
    words::{Name, closing, is, is_sign, listed, place, text, word},
};

pub(super) fn check(unit: &Unit, page: &str, findings: &mut Findings) {
    let tokens = &unit.tokens;
    for at in (0..tokens.len()).filter(|at| is(tokens, *at, "INTO")) {
        let Some(name) = Name::read(tokens, at + 1) else { continue };
        if name.last().eq_ignore_ascii_case("pga_schedule") {
            schedule(tokens, name.end, page, findings);
        }
    }
}

/// An array of a schedule.
struct Array {
    column: &'static str,
    at: usize,
    values: Vec<bool>,
}

fn schedule(tokens: &[TokenWithSpan], open: usize, page: &str, findings: &mut Findings) {
    let Some(arrays) = arrays(tokens, open) else { return };
    for array in &arrays {
        let Some((_, size, holds)) = SIZES.iter().find(|(name, ..)| *name == array.column) else {
            continue;
        };
        if array.values.len() != *size {
            let what =
                format!("{} has {} values instead of {size}", array.column, array.values.len());
            let found = Finding::new(Code::PgagentArray, place(tokens, array.at), what)
                .why("a check of pgAgent's table refuses the row: the whole script fails, and there is no job")
                .mended(format!("{size} values: {holds}"));
            findings.add(found);
        }
    }
    fires(tokens, &arrays, page, findings);
}

/// When the schedule fires, beside what the page says.
fn fires(tokens: &[TokenWithSpan], arrays: &[Array], page: &str, findings: &mut Findings) {
    let Some(minutes) = arrays.iter().find(|array| array.column == "jscminutes") else { return };
    let hours = arrays.iter().find(|array| array.column == "jschours");
    let set: Vec<_> = (0..minutes.values.len()).filter(|at| minutes.values[*at]).collect();
    let any_hour = hours
        .is_some_and(|hours| hours.values.iter().all(|set| *set) || !hours.values.contains(&true));
    let [minute] = set[..] else { return };
    let often = if any_hour { "once an hour" } else { "in the hours that are set" };
    let when = format!("of jscminutes only :{minute:02} is set: it fires {often}, at :{minute:02}");
    match said(page).filter(|said| *said < 60 && any_hour) {
        Some(said) => {
            let all: Vec<_> = (0..60).step_by(said).map(|minute| minute.to_string()).collect();
            let found = Finding::new(Code::PgagentSchedule, place(tokens, minutes.at), format!("{when}, where the page says every {said} minutes"))
                .why("a dead token stays up to an hour longer than is said; values are minutes of the hour, not a step (and arrays without any true mean every hour and every day)")
                .mended(format!("true for the minutes {} (the first value is minute 0)", all.join(", ")));
            findings.add(found);
        }
        None => findings.note(Note::new(place(tokens, minutes.at), when)),
    }
}

/// The minutes that a page says lie between two runs.
fn said(page: &str) -> Option<usize> {
    let page = page.to_ascii_lowercase();
    let counted = |before: &str, after: &str| {
        page.match_indices(before).find_map(|(at, _)| {
            let rest = page[at + before.len()..].trim_start();
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let behind = rest[digits.len()..].trim_start_matches([' ', '-']);
            digits.parse().ok().filter(|_| behind.starts_with(after))
        })
    };
    counted("every", "minute")
        .or_else(|| counted("*/", " * * * *"))
        .or_else(|| counted(" 0/", " "))
        .or_else(|| counted("minuteinterval int =", ""))
        .filter(|minutes| (1..60).contains(minutes))
}

/// The arrays of a row, by the columns that the statement lists.
fn arrays(tokens: &[TokenWithSpan], open: usize) -> Option<Vec<Array>> {
    is_sign(tokens, open, &Token::LParen).then_some(())?;
    let close = closing(tokens, open)?;
    let columns: Vec<_> = listed(tokens, open + 1..close)
        .into_iter()
        .map(|range| word(tokens, range.start))
        .collect();
    let values = (close..close + 3).find(|at| is_sign(tokens, *at, &Token::LParen))?;
    let values = listed(tokens, values + 1..closing(tokens, values)?);
    let arrays = columns.iter().zip(values).filter_map(|(name, range)| {
        let (column, ..) = SIZES
            .iter()
            .find(|(own, ..)| name.is_some_and(|name| name.eq_ignore_ascii_case(own)))?;
        Some(Array { column, at: range.start, values: booleans(tokens, range)? })
    });
    Some(arrays.collect())
}

/// `ARRAY[true, false]` or `'{t,f}'`.
fn booleans(tokens: &[TokenWithSpan], range: Range<usize>) -> Option<Vec<bool>> {
    if let Some(text) = text(tokens, range.start) {
        let inner = text.trim().strip_prefix('{')?.strip_suffix('}')?;
        return inner.split(',').map(boolean).collect();
    }
    let open = range.clone().find(|at| is_sign(tokens, *at, &Token::LBracket))?;
    let close = range.clone().find(|at| is_sign(tokens, *at, &Token::RBracket))?;
    listed(tokens, open + 1..close)
        .into_iter()
        .map(|range| boolean(word(tokens, range.start)?))
        .collect()
}

fn boolean(text: &str) -> Option<bool> {
    match text.trim().trim_matches('"').to_ascii_lowercase().as_str() {
        "t" | "true" | "1" | "y" | "yes" | "on" => Some(true),
        "f" | "false" | "0" | "n" | "no" | "off" => Some(false),
        _ => None,
    }
}

/// The sizes that checks of pgAgent's table demand.
const SIZES: [(&str, usize, &str); 5] = [
    ("jscminutes", 60, "the minutes 0 to 59"),
    ("jschours", 24, "the hours 0 to 23"),
    ("jscweekdays", 7, "Sunday to Saturday"),
    ("jscmonthdays", 32, "the days 1 to 31, and the last of the month"),
    ("jscmonths", 12, "January to December"),
];
