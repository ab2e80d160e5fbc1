//! What a token's variables are called and hold. How a shell is told lies with the formats.

use super::Shown;
use crate::cli::{failure::time, variable};

/// Names, which are safe in every shell, and values, which are the provider's. What it did not say
/// is empty, so that nothing of an older token stays behind.
pub(super) fn of(shown: &Shown) -> [(String, String); 4] {
    let name = variable::of(&shown.name);
    [
        (name.clone(), shown.access_token.expose().to_owned()),
        (format!("{name}_TYPE"), shown.token_type.clone()),
        (format!("{name}_SCOPE"), shown.scope.clone().unwrap_or_default()),
        (format!("{name}_EXPIRES_AT"), time(shown.expires_at)),
    ]
}

/// One line a variable.
pub(super) fn lines(shown: &Shown, line: impl Fn(&str, &str) -> String) -> String {
    of(shown).map(|(name, value)| line(&name, &value)).join("\n")
}
