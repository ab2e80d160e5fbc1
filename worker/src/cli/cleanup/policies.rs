//! `cleanup policies`: which there are, and what one says.

use std::collections::BTreeMap;

use tokenkeeper_shared::exit::{Exit, Failure};

use super::output;
use crate::cleanup::policy::Policy;

pub(super) fn list(policies: &BTreeMap<String, Policy>, json: bool) -> Result<Exit, Failure> {
    for policy in policies.values() {
        if json {
            output::json(policy)?;
            continue;
        }
        let dialects: Vec<_> = policy.dialects.keys().map(ToString::to_string).collect();
        let line = format!("{:<28} {} ({})", policy.name, policy.product, dialects.join(", "));
        output::line(&line)?;
    }
    Ok(Exit::Ok)
}

pub(super) fn show(policy: &Policy, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(policy)?;
    } else {
        let text = toml::to_string_pretty(policy);
        let text = text.map_err(|error| Failure::new(Exit::Internal, error.to_string()))?;
        output::line(text.trim_end())?;
    }
    Ok(Exit::Ok)
}
