//! The tables that are needed, by way of `pg_dump` and `psql`.

use tokenkeeper_shared::database_url::DatabaseUrl;

use super::{
    super::super::{
        NotRehearsed, login,
        needed::Needed,
        pipe::{command, first_of, pipe},
    },
    Wanted,
};

/// First what tables are made of (schemas, types, functions), whoever's it is; then the tables.
///
/// # Errors
/// `Refused`, with what the programs said.
pub(super) async fn dump(wanted: &Wanted<'_>, target: &DatabaseUrl) -> Result<(), NotRehearsed> {
    first_of(&["pg_dump"], PACKAGE)?;
    first_of(&["psql"], PACKAGE)?;
    let run = async |arguments: Vec<String>, stops: &str| {
        let (mut dump, mut load) = (command("pg_dump"), command("psql"));
        login::postgres(&mut dump, wanted.source)?;
        login::postgres(&mut load, target)?;
        dump.args(DUMP).args(arguments);
        // Words, and lines, would hold values.
        load.args(["--no-psqlrc", "--quiet", "--no-password", "--set=VERBOSITY=sqlstate"]);
        load.arg(format!("--set=ON_ERROR_STOP={stops}"));
        pipe(dump, load).await
    };
    let parts = ["--schema-only", "--section=pre-data", "--exclude-table=*.*"];
    // What of it cannot be made here is missed by those tables alone that need it.
    run(parts.map(str::to_owned).into(), "0").await?;
    let tables = wanted.tables.iter().map(|table| format!("--table={}", pattern(table)));
    run(tables.collect(), "1").await
}

/// A pattern that matches this name alone.
fn pattern(table: &Needed) -> String {
    let quoted = |name: &str| format!("\"{}\"", name.replace('"', "\"\""));
    let schema = table.schema.as_deref().map(|schema| format!("{}.", quoted(schema)));
    format!("{}{}", schema.unwrap_or_default(), quoted(&table.table))
}

const PACKAGE: &str = "postgresql-client";
const DUMP: [&str; 9] = [
    "--no-owner",
    "--no-privileges",
    "--no-comments",
    "--no-publications",
    "--no-subscriptions",
    "--no-security-labels",
    "--no-tablespaces",
    "--no-password",
    "--lock-wait-timeout=2s",
];
