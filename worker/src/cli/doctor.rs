//! `doctor`: everything that a worker stands on, looked at one by one; each line says how it is and,
//! where it is not well, what mends it. Nothing is changed and no credential is sent.

mod database;
mod finding;
mod surroundings;
mod tokens;

use std::{path::PathBuf, time::Duration};

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use self::finding::{Finding, Level};
use super::{context::Context, output};

pub(super) async fn doctor(
    environment: Environment,
    config: Option<PathBuf>,
    json: bool,
    interval: Duration,
) -> Result<Exit, Failure> {
    let mut findings = Vec::new();
    match Context::load(environment, config, json) {
        Err(failure) => findings.push(Finding::failed("configuration", &failure)),
        Ok(context) => {
            findings.extend(surroundings::configuration(&context));
            findings.extend(surroundings::files(&context));
            findings.extend(surroundings::journal(&context));
            findings.extend(database::findings(&context).await);
            findings.extend(tokens::findings(&context, interval).await);
            findings.extend(surroundings::providers(&context).await);
        }
    }
    tell(&findings, json)
}

/// One line each, and the worst of them as the exit code.
fn tell(findings: &[Finding], json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&json!({ "checks": findings }))?;
    } else {
        for finding in findings {
            output::line(&finding.line())?;
        }
    }
    let failed = findings.iter().filter(|finding| finding.level == Level::Fail);
    Ok(failed.map(|finding| finding.exit).next().unwrap_or(Exit::Ok))
}
