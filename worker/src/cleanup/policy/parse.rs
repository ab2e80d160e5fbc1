//! A policy's text becomes a checked policy, or an error with file and line.

use super::{Policy, check};

impl Policy {
    /// Reads a policy; `origin` names the file in errors.
    ///
    /// # Errors
    /// [`PolicyError`] says where it is wrong and what to write.
    pub fn parse(origin: &str, text: &str) -> Result<Self, PolicyError> {
        let at = |place: String, message: String| PolicyError::Content {
            origin: origin.to_owned(),
            place,
            message,
        };
        let policy: Self = toml::from_str(text).map_err(|error| {
            let start = error.span().map_or(0, |span| span.start);
            let line = text.bytes().take(start).filter(|&byte| byte == b'\n').count() + 1;
            at(format!("line {line}"), error.message().replace('\n', "; "))
        })?;
        check::policy(&policy).map_err(|wrong| at(wrong.place, wrong.message))?;
        Ok(policy)
    }
}

/// A policy that cannot be used. Policies hold no secrets, so its words may be shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// A file or folder that cannot be read.
    #[error("{path}: {message}")]
    Unreadable {
        /// Which one.
        path: String,
        /// Why, and what to do.
        message: String,
    },
    /// A place in a policy.
    #[error("{origin}, {place}: {message}")]
    Content {
        /// The file.
        origin: String,
        /// The line, or the target and its part.
        place: String,
        /// What is wrong, and what to write.
        message: String,
    },
    /// Two files with policies of one name.
    #[error("{path}: the policy \"{name}\" is in another file of this folder too: rename one")]
    Twice {
        /// The second file.
        path: String,
        /// The name.
        name: String,
    },
}
