//! Where deleted rows are kept: a table beside each one that is cleaned, `tokenkeeper_backup_…`, made when
//! it is missing and never dropped. `engine` fills it.

mod form;
mod told;

use tokenkeeper_shared::store::StoreError;

pub use self::told::told;
use super::{
    columns::is_read,
    database::{Database, Session},
    dialect::Dialect,
    policy::{Child, Identifier, Policy, Target, Treatment},
    site::{Held, Kept, Secrets, Site, treatment},
    survey::catalog::{ColumnType, TableName},
};

/// What a target consists of in this database; with the columns of its backups where rows are to be kept.
///
/// # Errors
/// [`StoreError`]; `Unfit` where a table cannot be backed up, with what to do.
pub async fn site<'a>(
    database: &Database,
    policy: &'a Policy,
    target: &'a Target,
    clock: super::cutoff::DatabaseClock,
    kept: Option<Secrets>,
) -> Result<Option<Site<'a>>, StoreError> {
    let there = async |table: &Identifier| {
        let (schema, case) = (target.schema.as_ref(), policy.case);
        database.columns(&TableName::new(schema, table, database.dialect(), case)).await
    };
    let columns = there(&target.table).await?;
    if columns.is_empty() {
        return Ok(None);
    }
    let held = |table: &Identifier, columns: &[ColumnType], path: Vec<Child>| {
        let secrets = path.first().map_or(&target.secrets, |child| &child.secrets);
        let treated =
            |name: &str, all| treatment(name, (secrets, all), is_read(target, table, name));
        let columns = match kept {
            Some(all) => kept_columns(table, columns, &|name| treated(name, all))?,
            None => Vec::new(),
        };
        Ok::<_, StoreError>(Held { table: table.clone(), columns, path })
    };
    let own = held(&target.table, &columns, Vec::new())?;
    let mut children = Vec::new();
    for child in &target.children {
        let columns = there(&child.table).await?;
        if !columns.is_empty() {
            children.push(held(&child.table, &columns, path(target, child))?);
        }
    }
    let (case, dialect) = (policy.case, database.dialect());
    Ok(Some(Site { target, case, dialect, clock, own, children }))
}

/// Makes the backup tables that are missing.
///
/// # Errors
/// [`StoreError`]; `Unfit` where an older backup does not take the rows as they are, with what to do.
pub async fn prepare(
    database: &Database,
    site: &Site<'_>,
    session: &mut Session,
) -> Result<(), StoreError> {
    for held in std::iter::once(&site.own).chain(&site.children).filter(|held| held.is_kept()) {
        let Some(backup) = held.backup() else { return Err(too_long(&held.table)) };
        let named = TableName::new(site.target.schema.as_ref(), &backup, site.dialect, site.case);
        let there = database.columns(&named).await?;
        if there.is_empty() {
            make(site, held, &backup, session).await?;
            continue;
        }
        if let Some(why) = form::differs(held, &there, site.dialect) {
            return Err(StoreError::Unfit(format!(
                "the backup table {backup} {why}: rename it, and a new one is made"
            )));
        }
    }
    Ok(())
}

async fn make(
    site: &Site<'_>,
    held: &Held,
    backup: &Identifier,
    session: &mut Session,
) -> Result<(), StoreError> {
    let mut sql = site.sql();
    sql.push("CREATE TABLE IF NOT EXISTS ");
    site.table(&mut sql, backup);
    if site.dialect == Dialect::MySql {
        // A row that is brought back needs a name of its own; elsewhere each has one.
        // An index that is made with its table takes no right of its own.
        sql.push(
            " (tokenkeeper_row BIGINT NOT NULL AUTO_INCREMENT PRIMARY KEY, \
             INDEX tokenkeeper_run (tokenkeeper_run, tokenkeeper_batch))",
        );
    }
    sql.push(" AS SELECT ");
    for column in held.kept() {
        if column.treatment == Treatment::Hash {
            // Wide enough for any text that a value may be, hashed or not.
            sql.push(text(site.dialect)).push(" AS ").spelled(&column.name).push(", ");
        } else {
            sql.spelled(&column.name).push(", ");
        }
    }
    sql.push(text(site.dialect)).push(" AS tokenkeeper_run, ");
    sql.push(match site.dialect {
        Dialect::MySql => "CAST(NULL AS SIGNED) AS tokenkeeper_batch, ",
        _ => "CAST(NULL AS bigint) AS tokenkeeper_batch, ",
    });
    sql.push(text(site.dialect)).push(" AS tokenkeeper_reason, ");
    sql.push(match site.dialect {
        Dialect::MySql => "CAST(NULL AS DATETIME(3))",
        Dialect::Postgres => "CAST(NULL AS timestamptz)",
        _ => "CAST(NULL AS text)",
    });
    sql.push(" AS tokenkeeper_deleted_at FROM ");
    site.table(&mut sql, &held.table);
    sql.push(" WHERE 1 = 0");
    session.run(&sql).await?;
    if site.dialect == Dialect::MySql {
        return Ok(());
    }
    index(site, backup, session).await
}

/// A run's rows are found by batch.
async fn index(
    site: &Site<'_>,
    backup: &Identifier,
    session: &mut Session,
) -> Result<(), StoreError> {
    let mut sql = site.sql();
    // On SQLite an index needs a name that no other table's has.
    let Ok(name) = format!("{backup}_run").parse() else { return Ok(()) };
    sql.push("CREATE INDEX ");
    if site.dialect != Dialect::Postgres {
        sql.push("IF NOT EXISTS ").name(&name);
    }
    sql.push(" ON ");
    site.table(&mut sql, backup);
    sql.push(" (tokenkeeper_run, tokenkeeper_batch)");
    session.run(&sql).await.map(drop)
}

fn text(dialect: Dialect) -> &'static str {
    match dialect {
        Dialect::MySql => "CAST(NULL AS CHAR(64))",
        _ => "CAST(NULL AS varchar(64))",
    }
}

fn kept_columns(
    table: &Identifier,
    columns: &[ColumnType],
    treatment: &dyn Fn(&str) -> Treatment,
) -> Result<Vec<Kept>, StoreError> {
    let of = |column: &ColumnType| {
        let name = column.name.parse().map_err(|_| {
            StoreError::Unfit(format!(
                "a column of {table} has a name that cannot be written: use --backup none"
            ))
        })?;
        let is_binary =
            ["bytea", "blob", "binary"].iter().any(|word| column.sql_type.contains(word));
        let (treatment, sql_type) = (treatment(&column.name), column.sql_type.clone());
        Ok(Kept { name, treatment, sql_type, is_binary })
    };
    columns.iter().map(of).collect()
}

fn path(target: &Target, child: &Child) -> Vec<Child> {
    let mut path = vec![child.clone()];
    while let Some(parent) = path.last().and_then(|last| last.parent.clone()) {
        let Some(above) = target.children.iter().find(|each| each.table == parent) else { break };
        path.push(above.clone());
    }
    path
}

fn too_long(table: &Identifier) -> StoreError {
    StoreError::Unfit(format!(
        "the name of {table} is too long for a backup table beside it: use --backup none"
    ))
}
