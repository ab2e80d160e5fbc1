//! A policy as a script for a database that this program does not reach: a DBA reads it and runs it. The
//! conditions are those that the engine uses, by the same code; around them stand the checks, the batches and the
//! backups in the database's own language. Nothing here has a connection.

mod fingerprint;
mod head;
mod moments;
mod mysql;
mod oracle;
mod place;
mod postgres;
mod shape;
mod sqlserver;

use chrono::{DateTime, Utc};

use self::{
    head::{head, head_of_procedure},
    shape::Table,
};
use super::{
    cutoff::DatabaseClock,
    dialect::Dialect,
    policy::{Identifier, Policy, Target},
    predicate,
    sql::Sql,
};

/// Why there is no script.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NoScript {
    /// Those are cleaned by the program itself.
    #[error(
        "{0} is cleaned by `tokenkeeper-worker cleanup POLICY --apply` itself: a script is for sqlserver or oracle"
    )]
    Reached(Dialect),
    /// The product does not run there.
    #[error(
        "the policy is not for {0}: where your product runs there, add it to the `dialects` of a copy of the policy, as generated_only"
    )]
    OtherDialect(Dialect),
    /// The name of a backup table.
    #[error(
        "the name of {0} is too long for a backup table beside it: shorten it by a view or synonym"
    )]
    TooLong(Identifier),
    /// The policy's name.
    #[error(
        "the policy's name {0:?} is too long for a procedure: shorten it in a copy of the policy"
    )]
    Name(String),
    /// Something ends the text of the procedure.
    #[error(
        "a name in the policy holds `$tokenkeeper_body$`, which ends the procedure's text: rename it"
    )]
    Marked,
}

/// The script that cleans by this policy. `now` decides nothing but the yearly rules of named time zones.
///
/// # Errors
/// [`NoScript`].
pub fn script(policy: &Policy, dialect: Dialect, now: DateTime<Utc>) -> Result<String, NoScript> {
    written(policy, dialect, now, false)
}

/// The same for a job of SQL Server: it deletes without being asked.
///
/// # Errors
/// [`NoScript`].
pub fn step(policy: &Policy, now: DateTime<Utc>) -> Result<String, NoScript> {
    written(policy, Dialect::SqlServer, now, true)
}

fn written(
    policy: &Policy,
    dialect: Dialect,
    now: DateTime<Utc>,
    applies: bool,
) -> Result<String, NoScript> {
    if !matches!(dialect, Dialect::SqlServer | Dialect::Oracle) {
        return Err(NoScript::Reached(dialect));
    }
    if !policy.dialects.contains_key(&dialect) {
        return Err(NoScript::OtherDialect(dialect));
    }
    let clock = DatabaseClock::new(now, 0);
    let parts: Result<Vec<_>, _> =
        policy.targets.iter().map(|target| Part::new(target, clock)).collect();
    let parts = parts?;
    let mut sql = Sql::script(dialect, policy.case);
    head(policy, dialect, applies, &mut sql);
    match dialect {
        Dialect::SqlServer => sqlserver::write(&parts, applies, &mut sql),
        _ => oracle::write(&parts, &mut sql),
    }
    Ok(sql.text().to_owned())
}

/// The procedure that cleans by this policy, for a scheduler of the database itself to call.
///
/// # Errors
/// [`NoScript`].
pub fn procedure(job: &Job<'_>, dialect: Dialect, now: DateTime<Utc>) -> Result<String, NoScript> {
    let policy = job.policy;
    if !policy.dialects.contains_key(&dialect) {
        return Err(NoScript::OtherDialect(dialect));
    }
    let clock = DatabaseClock::new(now, 0);
    let parts: Result<Vec<_>, _> =
        policy.targets.iter().map(|target| Part::new(target, clock)).collect();
    let mut sql = Sql::script(dialect, policy.case);
    head_of_procedure(policy, dialect, &mut sql);
    if dialect == Dialect::MySql {
        mysql::write(job, &parts?, &mut sql);
        return Ok(sql.text().to_owned());
    }
    postgres::write(job, &parts?, &mut sql);
    // A name may hold a `$`, and so end the text of the procedure.
    let marks = sql.text().matches("$tokenkeeper_body$").count();
    if marks != 2 {
        return Err(NoScript::Marked);
    }
    Ok(sql.text().to_owned())
}

