//! The Quartile authorization API, v2 and v3: JSON bodies, a subscription key, a nested answer.

use serde_json::json;
use tokenkeeper_shared::{
    secret::Secret,
    settings::{Environment, SecretRef, SettingsError, TextOrRef},
};
use url::Url;

use super::{ProviderRequest, Step, Transport};

/// Access to one Quartile account. `POST {url}/validate` exists and is not used: no new token is
/// used before its commit.
#[derive(Debug, Clone)]
pub struct Quartile {
    /// The base with its version, `https://api.quartile.com/auth/v2`.
    pub url: Url,
    /// The header `Subscription-Key`.
    pub subscription_key: SecretRef,
    /// The account's name, an e-mail address.
    pub username: TextOrRef,
    /// The account's password.
    pub password: SecretRef,
    /// How requests travel.
    pub transport: Transport,
}

impl Quartile {
    /// Access with nothing out of the ordinary.
    #[must_use]
    pub fn new(url: Url, key: SecretRef, username: SecretRef, password: SecretRef) -> Self {
        let username = TextOrRef::Ref(username);
        Self { url, subscription_key: key, username, password, transport: Transport::default() }
    }

    pub(super) fn request(
        &self,
        step: &Step,
        environment: &Environment,
    ) -> Result<ProviderRequest, SettingsError> {
        let (path, body) = match step {
            Step::Refresh(refresh_token) => ("refresh", json!({ "token": refresh_token.expose() })),
            Step::Login => {
                let username = self.username.resolve(environment, "username")?;
                let password = self.password.resolve(environment, "password")?;
                let body = json!({ "username": username.expose(), "password": password.expose() });
                ("login", body)
            }
        };
        let mut url = self.url.clone();
        url.set_path(&format!("{}/{path}", url.path().trim_end_matches('/')));
        let mut headers = self.transport.headers(environment)?;
        let key = self.subscription_key.resolve(environment, "subscription_key")?;
        headers.push(("Subscription-Key".to_owned(), key));
        Ok(ProviderRequest {
            url,
            headers,
            body: Secret::new(body.to_string()),
            content_type: "application/json",
            ca_file: self.transport.ca_file.clone(),
        })
    }
}
