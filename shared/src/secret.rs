//! A string that will not print. Where secrets come from and how they are sealed lies elsewhere.

use std::fmt;

use zeroize::Zeroizing;

/// A token, password, client secret or key text: wiped when dropped, `[redacted]` in `Debug`,
/// without `Display` or `Serialize`. The value leaves by [`Secret::expose`] alone.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    #[must_use]
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself: for the wire, the seal and the one output that was asked for.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("[redacted]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_does_not_print() {
        let secret = Secret::new("canary-1");
        assert_eq!(format!("{secret:?} {:#?}", Some(&secret)).find("canary"), None);
        assert_eq!(secret.expose(), "canary-1");
    }
}
