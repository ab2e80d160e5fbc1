//! Which tables a copy must have: those of the policies, those that refer to them, and all that these refer to.
//! Without the former a rehearsal would not meet what stands in the way, without the latter nothing can be made.

use std::collections::BTreeSet;

use tokenkeeper_shared::store::StoreError;

use super::NotRehearsed;
use crate::cleanup::{
    database::{Database, Texts},
    dialect::Dialect,
    policy::{Case, Identifier, Policy, Reason, Related, Target},
    sql::{Bind, Sql},
};

/// A table, as the database spells it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Needed {
    /// Its schema; none where the database stands for it.
    pub schema: Option<String>,
    /// Its name.
    pub table: String,
}

/// The first needs the second.
type Edge = (Needed, Needed);

/// All that is needed to rehearse these policies.
///
/// # Errors
/// `Refused` where a policy's tables lie in another database of a MySQL server.
pub async fn needed(
    database: &Database,
    policies: &[&Policy],
) -> Result<BTreeSet<Needed>, NotRehearsed> {
    let mut roots = BTreeSet::new();
    for policy in policies {
        for target in &policy.targets {
            at_home(database, target).await?;
            for table in tables(target) {
                roots.extend(found(database, policy.case, target, table).await?);
            }
        }
    }
    let edges = edges(database).await?;
    Ok(closed(roots, &edges))
}

/// A policy as it applies to a copy: on MySQL the schema that it names is the database that was copied.
#[must_use]
pub fn on_copy(policy: &Policy, dialect: Dialect) -> Policy {
    let mut policy = policy.clone();
    if dialect == Dialect::MySql {
        policy.targets.iter_mut().for_each(|target| target.schema = None);
    }
    policy
}

/// On MySQL a policy may name any database of the server: it must be the one that is copied.
async fn at_home(database: &Database, target: &Target) -> Result<(), NotRehearsed> {
    let (Dialect::MySql, Some(schema)) = (database.dialect(), &target.schema) else {
        return Ok(());
    };
    let mut sql = Sql::new(Dialect::MySql, Case::Exact);
    sql.push("SELECT CAST(DATABASE() AS CHAR)");
    let home = database.cell(&sql).await?.unwrap_or_default();
    if home.eq_ignore_ascii_case(schema.as_str()) {
        return Ok(());
    }
    Err(NotRehearsed::Refused(format!(
        "{} lies in the database {schema}, and the address names {home}: only the address's database is copied, name {schema} there",
        target.table
    )))
}

fn tables(target: &Target) -> BTreeSet<&Identifier> {
    fn beside<'a>(related: &'a [Related], tables: &mut BTreeSet<&'a Identifier>) {
        for each in related {
            tables.insert(&each.table);
            beside(&each.with, tables);
            beside(&each.without, tables);
        }
    }
    let mut tables: BTreeSet<_> = target.children.iter().map(|child| &child.table).collect();
    tables.insert(&target.table);
    for Reason { with, without, .. } in &target.reasons {
        beside(with, &mut tables);
        beside(without, &mut tables);
    }
    tables
}

/// The table as the database spells it; none where it is not there.
async fn found(
    database: &Database,
    case: Case,
    target: &Target,
    table: &Identifier,
) -> Result<Option<Needed>, StoreError> {
    let dialect = database.dialect();
    let mut sql = Sql::new(dialect, case);
    if dialect == Dialect::Postgres {
        let mut named = Sql::new(dialect, case);
        named.table(target.schema.as_ref(), table);
        sql.push(
            "SELECT CAST(n.nspname AS text), CAST(c.relname AS text) FROM pg_class c \
                  JOIN pg_namespace n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(",
        );
        sql.bind(Bind::Text(named.text().to_owned())).push(")");
    } else {
        sql.push(if dialect == Dialect::MySql {
            "SELECT NULL, CAST(table_name AS CHAR) FROM information_schema.tables \
             WHERE table_schema = DATABASE() AND table_name = "
        } else {
            "SELECT NULL, name FROM sqlite_master WHERE type = 'table' AND name COLLATE NOCASE = "
        });
        sql.bind(Bind::Text(table.spelled(dialect, case)));
    }
    Ok(database.rows(&sql).await?.into_iter().next().and_then(|row| named(&row, 0)))
}

