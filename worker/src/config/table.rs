//! One `[tokens.NAME]` table, as written and as understood: which keys belong to which provider,
//! which are needed, and which addresses are refused.

use std::{collections::BTreeMap, path::PathBuf, time::Duration};

use reqwest::header::HeaderName;
use serde::{Deserialize, Deserializer, de};
use tokenkeeper_shared::{
    lifecycle::RefreshPolicy,
    settings::{SecretRef, TextOrRef},
};

use super::{
    TokenConfig,
    address::{provider_url, quartile_url},
};
use crate::provider::{
    Provider, Transport,
    oauth2::{ClientAuth, Grant, OAuth2},
    quartile::Quartile,
};

/// The keys of a token's table. All providers' keys stand in one struct, so that an unknown key is
/// told with its line.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct TokenTable {
    provider: Kind,
    #[serde(default, deserialize_with = "duration")]
    refresh_before: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    default_lifetime: Option<Duration>,
    #[serde(default, deserialize_with = "duration")]
    replay_window: Option<Duration>,
    ca_file: Option<PathBuf>,
    #[serde(default)]
    headers: BTreeMap<String, TextOrRef>,
    username: Option<TextOrRef>,
    password: Option<SecretRef>,
    base_url: Option<String>,
    version: Option<String>,
    subscription_key: Option<SecretRef>,
    token_url: Option<String>,
    grant: Option<GrantWord>,
    client_id: Option<TextOrRef>,
    client_secret: Option<SecretRef>,
    client_auth: Option<ClientAuth>,
    scope: Option<String>,
    resource: Option<String>,
    audience: Option<String>,
    refresh_token: Option<SecretRef>,
    #[serde(default)]
    parameters: BTreeMap<String, TextOrRef>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Quartile,
    Oauth2,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum GrantWord {
    ClientCredentials,
    Password,
    RefreshToken,
}

impl TokenTable {
    pub(super) fn into_token(self) -> Result<TokenConfig, String> {
        self.refuse_strangers()?;
        for name in self.headers.keys() {
            HeaderName::from_bytes(name.as_bytes())
                .map_err(|_| format!("{name:?} cannot name a header"))?;
        }
        let policy = RefreshPolicy {
            refresh_before: self.refresh_before.unwrap_or(RefreshPolicy::default().refresh_before),
            default_lifetime: self.default_lifetime.filter(|life| !life.is_zero()),
        };
        let replay_window = self.replay_window.unwrap_or_default();
        let provider = match self.provider {
            Kind::Quartile => Provider::Quartile(self.into_quartile()?),
            Kind::Oauth2 => Provider::OAuth2(self.into_oauth2()?),
        };
        Ok(TokenConfig { policy, replay_window, provider })
    }

    /// A key of the other provider is a mistake that would otherwise go unnoticed.
    fn refuse_strangers(&self) -> Result<(), String> {
        let quartile = [
            ("base_url", self.base_url.is_some()),
            ("version", self.version.is_some()),
            ("subscription_key", self.subscription_key.is_some()),
        ];
        let oauth2 = [
            ("token_url", self.token_url.is_some()),
            ("grant", self.grant.is_some()),
            ("client_id", self.client_id.is_some()),
            ("client_secret", self.client_secret.is_some()),
            ("client_auth", self.client_auth.is_some()),
            ("scope", self.scope.is_some()),
            ("resource", self.resource.is_some()),
            ("audience", self.audience.is_some()),
            ("refresh_token", self.refresh_token.is_some()),
            ("parameters", !self.parameters.is_empty()),
        ];
        let (strangers, home) = match self.provider {
            Kind::Quartile => (&oauth2[..], "oauth2"),
            Kind::Oauth2 => (&quartile[..], "quartile"),
        };
        match strangers.iter().find(|(_, is_set)| *is_set) {
            Some((key, _)) => Err(format!("`{key}` belongs to provider \"{home}\": take it out")),
            None => Ok(()),
        }
    }

