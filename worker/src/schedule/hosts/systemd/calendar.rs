//! A schedule as `OnCalendar=` takes it, in its own zone.

use super::super::{
    Unfit,
    fields::{Field, Fields},
    job::Job,
};

/// The schedule as `OnCalendar=` takes it: two of them where either of two days is enough.
pub(super) fn calendars(job: &Job) -> Result<Vec<String>, Unfit> {
    let fields = Fields::of(&job.at)?;
    let zone = job.at.zone();
    let clock = format!("{}:{}:{}", part(&fields.hour), part(&fields.minute), part(&fields.second));
    let with = |weekday: &str, day: &str| {
        format!("{weekday}*-{}-{day} {clock} {zone}", part(&fields.month))
    };
    let (weekdays, day) = (weekdays(&fields.weekday), part(&fields.day));
    Ok(match (fields.weekday.is_all(), fields.day.is_all()) {
        (false, false) => vec![with("", &day), with(&weekdays, "*")],
        _ => vec![with(&weekdays, &day)],
    })
}

fn part(field: &Field) -> String {
    match (field.step(), field.values.first()) {
        _ if field.is_all() => "*".to_owned(),
        (Some(step), Some(first)) => format!("{first}/{step}"),
        _ => {
            let values: Vec<String> =
                field.values.iter().map(|value| format!("{value:02}")).collect();
            values.join(",")
        }
    }
}

fn weekdays(field: &Field) -> String {
    if field.is_all() {
        return String::new();
    }
    let names = field.values.iter().filter_map(|day| DAYS.get(usize::from(*day)).copied());
    format!("{} ", names.collect::<Vec<_>>().join(","))
}

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];
