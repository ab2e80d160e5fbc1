//! The model store against the real one on SQLite: the same random operations, the same answers, the
//! same rows. What the operations mean to a schedule is not of interest here.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::{
    clock,
    seal::{Seal, key::Keyring},
    secret::Secret,
    store::{Prepared, Release, Role, Store},
    token::{Claimed, NewAccessToken, NewTokens, RefreshTokenChange, State, Token},
};
use tokio::runtime::Runtime;
use uuid::Uuid;

use crate::{
    model_store::ModelStore,
    row::{Line, Row},
    rules::Rules,
    world::start,
};

/// Both stores, and what was claimed of both.
struct Pair {
    real: Store,
    model: ModelStore,
    rng: Rng,
    now: DateTime<Utc>,
    /// The same claim, as the real store and as the model gave it.
    claims: Vec<(Claimed, Claimed)>,
    answers: Vec<(Prepared, Line)>,
}

#[test]
fn the_model_store_does_what_the_real_one_does() {
    let runtime = Runtime::new().unwrap();
    for seed in 0..SEQUENCES {
        runtime.block_on(async {
            let folder = tempfile::tempdir().unwrap();
            let mut pair = Pair::new(&folder, seed).await;
            for step in 0..STEPS {
                let did = pair.step().await;
                pair.compare(&format!("seed {seed}, step {step}: {did}")).await;
            }
        });
    }
}

impl Pair {
    async fn new(folder: &tempfile::TempDir, seed: u64) -> Self {
        let url = format!("sqlite://{}", folder.path().join("store.db").display());
        // Sealed bytes are never the same twice: by them a commit knows its own.
        let key = Keyring::new_worker_key();
        let seal = Seal::With(Keyring::parse(&key).unwrap());
        let real = Store::open(url.parse().unwrap(), seal, Role::Worker).unwrap();
        real.migrate().await.unwrap();
        let now = start();
        let mut rows = Vec::new();
        for name in ["token-0", "token-1"] {
            let name = name.parse().unwrap();
            real.enrol(&name, "oauth2", now).await.unwrap();
            let (row, _) = real.read(&name).await.unwrap().unwrap();
            rows.push(Row::enrolled(row.id, name.as_str(), now));
        }
        let model = ModelStore { rows, rules: Rules::ALL };
        let (claims, answers) = (Vec::new(), Vec::new());
        Self { real, model, rng: Rng::with_seed(seed), now, claims, answers }
    }

