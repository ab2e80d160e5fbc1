//! The token alone.

use super::Shown;

pub(super) fn render(shown: &Shown) -> String {
    shown.access_token.expose().to_owned()
}
