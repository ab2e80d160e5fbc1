//! Whether the tables are those that the policy was written for.

use tokenkeeper_shared::store::StoreError;

use super::{Problem, Survey, catalog::ColumnType};
use crate::cleanup::{
    columns::Read,
    dialect::Dialect,
    evaluate,
    policy::{Column, Encoding, Family, Identifier, Related, Target},
};

impl Survey<'_> {
    /// What differs from the policy: tables, columns, types, the primary key.
    pub(super) async fn fingerprint(
        &self,
        target: &Target,
        there: &[ColumnType],
    ) -> Result<Vec<Problem>, StoreError> {
        if there.is_empty() {
            let message =
                format!("there is no table {}, or this user may not see it", target.table);
            return Ok(vec![Problem(message)]);
        }
        let dialect = self.database.dialect();
        let mut problems = Vec::new();
        for (name, column) in &target.columns {
            let found =
                there.iter().find(|column| column.name.eq_ignore_ascii_case(&self.spelled(name)));
            match found {
                None => {
                    problems.push(Problem(format!("there is no column {name}: {OTHER_VERSION}")));
                }
                Some(found) if !fits(column, &found.sql_type, dialect) => problems.push(Problem(
                    format!("the column {name} is {}: {OTHER_VERSION}", found.sql_type),
                )),
                Some(_) => {}
            }
        }
        let key = self.database.primary_key(&self.table(target, &target.table)).await?;
        let wanted: Vec<_> =
            target.key.iter().map(|name| self.spelled(name).to_lowercase()).collect();
        let mut found: Vec<_> = key.iter().map(|name| name.to_lowercase()).collect();
        let mut sorted = wanted.clone();
        found.sort();
        sorted.sort();
        if found != sorted {
            let shown =
                if key.is_empty() { "missing".to_owned() } else { format!("({})", key.join(", ")) };
            problems.push(Problem(format!("the primary key is {shown}: {OTHER_VERSION}")));
        }
        Ok(problems)
    }

    /// What would be deleted unseen, may not be deleted, or shows that the times are read wrongly.
    pub(super) async fn objections(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        let mut problems = self.unknown_references(target).await?;
        problems.extend(self.may_not(target).await?);
        if !self.may_read(target).await? {
            return Ok(problems);
        }
        for expiry in target.expiries.values().filter(|expiry| expiry.duration.is_some()) {
            problems.extend(self.begun_in_the_future(target, &expiry.at).await?);
        }
        problems.dedup();
        Ok(problems)
    }

    async fn unknown_references(&self, target: &Target) -> Result<Vec<Problem>, StoreError> {
        let same = |name: &Identifier, found: &str| self.spelled(name).eq_ignore_ascii_case(found);
        let mut problems = Vec::new();
        for of in self.database.references(&self.table(target, &target.table)).await? {
            let child = target.children.iter().any(|child| {
                same(&child.table, &of.table)
                    && child.on.keys().any(|column| same(column, &of.column))
            });
            let awaited = |related: &Related| {
                same(&related.table, &of.table)
                    && related.on.keys().any(|column| same(column, &of.column))
            };
            let guarded = target.reasons.iter().all(|reason| reason.without.iter().any(awaited));
            if !child && !guarded {
                let fate = if of.cascades {
                    "would be deleted too, uncounted"
                } else {
                    "stand in the way"
                };
                problems.push(Problem(format!(
                    "rows of {} refer to {} by {} and {fate}: add the table as a child to a copy of the policy",
                    of.table, target.table, of.column
                )));
            }
        }
        Ok(problems)
    }

    /// What begins in the future was not written in the zone that the policy declares.
    async fn begun_in_the_future(
        &self,
        target: &Target,
        column: &Identifier,
    ) -> Result<Option<Problem>, StoreError> {
        let Some(Column::Time(of)) = target.columns.get(column) else { return Ok(None) };
        let mut sql = self.sql();
        sql.push("SELECT ");
        Read { column: column.clone(), encoding: Some(of.time.clone()) }.render(&mut sql);
        sql.push(" FROM ")
            .table(target.schema.as_ref(), &target.table)
            .push(" WHERE ")
            .name(column);
        sql.push(" = (SELECT MAX(").name(column).push(") FROM ");
        sql.table(target.schema.as_ref(), &target.table).push(") LIMIT 1");
        let encoding = of.time.on(self.database.dialect());
        let newest = self.database.cell(&sql).await?;
        let ahead = newest.and_then(|text| {
            evaluate::ahead(&text, encoding, self.database.dialect(), &self.clock)
        });
        // A wall clock with summer time is read by winter time.
        let summer = if matches!(encoding, Encoding::SessionNaive(_)) { 60 } else { 0 };
        Ok(ahead.filter(|minutes| *minutes > CLOCKS_APART + summer).map(|minutes| {
            Problem(format!(
                "the newest {column} lies {minutes} minutes in the future: the product writes in another time zone \
                 than the policy's {encoding}; declare the right one in a copy of the policy"
            ))
        }))
    }
}

fn fits(column: &Column, sql_type: &str, dialect: Dialect) -> bool {
    let any = |words: &[&str]| words.iter().any(|word| sql_type.contains(word));
    // SQLite's columns hold anything; each value is looked at instead.
    if dialect == Dialect::Sqlite {
        return true;
    }
    let zoned = any(&["with time zone"]);
    match column {
        Column::Plain(Family::Any) => true,
        Column::Plain(Family::Text) => any(&["char", "text", "enum"]),
        Column::Plain(Family::Integer) | Column::Duration(_) => any(&["int", "numeric", "decimal"]),
        Column::Plain(Family::Boolean) => any(&["bool", "int", "bit"]),
        Column::Plain(Family::Uuid) => any(&["uuid", "char", "binary"]),
        Column::Time(of) => match of.time.on(dialect) {
            Encoding::Epoch(_) => any(&["int", "numeric", "decimal"]),
            Encoding::EpochMsText => any(&["char", "text"]),
            Encoding::Timestamptz if dialect == Dialect::Postgres => zoned,
            Encoding::Timestamptz => any(&["timestamp"]),
            Encoding::UtcNaive | Encoding::SessionNaive(_) => {
                any(&["timestamp", "datetime"]) && !zoned
            }
        },
    }
}

const OTHER_VERSION: &str = "the policy is for another version of these tables";
/// Minutes.
const CLOCKS_APART: i64 = 5;
