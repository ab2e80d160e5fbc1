//! The status page as text: what people want to know of each token, without a byte of any. It needs
//! no script, and with ours what it shows is kept new; what comes from outside is escaped.

use std::{fmt::Write, time::Duration};

use chrono::{DateTime, SecondsFormat, Utc};
use tokenkeeper_shared::{
    clock,
    store::Event,
    token::{State, Token},
};

/// A token and its last week.
pub(super) struct Entry {
    pub(super) token: Token,
    /// Newest first.
    pub(super) events: Vec<Event>,
}

/// The page at the database's time `now`; `more` is the last name on it when others follow.
pub(super) fn render(entries: &[Entry], now: DateTime<Utc>, more: Option<&str>) -> String {
    let mut page = format!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\">\
         <noscript><meta http-equiv=\"refresh\" content=\"{REFRESH}\"></noscript>\
         <title>tokenkeeper</title><style>{STYLE}</style><script src=\"{SCRIPT_PATH}\" defer></script>\
         </head><body><h1>tokenkeeper</h1><p id=\"said\" role=\"status\"></p>\
         <main><p>As the database knows it at {}.</p>",
        instant(now)
    );
    if entries.is_empty() {
        page += "<p>There is no token that this key may see.</p>";
    } else {
        table(&mut page, entries, now);
    }
    if let Some(last) = more {
        let _ = write!(page, "<p><a href=\"/?after={0}\">after {0}</a></p>", escaped(last));
    }
    page += "</main></body></html>\n";
    page
}

fn table(page: &mut String, entries: &[Entry], now: DateTime<Utc>) {
    *page += "<table><thead><tr><th>token<th>state<th>expires<th>renews<th>last success\
              <th>failures<th>generation<th>last week</tr></thead><tbody>";
    for entry in entries {
        row(page, entry, now);
    }
    *page += "</tbody></table>";
}
fn row(page: &mut String, Entry { token, events }: &Entry, now: DateTime<Utc>) {
    let (class, state) = state(token, now);
    let name = escaped(token.name.as_str());
    let when = |at: Option<DateTime<Utc>>| at.map_or("–".to_owned(), |at| moment(at, now));
    // What waits for a human is due in the year 9999.
    let renews = Some(token.refresh_at).filter(|at| *at < clock::latest());
    let _ = write!(
        page,
        "<tr><th scope=\"row\">{name}<td class=\"{class}\">{state}<td>{}<td>{}<td>{}<td>{}<td>{}<td>",
        when(token.access_token_expires),
        when(renews),
        when(token.last_success_at),
        failures(token, now),
        token.generation,
    );
    timeline(page, events, now);
    *page += "</tr>";
}

/// In words, and how good that is.
fn state(token: &Token, now: DateTime<Utc>) -> (&'static str, &'static str) {
    let is_valid = token.is_valid(now);
    match token.state {
        _ if token.is_being_updated(now) => ("fair", "a worker is renewing it"),
        State::NeedsLogin if is_valid => ("bad", "works, and a human must act before it expires"),
        State::NeedsLogin => ("bad", "a human must act"),
        State::Disabled => ("bad", "switched off"),
        State::New => ("fair", "waits for its first login"),
        State::Ok if !is_valid => ("bad", "expired"),
        State::Ok if token.failures > 0 => ("fair", "works; its renewal has failed"),
        State::Ok => ("good", "works"),
    }
}

fn failures(token: &Token, now: DateTime<Utc>) -> String {
    let mut text = token.failures.to_string();
    if token.failures > 0 {
        if let Some(error) = &token.last_error {
            let _ = write!(text, ": {}", escaped(error));
        }
        if let Some(next) = token.next_attempt_at {
            let _ = write!(text, "; next try {}", moment(next, now));
        }
    }
    text
}

/// A stroke for each attempt of the last week, the newest at the right.
fn timeline(page: &mut String, events: &[Event], now: DateTime<Utc>) {
    let shown: Vec<_> = events.iter().filter(|event| clock::until(event.at, now) < WEEK).collect();
    let good = shown.iter().filter(|event| event.outcome == "ok").count();
    let failed = shown.len() - good;
    let _ = write!(
        page,
        "<svg role=\"img\" viewBox=\"0 0 {WIDTH} 20\" width=\"{WIDTH}\" height=\"20\">\
         <title>{good} renewals and {failed} failures in seven days</title>\
         <line x1=\"0\" y1=\"19.5\" x2=\"{WIDTH}\" y2=\"19.5\"/>"
    );
    for event in shown {
        let class = if event.outcome == "ok" { "good" } else { "bad" };
        let left = clock::until(event.at, now).as_secs() * WIDTH / WEEK.as_secs();
        let x = WIDTH - left.min(WIDTH);
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{x}\" y=\"2\" width=\"2\" height=\"16\"><title>{} {}</title></rect>",
            instant(event.at),
            escaped(&event.outcome)
        );
    }
    *page += "</svg>";
}

fn instant(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}

fn moment(at: DateTime<Utc>, now: DateTime<Utc>) -> String {
    let words = |length: Duration| {
        // Two units are all that anybody reads.
        let text = humantime::format_duration(Duration::from_secs(length.as_secs())).to_string();
        text.split(' ').take(2).collect::<Vec<_>>().join(" ")
    };
    let distance = if at >= now {
        format!("in {}", words(clock::until(now, at)))
    } else {
        format!("{} ago", words(clock::until(at, now)))
    };
    format!("<time datetime=\"{0}\" title=\"{0}\">{distance}</time>", instant(at))
}

/// For text and for attributes in double quotes.
fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => escaped += "&amp;",
            '<' => escaped += "&lt;",
            '>' => escaped += "&gt;",
            '"' => escaped += "&quot;",
            '\'' => escaped += "&#39;",
            _ => escaped.push(character),
        }
    }
    escaped
}

pub(super) const STYLE: &str = "\
:root{color-scheme:light dark;font:15px/1.5 system-ui,sans-serif}\
body{margin:2rem}h1{font-size:1.3rem}\
table{border-collapse:collapse}th,td{padding:.3rem .8rem;text-align:left;vertical-align:top;\
border-bottom:1px solid #8886}\
td.good{color:light-dark(#175c2b,#7fd69a)}td.fair{color:light-dark(#7a4b00,#f0bf5f)}\
td.bad{color:light-dark(#a01818,#ff8f8f)}\
rect.good{fill:light-dark(#2e8b4f,#5fc283)}rect.bad{fill:light-dark(#c62828,#ff6b6b)}line{stroke:#8888}";

/// Our one script, and where it lies: a path of its own, so that no other can run.
pub(super) const SCRIPT: &str = include_str!("page/live.js");
pub(super) const SCRIPT_PATH: &str = "/status.js";

/// Without the script: seconds.
const REFRESH: u32 = 30;
pub(super) const WEEK: Duration = Duration::from_secs(7 * 24 * 3600);
/// Two hours a pixel and a half.
const WIDTH: u64 = 126;

#[cfg(test)]
mod tests;
