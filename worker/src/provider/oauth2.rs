//! RFC 6749 token endpoints: three grants, two ways of client authentication.

use std::collections::BTreeMap;

use base64::{Engine, prelude::BASE64_STANDARD};
use serde::Deserialize;
use tokenkeeper_shared::{
    secret::Secret,
    settings::{Environment, SecretRef, SettingsError, TextOrRef},
};
use url::{Url, form_urlencoded};

use super::{ProviderRequest, Step, Transport};

/// Access to one token endpoint.
#[derive(Debug, Clone)]
pub struct OAuth2 {
    /// RFC 6749, 3.2.
    pub token_url: Url,
    /// How the first token is had.
    pub grant: Grant,
    /// RFC 6749, 2.2.
    pub client_id: TextOrRef,
    /// RFC 6749, 2.3.1; absent for public clients.
    pub client_secret: Option<SecretRef>,
    /// Where the client's credentials stand.
    pub client_auth: ClientAuth,
    /// Scope, resource, audience and whatever else this server wants, in every request.
    pub parameters: BTreeMap<String, TextOrRef>,
    /// How requests travel.
    pub transport: Transport,
}

/// How the first token is had; a refresh token that came with it is spent in any case.
#[derive(Debug, Clone)]
pub enum Grant {
    /// RFC 6749, 4.4.
    ClientCredentials,
    /// RFC 6749, 4.3. RFC 9700, 2.4 forbids it to new clients; old servers know nothing else.
    Password {
        /// The resource owner's name.
        username: TextOrRef,
        /// The resource owner's password.
        password: SecretRef,
    },
    /// RFC 6749, 6: a human got the first refresh token elsewhere.
    RefreshToken {
        /// That token; spent once, then the store's newer one counts.
        first: SecretRef,
    },
}

/// RFC 6749, 2.3.1.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientAuth {
    /// The `Authorization` header, which every server must take.
    #[default]
    Basic,
    /// Parameters of the body.
    Post,
}

impl OAuth2 {
    pub(super) fn can_login(&self) -> bool {
        !matches!(self.grant, Grant::RefreshToken { .. })
    }

    pub(super) fn first_refresh_token(
        &self,
        environment: &Environment,
    ) -> Result<Option<Secret>, SettingsError> {
        match &self.grant {
            Grant::RefreshToken { first } => first.resolve(environment, "refresh_token").map(Some),
            Grant::ClientCredentials | Grant::Password { .. } => Ok(None),
        }
    }

    pub(super) fn request(
        &self,
        step: &Step,
        environment: &Environment,
    ) -> Result<ProviderRequest, SettingsError> {
        let mut headers = self.transport.headers(environment)?;
        let mut form = form_urlencoded::Serializer::new(String::new());
        self.append_step(step, &mut form, environment)?;
        for (name, value) in &self.parameters {
            let owner = format!("parameters.{name}");
            form.append_pair(name, value.resolve(environment, &owner)?.expose());
        }
        let id = self.client_id.resolve(environment, "client_id")?;
        let secret = self.client_secret.as_ref();
        let secret = secret.map(|s| s.resolve(environment, "client_secret")).transpose()?;
        match (self.client_auth, secret) {
            (ClientAuth::Basic, Some(secret)) => headers.push(basic(&id, &secret)),
            (_, secret) => {
                form.append_pair("client_id", id.expose());
                if let Some(secret) = secret {
                    form.append_pair("client_secret", secret.expose());
                }
            }
        }
        Ok(ProviderRequest {
            url: self.token_url.clone(),
            headers,
            body: Secret::new(form.finish()),
            content_type: "application/x-www-form-urlencoded",
            ca_file: self.transport.ca_file.clone(),
        })
    }

    fn append_step(
        &self,
        step: &Step,
        form: &mut form_urlencoded::Serializer<'_, String>,
        environment: &Environment,
    ) -> Result<(), SettingsError> {
        match (step, &self.grant) {
            (Step::Refresh(token), _) => {
                form.append_pair("grant_type", "refresh_token");
                form.append_pair("refresh_token", token.expose());
            }
            (Step::Login, Grant::Password { username, password }) => {
                form.append_pair("grant_type", "password");
                form.append_pair("username", username.resolve(environment, "username")?.expose());
                form.append_pair("password", password.resolve(environment, "password")?.expose());
            }
            (Step::Login, _) => {
                form.append_pair("grant_type", "client_credentials");
            }
        }
        Ok(())
    }
}

/// RFC 6749, 2.3.1: id and secret are form-encoded before they are joined by a colon.
fn basic(id: &Secret, secret: &Secret) -> (String, Secret) {
    let encode = |text: &Secret| {
        form_urlencoded::byte_serialize(text.expose().as_bytes()).collect::<String>()
    };
    let credentials = Secret::new(format!("{}:{}", encode(id), encode(secret)));
    let value = format!("Basic {}", BASE64_STANDARD.encode(credentials.expose()));
    ("Authorization".to_owned(), Secret::new(value))
}
