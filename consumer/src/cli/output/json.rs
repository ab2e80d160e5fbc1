//! The object that the microservice answers with too. Fields are only ever added.

use serde_json::json;

use crate::{AccessToken, cli::failure::time};

pub(super) fn render(token: &AccessToken) -> String {
    let row = token.row();
    json!({
        "name": row.name.as_str(),
        "access_token": token.expose(),
        "token_type": token.token_type(),
        "scope": token.scope(),
        "expires_at": token.expires_at().map(time),
        "expires_in": token.expires_in().as_secs(),
        "generation": token.generation(),
        "state": row.state,
        "warning": token.warning(),
    })
    .to_string()
}
