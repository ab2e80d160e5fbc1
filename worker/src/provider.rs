//! Whom to ask for a token and what to send: requests as values. Sending lies in `http`, judging
//! what comes back in `outcome`.

pub mod oauth2;
pub mod quartile;

use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
};

use tokenkeeper_shared::{
    secret::Secret,
    settings::{Environment, SettingsError, TextOrRef},
};
use url::Url;

use self::{oauth2::OAuth2, quartile::Quartile};
use crate::answer::Shape;

/// A kind of provider with its configuration.
#[derive(Debug, Clone)]
pub enum Provider {
    /// The Quartile authorization API, v2 and v3.
    Quartile(Quartile),
    /// RFC 6749.
    OAuth2(OAuth2),
}

/// What one exchange is to do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Spend this refresh token.
    Refresh(Secret),
    /// Present the credentials.
    Login,
}

/// How every request of a token travels.
#[derive(Debug, Clone, Default)]
pub struct Transport {
    /// Further headers.
    pub headers: BTreeMap<String, TextOrRef>,
    /// Certificate authorities to trust beside the system's, PEM.
    pub ca_file: Option<PathBuf>,
}

/// One HTTP request, always a POST.
#[derive(Debug, Clone)]
pub struct ProviderRequest {
    /// Where to.
    pub url: Url,
    /// Header names and values; values may be secret.
    pub headers: Vec<(String, Secret)>,
    /// The body, which holds credentials.
    pub body: Secret,
    /// Its media type.
    pub content_type: &'static str,
    /// Certificate authorities to trust beside the system's.
    pub ca_file: Option<PathBuf>,
}

impl Provider {
    /// The word in the configuration and in the column `provider`.
    #[must_use]
    pub fn word(&self) -> &'static str {
        match self {
            Self::Quartile(_) => "quartile",
            Self::OAuth2(_) => "oauth2",
        }
    }

    /// Where it is asked.
    #[must_use]
    pub fn url(&self) -> &Url {
        match self {
            Self::Quartile(quartile) => &quartile.url,
            Self::OAuth2(oauth2) => &oauth2.token_url,
        }
    }

    /// Certificate authorities to trust beside the system's.
    #[must_use]
    pub fn ca_file(&self) -> Option<&Path> {
        match self {
            Self::Quartile(quartile) => quartile.transport.ca_file.as_deref(),
            Self::OAuth2(oauth2) => oauth2.transport.ca_file.as_deref(),
        }
    }

    /// The host that exchanges are counted by, with its port.
    #[must_use]
    pub fn host(&self) -> String {
        let url = self.url();
        let port = url.port_or_known_default().map(|port| format!(":{port}")).unwrap_or_default();
        format!("{}{port}", url.host_str().unwrap_or_default())
    }

    /// How its answers are laid out.
    #[must_use]
    pub fn shape(&self) -> Shape {
        match self {
            Self::Quartile(_) => Shape::Quartile,
            Self::OAuth2(_) => Shape::Rfc6749,
        }
    }

    /// Whether the worker can log in by itself.
    #[must_use]
    pub fn can_login(&self) -> bool {
        match self {
            Self::Quartile(_) => true,
            Self::OAuth2(oauth2) => oauth2.can_login(),
        }
    }

    /// The first refresh token, where the configuration gives one instead of credentials.
    ///
    /// # Errors
    /// [`SettingsError`] when the reference leads nowhere.
    pub fn first_refresh_token(
        &self,
        environment: &Environment,
    ) -> Result<Option<Secret>, SettingsError> {
        match self {
            Self::Quartile(_) => Ok(None),
            Self::OAuth2(oauth2) => oauth2.first_refresh_token(environment),
        }
    }

    /// The request for one step. Secrets are read now, so that a rotated file is found.
    ///
    /// # Errors
    /// [`SettingsError`] when a secret cannot be read.
    pub fn request(
        &self,
        step: &Step,
        environment: &Environment,
    ) -> Result<ProviderRequest, SettingsError> {
        match self {
            Self::Quartile(quartile) => quartile.request(step, environment),
            Self::OAuth2(oauth2) => oauth2.request(step, environment),
        }
    }
}

impl ProviderRequest {
    /// All that it sends, in one secret: for a digest.
    #[must_use]
    pub fn in_one(&self) -> Secret {
        let mut text = format!("{}\n{}\n", self.url, self.content_type);
        for (name, value) in &self.headers {
            text.extend([name, ": ", value.expose(), "\n"]);
        }
        text.push_str(self.body.expose());
        Secret::new(text)
    }
}

impl Transport {
    fn headers(&self, environment: &Environment) -> Result<Vec<(String, Secret)>, SettingsError> {
        let resolve = |(name, value): (&String, &TextOrRef)| {
            Ok((name.clone(), value.resolve(environment, &format!("headers.{name}"))?))
        };
        self.headers.iter().map(resolve).collect()
    }
}

#[cfg(test)]
mod tests;
