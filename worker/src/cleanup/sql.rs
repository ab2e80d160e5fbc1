//! A statement under construction: text, and the values that are bound to it. Text comes from literals
//! of this program and from parsed, quoted identifiers; everything else is bound.

mod literal;

use super::{
    cutoff::Moment,
    dialect::Dialect,
    policy::{Case, Identifier},
};

/// A value bound to a statement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Bind {
    /// A whole number.
    Int(i64),
    /// A text.
    Text(String),
}

impl Bind {
    /// The value as SQL would write it. Binds of the rules are times and states, never tokens.
    #[must_use]
    pub fn shown(&self) -> String {
        match self {
            Self::Int(number) => number.to_string(),
            Self::Text(text) => format!("'{}'", text.replace('\'', "''")),
        }
    }
}

/// A statement for one database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sql {
    dialect: Dialect,
    case: Case,
    text: String,
    binds: Vec<Bind>,
    /// The cut-offs that the text has variables for; none: their values are bound.
    moments: Option<Vec<Moment>>,
}

impl Sql {
    /// An empty statement.
    #[must_use]
    pub fn new(dialect: Dialect, case: Case) -> Self {
        Self { dialect, case, text: String::new(), binds: Vec::new(), moments: None }
    }

    /// An empty script: values stand in its text, and cut-offs are variables of it.
    #[must_use]
    pub fn script(dialect: Dialect, case: Case) -> Self {
        Self { moments: Some(Vec::new()), ..Self::new(dialect, case) }
    }

    /// The cut-offs that the script must declare, in the order of their numbers.
    #[must_use]
    pub fn moments(&self) -> &[Moment] {
        self.moments.as_deref().unwrap_or_default()
    }

    /// The database that it is for.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// How names are spelled.
    #[must_use]
    pub fn case(&self) -> Case {
        self.case
    }

    /// The text, with placeholders.
    #[must_use]
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The values, in the order of the placeholders.
    #[must_use]
    pub fn binds(&self) -> &[Bind] {
        &self.binds
    }

    /// Adds a literal of this program.
    pub fn push(&mut self, literal: &'static str) -> &mut Self {
        self.text.push_str(literal);
        self
    }

    /// Adds that PostgreSQL's `ctid` before it is one of these, an array's text. They are read once, by a query of
    /// their own: read by the condition itself they are read anew for each row, wherever the planner goes through a
    /// table instead of fetching them.
    pub fn among_places(&mut self, array: String) -> &mut Self {
        self.push(" = ANY(ARRAY(SELECT unnest(CAST(").bind(Bind::Text(array)).push(" AS tid[]))))")
    }

    /// Adds a name.
    pub fn name(&mut self, name: &Identifier) -> &mut Self {
        self.text.push_str(&name.quoted(self.dialect, self.case));
        self
    }

    /// Adds a table, in its schema where it has one.
    pub fn table(&mut self, schema: Option<&Identifier>, table: &Identifier) -> &mut Self {
        if let Some(schema) = schema {
            self.name(schema).push(".");
        }
        self.name(table)
    }