    async fn step(&mut self) -> &'static str {
        let seconds = [0, 1, 20, 61, 400][self.rng.usize(0..5)];
        self.now = clock::after(self.now, Duration::from_secs(seconds));
        match self.rng.u8(0..8) {
            0 | 1 => self.claim().await,
            2 => self.claim_named().await,
            3 | 4 => self.prepare(),
            5 => self.commit().await,
            6 => self.release().await,
            _ => self.readmit().await,
        }
    }

    async fn claim(&mut self) -> &'static str {
        let ids = self.model.due(self.now);
        let ids = if self.rng.bool() { ids } else { self.ids() };
        let real = self.real.claim(&ids, "worker", self.now).await.unwrap();
        let real: Vec<Claimed> = real.into_iter().map(Result::unwrap).collect();
        let attempt = real.first().map_or(Uuid::nil(), |claimed| claimed.attempt);
        let model = self.model.claim(&ids, (attempt, "worker"), self.now);
        assert_eq!(real.len(), model.len(), "claims");
        self.claims.extend(real.into_iter().zip(model));
        "claim"
    }

    async fn claim_named(&mut self) -> &'static str {
        let (id, force) = (self.id(), self.rng.bool());
        let token = self.model.row(id).token.clone();
        let real = self.real.claim_named(&token, force, "worker", self.now).await.unwrap();
        let real = real.map(Result::unwrap);
        let attempt = real.as_ref().map_or(Uuid::nil(), |claimed| claimed.attempt);
        let model = self.model.claim_named(id, force, (attempt, "worker"), self.now);
        assert_eq!(real.is_some(), model.is_some(), "claim by name");
        self.claims.extend(real.zip(model));
        "claim by name"
    }

    fn prepare(&mut self) -> &'static str {
        let number = self.rng.u32(..);
        let Some((claimed, _)) = self.any_claim() else { return "nothing" };
        // A claim has one answer.
        let is_same = |(_, line): &(Prepared, Line)| {
            (line.attempt, line.id) == (claimed.attempt, claimed.token.id)
        };
        if self.answers.iter().any(is_same) {
            return "nothing";
        }
        let new = self.any_answer(number);
        let due = clock::after(self.now, Duration::from_millis(self.rng.u64(0..90_000)));
        let prepared = self.real.prepare(&claimed, &new, due, self.now).unwrap();
        let line = Line::of(&prepared);
        self.answers.push((prepared, line));
        "an answer"
    }

    async fn commit(&mut self) -> &'static str {
        if self.answers.is_empty() {
            return "nothing";
        }
        let at = self.rng.usize(0..self.answers.len());
        let (prepared, line) = &self.answers[at];
        let real = self.real.commit(prepared, self.now).await.unwrap();
        assert_eq!(real, self.model.commit(line, self.now), "commit");
        "commit"
    }

    async fn release(&mut self) -> &'static str {
        let Some((real, model)) = self.any_claim() else { return "nothing" };
        let release = self.any_release();
        let was_ours = self.real.release(&real, &release, self.now).await.unwrap();
        assert_eq!(was_ours, self.model.release(&model, &release, self.now), "release");
        "release"
    }

    async fn readmit(&mut self) -> &'static str {
        let login = format!("login-{}", self.rng.u8(0..3));
        for refused in self.real.refused(Uuid::nil(), 10).await.unwrap() {
            if refused.login != login && self.now >= refused.opens_at {
                self.real.readmit(&refused, self.now).await.unwrap();
            }
        }
        self.model.readmit(&login, self.now);
        "readmit"
    }

    /// Every column that the model has.
    async fn compare(&self, at: &str) {
        for row in &self.model.rows {
            let (real, _) = self.real.read(&row.token.name).await.unwrap().unwrap();
            assert_eq!(shown(&real), shown(&row.token), "{at}");
            assert!(real.access_token == row.token.access_token, "{at}: the access token");
        }
    }

    fn any_claim(&mut self) -> Option<(Claimed, Claimed)> {
        let claims = self.claims.len();
        (claims > 0).then(|| self.claims[claims - 1 - self.rng.usize(0..claims.min(3))].clone())
    }

    fn any_answer(&mut self, number: u32) -> NewTokens {
        let expires_at = clock::after(self.now, Duration::from_secs(self.rng.u64(1..600)));
        let access = self.rng.u8(0..4) > 0;
        // What brings neither token is no answer.
        let refresh_token = match self.rng.u8(0..3) {
            0 if access => RefreshTokenChange::Keep,
            1 if access => RefreshTokenChange::Clear,
            _ => RefreshTokenChange::Replace(Secret::new(format!("refresh-{number}"))),
        };
        NewTokens {
            access: access.then(|| NewAccessToken {
                token: Secret::new(format!("access-{number}")),
                token_type: "Bearer".to_owned(),
                scope: None,
                expires_at,
                not_before: None,
            }),
            refresh_token,
            refresh_token_expires: self.rng.bool().then_some(expires_at),
            json_data: None,
            problem: (!access).then(|| "unusable".to_owned()),
            login_at: self.rng.bool().then_some(self.now),
        }
    }

    fn any_release(&mut self) -> Release {
        let later = clock::after(self.now, Duration::from_micros(self.rng.u64(0..9_999_999)));
        let waits = self.rng.u8(0..3) == 0;
        Release {
            state: if waits { State::NeedsLogin } else { State::Ok },
            refresh_at: if waits { clock::latest() } else { later },
            next_attempt_at: (!waits).then_some(later),
            failures: self.rng.i64(0..5),
            uncertain_since: self.rng.bool().then_some(self.now),
            uncertain_tries: self.rng.i64(0..3),
            last_login_at: self.rng.bool().then_some(later),
            refused_login: waits.then(|| format!("login-{}", self.rng.u8(0..3))),
            error: self.rng.bool().then(|| ("uncertain".to_owned(), "lost".to_owned())),
        }
    }

    fn ids(&self) -> Vec<Uuid> {
        self.model.rows.iter().map(|row| row.token.id).collect()
    }

    fn id(&mut self) -> Uuid {
        let ids = self.ids();
        ids[self.rng.usize(0..ids.len())]
    }
}

fn shown(token: &Token) -> String {
    format!("{token:?}")
}

const SEQUENCES: u64 = 20;
const STEPS: usize = 100;
