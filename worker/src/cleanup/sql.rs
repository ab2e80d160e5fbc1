//! A statement under construction: text, and the values that are bound to it. Text comes from literals
//! of this program and from parsed, quoted identifiers; everything else is bound.

use super::{
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
}

impl Sql {
    /// An empty statement.
    #[must_use]
    pub fn new(dialect: Dialect, case: Case) -> Self {
        Self { dialect, case, text: String::new(), binds: Vec::new() }
    }

    /// The database that it is for.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
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

    /// Adds a placeholder, and the value for it.
    pub fn bind(&mut self, value: Bind) -> &mut Self {
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
