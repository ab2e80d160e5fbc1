//! The page that tells what the runs came to.

use std::{
    env, fs,
    path::Path,
    sync::{Mutex, PoisonError},
};

use super::{
    Cells, Gone,
    family::{
        CODE, ED_FI_TOKEN, FAMILIES, Family, Fate, LOG, PROPERTY, RESOURCE, Row, SESSION, TOKEN,
    },
    is_wrong,
    rules::{RULES, Rule},
};
use crate::{
    ground::ZONES,
    harness::databases::{self, Kind},
};

/// The page that lies in the documentation says of these policies what this run came to.
pub fn tell(cells: &Cells) {
    // Another test's page may have differed; this one's is still to be told.
    let _guard = WRITING.lock().unwrap_or_else(PoisonError::into_inner);
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/cleanup-comparison.md");
    let told = fs::read_to_string(&file).unwrap_or_default();
    let is_run = |family: &Family| cells.keys().any(|(_, _, policy)| *policy == family.policy);
    let part = |family| {
        if is_run(family) { part(&Compared { family, cells }) } else { told_of(family, &told) }
    };
    let parts = FAMILIES.iter().map(part);
    let page = [HEAD.to_owned()].into_iter().chain(parts).collect::<Vec<_>>().join("\n");
    if env::var_os("TOKENKEEPER_WRITE_DOCS").is_some() {
        fs::write(&file, &page).unwrap();
    }
    let told = fs::read_to_string(&file).unwrap_or_default();
    assert_eq!(told, page, "write it anew with TOKENKEEPER_WRITE_DOCS=1 tests/run");
}

/// What the page says of a policy whose rows another test has.
fn told_of(family: &Family, told: &str) -> String {
    let head = format!("## {}\n", family.title);
    let part = told.split_once(&head).map_or("", |(_, after)| after);
    let part = part.split_once("\n## ").map_or(part, |(part, _)| part);
    head + part
}

/// Tests of several policies share the page.
static WRITING: Mutex<()> = Mutex::new(());

/// A family and what became of its rows.
struct Compared<'a> {
    family: &'a Family,
    cells: &'a Cells,
}

impl Compared<'_> {
    /// Ours, and those that are published.
    fn rules(&self) -> impl Iterator<Item = Option<usize>> {
        let of_family = |number: &usize| RULES[*number].policy == self.family.policy;
        [None].into_iter().chain((0..RULES.len()).filter(of_family).map(Some))
    }

    fn gone(&self, rule: Option<usize>, kind: Kind, zone: &'static str) -> &Gone {
        &self.cells[&(rule, (kind.to_string(), zone), self.family.policy)]
    }
}

fn part(compared: &Compared) -> String {
    let rules: Vec<_> = compared.rules().collect();
    let published = rules.iter().flatten().map(|number| &RULES[*number]);
    let told = published.map(|rule| format!("- **{}.** {}{}", rule.name, rule.words, note(rule)));
    let counts = rules.iter().flat_map(|rule| counts(compared, *rule));
    let heads = rules.iter().map(|rule| name(*rule)).collect::<Vec<_>>().join(" | ");
    let rows = compared.family.rows.iter().map(|row| {
        let cells = rules.iter().map(|rule| came_to(compared, *rule, row)).collect::<Vec<_>>();
        format!("| {} | {} | {} | {} |", shown(row), row.words, fate(row), cells.join(" | "))
    });
    let mut lines = vec![format!("## {}\n", compared.family.title)];
    lines.extend(told);
    lines.push(format!("\n| rule | database | {} |", ZONES.join(" | ")));
    lines.push("|---|---|---|---|---|---|".to_owned());
    lines.extend(counts);
    lines.push(format!("\n| row | | | {heads} |"));
    lines.push(format!("|---|---|---|{}", "---|".repeat(rules.len())));
    lines.extend(rows);
    lines.push(String::new());
    lines.join("\n")
}

fn note(rule: &Rule) -> &'static str {
    if rule.published.is_empty() { " Translated for every database." } else { "" }
}

