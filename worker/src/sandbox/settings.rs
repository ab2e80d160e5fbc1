//! What a sandbox is told when it starts: lifetimes, rotation, credentials.
//! How single answers go wrong is not here but in `fault`.

use std::{fmt, time::Duration};

/// How the provider behaves for as long as it runs.
#[derive(Clone, Debug)]
pub struct Settings {
    /// How long an access token lives, from its issuance on. Answers carry whole seconds, rounded
    /// down.
    pub access_lifetime: Duration,
    /// How long a refresh token lives, from its issuance on.
    pub refresh_lifetime: Duration,
    /// What happens to a refresh token that was spent.
    pub rotation: Rotation,
    /// How long each exchange waits between its processing and its answer.
    pub latency: Duration,
    /// Who may log in.
    pub credentials: Credentials,
    /// Whether Quartile answers spell `expiresIn` instead of `expires_in`.
    pub camel_case: bool,
    /// Whether a refresh ends the grant's previous access token at once, instead of at its expiry.
    pub refresh_ends_access: bool,
}

/// Lifetimes as Quartile documents them, strict rotation, no latency.
impl Default for Settings {
    fn default() -> Self {
        Self {
            access_lifetime: Duration::from_hours(12),
            refresh_lifetime: Duration::from_hours(14 * 24),
            rotation: Rotation::Strict,
            latency: Duration::ZERO,
            credentials: Credentials::default(),
            camel_case: false,
            refresh_ends_access: false,
        }
    }
}

/// What happens when a refresh token is spent, and when it is presented once more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rotation {
    /// A spent token revokes its whole grant: every refresh and access token of it (RFC 9700,
    /// 4.14.2).
    Strict,
    /// Until this long after its first spending, a spent token is answered with the same new pair;
    /// later, as `Strict`.
    Grace(Duration),
    /// A spent token is answered with another new pair while the first pair was never used (its
    /// refresh token spent, or its access token shown to `/resource`); the first pair is then dead.
    /// Otherwise as `Strict`.
    ReissueIfUnused,
    /// Nothing rotates: the answer to a refresh has no refresh token, the old one stays valid until
    /// its expiry.
    None,
}

/// What clients must know; `Debug` shows none of it.
#[derive(Clone, PartialEq, Eq)]
pub struct Credentials {
    /// The resource owner's name: Quartile's login, and the password grant.
    pub username: String,
    /// The resource owner's password.
    pub password: String,
    /// The value of Quartile's `Subscription-Key` header.
    pub subscription_key: String,
    /// The client identifier of `/oauth2/token` and `/oauth2/introspect`.
    pub client_id: String,
    /// The client secret to go with it.
    pub client_secret: String,
}

/// Made-up values that the demonstration may print.
impl Default for Credentials {
    fn default() -> Self {
        Self {
            username: "sandbox-user".to_owned(),
            password: "sandbox-password".to_owned(),
            // As long as Quartile's: 32 alphanumeric characters.
            subscription_key: "sandboxsubscriptionkey0123456789".to_owned(),
            client_id: "sandbox-client".to_owned(),
            client_secret: "sandbox-secret".to_owned(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Credentials([redacted])")
    }
}

#[cfg(test)]
mod tests {
    use super::Settings;

    #[test]
    fn debug_output_of_the_settings_shows_no_credentials() {
        let shown = format!("{:?}", Settings::default());
        for secret in
            ["sandbox-user", "sandbox-password", "sandboxsub", "sandbox-client", "sandbox-secret"]
        {
            assert!(!shown.contains(secret), "{shown}");
        }
    }
}
