//! `schedule oracle-scheduler`: printed, and run by a DBA. Nothing here reaches Oracle.

use tokenkeeper_shared::exit::{Exit, Failure};

use super::{
    JobArguments,
    arguments::{job, now, zone},
    print, refused,
};
use crate::{
    cleanup::script::stored,
    schedule::databases::oracle_scheduler::{Calendar, name, text},
};

pub(super) fn run(arguments: &JobArguments, json: bool) -> Result<Exit, Failure> {
    arguments.only_printed("Oracle", "SQL*Plus or SQLcl", LATER)?;
    let policy = arguments.policy()?;
    let job = job(&policy)?;
    let parts = stored(&policy, now()).map_err(|error| refused(error.to_string()))?;
    // The job keeps the zone of its schedule.
    let zone = zone(&arguments.zone)?;
    let calendar = Calendar::new(&arguments.fields(zone)?, zone);
    let calendar = calendar.map_err(|error| refused(error.to_string()))?;
    print(&text(&job, &parts, &calendar), &name(&job), json)
}

const LATER: &str = "the text says at its top how the job is removed, and how it went";