    fn into_quartile(self) -> Result<Quartile, String> {
        let url = quartile_url(self.base_url.as_deref(), self.version.as_deref())?;
        let mut quartile = Quartile::new(
            url,
            needed(self.subscription_key, "subscription_key")?,
            SecretRef::Env(String::new()),
            needed(self.password, "password")?,
        );
        quartile.username = needed(self.username, "username")?;
        quartile.transport = Transport { headers: self.headers, ca_file: self.ca_file };
        Ok(quartile)
    }

    /// A key of another grant would make people believe in a login that never happens.
    fn refuse_other_grants(&self, grant: GrantWord) -> Result<(), String> {
        let keys = [
            ("username", self.username.is_some(), GrantWord::Password, "password"),
            ("password", self.password.is_some(), GrantWord::Password, "password"),
            (
                "refresh_token",
                self.refresh_token.is_some(),
                GrantWord::RefreshToken,
                "refresh_token",
            ),
        ];
        match keys.iter().find(|(_, is_set, home, _)| *is_set && *home != grant) {
            Some((key, _, _, home)) => {
                Err(format!("`{key}` belongs to grant \"{home}\": take it out"))
            }
            None => Ok(()),
        }
    }

    fn into_oauth2(self) -> Result<OAuth2, String> {
        if let Some(grant) = self.grant {
            self.refuse_other_grants(grant)?;
        }
        let grant = match needed(self.grant, "grant")? {
            GrantWord::ClientCredentials => Grant::ClientCredentials,
            GrantWord::Password => Grant::Password {
                username: needed(self.username, "username")?,
                password: needed(self.password, "password")?,
            },
            GrantWord::RefreshToken => {
                Grant::RefreshToken { first: needed(self.refresh_token, "refresh_token")? }
            }
        };
        let client_secret = match (&grant, self.client_secret) {
            (Grant::ClientCredentials, secret) => Some(needed(secret, "client_secret")?),
            (_, secret) => secret,
        };
        let optional =
            [("scope", self.scope), ("resource", self.resource), ("audience", self.audience)];
        let mut parameters = self.parameters;
        refuse_reserved(parameters.keys())?;
        for (name, value) in optional {
            parameters.extend(value.map(|value| (name.to_owned(), TextOrRef::Text(value))));
        }
        Ok(OAuth2 {
            token_url: provider_url(&needed(self.token_url, "token_url")?)?,
            grant,
            client_id: needed(self.client_id, "client_id")?,
            client_secret,
            client_auth: self.client_auth.unwrap_or_default(),
            parameters,
            transport: Transport { headers: self.headers, ca_file: self.ca_file },
        })
    }
}

fn needed<T>(value: Option<T>, key: &str) -> Result<T, String> {
    value.ok_or_else(|| format!("`{key}` is missing: this provider and grant need it"))
}

/// What the grant itself sends is not set beside it.
fn refuse_reserved<'a>(names: impl Iterator<Item = &'a String>) -> Result<(), String> {
    for name in names {
        if RESERVED_PARAMETERS.contains(&name.as_str()) {
            return Err(format!("parameter `{name}` has a key of its own or is set by the grant"));
        }
    }
    Ok(())
}

/// Reads `90s`, `15m`, `12h`.
pub(super) fn duration<'de, D: Deserializer<'de>>(value: D) -> Result<Option<Duration>, D::Error> {
    let text = String::deserialize(value)?;
    humantime::parse_duration(&text)
        .map(Some)
        .map_err(|_| de::Error::custom("a duration is written like \"90s\", \"15m\" or \"12h\""))
}

const RESERVED_PARAMETERS: [&str; 10] = [
    "grant_type",
    "client_id",
    "client_secret",
    "username",
    "password",
    "refresh_token",
    "scope",
    "resource",
    "audience",
    "client_assertion",
];
