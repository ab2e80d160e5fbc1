//! A job as units of systemd: a service, and the timer that starts it.

mod calendar;
mod settings;

use self::{
    calendar::calendars,
    settings::{
        CALENDAR, CLEANUP, CREDENTIALS, DAEMON, HARDENED, HARDENED_EVERYWHERE, INTERVAL, NETWORK,
        OWNER, PERSISTENT, RANDOM, REFRESH, USERS_OWNER,
    },
};
use super::{
    File, MARK, Unfit,
    job::{Job, Task},
};

/// Whose manager starts it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manager {
    /// The machine's.
    System,
    /// One user's.
    User,
}

/// A secret that systemd hands to the service in a file of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Credential {
    /// By which the configuration asks for it.
    pub name: String,
    /// Where it lies.
    pub path: String,
}

/// The units of a job.
///
/// # Errors
/// [`Unfit`] when the schedule, or a path, cannot be said there.
pub fn units(job: &Job, manager: Manager, credentials: &[Credential]) -> Result<Vec<File>, Unfit> {
    let service =
        File { name: format!("{}.service", job.name), text: service(job, manager, credentials)? };
    if job.is_daemon() {
        return Ok(vec![service]);
    }
    let timer = File { name: format!("{}.timer", job.name), text: timer(job, manager)? };
    Ok(vec![service, timer])
}

/// The unit that is enabled: the timer, or the service that stays.
#[must_use]
pub fn enabled_unit(job: &Job) -> String {
    format!("{}.{}", job.name, if job.is_daemon() { "service" } else { "timer" })
}

fn service(job: &Job, manager: Manager, credentials: &[Credential]) -> Result<String, Unfit> {
    reachable(job, manager)?;
    let network = match manager {
        Manager::System => NETWORK,
        Manager::User => "",
    };
    let owner = match manager {
        Manager::System => OWNER,
        Manager::User => USERS_OWNER,
    };
    let command: Vec<String> =
        job.command().iter().map(|text| word(text)).collect::<Result<_, _>>()?;
    let (kind, install) = match (&job.task, manager) {
        (Task::Refresh, _) => (REFRESH, ""),
        (Task::Cleanup(_), _) => (CLEANUP, ""),
        (Task::Daemon, Manager::System) => (DAEMON, "\n[Install]\nWantedBy=multi-user.target\n"),
        (Task::Daemon, Manager::User) => (DAEMON, "\n[Install]\nWantedBy=default.target\n"),
    };
    let hardened = match manager {
        Manager::System => HARDENED,
        Manager::User => "",
    };
    Ok(format!(
        "{}\n[Unit]\nDescription={}\n{network}\n[Service]\n{kind}ExecStart={}\n{}\n{owner}\n{HARDENED_EVERYWHERE}{hardened}{install}",
        head(&job.name, "service"),
        job.description(),
        command.join(" "),
        secrets(credentials)?,
    ))
}

fn timer(job: &Job, manager: Manager) -> Result<String, Unfit> {
    let when = if let Some(interval) = job.at.interval() {
        let seconds = interval.as_secs();
        let boot = if manager == Manager::System { "OnBootSec" } else { "OnStartupSec" };
        // Near to a second only where a start comes so often.
        let (accuracy, random) = if seconds < 60 { (1, 0) } else { (5, 10) };
        format!(
            "{INTERVAL}{boot}=30s\nOnUnitActiveSec={seconds}s\nAccuracySec={accuracy}s\n{RANDOM}RandomizedDelaySec={random}s\n"
        )
    } else {
        let calendars = calendars(job)?;
        let lines: Vec<String> =
            calendars.iter().map(|text| format!("OnCalendar={text}\n")).collect();
        format!(
            "{CALENDAR}{}{PERSISTENT}AccuracySec=5s\n{RANDOM}RandomizedDelaySec=10s\n",
            lines.concat()
        )
    };
    Ok(format!(
        "{}\n[Unit]\nDescription={} ({})\n\n[Timer]\n{when}\n[Install]\nWantedBy=timers.target\n",
        head(&job.name, "timer"),
        job.description(),
        job.at
    ))
}

fn head(name: &str, kind: &str) -> String {
    format!(
        "# {MARK} systemd; the next --install overwrites it.\n# What is to stay belongs into a drop-in: systemctl edit {name}.{kind}\n"
    )
}

fn secrets(credentials: &[Credential]) -> Result<String, Unfit> {
    let mut lines = vec![CREDENTIALS.to_owned()];
    for Credential { name, path } in credentials {
        lines.push(format!("LoadCredential={name}:{}\n", unquoted(path)?));
        if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| known == name) {
            lines.push(format!("Environment={variable}_FILE=%d/{name}\n"));
        }
    }
    Ok(lines.concat())
}

/// What the hardening below hides cannot be started.
fn reachable(job: &Job, manager: Manager) -> Result<(), Unfit> {
    let paths = [Some(&job.program), job.config.as_ref(), job.policy_files.as_ref()];
    for path in paths.into_iter().flatten() {
        if !path.starts_with('/') {
            return Err(Unfit(format!("{path} is no whole path: write it from / on")));
        }
        let is_hidden = ["/home/", "/root/", "/run/user/", "/tmp/", "/var/tmp/"]
            .iter()
            .any(|below| path.starts_with(below));
        if is_hidden && manager == Manager::System {
            return Err(Unfit(format!(
                "{path} lies where a system's unit does not look (homes, /tmp): put it elsewhere, such as /usr/local/bin or \
                 /etc/tokenkeeper, and name it by --program, --config or --policy-files, or use --user"
            )));
        }
    }
    Ok(())
}

/// One word of a command, as systemd reads it.
fn word(text: &str) -> Result<String, Unfit> {
    let escaped = unquoted(text)?.replace('\\', "\\\\").replace('"', "\\\"").replace('$', "$$");
    let is_plain = |sign: char| sign.is_ascii_alphanumeric() || "/._-%=:@+,".contains(sign);
    Ok(if escaped.chars().all(is_plain) { escaped } else { format!("\"{escaped}\"") })
}

fn unquoted(text: &str) -> Result<String, Unfit> {
    if text.chars().any(char::is_control) {
        return Err(Unfit(format!(
            "{text:?} holds a line end or another control character: rename it"
        )));
    }
    Ok(text.replace('%', "%%"))
}

/// Credentials that a variable of the worker's tells it where to find.
const VARIABLES: [(&str, &str); 4] = [
    ("database_url", "TOKENKEEPER_DATABASE_URL"),
    ("key", "TOKENKEEPER_KEY"),
    ("cleanup_database_url", "TOKENKEEPER_CLEANUP_DATABASE_URL"),
    ("cleanup_replica_urls", "TOKENKEEPER_CLEANUP_REPLICA_URLS"),
];

#[cfg(test)]
mod tests;
