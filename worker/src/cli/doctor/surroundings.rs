//! What lies around the worker: configuration, secrets, files, journal, providers.

use std::{
    collections::BTreeMap, fs, io, os::unix::fs::PermissionsExt, path::Path, time::Duration,
};

use chrono::{DateTime, Utc};
use tokenkeeper_shared::{
    clock::{self, Clock, SystemClock},
    exit::Exit,
    settings::KeySetting,
};

use super::{
    super::{context::Context, daemon},
    finding::Finding,
};
use crate::{
    config::{JournalSetting, TokenConfig},
    http::Http,
    journal::{
        file,
        left::{self, Seen},
    },
    provider::Step,
    report::counted,
};

/// The file, and whether every secret that it refers to can be read.
pub(super) fn configuration(context: &Context) -> Vec<Finding> {
    let place = context.settings.file.as_ref().map_or_else(
        || "variables alone, no file".to_owned(),
        |file| file.path().display().to_string(),
    );
    let count = context.config.tokens.len();
    let mut findings = vec![if count == 0 {
        let message = format!("{place}: no token is configured: run `tokenkeeper-worker init`");
        Finding::fail(Exit::Usage, "configuration", message)
    } else {
        Finding::ok("configuration", format!("{place}, {}", counted(count, "token")))
    }];
    for (name, token) in &context.config.tokens {
        if let Err(why) = secrets(context, token) {
            findings.push(Finding::fail(Exit::Usage, format!("secrets of {name}"), why));
        }
    }
    findings.push(key(context));
    findings.extend(cleanups(context));
    findings
}

/// When the daemon would clean, and whether it can learn where.
fn cleanups(context: &Context) -> impl Iterator<Item = Finding> {
    let now = SystemClock::new().utc();
    context.config.cleanups.iter().map(move |(name, job)| {
        let check = format!("cleanup {name}");
        match job.database.resolve(&context.environment, "database") {
            Ok(_) => Finding::ok(check, daemon::upcoming(job, now)),
            Err(error) => Finding::fail(Exit::Usage, check, error.to_string()),
        }
    })
}

fn secrets(context: &Context, token: &TokenConfig) -> Result<(), String> {
    let environment = &context.environment;
    let read = if token.provider.can_login() {
        token.provider.request(&Step::Login, environment).map(drop)
    } else {
        token.provider.first_refresh_token(environment).map(drop)
    };
    read.map_err(|error| error.to_string())
}

fn key(context: &Context) -> Finding {
    match &context.settings.key {
        KeySetting::Given(ring) if ring.is_workers() => Finding::ok("key", "a worker's key"),
        KeySetting::Given(_) => {
            let message = "it is a consumer's key: the worker needs the worker's key";
            Finding::fail(Exit::Usage, "key", message)
        }
        KeySetting::Off => Finding::warn("key", "seal = \"off\": secrets are stored in clear"),
        KeySetting::Missing { default_file } => {
            let file = default_file.as_ref().map_or("FILE".into(), |f| f.display().to_string());
            let message = format!("there is none: run `tokenkeeper-worker key new --file {file}`");
            Finding::warn("key", message)
        }
    }
}

/// The modes of what holds secrets or could change where they go.
pub(super) fn files(context: &Context) -> Vec<Finding> {
    let database = context.settings.database_url.file();
    let config = context.settings.file.as_ref().map(|file| file.path().to_owned());
    let database = database.map(|path| (path, 0o077)).into_iter();
    database
        .chain(config.map(|path| (path, 0o022)))
        .filter_map(|(p, bits)| mode(&p, bits))
        .collect()
}

fn mode(path: &Path, too_much: u32) -> Option<Finding> {
    let mode = fs::metadata(path).ok()?.permissions().mode() & 0o777;
    let check = format!("file {}", path.display());
    Some(if mode & too_much == 0 {
        Finding::ok(check, format!("mode {mode:03o}"))
    } else {
        let right = mode & !too_much;
        let message =
            format!("mode {mode:03o} lets others in: run `chmod {right:03o} {}`", path.display());
        Finding::warn(check, message)
    })
}

pub(super) fn journal(context: &Context) -> Vec<Finding> {
    let folder = match &context.config.journal {
        JournalSetting::Off => return vec![Finding::warn("journal", WITHOUT_JOURNAL)],
        JournalSetting::At(folder) => Ok(folder.clone()),
        JournalSetting::Default => context.settings.paths.default_journal(),
    };
    let folder = match folder {
        Ok(folder) => folder,
        Err(error) => {
            return vec![Finding::warn("journal", format!("{error}; {WITHOUT_JOURNAL}"))];
        }
    };
    match left_in(&folder) {
        Err(error) => {
            let shown = folder.display();
            let message = format!("{shown}: {error}: make it a folder that this user may write to");
            vec![Finding::fail(Exit::Usage, "journal", message)]
        }
        Ok(findings) => findings,
    }
}

/// What lies in the folder; one that is missing is the next run's to make.
fn left_in(folder: &Path) -> io::Result<Vec<Finding>> {
    let shown = folder.display();
    if !folder.exists() {
        file::probe(nearest_existing(folder))?;
        let message = format!("{shown}: the next run makes this folder");
        return Ok(vec![Finding::ok("journal", message)]);
    }
    file::probe(folder)?;
    let Seen { answers, owned, locked } = left::look(folder)?;
    let (left, used) = (counted(answers, "answer"), counted(owned, "file"));
    let message = format!("{shown}: {left} to replay, {used} in use");
    let mut findings = vec![if answers == 0 {
        Finding::ok("journal", message)
    } else {
        Finding::warn("journal", format!("{message}: run `tokenkeeper-worker run`"))
    }];
    findings.extend(locked.iter().map(|locked| Finding::warn("journal", locked.to_string())));
    Ok(findings)
}

fn nearest_existing(path: &Path) -> &Path {
    let above = path.ancestors().find(|above| above.exists());
    above.unwrap_or(Path::new("."))
}

/// Whether each provider can be reached, is who it says, and has a clock like ours. No credential
/// is sent.
pub(super) async fn providers(context: &Context) -> Vec<Finding> {
    let tokens = context.config.tokens.values();
    let hosts: BTreeMap<String, &TokenConfig> =
        tokens.map(|token| (token.provider.host(), token)).collect();
    let http = Http::default();
    let mut findings = Vec::new();
    for (host, token) in hosts {
        let told = http.greet(token.provider.url(), token.provider.ca_file()).await;
        findings.push(provider(format!("provider {host}"), told));
    }
    findings
}

fn provider(check: String, told: Result<Option<DateTime<Utc>>, String>) -> Finding {
    let here = SystemClock::new().utc();
    match told {
        Err(why) => Finding::fail(Exit::Temporary, check, why),
        Ok(None) => Finding::ok(check, "it answers, and does not say what time it is"),
        Ok(Some(there)) => {
            let apart = clock::until(here, there).max(clock::until(there, here));
            let words = format!("it answers; its clock and this host's are {apart:.0?} apart");
            if apart < CLOCKS_APART {
                Finding::ok(check, words)
            } else {
                Finding::warn(check, words)
            }
        }
    }
}

const WITHOUT_JOURNAL: &str = "none is kept: an answer that comes while the database is down is lost \
     if this process dies with it; then the worker logs in again, or a human must";

/// Nothing here depends on these clocks, but people read logs by them, and signed requests do.
pub(super) const CLOCKS_APART: Duration = Duration::from_secs(30);