/// For Oracle's scheduler: what looks at the tables and makes those for backups, and what a procedure does,
/// which names them: it has the variables `tokenkeeper_this_run` and `tokenkeeper_began`.
///
/// # Errors
/// [`NoScript`].
pub fn stored(policy: &Policy, now: DateTime<Utc>) -> Result<[String; 2], NoScript> {
    if !policy.dialects.contains_key(&Dialect::Oracle) {
        return Err(NoScript::OtherDialect(Dialect::Oracle));
    }
    let clock = DatabaseClock::new(now, 0);
    let parts: Result<Vec<_>, _> = policy
        .targets
        .iter()
        .map(|target| Part::new(target, clock).map(|part| Part { is_stored: true, ..part }))
        .collect();
    let parts = parts?;
    let new = || Sql::script(Dialect::Oracle, policy.case);
    let (mut before, mut procedure) = (new(), new());
    head(policy, Dialect::Oracle, true, &mut before);
    oracle::prepare(&parts, &mut before);
    oracle::store(&parts, &mut procedure);
    Ok([before.text().to_owned(), procedure.text().to_owned()])
}

/// A policy as a job of a database's scheduler.
#[derive(Debug, Clone)]
pub struct Job<'a> {
    /// What it cleans by.
    pub policy: &'a Policy,
    /// What its procedure is called.
    pub procedure: Identifier,
}

impl<'a> Job<'a> {
    /// # Errors
    /// [`NoScript::Name`] where the policy's name makes no name of a procedure.
    pub fn new(policy: &'a Policy) -> Result<Self, NoScript> {
        let name = policy.name.replace(['-', '.'], "_").to_lowercase();
        let procedure = format!("tokenkeeper_clean_{name}").parse();
        let procedure = procedure.map_err(|_| NoScript::Name(policy.name.clone()))?;
        Ok(Self { policy, procedure })
    }

    /// What marks a procedure as ours.
    #[must_use]
    pub fn mark(&self) -> String {
        format!("tokenkeeper-worker schedule: policy {}", self.policy.name)
    }

    /// What the scheduler calls it.
    #[must_use]
    pub fn name(&self) -> String {
        format!("tokenkeeper-{}", self.policy.name)
    }
}

/// A target's part of a script.
struct Part<'a> {
    target: &'a Target,
    clock: DatabaseClock,
    own: Table<'a>,
    children: Vec<Table<'a>>,
    /// Whether it is a part of a procedure of Oracle, and no script.
    is_stored: bool,
}

impl<'a> Part<'a> {
    fn new(target: &'a Target, clock: DatabaseClock) -> Result<Self, NoScript> {
        let (own, children) = shape::tables(target)?;
        Ok(Self { target, clock, own, children, is_stored: false })
    }

    fn table(&self, table: &Identifier, sql: &mut Sql) {
        sql.table(self.target.schema.as_ref(), table);
    }

    fn doomed(&self, sql: &mut Sql) {
        predicate::doomed(self.target).render(sql, &self.clock);
    }

    fn reason(&self, sql: &mut Sql) {
        predicate::reason_name(self.target, &self.clock, sql);
    }

    /// That no row of the target is left that an orphan may belong to.
    fn left_alone(&self, table: &Table<'_>, sql: &mut Sql) {
        let Some(child) = table.path.first() else { return };
        sql.push("NOT EXISTS (SELECT 1 FROM ");
        self.table(&self.target.table, sql);
        // Oracle takes no AS here.
        sql.push(" left_over WHERE ");
        for (at, (theirs, ours)) in child.on.iter().enumerate() {
            sql.push(if at == 0 { "" } else { " AND " }).push("left_over.").name(ours);
            sql.push(" = ").name(table.name).push(".").name(theirs);
        }
        sql.push(")");
    }
}
