//! `schedule kubernetes` and `schedule compose`: printed, for whoever applies them.

use std::path::Path;

use clap::Args;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{
    job::{Ground, JobArguments},
    print_alone,
};
use crate::schedule::hosts::{File, Image, Job, compose::compose, kubernetes::manifest};

#[derive(Debug, Args)]
pub(in crate::cli) struct ContainerArguments {
    #[command(flatten)]
    job: JobArguments,
    /// The image, whose entry point is the worker
    #[arg(long, value_name = "IMAGE", default_value = concat!("tokenkeeper:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// The Secret whose keys are `database_url`, `key`, `cleanup_database_url` and whatever the configuration names (Kubernetes)
    #[arg(long, value_name = "NAME", default_value = "tokenkeeper")]
    secret: String,
    /// The `ConfigMap` with tokenkeeper.toml (Kubernetes)
    #[arg(long, value_name = "NAME", default_value = "tokenkeeper")]
    config_map: String,
}

pub(super) fn kubernetes(
    config: Option<&Path>,
    arguments: &ContainerArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let (jobs, image) = read(config, arguments)?;
    let texts = jobs.iter().map(|job| manifest(job, &image)).collect::<Result<Vec<_>, _>>()?;
    // One stream, as kubectl and Kustomize read it.
    let file = File { name: format!("{}.yaml", arguments.job.name), text: texts.join("---\n") };
    print_alone("kubernetes", file, json)
}

pub(super) fn docker_compose(
    config: Option<&Path>,
    arguments: &ContainerArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let (jobs, image) = read(config, arguments)?;
    let text = jobs.iter().map(|job| compose(job, &image)).collect::<Result<Vec<_>, _>>()?.concat();
    print_alone("compose", File { name: "compose.yaml".to_owned(), text }, json)
}

fn read(
    config: Option<&Path>,
    arguments: &ContainerArguments,
) -> Result<(Vec<Job>, Image), Failure> {
    let ground = Ground { usual: "@every 5m", zone: chrono_tz::Tz::UTC, is_here: false };
    let jobs = arguments.job.jobs(config, ground)?;
    let image = Image::new(&arguments.image, &arguments.config_map, &arguments.secret)?;
    Ok((jobs, image))
}
