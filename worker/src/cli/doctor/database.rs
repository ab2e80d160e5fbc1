//! The database: reach, schema, rights, clock.

use tokenkeeper_shared::{
    clock::{self, Clock, SystemClock},
    exit::{Exit, Failure},
    store::{Role, SCHEMA_VERSION, Store, StoreError},
};

use super::{super::context::Context, finding::Finding, surroundings::CLOCKS_APART};

pub(super) async fn findings(context: &Context) -> Vec<Finding> {
    let check = context.settings.database_url.to_string();
    match of_store(context).await {
        Ok(findings) => findings,
        Err(error) => vec![Finding::failed(check, &Failure::from(error))],
    }
}

async fn of_store(context: &Context) -> Result<Vec<Finding>, StoreError> {
    let url = context.settings.database_url.clone();
    let check = url.to_string();
    if let Some(file) = url.file().filter(|file| !file.exists()) {
        let message =
            format!("there is no file {} yet: run `tokenkeeper-worker migrate`", file.display());
        return Ok(vec![Finding::fail(Exit::Schema, check, message)]);
    }
    let seal = tokenkeeper_shared::seal::Seal::Off;
    let store = Store::open(url, seal, Role::Worker)?;
    store.check_schema().await?;
    let mut findings = vec![Finding::ok(check, format!("schema version {SCHEMA_VERSION}"))];
    let missing = store.missing_rights().await?;
    if missing.is_empty() {
        findings.push(Finding::ok("database rights", "all that a worker needs"));
    }
    findings.extend(missing.into_iter().map(|(need, error)| {
        Finding::fail(
            Exit::Usage,
            "database rights",
            format!("{need} is missing ({error}): grant it"),
        )
    }));
    findings.push(clocks(&store).await?);
    store.close().await;
    Ok(findings)
}

async fn clocks(store: &Store) -> Result<Finding, StoreError> {
    let there = store.time().await?.now();
    let here = SystemClock::new().utc();
    let apart = clock::until(here, there).max(clock::until(there, here));
    let words =
        format!("the database's clock, which decides, and this host's are {apart:.0?} apart");
    Ok(if apart < CLOCKS_APART {
        Finding::ok("database clock", words)
    } else {
        Finding::warn("database clock", format!("{words}: set up NTP"))
    })
}
