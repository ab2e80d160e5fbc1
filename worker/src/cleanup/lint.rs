//! Reads scripts and pages that clean token tables, and tells the mistakes that such scripts are known for: text in,
//! findings out, nothing is run. What one defect is lies in a file for its family; `page`, `unit` and `statement`
//! find the statements, which the parser (`condition`) reads as far as it can.

mod agent;
mod backup;
mod batch;
mod condition;
mod event;
mod finding;
mod guess;
mod living;
mod loops;
mod moment;
mod page;
mod pgagent;
mod statement;
mod tables;
mod unit;
mod variables;
mod words;
mod zone;

use std::collections::{BTreeMap, BTreeSet};

pub use self::finding::{Code, Finding, Note};
use self::{
    statement::Statement,
    tables::Tables,
    unit::{Unit, units},
    variables::Variables,
};
use super::{dialect::Dialect, policy::Policy};

/// How a text is to be read.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// The database that it is for; guessed where nothing is said.
    pub dialect: Option<Dialect>,
    /// Tables that hold tokens, beside those of the policies and those whose names say so.
    pub tables: &'a [String],
    /// What is known of products' tables.
    pub policies: &'a BTreeMap<String, Policy>,
}

/// What there is to say about a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lint {
    /// The databases that it is for, as far as that was told or could be guessed.
    pub dialects: Vec<Dialect>,
    /// The defects, by their places.
    pub findings: Vec<Finding>,
    /// What could not be judged, and what is worth knowing.
    pub notes: Vec<Note>,
}

/// Looks for the defects of a text.
#[must_use]
pub fn lint(text: &str, wish: &Wish<'_>) -> Lint {
    let page = page::read(text);
    let mut findings = Findings::default();
    findings.notes.extend(page.notes);
    let units = units(&page.parts, wish.dialect);
    let variables = Variables::of(&units);
    let tables = Tables::new(wish.policies, wish.tables, &units);
    let statements = statement::statements(&units, &tables);
    if statements.len() >= statement::MOST {
        let first = sqlparser::tokenizer::Location::new(1, 1);
        findings.note(Note::new(
            first,
            "more statements than are looked at: cut the file into smaller ones",
        ));
    }
    for statement in &statements {
        of_statement(statement, &tables, &units, &variables, &mut findings);
    }
    for unit in &units {
        zone::fixed_shifts(unit, &mut findings);
        pgagent::check(unit, text, &mut findings);
    }
    event::check(&units, text, &mut findings);
    backup::check(&units, &mut findings);
    agent::check(&units, &variables, &mut findings);
    findings.told(&units)
}

fn of_statement(
    statement: &Statement<'_>,
    tables: &Tables<'_>,
    units: &[Unit],
    variables: &Variables,
    findings: &mut Findings,
) {
    if statement.condition.is_some() && statement.tree.is_none() {
        findings.note(Note::new(statement.at(), format!(
            "the condition on {} is not understood by the parser: what it compares was not looked at", statement.table_name()
        )));
    }
    zone::session_clocks(statement, variables, findings);
    living::check(statement, variables, findings);
    batch::check(statement, tables, units, variables, findings);
    loops::check(statement, findings);
}

/// What was found so far.
#[derive(Default)]
struct Findings {
    places: BTreeSet<(u64, u64, Code)>,
    found: BTreeSet<Finding>,
    notes: BTreeSet<Note>,
}

impl Findings {
    /// Adds a finding, unless the same was found at that place.
    fn add(&mut self, finding: Finding) {
        if self.places.insert((finding.line, finding.column, finding.code)) {
            self.found.insert(finding);
        }
    }

    fn note(&mut self, note: Note) {
        self.notes.insert(note);
    }

    fn told(self, units: &[Unit]) -> Lint {
        let dialects: BTreeSet<_> = units.iter().filter_map(|unit| unit.dialect).collect();
        Lint {
            dialects: dialects.into_iter().collect(),
            findings: self.found.into_iter().collect(),
            notes: self.notes.into_iter().collect(),
        }
    }
}
