//! `cleanup script`: a policy as a script for SQL Server or Oracle.

use clap::ValueEnum;
use serde_json::json;
use tokenkeeper_shared::{
    clock::{Clock, SystemClock},
    exit::{Exit, Failure},
};

use super::output;
use crate::cleanup::{dialect::Dialect, policy::Policy, script};

/// For which database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
#[value(rename_all = "lowercase")]
pub(super) enum ScriptDialect {
    /// SQL Server 2016 and later
    SqlServer,
    /// Oracle 12.2 and later, for `SQL*Plus` or `SQLcl`
    Oracle,
}

pub(super) fn script(policy: &Policy, dialect: ScriptDialect, json: bool) -> Result<Exit, Failure> {
    let dialect = match dialect {
        ScriptDialect::SqlServer => Dialect::SqlServer,
        ScriptDialect::Oracle => Dialect::Oracle,
    };
    let script = script::script(policy, dialect, SystemClock::new().utc());
    let script = script.map_err(|error| Failure::new(Exit::Usage, error.to_string()))?;
    if json {
        let name = &policy.name;
        output::json(
            &json!({ "version": 1, "policy": name, "dialect": dialect, "script": script }),
        )?;
    } else {
        output::line(script.trim_end())?;
    }
    Ok(Exit::Ok)
}