    /// Adds names with commas between.
    pub fn names<'a>(&mut self, names: impl IntoIterator<Item = &'a Identifier>) -> &mut Self {
        for (at, name) in names.into_iter().enumerate() {
            self.push(if at == 0 { "" } else { ", " }).name(name);
        }
        self
    }

    /// Adds a name that the database itself has told: as it is, in quotes.
    pub fn spelled(&mut self, name: &Identifier) -> &mut Self {
        self.text.push_str(&name.quoted(self.dialect, Case::Exact));
        self
    }

    /// Adds a name of whatever characters that the database itself has told.
    pub fn found(&mut self, name: &str) -> &mut Self {
        let quote = if self.dialect == Dialect::Postgres { "\"" } else { "`" };
        let doubled = name.replace(quote, &quote.repeat(2));
        self.text.extend([quote, &doubled, quote]);
        self
    }

    /// Adds a text that the database itself has told, where none may be bound.
    pub fn literal(&mut self, text: &str) -> &mut Self {
        let is_mysql = self.dialect == Dialect::MySql;
        let text = if is_mysql { text.replace('\\', "\\\\") } else { text.to_owned() };
        let doubled = text.replace('\'', "''");
        self.text.extend(["'", &doubled, "'"]);
        self
    }

    /// Adds a literal of this program, cast to a text.
    pub fn text_of(&mut self, literal: &'static str) -> &mut Self {
        let end = if self.dialect == Dialect::MySql { " AS CHAR)" } else { " AS text)" };
        self.push("CAST(").push(literal).push(end)
    }

    /// Adds a whole number as it is: a part of the text, for what no database lets bind.
    pub fn number(&mut self, number: i64) -> &mut Self {
        self.text.push_str(&number.to_string());
        self
    }

    /// Adds a cut-off: a placeholder with its value, or a script's variable.
    pub fn moment(&mut self, moment: Moment, value: Bind) -> &mut Self {
        let Some(moments) = &mut self.moments else { return self.bind(value) };
        let at = moments.iter().position(|known| *known == moment).unwrap_or_else(|| {
            moments.push(moment);
            moments.len() - 1
        });
        self.variable(at)
    }

    /// Adds the variable of a cut-off.
    pub fn variable(&mut self, at: usize) -> &mut Self {
        // Oracle takes a column of that name first. Where table names are put in when it runs, a statement is given
        // its values: on PostgreSQL by number, behind those that each of them has.
        let (before, first) = match self.dialect {
            Dialect::SqlServer => ("@cut_", 1),
            Dialect::MySql => ("@tokenkeeper_cut_", 1),
            Dialect::Postgres => ("$", GIVEN + 1),
            _ => ("tokenkeeper_cut_", 1),
        };
        self.push(before);
        self.text.push_str(&(at + first).to_string());
        self
    }

    /// Adds a text around parts in braces, each of which is added by its name.
    pub fn fill(&mut self, template: &'static str, part: &dyn Fn(&mut Self, &str)) -> &mut Self {
        for (at, piece) in template.split(['{', '}']).enumerate() {
            if at % 2 == 0 {
                self.push(piece);
            } else {
                part(self, piece);
            }
        }
        self
    }

    /// Adds a script's own parts, as they are.
    pub fn append(&mut self, other: &Self) -> &mut Self {
        self.text.push_str(&other.text);
        self
    }

    /// Adds a comment of one line. What an editor or a client could take for anything else is left out.
    pub fn comment(&mut self, text: &str) -> &mut Self {
        self.text.push_str("-- ");
        self.text.push_str(&literal::plain(text));
        self.text.push('\n');
        self
    }

    /// Adds a placeholder, and the value for it; in a script the value itself.
    pub fn bind(&mut self, value: Bind) -> &mut Self {
        if self.moments.is_some() {
            let text = match value {
                Bind::Int(number) => number.to_string(),
                Bind::Text(text) => literal::written(&text, self.dialect),
            };
            self.text.push_str(&text);
            return self;
        }
        self.binds.push(value);
        let number = self.binds.len();
        let placeholder = match self.dialect {
            Dialect::Sqlite | Dialect::MySql => "?".to_owned(),
            Dialect::Postgres => format!("${number}"),
            Dialect::SqlServer => format!("@P{number}"),
            Dialect::Oracle => format!(":{number}"),
        };
        self.text.push_str(&placeholder);
        self
    }

    /// Adds a statement of a script as a text in it.
    pub(super) fn quoted(&mut self, inside: impl FnOnce(&mut Self)) {
        let outside = std::mem::take(&mut self.text);
        inside(self);
        let statement = std::mem::replace(&mut self.text, outside);
        self.literal(&statement);
    }

    /// Adds the name under which the value of a cut-off lies, where that is not its variable.
    pub(super) fn kept_cut(&mut self, at: usize) -> &mut Self {
        self.text.push_str("tokenkeeper_cut_");
        self.text.push_str(&(at + 1).to_string());
        self
    }

    /// The same statement behind a literal of this program.
    pub(super) fn after(&self, literal: &'static str) -> Self {
        Self { text: format!("{literal}{}", self.text), ..self.clone() }
    }

    /// Adds the alias of rows `depth` subqueries deep.
    pub(super) fn alias(&mut self, depth: usize) -> &mut Self {
        self.text.push_str("related_");
        self.text.push_str(&depth.to_string());
        self
    }
}

/// What a statement of a procedure of PostgreSQL is given before the cut-offs.
pub(super) const GIVEN: usize = 7;
