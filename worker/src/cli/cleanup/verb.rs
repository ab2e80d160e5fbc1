//! What `cleanup` is told to do other than to look or to apply.

use std::path::PathBuf;

use clap::Subcommand;

use super::{lint::LintArguments, prune::PruneArguments, script::ScriptDialect};

#[derive(Debug, Subcommand)]
pub(super) enum CleanupVerb {
    /// List the policies
    Policies {
        #[command(subcommand)]
        verb: Option<ShowVerb>,
    },
    /// Clean a copy of the database, and tell what went and how long it took
    ///
    /// The look, the batches, the backups and the look back are those of --apply. The copy lies beside the
    /// database, is called `tokenkeeper_rehearsal_…`, and is dropped at the end. PostgreSQL makes it by
    /// itself where nobody else is connected; else, and on MySQL and MariaDB, a dump brings the tables that
    /// are needed; a SQLite file is copied by VACUUM INTO.
    Rehearse {
        /// Only these policies [default: each whose tables are there]
        policies: Vec<String>,
        /// Leave the copy there
        #[arg(long)]
        keep_copy: bool,
        /// The folder for the copy of a SQLite file [default: the file's own]
        #[arg(long, value_name = "FOLDER")]
        copy_to: Option<PathBuf>,
    },
    /// Show the last run of each policy in the database
    Status,
    /// Show the runs in the database, newest first
    History {
        /// Of this policy alone
        policy: Option<String>,
        /// How many runs
        #[arg(long, default_value_t = 20)]
        limit: u16,
    },
    /// Bring back the rows that a run has deleted, from the tables `tokenkeeper_backup_…`
    ///
    /// Only rows whose values were all kept (--secrets keep) can be brought back. What is there now is
    /// never changed: a row whose key is there again stays in the backup. The next clean-up deletes
    /// again what is still dead.
    Restore {
        /// The run's id, as `cleanup history` tells it
        run: String,
        /// Count the rows, and change nothing
        #[arg(long, conflicts_with = "from")]
        dry_run: bool,
        /// The file that the run kept its rows in (--backup file=PATH)
        #[arg(long, value_name = "PATH")]
        from: Option<PathBuf>,
    },
    /// Delete old backups: the rows of runs that ended long ago, from the tables `tokenkeeper_backup_…`
    ///
    /// Without --apply they are only counted. What a run has kept goes whole or stays; runs that are not
    /// over, or have failed, keep it. The runs stay in `cleanup history`, and the tables stay too.
    PruneBackups(PruneArguments),
    /// Print a script that cleans a database which this program does not reach
    ///
    /// A DBA reads it and runs it. It looks only, until `apply` is set to 1 at its top. Such scripts are
    /// generated from the policy, and were never run where this program is made.
    Script {
        /// The policy
        policy: String,
        /// The database's SQL
        #[arg(long, value_enum)]
        dialect: ScriptDialect,
    },
    /// Find the known mistakes of clean-up scripts that others wrote
    ///
    /// Reads files of SQL, and pages with SQL among prose: jobs of pgAgent, events of MySQL, jobs of SQL Server Agent,
    /// procedures, statements. Tells of each mistake its line and column, a code, what would happen, and the
    /// mended text. Nothing is run, and no database is asked. Ends with 0 when nothing was found, with 3 when
    /// something was. The codes: docs/cleanup-lint.md.
    #[command(after_help = LINT_HELP)]
    Lint(LintArguments),
}

#[derive(Debug, Subcommand)]
pub(super) enum ShowVerb {
    /// Print a policy as it is understood
    Show {
        /// Its name
        name: String,
    },
}

const LINT_HELP: &str = "\
Examples:
  tokenkeeper-worker cleanup lint token-cleanup.sql
  curl -s https://docs.example.org/clean-tokens.html | tokenkeeper-worker cleanup lint -
  tokenkeeper-worker cleanup lint --dialect mysql --table my_logins jobs/*.sql

Exit codes:
  0 nothing found   2 a file cannot be read, or is no text   3 something found";
