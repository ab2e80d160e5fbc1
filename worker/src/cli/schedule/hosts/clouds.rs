//! `schedule google-cloud`, `aws-lambda` and `azure-functions`: printed, for whoever deploys them.

use std::path::Path;

use clap::Args;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{
    job::{Ground, JobArguments},
    print_alone,
};
use crate::schedule::hosts::{File, Image, Job, aws_lambda, azure_functions, google_cloud};

#[derive(Debug, Args)]
pub(in crate::cli) struct GoogleArguments {
    #[command(flatten)]
    job: JobArguments,
    /// The image, whose entry point is the worker
    #[arg(long, value_name = "IMAGE", default_value = concat!("tokenkeeper:", env!("CARGO_PKG_VERSION")))]
    image: String,
    /// What the secrets' names begin with: PREFIX-config, PREFIX-database-url, PREFIX-key, PREFIX-cleanup-database-url
    #[arg(long, value_name = "PREFIX", default_value = "tokenkeeper")]
    secret: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AwsArguments {
    #[command(flatten)]
    job: JobArguments,
    /// The secret in Secrets Manager whose keys are `database_url`, `key` and `cleanup_database_url`
    #[arg(long, value_name = "NAME", default_value = "tokenkeeper")]
    secret: String,
}

#[derive(Debug, Args)]
pub(in crate::cli) struct AzureArguments {
    #[command(flatten)]
    job: JobArguments,
}

pub(super) fn google(
    config: Option<&Path>,
    arguments: &GoogleArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let jobs = jobs(config, &arguments.job)?;
    let image = Image::new(&arguments.image, &arguments.secret, &arguments.secret)?;
    let text = google_cloud::script(&jobs, &image)?;
    print_alone("google-cloud", File { name: "google-cloud.sh".to_owned(), text }, json)
}

pub(super) fn aws(
    config: Option<&Path>,
    arguments: &AwsArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let text = aws_lambda::template(&jobs(config, &arguments.job)?, &arguments.secret)?;
    print_alone("aws-lambda", File { name: "template.yaml".to_owned(), text }, json)
}

pub(super) fn azure(
    config: Option<&Path>,
    arguments: &AzureArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let text = azure_functions::script(&jobs(config, &arguments.job)?)?;
    print_alone("azure-functions", File { name: "azure-functions.sh".to_owned(), text }, json)
}

fn jobs(config: Option<&Path>, arguments: &JobArguments) -> Result<Vec<Job>, Failure> {
    let ground = Ground { usual: "@every 5m", zone: chrono_tz::Tz::UTC, is_here: false };
    if config.is_some() {
        let advice = "--config names a file of this machine: in a cloud the configuration lies where the artefact says";
        return Err(Failure::new(Exit::Usage, advice));
    }
    arguments.jobs(None, ground)
}
