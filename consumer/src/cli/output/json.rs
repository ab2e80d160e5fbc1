//! The object that the microservice answers with too. Fields are only ever added.

use serde_json::json;

use super::Shown;
use crate::cli::failure::time;

pub(super) fn render(shown: &Shown) -> String {
    json!({
        "name": shown.name.as_str(),
        "access_token": shown.access_token.expose(),
        "token_type": shown.token_type,
        "scope": shown.scope,
        "expires_at": time(shown.expires_at),
        "expires_in": shown.expires_in,
        "generation": shown.generation,
        "state": shown.state,
        "warning": shown.warning,
    })
    .to_string()
}
