//! An HTTP header. What is shown holds neither line ends nor blanks, so it cannot add another.

use super::Shown;

pub(super) fn render(shown: &Shown) -> String {
    format!("Authorization: {}", authorization(shown))
}

/// RFC 6750, 2.1 for bearer tokens, whatever case the provider writes the type in.
pub(super) fn authorization(shown: &Shown) -> String {
    let kind = shown.token_type.as_str();
    let kind = if kind.eq_ignore_ascii_case("bearer") { "Bearer" } else { kind };
    format!("{kind} {}", shown.access_token.expose())
}
