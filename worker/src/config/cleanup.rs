//! One `[cleanup.NAME]` table: what a daemon cleans, where, when and how.

use std::{path::PathBuf, time::Duration};

use chrono_tz::Tz;
use serde::Deserialize;
use tokenkeeper_shared::settings::{SecretRef, TextOrRef, holds_password};
use toml::Spanned;

use super::table::duration;
use crate::{
    cleanup::{
        lag::MaxLag,
        policy::{self, Policy},
        restraint::Restraint,
        site::Secrets,
        turn::{Backup, Wish},
    },
    cron::{Schedule, zone},
};

/// A clean-up that comes again and again.
#[derive(Debug, Clone)]
pub struct CleanupJob {
    /// What may go.
    pub policies: Vec<Policy>,
    /// Where.
    pub database: TextOrRef,
    /// When.
    pub schedule: Schedule,
    /// What is asked of each run, but for its slot.
    pub wish: Wish,
    /// How it holds itself back.
    pub restraint: Restraint,
    /// Whom it waits for.
    pub lag: Option<Lag>,
}

/// Replicas that a clean-up waits for.
#[derive(Debug, Clone)]
pub struct Lag {
    /// How far one may lag behind.
    pub most: MaxLag,
    /// Those that are named. None: those of the variable, or whom PostgreSQL tells of.
    pub replicas: Vec<TextOrRef>,
}

/// The keys of a table: those of `cleanup --apply`, and when.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct CleanupTable {
    policies: Option<Spanned<Vec<String>>>,
    policy_files: Option<Spanned<PathBuf>>,
    database: Option<Spanned<TextOrRef>>,
    schedule: Option<Spanned<String>>,
    time_zone: Option<Spanned<String>>,
    #[serde(default)]
    backup: BackupWord,
    #[serde(default)]
    secrets: SecretsWord,
    #[serde(default, deserialize_with = "duration")]
    keep_backups: Option<Duration>,
    max_fraction: Option<Spanned<f64>>,
    max_rows: Option<u64>,
    #[serde(default, deserialize_with = "duration")]
    run_time: Option<Duration>,
    nice: Option<Spanned<f64>>,
    window: Option<Spanned<String>>,
    stop_file: Option<PathBuf>,
    max_lag: Option<Spanned<String>>,
    replicas: Option<Spanned<Vec<TextOrRef>>>,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum BackupWord {
    #[default]
    Table,
    None,
}

#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SecretsWord {
    #[default]
    Policy,
    Keep,
    Hash,
    Drop,
}

/// A byte of the file, and what is wrong there.
type Wrong = (usize, String);

impl CleanupTable {
    /// The job of this table, which begins at byte `at`.
    pub(super) fn into_job(self, name: &str, at: usize) -> Result<CleanupJob, Wrong> {
        let schedule = self.schedule(at)?;
        let (wish, restraint, lag) = (self.wish()?, self.restraint()?, self.lag()?);
        let policies = self.policies(name, at)?;
        let database = match self.database {
            Some(database) => address(database)?,
            None => TextOrRef::Ref(SecretRef::Env(VARIABLE.to_owned())),
        };
        Ok(CleanupJob { policies, database, schedule, wish, restraint, lag })
    }

    fn schedule(&self, at: usize) -> Result<Schedule, Wrong> {
        let zone = match &self.time_zone {
            Some(name) => {
                zone(name.get_ref()).map_err(|e| wrong(name, format!("time_zone: {e}")))?
            }
            None => Tz::UTC,
        };
        let missing = || (at, "`schedule` is missing: write one, such as \"0 3 * * *\"".to_owned());
        let text = self.schedule.as_ref().ok_or_else(missing)?;
        Schedule::parse(text.get_ref(), zone).map_err(|e| wrong(text, format!("schedule: {e}")))
    }

