//! The scene of a schedule, drawn from its seed: how many of each, which provider, which times.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::{
    clock, lifecycle,
    secret::Secret,
    settings::{SecretRef, TextOrRef},
    token::State,
};
use tokenkeeper_worker::{
    config::TokenConfig,
    provider::{
        Provider as Configured, Transport,
        oauth2::{ClientAuth, Grant, OAuth2},
    },
};
use uuid::Uuid;

use crate::{
    nemesis::Weather,
    provider::{Provider, Rotation},
    row::Row,
};

/// The scene.
#[derive(Debug, Clone)]
pub struct Setting {
    pub weather: Weather,
    pub rotation: Rotation,
    pub can_login: bool,
    pub hosts: usize,
    pub workers: usize,
    pub consumers: usize,
    pub row_count: usize,
    /// Each row has its first tokens already.
    pub is_enrolled: bool,
    /// How long an access token lives.
    pub life: Duration,
    /// A timer's interval.
    pub interval: Duration,
    /// How long the schedule goes before everything heals.
    pub horizon: Duration,
}

impl Setting {
    pub fn drawn(rng: &mut Rng) -> Self {
        let weather =
            [Weather::Calm, Weather::Single, Weather::Storm, Weather::Storm][rng.usize(0..4)];
        let window = Duration::from_secs([30, 60, 120][rng.usize(0..3)]);
        let rotation = [
            Rotation::Strict,
            Rotation::Strict,
            Rotation::Grace(window),
            Rotation::ReissueIfUnused,
            Rotation::None,
        ][rng.usize(0..5)];
        let life = Duration::from_secs([150, 300, 1200][rng.usize(0..3)]);
        let interval = Duration::from_secs([20, 60, 300][rng.usize(0..3)]).max(life / 10);
        Self {
            weather,
            rotation,
            can_login: rng.bool(),
            hosts: rng.usize(1..=2),
            workers: rng.usize(2..=3),
            consumers: rng.usize(1..=2),
            row_count: if rng.u8(0..5) == 0 { 2 } else { 1 },
            is_enrolled: rng.u8(0..4) > 0,
            life,
            interval,
            horizon: life * 2,
        }
    }

    pub fn token_config(&self) -> TokenConfig {
        let replay_window = match self.rotation {
            Rotation::Grace(window) => window,
            _ => Duration::ZERO,
        };
        let unused = || SecretRef::Env("UNUSED".to_owned());
        let grant = if self.can_login {
            let username = TextOrRef::Text("user".to_owned());
            Grant::Password { username, password: unused() }
        } else {
            Grant::RefreshToken { first: unused() }
        };
        let provider = Configured::OAuth2(OAuth2 {
            token_url: "https://provider.example/token".parse().unwrap(),
            grant,
            client_id: TextOrRef::Text("client".to_owned()),
            client_secret: None,
            client_auth: ClientAuth::default(),
            parameters: std::collections::BTreeMap::new(),
            transport: Transport::default(),
        });
        TokenConfig { policy: lifecycle::RefreshPolicy::default(), replay_window, provider }
    }

    /// The rows at the start. Without credentials the first refresh token of row `n` is `rn`.
    pub fn rows(&self, provider: &mut Provider, now: DateTime<Utc>) -> Vec<Row> {
        (0..self.row_count)
            .map(|at| {
                let id = Uuid::from_u128(at as u128 + 1);
                let mut row = Row::enrolled(id, &format!("token-{at}"), now);
                let issued = provider.open(now);
                if self.is_enrolled {
                    row.give(&issued.access, &issued.refresh.unwrap());
                    let token = &mut row.token;
                    token.state = State::Ok;
                    token.generation = 1;
                    token.access_token_expires = Some(clock::after(now, self.life));
                    token.last_success_at = Some(now);
                    token.refresh_at = clock::after(now, self.life / 2);
                }
                row
            })
            .collect()
    }

    /// The configured first refresh token of a row, where there are no credentials.
    pub fn first_refresh_token(&self, row: usize) -> Option<Secret> {
        (!self.can_login).then(|| Secret::new(format!("r{row}")))
    }
}
