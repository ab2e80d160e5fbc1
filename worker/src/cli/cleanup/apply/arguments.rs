//! The flags of `cleanup --apply`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, ValueEnum};

use super::lag::LagArguments;
use crate::cleanup::{
    restraint::{DailyWindow, Nice, Restraint},
    site::Secrets,
    turn::{Backup, Wish},
};

/// How `--apply` deletes.
#[derive(Debug, Args)]
pub(in crate::cli::cleanup) struct ApplyArguments {
    /// Delete, instead of showing what would be deleted
    #[arg(long)]
    pub(in crate::cli::cleanup) apply: bool,
    /// Where deleted rows are kept: `table`, in `tokenkeeper_backup_…` beside each table that is cleaned;
    /// `file=PATH`, in a new file, for one policy; `none`
    #[arg(long, value_name = "WHERE", default_value = "table", requires = "apply", value_parser = backup)]
    backup: BackupKind,
    /// What backups keep of token columns: what the policy says (mostly hashes), the values, their
    /// SHA-256, or nothing. Only rows whose values are kept can be restored
    #[arg(long, value_enum, default_value = "policy", requires = "apply")]
    secrets: SecretsKind,
    /// After the run, delete what earlier runs of the policy have kept in tables for longer than this, such as
    /// 90d [default: it stays until `cleanup prune-backups`]
    #[arg(long, value_name = "TIME", requires = "apply", value_parser = humantime::parse_duration)]
    keep_backups: Option<Duration>,
    /// What a scheduler calls this run: a second one of that name does nothing [default: the minute]
    #[arg(long, value_name = "TEXT", requires = "apply", value_parser = slot)]
    slot: Option<String>,
    /// Refuse when a larger share of a table's rows (from 1,000 on) is dead
    #[arg(long, value_name = "SHARE", default_value_t = 0.95, requires = "apply", value_parser = fraction)]
    max_fraction: f64,
    /// Delete also when nearly all of a table is dead
    #[arg(long, requires = "apply")]
    yes_large: bool,
    /// End after so many rows, children not counted
    #[arg(long, value_name = "ROWS", requires = "apply")]
    max_rows: Option<u64>,
    /// End after this time, such as 10m
    #[arg(long, value_name = "TIME", requires = "apply", value_parser = humantime::parse_duration)]
    run_time: Option<Duration>,
    /// Rest after each batch so many times as long as it took, such as 1 or 0.5
    #[arg(long, value_name = "RATIO", default_value = "0", requires = "apply")]
    nice: Nice,
    /// Work in these hours only, in UTC, such as 22:00-05:30: outside of them nothing is begun, and a run
    /// ends after its batch
    #[arg(long, value_name = "HH:MM-HH:MM", requires = "apply")]
    window: Option<DailyWindow>,
    /// While this file is there nothing is begun, and a run ends after its batch
    #[arg(long, value_name = "PATH", requires = "apply")]
    stop_file: Option<PathBuf>,
    #[command(flatten)]
    pub(super) lag: LagArguments,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum BackupKind {
    Table,
    File(PathBuf),
    None,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum SecretsKind {
    /// What the policy says
    Policy,
    /// The values: a backup that may hold bearer tokens
    Keep,
    /// SHA-256
    Hash,
    /// Nothing
    Drop,
}

impl ApplyArguments {
    /// How the run holds itself back.
    pub(super) fn restraint(&self) -> Restraint {
        Restraint { nice: self.nice, window: self.window, stop_file: self.stop_file.clone() }
    }

    /// What is asked of the run.
    pub(super) fn wish(&self) -> Wish {
        Wish {
            backup: self.backup(),
            keep_backups: self.keep_backups,
            slot: self.slot.clone(),
            max_fraction: if self.yes_large { 1.0 } else { self.max_fraction },
            max_rows: self.max_rows,
            run_time: self.run_time,
        }
    }

    fn backup(&self) -> Backup {
        let secrets = match self.secrets {
            SecretsKind::Policy => Secrets::Policy,
            SecretsKind::Keep => Secrets::Keep,
            SecretsKind::Hash => Secrets::Hash,
            SecretsKind::Drop => Secrets::Drop,
        };
        match &self.backup {
            BackupKind::Table => Backup::Table(secrets),
            BackupKind::File(path) => Backup::File(path.clone(), secrets),
            BackupKind::None => Backup::None,
        }
    }
}

fn backup(text: &str) -> Result<BackupKind, String> {
    match (text, text.strip_prefix("file=").filter(|path| !path.is_empty())) {
        ("table", _) => Ok(BackupKind::Table),
        ("none", _) => Ok(BackupKind::None),
        (_, Some(path)) => Ok(BackupKind::File(path.into())),
        _ => Err("table, none or file=PATH".to_owned()),
    }
}

fn slot(text: &str) -> Result<String, String> {
    let fits = (1..=64).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic());
    if fits { Ok(text.to_owned()) } else { Err("1 to 64 ASCII characters, no blanks".to_owned()) }
}

fn fraction(text: &str) -> Result<f64, String> {
    let share = text.parse().ok().filter(|share| (0.0..=1.0).contains(share));
    share.ok_or_else(|| "a share between 0 and 1, such as 0.95".to_owned())
}
