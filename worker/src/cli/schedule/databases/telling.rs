//! What became of a job, in words or as JSON: the same for all schedulers.

use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::output;

/// It was made, and comes then: as the scheduler writes it, and in words.
pub(super) fn installed(name: &str, at: &str, words: &str, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&json!({ "version": 1, "job": name, "schedule": at, "installed": true }))?;
    } else {
        output::line(&format!("{name}: installed, {words}"))?;
    }
    Ok(Exit::Ok)
}

/// It was taken away, or was not there.
pub(super) fn removed(name: &str, was: bool, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(&json!({ "version": 1, "job": name, "removed": was }))?;
    } else {
        let done =
            if was { "removed; backups and the history of runs stay" } else { "there was none" };
        output::line(&format!("{name}: {done}"))?;
    }
    Ok(Exit::Ok)
}

/// How it stands, and how its last run went.
pub(super) fn state(name: &str, state: &str, last: Option<&str>) -> Result<(), Failure> {
    output::line(&format!("{name}: {state}"))?;
    let last = last.map_or("no run yet".to_owned(), |last| format!("last run {last}"));
    output::line(&format!("  {last}"))
}
