//! A cron expression, field by field, so that a mistake can be told with the field that it is in.

use croner::{
    Cron,
    parser::{CronParser, Seconds, Year},
};

use super::WrongSchedule;

/// What an expression says. Lists of fixed times (`0 2,14 * * *`) become an expression each: a single time is done on
/// the days on which clocks change too, and once.
pub(super) fn parse(text: &str) -> Result<Vec<Cron>, WrongSchedule> {
    let text = word(text)?;
    let fields: Vec<&str> = text.split_whitespace().collect();
    let names = names(fields.len()).ok_or_else(|| count(text, fields.len()))?;
    let parser = parser(&fields);
    for (at, name) in names.iter().enumerate() {
        let mut alone = vec!["*"; fields.len()];
        alone[at] = fields[at];
        parser.parse(&alone.join(" ")).map_err(|_| wrong(name, fields[at], is_quartz(&fields)))?;
    }
    let single = times(&fields).into_iter();
    let parsed = single.map(|fields| parser.parse(&fields.join(" ")));
    parsed.collect::<Result<_, _>>().map_err(|error| {
        WrongSchedule(format!(
            "{text:?} is no schedule: {}",
            error.to_string().trim_end_matches('.')
        ))
    })
}

/// What the usual words stand for.
fn word(text: &str) -> Result<&str, WrongSchedule> {
    Ok(match text.to_ascii_lowercase().as_str() {
        "@yearly" | "@annually" => "0 0 1 1 *",
        "@monthly" => "0 0 1 * *",
        "@weekly" => "0 0 * * 0",
        "@daily" | "@midnight" => "0 0 * * *",
        "@hourly" => "0 * * * *",
        other if other.starts_with('@') => {
            let message = "there are @yearly, @monthly, @weekly, @daily, @hourly and `@every 30m`";
            return Err(WrongSchedule(format!("{text:?} is no schedule: {message}")));
        }
        _ => text,
    })
}

fn names(count: usize) -> Option<&'static [&'static str]> {
    match count {
        5 => Some(&NAMES[1..6]),
        6 => Some(&NAMES[..6]),
        7 => Some(&NAMES),
        _ => None,
    }
}

fn is_quartz(fields: &[&str]) -> bool {
    fields.len() == 7 || fields.iter().any(|field| field.contains('?'))
}

fn parser(fields: &[&str]) -> CronParser {
    CronParser::builder()
        .seconds(Seconds::Optional)
        .year(Year::Optional)
        .alternative_weekdays(is_quartz(fields))
        .sloppy_ranges(true)
        .build()
}

/// The same expression for each of its fixed times, or once where they are not fixed, or too many.
fn times<'a>(fields: &[&'a str]) -> Vec<Vec<&'a str>> {
    let clock = fields.len().saturating_sub(5).min(1) + 2;
    let (mut all, mut count) = (vec![fields.to_vec()], 1);
    for (at, field) in fields.iter().enumerate().take(clock) {
        if !field.bytes().all(|byte| byte.is_ascii_digit() || byte == b',') {
            return vec![fields.to_vec()];
        }
        count *= field.split(',').count();
        if count > MOST_TIMES {
            return vec![fields.to_vec()];
        }
        let with = |fields: Vec<&'a str>, value| {
            let mut fields = fields;
            fields[at] = value;
            fields
        };
        all = all
            .iter()
            .flat_map(|fields| field.split(',').map(|value| with(fields.clone(), value)))
            .collect();
    }
    all
}

fn count(text: &str, count: usize) -> WrongSchedule {
    let message = format!(
        "{text:?} has {count} fields: write five ({}), six (a second before them) or seven (and a year behind them)",
        NAMES[1..6].join(", ")
    );
    WrongSchedule(message)
}

fn wrong(name: &str, field: &str, is_quartz: bool) -> WrongSchedule {
    let takes = match name {
        "second" | "minute" => "0 to 59",
        "hour" => "0 to 23",
        "day of the month" => "1 to 31, ?, L (the last), LW or 15W (the weekday nearest to it)",
        "month" => "1 to 12 or JAN to DEC",
        "weekday" if is_quartz => {
            "1 (Sunday) to 7 or SUN to SAT, ?, 6L or 6#3 (the last, or third, Friday)"
        }
        "weekday" => {
            "0 (Sunday) to 7 (Sunday again) or SUN to SAT, ?, 5L or 5#3 (the last, or third, Friday)"
        }
        _ => "a year, such as 2027",
    };
    WrongSchedule(format!(
        "the {name} {field:?} cannot be read: it takes {takes}, *, lists (1,2), ranges (1-5), steps (*/5)"
    ))
}

const NAMES: [&str; 7] =
    ["second", "minute", "hour", "day of the month", "month", "weekday", "year"];
/// Each is an expression of its own, searched at every look: one for every quarter of an hour of a day are still few.
const MOST_TIMES: usize = 96;
