//! `adopt`: take over the tutorial's table.

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    store::Adopted,
};

use super::{context::Context, output};

pub(super) async fn adopt(context: &Context) -> Result<Exit, Failure> {
    let store = context.store().await?;
    let name = "quartile".parse().map_err(|e| Failure::new(Exit::Internal, format!("{e}")))?;
    let now = store.time().await?.now();
    let adopted = store.adopt(&name, now).await?;
    store.close().await;
    let (word, text) = match &adopted {
        Adopted::Taken { kept_as } => ("taken", format!(
            "the token \"quartile\" was taken over; the old table is kept as {kept_as} and holds tokens in clear: drop it when you no longer need it"
        )),
        Adopted::Empty { kept_as } => ("empty", format!(
            "the table held no token of the tutorial; it is kept as {kept_as}, and the first `tokenkeeper-worker run` logs in"
        )),
        Adopted::NoTable => ("no_table", "there is no table quartile_tokens: nothing to take over".to_owned()),
        Adopted::AlreadyKept => ("already_kept", "the token \"quartile\" is kept here already and is newer than the table: nothing was changed; rename or drop the table quartile_tokens and run `tokenkeeper-worker migrate`".to_owned()),
    };
    if context.json {
        output::json(&json!({ "adopted": word, "message": text }))?;
    } else {
        output::line(&text)?;
    }
    Ok(Exit::Ok)
}
