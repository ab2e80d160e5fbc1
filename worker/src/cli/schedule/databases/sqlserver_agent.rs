//! `schedule sqlserver-agent`: printed, and run by a DBA. Nothing here reaches SQL Server.

use clap::Args;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{
    JobArguments,
    arguments::{job, now, zone},
    print, refused,
};
use crate::{
    cleanup::script::step,
    schedule::databases::{agent_times::Times, sqlserver_agent::text},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct SqlServerArguments {
    #[command(flatten)]
    pub(super) common: JobArguments,
    /// The time zone of the server's host, by whose clock its Agent goes
    #[arg(long, value_name = "ZONE", default_value = "UTC")]
    server_zone: String,
}

pub(super) fn run(arguments: &SqlServerArguments, json: bool) -> Result<Exit, Failure> {
    let common = &arguments.common;
    common.only_printed("SQL Server", "sqlcmd -b -d DATABASE -i FILE", LATER)?;
    let policy = common.policy()?;
    let job = job(&policy)?;
    let script = step(&policy, now()).map_err(|error| refused(error.to_string()))?;
    let zone = zone(&arguments.server_zone)?;
    let times = Times::new(&common.fields(zone)?).map_err(|error| refused(error.to_string()))?;
    print(&text(&job, &script, &times, zone, now()), &job.name(), json)
}

const LATER: &str = "the text says at its top how the job is removed, and how it went";
