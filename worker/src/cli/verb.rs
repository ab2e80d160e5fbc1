//! What the worker can be told to do, and how its help says it.

use std::{net::SocketAddr, path::PathBuf, time::Duration};

use clap::{Args, Subcommand};
use tokenkeeper_shared::name::TokenName;

use super::{cleanup::CleanupArguments, schedule::ScheduleVerb};

#[derive(Debug, Subcommand)]
pub(super) enum Verb {
    /// Show the whole loop on this machine in about 20 seconds; leaves nothing behind
    Demo,
    /// Write a commented configuration, a key and the database, where they do not exist yet
    Init,
    #[command(flatten)]
    Kept(KeptVerb),
    /// Stay, and renew each token when it is due; also begin clean-ups at their times
    ///
    /// Does what `run` does, again and again: when the first row is due, at once when PostgreSQL tells of a change,
    /// and at least every five minutes. The tables `[cleanup.NAME]` of the configuration say what is cleaned when.
    /// Any number of daemons, and timers, may work on one database. SIGHUP has it read the configuration anew,
    /// SIGTERM lets it finish what it has claimed; systemd is told how it is.
    Daemon(DaemonArguments),
    /// Look at everything that the worker stands on, and say what mends what is not well
    ///
    /// Configuration, secrets, key, files, journal, database, rights, clocks, tokens, providers. Nothing
    /// is changed, and no credential is sent.
    Doctor {
        /// How often the timer calls the worker
        #[arg(long, default_value = "15m", value_parser = humantime::parse_duration)]
        interval: Duration,
    },
    /// Make and derive sealing keys
    #[command(subcommand)]
    Key(KeyVerb),
    /// Show which dead tokens an authorization server's database could be rid of; delete them with --apply
    ///
    /// Without --apply nothing is changed. Counts by reason and state, sample keys (hashed), rows that go with them, the SQL and its plan,
    /// indexes that would help, and what speaks against it. What is dead is said by a policy.
    Cleanup(Box<CleanupArguments>),
    /// Print, install, check or remove what starts the worker at its times
    #[command(subcommand)]
    Schedule(Box<ScheduleVerb>),
}

/// How the daemon stays.
#[derive(Debug, Args)]
pub(super) struct DaemonArguments {
    /// Print what would run when, and end
    #[arg(long)]
    pub(super) dry_run: bool,
    /// Answer on this address, such as 127.0.0.1:8090: GET /healthz, /readyz and /metrics, POST /run
    #[arg(long, value_name = "ADDRESS")]
    pub(super) http: Option<SocketAddr>,
    /// The file of the key that POST /run asks for [default: what `TOKENKEEPER_RUN_KEY` says]
    #[arg(long, value_name = "FILE", requires = "http")]
    pub(super) run_key_file: Option<PathBuf>,
}

/// The verbs that work on the store.
#[derive(Debug, Subcommand)]
pub(super) enum KeptVerb {
    /// Renew what is due, then end: what a timer calls
    Run {
        /// Only these tokens [default: all that are configured]
        names: Vec<TokenName>,
    },
    /// Renew one token now
    Refresh {
        /// The token
        name: TokenName,
        /// Also when it waits for a human, or was renewed less than half a minute ago
        #[arg(long)]
        force: bool,
    },
    /// Show each token's state, times and last failure
    Status {
        /// Only these tokens [default: all in the database]
        names: Vec<TokenName>,
    },
    /// Show what was tried for a token and how it ended, newest first
    History {
        /// The token
        name: TokenName,
        /// How many attempts
        #[arg(long, default_value_t = 50)]
        limit: u16,
    },
    /// Bring the database's schema up to date
    Migrate,
    /// Take over the tutorial's table `quartile_tokens` (PostgreSQL)
    ///
    /// Its row becomes the token `quartile`, the table is kept under another name, and a view takes
    /// its place, so that the tutorial's consumer goes on. Stop the tutorial's worker first.
    Adopt,
}

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Make a new worker key
    New {
        /// Write it here, readable by you alone, instead of printing it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
    /// Derive the consumers' key, which opens access tokens and nothing else
    Consumer {
        /// Write it here, readable by you alone, instead of printing it
        #[arg(long, value_name = "FILE")]
        file: Option<PathBuf>,
    },
}