    fn policies(&self, name: &str, at: usize) -> Result<Vec<Policy>, Wrong> {
        let known = match &self.policy_files {
            Some(files) => {
                policy::load(files.get_ref()).map_err(|e| wrong(files, e.to_string()))?
            }
            None => policy::shipped().map_err(|e| (at, e.to_string()))?,
        };
        let (at, names) = match &self.policies {
            Some(names) => (names.span().start, names.get_ref().clone()),
            None => (at, vec![name.to_owned()]),
        };
        if names.is_empty() {
            return Err((at, "`policies` is empty: name one, or leave the key out".to_owned()));
        }
        let found =
            names.iter().map(|name| known.get(name).cloned().ok_or_else(|| (at, unknown(name))));
        found.collect()
    }

    fn wish(&self) -> Result<Wish, Wrong> {
        let secrets = match self.secrets {
            SecretsWord::Policy => Secrets::Policy,
            SecretsWord::Keep => Secrets::Keep,
            SecretsWord::Hash => Secrets::Hash,
            SecretsWord::Drop => Secrets::Drop,
        };
        let max_fraction = match &self.max_fraction {
            Some(share) if !(0.0..=1.0).contains(share.get_ref()) => {
                return Err(wrong(
                    share,
                    "max_fraction: a share between 0 and 1, such as 0.95".to_owned(),
                ));
            }
            given => given.as_ref().map_or(MAX_FRACTION, |share| *share.get_ref()),
        };
        Ok(Wish {
            backup: match self.backup {
                BackupWord::Table => Backup::Table(secrets),
                BackupWord::None => Backup::None,
            },
            keep_backups: self.keep_backups,
            slot: None,
            max_fraction,
            max_rows: self.max_rows,
            run_time: self.run_time,
        })
    }

    fn restraint(&self) -> Result<Restraint, Wrong> {
        let nice = match &self.nice {
            Some(nice) => {
                let parsed = nice.get_ref().to_string().parse();
                parsed.map_err(|e| wrong(nice, format!("nice: {e}")))?
            }
            None => Restraint::default().nice,
        };
        let parse = |window: &Spanned<String>| {
            window.get_ref().parse().map_err(|e| wrong(window, format!("window: {e}")))
        };
        let window = self.window.as_ref().map(parse).transpose()?;
        Ok(Restraint { nice, window, stop_file: self.stop_file.clone() })
    }

    fn lag(&self) -> Result<Option<Lag>, Wrong> {
        let idle = "replicas: max_lag says how far they may lag, such as \"10s\"";
        match (&self.max_lag, &self.replicas) {
            (None, None) => Ok(None),
            (None, Some(named)) => Err(wrong(named, idle.to_owned())),
            (_, Some(named)) if named.get_ref().iter().any(is_open) => {
                Err(wrong(named, format!("replicas: {OPEN}")))
            }
            (Some(most), named) => {
                let replicas = named.as_ref().map(|named| named.get_ref().clone());
                let parsed = most.get_ref().parse();
                let most = parsed.map_err(|e| wrong(most, format!("max_lag: {e}")))?;
                Ok(Some(Lag { most, replicas: replicas.unwrap_or_default() }))
            }
        }
    }
}

fn address(database: Spanned<TextOrRef>) -> Result<TextOrRef, Wrong> {
    let at = database.span().start;
    let database = database.into_inner();
    if is_open(&database) {
        return Err((at, format!("database: {OPEN}")));
    }
    Ok(database)
}

/// Whether a password stands there for all to read.
fn is_open(address: &TextOrRef) -> bool {
    matches!(address, TextOrRef::Text(text) if holds_password(text))
}

fn unknown(name: &str) -> String {
    let shown: String = name.escape_debug().take(64).collect();
    format!(
        "there is no policy \"{shown}\": name one under `policies`, see `tokenkeeper-worker cleanup policies`"
    )
}

fn wrong<T>(at: &Spanned<T>, message: String) -> Wrong {
    (at.span().start, message)
}

const OPEN: &str = "the address holds a password: write where it lies, such as { file = \"PATH\" }";
/// Where `cleanup` looks, too.
const VARIABLE: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
/// As `cleanup --apply`.
const MAX_FRACTION: f64 = 0.95;
