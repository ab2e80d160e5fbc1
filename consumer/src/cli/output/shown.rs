//! What of a token the formats show. How they write it lies with each.

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    lifecycle::verdict::Warning,
    name::TokenName,
    secret::Secret,
    token::State,
};

use crate::AccessToken;

/// A token that was handed out, as plain values.
#[derive(Debug, Clone)]
pub(in crate::cli) struct Shown {
    pub(super) name: TokenName,
    pub(super) access_token: Secret,
    pub(super) token_type: String,
    pub(super) scope: Option<String>,
    pub(super) expires_at: DateTime<Utc>,
    pub(super) expires_in: u64,
    pub(super) generation: i64,
    pub(super) state: State,
    pub(super) warning: Option<Warning>,
}

impl Shown {
    pub(in crate::cli) fn of(token: &AccessToken) -> Self {
        let row = token.row();
        Self {
            name: row.name.clone(),
            access_token: Secret::new(token.expose()),
            token_type: token.token_type().to_owned(),
            scope: token.scope().map(str::to_owned),
            // A token without an end is not valid, and none that is not is handed out.
            expires_at: token.expires_at().unwrap_or_default(),
            expires_in: token.expires_in().as_secs(),
            generation: token.generation(),
            state: row.state,
            warning: token.warning(),
        }
    }

    /// Refuses what could end a line or move a cursor: the worker stores no such text, but others
    /// may write into the table.
    pub(super) fn check_plain(&self) -> Result<(), Failure> {
        let scope = self.scope.as_deref().unwrap_or_default();
        let graphic = |text: &str| text.bytes().all(|byte| byte.is_ascii_graphic());
        if graphic(self.access_token.expose())
            && graphic(&self.token_type)
            && !scope.contains(char::is_control)
        {
            return Ok(());
        }
        Err(self.unfit("it holds line ends, blanks or control characters: use --format json"))
    }

    /// What a format cannot carry; the exit code of a token that cannot be used.
    pub(super) fn unfit(&self, why: &str) -> Failure {
        let message = format!("\"{}\" cannot be printed in this format: {why}", self.name);
        Failure::new(Exit::NoValidToken, message)
    }
}

#[cfg(test)]
pub(super) fn example() -> Shown {
    Shown {
        name: "my.api".parse().unwrap(),
        access_token: Secret::new("canary.token-1"),
        token_type: "bearer".to_owned(),
        scope: Some("read write".to_owned()),
        expires_at: DateTime::from_timestamp(2_000_000_000, 0).unwrap(),
        expires_in: 3600,
        generation: 7,
        state: State::Ok,
        warning: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shown_token_does_not_print() {
        assert!(!format!("{:?}", example()).contains("canary"));
    }

    #[test]
    fn a_text_that_could_end_a_line_is_refused() {
        let bad: [fn(&mut Shown); 5] = [
            |shown| shown.token_type = "Bearer x\r\nEvil: 1".to_owned(),
            |shown| shown.token_type = "Bearer\u{85}".to_owned(),
            |shown| shown.access_token = Secret::new("a\nb"),
            |shown| shown.access_token = Secret::new("a b"),
            |shown| shown.scope = Some("a\u{1b}[2J".to_owned()),
        ];
        assert!(example().check_plain().is_ok());
        for spoil in bad {
            let mut shown = example();
            spoil(&mut shown);
            assert_eq!(shown.check_plain().unwrap_err().exit, Exit::NoValidToken, "{shown:?}");
        }
    }
}