/// A line for each database: live rows deleted, dead rows left.
fn counts(compared: &Compared, rule: Option<usize>) -> Vec<String> {
    let line = |kind: Kind| {
        let is_published = rule.is_none_or(|number| RULES[number].published.contains(&kind));
        let cells = ZONES.map(|zone| {
            let gone = compared.gone(rule, kind, zone);
            let wrong = |fate| {
                let rows = compared.family.rows.iter();
                rows.filter(|row| row.fate == fate && is_wrong(row, gone)).count()
            };
            format!("{} / {}", wrong(Fate::Alive), wrong(Fate::Dead))
        });
        let mark = if is_published { "" } else { ", translated" };
        format!("| {} | {}{mark} | {} |", name(rule), title(kind), cells.join(" | "))
    };
    databases::each().map(line).into()
}

/// What became of a row: the same everywhere, or told by database and zone.
fn came_to(compared: &Compared, rule: Option<usize>, row: &Row) -> String {
    let has_gone = |kind, zone| compared.gone(rule, kind, zone).contains(&(row.table, row.key));
    let zones = |kind| ZONES.into_iter().filter(|zone| has_gone(kind, zone)).collect::<Vec<&str>>();
    let by_kind = databases::each().map(|kind| (kind, zones(kind)));
    if by_kind.iter().all(|(_, zones)| *zones == by_kind[0].1) {
        return marked(&by_kind[0].1, row);
    }
    let told = by_kind.map(|(kind, zones)| format!("{}: {}", title(kind), marked(&zones, row)));
    told.join("; ")
}

/// What runs on either of the two is held against one page.
fn title(kind: Kind) -> String {
    if kind == Kind::MySql { "MariaDB, MySQL".to_owned() } else { kind.to_string() }
}

/// Bold where it is wrong.
fn marked(zones: &[&str], row: &Row) -> String {
    let bold = |words: &str, is_wrong: bool| {
        if is_wrong { format!("**{words}**") } else { words.to_owned() }
    };
    if zones.is_empty() {
        return bold("kept", row.fate == Fate::Dead);
    }
    if zones.len() == ZONES.len() {
        return bold("deleted", row.fate == Fate::Alive);
    }
    let words = format!("deleted in {} only", zones.join(", "));
    bold(&words, row.fate != Fate::Either)
}

fn name(rule: Option<usize>) -> &'static str {
    rule.map_or("`cleanup --apply`", |number| RULES[number].name)
}

fn shown(row: &Row) -> String {
    let table = SHORT.iter().find(|(table, _)| *table == row.table).unwrap().1;
    format!("{table} {}", row.key)
}

fn fate(row: &Row) -> &'static str {
    match row.fate {
        Fate::Alive => "alive",
        Fate::Dead => "dead",
        Fate::Either => "either",
    }
}

const SHORT: [(&str, &str); 7] = [
    (TOKEN, "token"),
    (CODE, "code"),
    (SESSION, "session"),
    (LOG, "log"),
    (RESOURCE, "resource"),
    (PROPERTY, "property"),
    (ED_FI_TOKEN, "token"),
];

const HEAD: &str = "\
# What published clean-ups do to the same rows

Written by a run of `tests/run` (suite `cleanup`), which fails when a cell differs from what is told here. On each
database, in sessions of each time zone, the same rows stand in the product's tables. Each published rule is executed on
them and undone; then what `cleanup --apply` runs is. All clocks are set to one instant in July. The rules' conditions
are written anew from what the scripts do. Where a rule is *translated*, its makers have not written it for that
database, and the wall clock is the session's as in the original (on SQLite, which has no sessions, the program's).

In the tables of counts a cell says **live rows deleted / dead rows left**. A row is *alive* while somebody can use it, or
the product reads it; *dead* when it has been over for longer than its policy's grace; *either* when it is over within
that grace, or is kept as evidence: such a row counts in neither number. What is wrong stands in bold.
";
