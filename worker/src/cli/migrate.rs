//! `migrate`: the schema, under our own lock.

use serde_json::json;
use tokenkeeper_shared::exit::{Exit, Failure};

use super::{context::Context, output};

pub(super) async fn migrate(context: &Context) -> Result<Exit, Failure> {
    let store = context.unmigrated_store()?;
    let before = store.schema_version().await?;
    store.migrate().await?;
    let now = store.schema_version().await?;
    store.close().await;
    if context.json {
        output::json(&json!({ "database": store.url().to_string(), "from": before, "to": now }))?;
    } else {
        output::line(&format!("{}: schema version {now} (it was {before})", store.url()))?;
    }
    Ok(Exit::Ok)
}
