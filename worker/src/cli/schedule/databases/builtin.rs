//! `--disable-builtin`: how the product's own task is switched off, as the policy knows it.

use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{JobArguments, output, refused};

pub(super) fn tell(arguments: &JobArguments, json: bool) -> Result<Exit, Failure> {
    let policy = arguments.policy()?;
    let (name, product) = (&policy.name, &policy.product);
    let Some(builtin) = &policy.builtin else {
        return Err(refused(format!(
            "the policy {name} knows of no setting of {product} that switches off a clean-up of its own: there may be none"
        )));
    };
    if json {
        output::json(&json!({ "version": 1, "policy": name, "builtin": builtin }))?;
        return Ok(Exit::Ok);
    }
    output::line(&format!("# {product}: {}", builtin.place))?;
    for line in builtin.note.lines() {
        output::line(&format!("# {line}"))?;
    }
    output::line(builtin.off.trim_end())?;
    Ok(Exit::Ok)
}
