//! `report NAME --generation N`: an API answered 401 to this one. What follows is the store's to say;
//! here it is put into words.

use clap::Args;
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
    token::State,
};

use super::{
    completions,
    failure::{self, time},
    output,
};
use crate::{Consumer, Report};

#[derive(Debug, Args)]
pub(super) struct ReportArguments {
    /// The token
    #[arg(add = completions::names())]
    name: TokenName,
    /// The generation that was refused, as `get --json` told it
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(i64).range(1..))]
    generation: i64,
}

pub(super) async fn report(
    consumer: &Consumer,
    arguments: ReportArguments,
    json: bool,
) -> Result<(), Failure> {
    let ReportArguments { name, generation } = arguments;
    let reported = consumer.report(&name, generation).await;
    let reported = reported.map_err(|error| failure::of(&error))?;
    if let Report::NotRenewed(state) = reported {
        return Err(not_renewed(&name, state));
    }
    let told = told(&name, generation, &reported);
    output::line(&if json {
        let (due, newer) = match reported {
            Report::Noted { due } => (Some(time(due)), None),
            Report::Superseded { generation } => (None, Some(generation)),
            _ => (None, None),
        };
        json!({
            "name": name.as_str(),
            "generation": generation,
            "outcome": outcome(&reported),
            "due": due,
            "stored_generation": newer.unwrap_or(generation),
            "message": told,
        })
        .to_string()
    } else {
        told
    })
}

fn outcome(report: &Report) -> &'static str {
    match report {
        Report::Noted { .. } => "noted",
        Report::Known => "known",
        Report::Superseded { .. } => "superseded",
        Report::Updating => "updating",
        Report::NotRenewed(_) => "not_renewed",
    }
}

fn told(name: &TokenName, generation: i64, report: &Report) -> String {
    let get = format!("`tokenkeeper-consumer get {name}`");
    match report {
        Report::Noted { due } => {
            let due = time(*due);
            format!(
                "noted: the first worker that runs from {due} on renews {name}; then ask again by {get}"
            )
        }
        Report::Known => format!(
            "known: generation {generation} of {name} has been reported before, and gets one early renewal"
        ),
        Report::Superseded { generation } => {
            format!("generation {generation} of {name} is stored by now: take it by {get}")
        }
        Report::Updating => format!("a worker is renewing {name} right now: wait for it by {get}"),
        Report::NotRenewed(state) => format!("no worker renews {name}: its state is {state}"),
    }
}

/// Nothing follows: somebody must act.
fn not_renewed(name: &TokenName, state: State) -> Failure {
    let (exit, advice) = match state {
        State::NeedsLogin => (
            Exit::NeedsHuman,
            format!("mend the cause and run `tokenkeeper-worker refresh {name} --force`"),
        ),
        State::Disabled => (Exit::NeedsHuman, "it is disabled".to_owned()),
        State::New | State::Ok => (
            Exit::NoValidToken,
            "no login has succeeded yet: run `tokenkeeper-worker run`".to_owned(),
        ),
    };
    Failure::new(exit, format!("no worker renews \"{name}\": {advice}"))
}
