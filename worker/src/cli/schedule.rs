//! `schedule`: what starts the worker at its times, or does its work, printed, put in place, looked at, removed. What is
//! written there is made by the room `schedule`; `hosts` puts it where hosts and clouds look, `databases` where
//! databases do.

mod databases;
mod hosts;

use std::path::PathBuf;

use clap::Subcommand;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use super::output;

#[derive(Debug, Subcommand)]
pub(super) enum ScheduleVerb {
    #[command(flatten)]
    Host(hosts::HostVerb),
    #[command(flatten)]
    Database(databases::DatabaseVerb),
}

pub(super) async fn schedule(
    environment: &Environment,
    config: Option<PathBuf>,
    verb: ScheduleVerb,
    json: bool,
) -> Result<Exit, Failure> {
    match verb {
        ScheduleVerb::Host(verb) => hosts::host(environment, config, verb, json).await,
        ScheduleVerb::Database(verb) => databases::schedule(environment, verb, json).await,
    }
}
