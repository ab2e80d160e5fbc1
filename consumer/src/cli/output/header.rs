//! An HTTP header. A stored token holds neither line ends nor blanks, so it cannot add another.

use crate::AccessToken;

/// RFC 6750, 2.1 for bearer tokens, whatever case the provider writes the type in.
pub(super) fn render(token: &AccessToken) -> String {
    let kind = token.token_type();
    let kind = if kind.eq_ignore_ascii_case("bearer") { "Bearer" } else { kind };
    format!("Authorization: {kind} {}", token.expose())
}
