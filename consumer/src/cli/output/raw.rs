//! The token alone.

use crate::AccessToken;

pub(super) fn render(token: &AccessToken) -> String {
    token.expose().to_owned()
}
