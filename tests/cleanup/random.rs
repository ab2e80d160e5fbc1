//! Rows that are made to be misjudged: at the cut-off and around it, without times, with the largest ones.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use fastrand::Rng;
use tokenkeeper_worker::cleanup::{
    columns::{self, Read},
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Column, Encoding, Identifier, Length, Policy, Reason, Related, Unit, Value},
};

/// What a column is filled with.
pub enum Filling {
    Time(Encoding),
    Duration(Length, Option<i64>),
    /// By the column's type.
    Plain,
}

/// The tables that a policy reads, and what its columns are filled with.
pub fn fillings(
    policy: &Policy,
    dialect: Dialect,
) -> BTreeMap<Identifier, BTreeMap<Identifier, Filling>> {
    let mut tables: BTreeMap<_, BTreeMap<_, _>> = BTreeMap::new();
    for target in &policy.targets {
        let own = tables.entry(target.table.clone()).or_default();
        for (name, column) in &target.columns {
            let filling = match column {
                Column::Time(of) => Filling::Time(of.time.on(dialect)),
                Column::Duration(of) => Filling::Duration(of.duration, of.never_from),
                Column::Plain(_) => Filling::Plain,
            };
            own.insert(name.clone(), filling);
        }
        for (table, reads) in columns::of_related(target) {
            let own: &mut BTreeMap<_, _> = tables.entry(table).or_default();
            for Read { column, encoding } in reads {
                let filling = encoding.map(|of| Filling::Time(of.on(dialect)));
                if filling.is_some() || !own.contains_key(&column) {
                    own.insert(column, filling.unwrap_or(Filling::Plain));
                }
            }
        }
    }
    tables
}

/// The values that a policy compares a column with.
pub fn compared(policy: &Policy) -> BTreeMap<Identifier, Vec<Value>> {
    let mut all: BTreeMap<Identifier, Vec<Value>> = BTreeMap::new();
    for target in &policy.targets {
        for reason in &target.reasons {
            if let Some(state) = &target.state {
                all.entry(state.clone()).or_default().extend(reason.states.clone());
            }
            of_reason(reason, &mut all);
        }
    }
    all
}

fn of_reason(reason: &Reason, all: &mut BTreeMap<Identifier, Vec<Value>>) {
    for (column, values) in &reason.equals {
        all.entry(column.clone()).or_default().extend(values.clone());
    }
    reason.with.iter().chain(&reason.without).for_each(|related| of_related(related, all));
}

fn of_related(related: &Related, all: &mut BTreeMap<Identifier, Vec<Value>>) {
    for (column, values) in &related.equals {
        all.entry(column.clone()).or_default().extend(values.clone());
    }
    related.with.iter().chain(&related.without).for_each(|related| of_related(related, all));
}

/// Chance, and the instants that matter.
pub struct Chance {
    pub rng: Rng,
    pub clock: DatabaseClock,
    pub dialect: Dialect,
    /// The graces of the policy, seconds.
    pub graces: Vec<i64>,
}

impl Chance {
    /// A cell as a literal of SQL.
    pub fn cell(
        &mut self,
        name: &Identifier,
        filling: &Filling,
        sql_type: &str,
        values: &[Value],
    ) -> String {
        match filling {
            // Joins go by tenants too: few of them, or no rows meet.
            Filling::Plain if name.as_str().ends_with("TENANT_ID") => self.one(&["1", "1", "2"]),
            Filling::Time(encoding) => self.time(*encoding),
            Filling::Duration(unit, never_from) => self.length(*unit, *never_from),
            Filling::Plain => self.plain(sql_type, values),
        }
    }