/// On SQLite everything is copied: nobody asks.
async fn edges(database: &Database) -> Result<Vec<Edge>, StoreError> {
    let mut sql = Sql::new(database.dialect(), Case::Exact);
    sql.push(match database.dialect() {
        Dialect::Postgres => POSTGRES,
        Dialect::MySql => MYSQL,
        _ => return Ok(Vec::new()),
    });
    let rows = database.rows(&sql).await?;
    Ok(rows.iter().filter_map(|row| Some((named(row, 0)?, named(row, 2)?))).collect())
}

fn named(row: &Texts, at: usize) -> Option<Needed> {
    let schema = row.get(at).cloned().flatten();
    row.get(at + 1).cloned().flatten().map(|table| Needed { schema, table })
}

fn closed(roots: BTreeSet<Needed>, edges: &[Edge]) -> BTreeSet<Needed> {
    let referring = spread(roots, edges, &|(from, to)| (to, from));
    spread(referring, edges, &|(from, to)| (from, to))
}

/// All that can be reached.
fn spread(
    mut reached: BTreeSet<Needed>,
    edges: &[Edge],
    turned: &dyn Fn(&Edge) -> (&Needed, &Needed),
) -> BTreeSet<Needed> {
    loop {
        let before = reached.len();
        for (from, to) in edges.iter().map(turned) {
            if reached.contains(from) {
                reached.insert(to.clone());
            }
        }
        if reached.len() == before {
            return reached;
        }
    }
}

/// Foreign keys; partitions and what they are parts of; sequences that defaults call.
const POSTGRES: &str = "SELECT CAST(fn.nspname AS text), CAST(f.relname AS text), CAST(tn.nspname AS text), CAST(t.relname AS text) FROM (\
     SELECT conrelid AS source, confrelid AS needs FROM pg_constraint WHERE contype = 'f' \
     UNION SELECT inhrelid, inhparent FROM pg_inherits UNION SELECT inhparent, inhrelid FROM pg_inherits \
     UNION SELECT a.adrelid, d.refobjid FROM pg_depend d JOIN pg_attrdef a ON a.oid = d.objid \
     JOIN pg_class s ON s.oid = d.refobjid AND s.relkind = 'S' \
     WHERE d.classid = CAST('pg_attrdef' AS regclass) AND d.refclassid = CAST('pg_class' AS regclass)) e \
     JOIN pg_class f ON f.oid = e.source JOIN pg_namespace fn ON fn.oid = f.relnamespace \
     JOIN pg_class t ON t.oid = e.needs JOIN pg_namespace tn ON tn.oid = t.relnamespace";

const MYSQL: &str = "SELECT DISTINCT NULL, CAST(table_name AS CHAR), NULL, CAST(referenced_table_name AS CHAR) \
     FROM information_schema.key_column_usage WHERE table_schema = DATABASE() AND referenced_table_schema = DATABASE()";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_copy_has_who_refers_to_the_tables_and_all_that_those_refer_to_and_nothing_else() {
        let of = |table: &str| Needed { schema: None, table: table.to_owned() };
        let edges = [
            ("token", "client"),
            ("client", "tenant"),
            ("scope", "token"),
            ("scope", "language"),
            ("invoice", "client"),
        ];
        let edges = edges.map(|(from, to)| (of(from), of(to)));
        let closed = closed(BTreeSet::from([of("token")]), &edges);
        let names: Vec<_> = closed.iter().map(|needed| needed.table.as_str()).collect();
        assert_eq!(names, ["client", "language", "scope", "tenant", "token"]);
    }
}
