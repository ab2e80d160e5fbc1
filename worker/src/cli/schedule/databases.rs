//! `schedule pg-cron` and its like: a policy as a job of the database's own scheduler. The texts are made in the room
//! `schedule`; here they are printed, or run.

mod arguments;
mod builtin;
mod mysql_event;
mod oracle_scheduler;
mod pg_cron;
mod pgagent;
mod sides;
mod sqlserver_agent;
mod telling;

use clap::Subcommand;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use self::{
    arguments::JobArguments, pg_cron::PgCronArguments, pgagent::PgAgentArguments,
    sqlserver_agent::SqlServerArguments,
};
use super::output;

#[derive(Debug, Subcommand)]
pub(in crate::cli) enum DatabaseVerb {
    /// Clean PostgreSQL by a policy with its own scheduler, `pg_cron`
    ///
    /// Prints the procedure and the job as SQL, and changes nothing; --install runs it. No program of ours is needed
    /// then: the procedure deletes what `cleanup --apply` would, in batches, with backups, and its runs are in
    /// `cleanup history`.
    #[command(after_help = arguments::EXIT_CODES)]
    PgCron(PgCronArguments),
    /// Clean PostgreSQL by a policy with pgAgent
    ///
    /// Prints the procedure and the job as SQL, and changes nothing; --install runs it. The procedure deletes what `cleanup
    /// --apply` would, in batches, with backups, and its runs are in `cleanup history`. Of programs only pgAgent itself is
    /// needed then.
    #[command(name = "pgagent", after_help = arguments::EXIT_CODES)]
    PgAgent(PgAgentArguments),
    /// Clean MySQL or MariaDB by a policy with their own event scheduler
    ///
    /// Prints the procedure and the event as SQL for the server's own client, and changes nothing; --install runs it. No
    /// program of ours is needed then: the procedure deletes what `cleanup --apply` would, in batches, with backups,
    /// and its runs are in `cleanup history`.
    #[command(after_help = arguments::EXIT_CODES)]
    MysqlEvent(JobArguments),
    /// Clean SQL Server by a policy with its Agent
    ///
    /// Prints the job as Transact-SQL, for sqlcmd or Management Studio; nothing here reaches SQL Server, and nobody has run
    /// this there yet. Its step is the policy's script (`cleanup script`) with apply set.
    #[command(name = "sqlserver-agent", after_help = arguments::EXIT_CODES)]
    SqlServerAgent(SqlServerArguments),
    /// Clean Oracle by a policy with its scheduler
    ///
    /// Prints a procedure and the job as SQL and PL/SQL, for SQL*Plus or `SQLcl`; nothing here reaches Oracle, and nobody has
    /// run this there yet.
    #[command(name = "oracle-scheduler", after_help = arguments::EXIT_CODES)]
    OracleScheduler(JobArguments),
}

impl DatabaseVerb {
    fn common(&self) -> &JobArguments {
        match self {
            Self::PgCron(arguments) => &arguments.common,
            Self::PgAgent(arguments) => &arguments.common,
            Self::MysqlEvent(arguments) | Self::OracleScheduler(arguments) => arguments,
            Self::SqlServerAgent(arguments) => &arguments.common,
        }
    }
}

pub(super) async fn schedule(
    environment: &Environment,
    verb: DatabaseVerb,
    json: bool,
) -> Result<Exit, Failure> {
    if verb.common().disable_builtin {
        return builtin::tell(verb.common(), json);
    }
    match verb {
        DatabaseVerb::MysqlEvent(arguments) => {
            mysql_event::run(environment, &arguments, json).await
        }
        DatabaseVerb::SqlServerAgent(arguments) => sqlserver_agent::run(&arguments, json),
        DatabaseVerb::OracleScheduler(arguments) => oracle_scheduler::run(&arguments, json),
        DatabaseVerb::PgAgent(arguments) => pgagent::run(environment, &arguments, json).await,
        DatabaseVerb::PgCron(arguments) => pg_cron::run(environment, &arguments, json).await,
    }
}

/// A failure that the command line, the database's settings or a right is the cause of.
fn refused(message: impl Into<String>) -> Failure {
    Failure::new(Exit::Usage, message)
}

/// Prints an artefact.
fn print(text: &str, name: &str, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&serde_json::json!({ "version": 1, "job": name, "sql": text }))?;
    } else {
        output::line(text.trim_end())?;
    }
    Ok(Exit::Ok)
}