    fn time(&mut self, encoding: Encoding) -> String {
        let odd = self.rng.u8(..8) == 0;
        let at = self.instant();
        match encoding {
            Encoding::Epoch(_) if odd => {
                self.one(&["NULL", "0", "-1", "9223372036854775807", "-9223372036854775808"])
            }
            Encoding::EpochMsText if odd => self.one(&[
                "NULL",
                "''",
                "'soon'",
                "'12x'",
                "'-1'",
                "'9999999999999999999'",
                "'0'",
                "' 1'",
            ]),
            _ if odd && self.dialect == Dialect::Postgres => self.one(&[
                "NULL",
                "'infinity'",
                "'-infinity'",
                "'1970-01-01 00:00:00'",
                "'0001-01-01 00:00:00'",
                "'9999-12-31 23:59:59'",
            ]),
            _ if odd && self.dialect == Dialect::MySql => self.one(&[
                "NULL",
                "'0000-00-00 00:00:00'",
                "'1970-01-01 00:00:00'",
                "'9999-12-31 23:59:59'",
            ]),
            _ if odd => self.one(&[
                "NULL",
                "'now'",
                "'12:00'",
                "''",
                "17",
                "'2020-01-01'",
                "'2026-03-08T09:00:00Z'",
                "'2026-03-08 09:00:00+05:30'",
            ]),
            Encoding::Epoch(unit) => match unit {
                Unit::S => at.timestamp().to_string(),
                Unit::Ms => at.timestamp_millis().to_string(),
                Unit::Us => at.timestamp_micros().to_string(),
                Unit::Ns => at.timestamp_nanos_opt().unwrap().to_string(),
            },
            Encoding::EpochMsText => format!("'{}'", at.timestamp_millis()),
            Encoding::Timestamptz if self.dialect == Dialect::Postgres => {
                format!("'{}+00'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
            }
            Encoding::SessionNaive(_) => {
                let at = at + self.clock.server_offset();
                format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f"))
            }
            _ => format!("'{}'", at.format("%Y-%m-%d %H:%M:%S%.3f")),
        }
    }

    /// An instant near the cut-off, or near it by what makes zones and lives.
    fn instant(&mut self) -> DateTime<Utc> {
        let grace = self.graces[self.rng.usize(..self.graces.len())];
        let near = STEPS[self.rng.usize(..STEPS.len())];
        let life = if self.rng.bool() { 0 } else { LIVES[self.rng.usize(..LIVES.len())] };
        let millis = [0, 0, 1, -1, 500, -500][self.rng.usize(..6)];
        self.clock.utc() - TimeDelta::seconds(grace + near + life) + TimeDelta::milliseconds(millis)
    }

    fn length(&mut self, unit: Length, never_from: Option<i64>) -> String {
        let factor = if unit == Length::Ms { 1000 } else { 1 };
        let edge = if unit == Length::Ms { i64::MAX } else { i32::MAX.into() };
        let never = never_from.unwrap_or(edge);
        let life = LIVES[self.rng.usize(..LIVES.len())] * factor;
        let odd = [0, -1, edge, -edge, never, never - 1, life + 1, life - 1];
        match self.rng.u8(..16) {
            0 => "NULL".to_owned(),
            of @ 1..=8 => odd[usize::from(of) - 1].to_string(),
            _ => life.to_string(),
        }
    }

    fn plain(&mut self, sql_type: &str, values: &[Value]) -> String {
        let number = self.rng.u8(1..=POOL);
        if !values.is_empty() && self.rng.u8(..10) > 0 {
            return match &values[self.rng.usize(..values.len())] {
                Value::Bool(value) => value.to_string(),
                Value::Int(value) => value.to_string(),
                Value::Text(value) if self.rng.u8(..12) == 0 => {
                    format!("'{}'", value.to_lowercase())
                }
                Value::Text(value) => format!("'{value}'"),
            };
        }
        match sql_type {
            of if of.contains("bool") || of.starts_with("tinyint") => {
                self.one(&["TRUE", "FALSE", "NULL"])
            }
            of if of.contains("int") => number.to_string(),
            of if of.starts_with("uuid") => uuid(number.into()),
            _ if self.rng.u8(..5) == 0 => self.one(&["NULL", "''"]),
            _ => format!("'k{number}'"),
        }
    }

    fn one(&mut self, of: &[&str]) -> String {
        of[self.rng.usize(..of.len())].to_owned()
    }
}

/// A key's literal, another one for each number.
pub fn key(sql_type: &str, number: usize) -> String {
    match sql_type {
        of if of.contains("int") => number.to_string(),
        of if of.starts_with("uuid") => uuid(number),
        _ => format!("'k{number}'"),
    }
}

fn uuid(number: usize) -> String {
    format!("'00000000-0000-0000-0000-{number:012}'")
}

/// So few that rows meet.
const POOL: u8 = 24;
const LIVES: [i64; 4] = [60, 3600, 86_400, 84_600];
/// Seconds before the cut-off (negative: after it): the edge, clock skew, and the offsets of zones.
const STEPS: [i64; 21] = [
    0, 0, 1, -1, 59, 1500, -1500, 3600, -3600, 3601, 7200, -7200, 10_800, -10_800, 19_800, -19_800,
    32_400, -32_400, 21_600, -21_600, 864_000,
];
