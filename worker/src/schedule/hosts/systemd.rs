//! A job as units of systemd: a service, and the timer that starts it.

use super::{
    File, MARK,
    fields::{Field, Fields},
    job::{Job, Task, Unfit},
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
    let when = match job.at.interval() {
        Some(interval) => {
            let seconds = interval.as_secs();
            let boot = if manager == Manager::System { "OnBootSec" } else { "OnStartupSec" };
            // Near to a second only where a start comes so often.
            let (accuracy, random) = if seconds < 60 { (1, 0) } else { (5, 10) };
            format!(
                "{INTERVAL}{boot}=30s\nOnUnitActiveSec={seconds}s\nAccuracySec={accuracy}s\n{RANDOM}RandomizedDelaySec={random}s\n"
            )
        }
        None => {
            let calendars = calendars(job)?;
            let lines: Vec<String> =
                calendars.iter().map(|text| format!("OnCalendar={text}\n")).collect();
            format!(
                "{CALENDAR}{}{PERSISTENT}AccuracySec=5s\n{RANDOM}RandomizedDelaySec=10s\n",
                lines.concat()
            )
        }
    };
    Ok(format!(
        "{}\n[Unit]\nDescription={} ({})\n\n[Timer]\n{when}\n[Install]\nWantedBy=timers.target\n",
        head(&job.name, "timer"),
        job.description(),
        job.at
    ))
}

/// The schedule as `OnCalendar=` takes it: two of them where either of two days is enough.
fn calendars(job: &Job) -> Result<Vec<String>, Unfit> {
    let fields = Fields::of(&job.at)?;
    let zone = job.at.zone();
    let clock = format!("{}:{}:{}", part(&fields.hour), part(&fields.minute), part(&fields.second));
    let with = |weekday: &str, day: &str| {
        format!("{weekday}*-{}-{day} {clock} {zone}", part(&fields.month))
    };
    let (weekdays, day) = (weekdays(&fields.weekday), part(&fields.day));
    Ok(match (fields.weekday.is_all(), fields.day.is_all()) {
        (false, false) => vec![with("", &day), with(&weekdays, "*")],
        _ => vec![with(&weekdays, &day)],
    })
}

fn part(field: &Field) -> String {
    match (field.step(), field.values.first()) {
        _ if field.is_all() => "*".to_owned(),
        (Some(step), Some(first)) => format!("{first}/{step}"),
        _ => {
            let values: Vec<String> =
                field.values.iter().map(|value| format!("{value:02}")).collect();
            values.join(",")
        }
    }
}

fn weekdays(field: &Field) -> String {
    if field.is_all() {
        return String::new();
    }
    let names = field.values.iter().filter_map(|day| DAYS.get(usize::from(*day)).copied());
    format!("{} ", names.collect::<Vec<_>>().join(","))
}

fn head(name: &str, kind: &str) -> String {
    format!(
        "# {MARK} systemd; the next --install overwrites it.\n# What is to stay belongs into a drop-in: systemctl edit {name}.{kind}\n"
    )
}

fn secrets(credentials: &[Credential]) -> Result<String, Unfit> {
    let mut lines = CREDENTIALS.to_owned();
    for Credential { name, path } in credentials {
        lines.push_str(&format!("LoadCredential={name}:{}\n", unquoted(path)?));
        if let Some((_, variable)) = VARIABLES.iter().find(|(known, _)| known == name) {
            lines.push_str(&format!("Environment={variable}_FILE=%d/{name}\n"));
        }
    }
    Ok(lines)
}

/// What the hardening below hides cannot be started.
fn reachable(job: &Job, manager: Manager) -> Result<(), Unfit> {
    let paths = [Some(&job.program), job.config.as_ref()];
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
                 /etc/tokenkeeper, and name it by --program or --config, or use --user"
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

const DAYS: [&str; 7] = ["Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"];

/// Credentials that a variable of the worker's tells it where to find.
const VARIABLES: [(&str, &str); 4] = [
    ("database_url", "TOKENKEEPER_DATABASE_URL"),
    ("key", "TOKENKEEPER_KEY"),
    ("cleanup_database_url", "TOKENKEEPER_CLEANUP_DATABASE_URL"),
    ("cleanup_replica_urls", "TOKENKEEPER_CLEANUP_REPLICA_URLS"),
];

const NETWORK: &str = "\
# Before that the names of databases and providers may not be resolved.
Wants=network-online.target
After=network-online.target
";

const REFRESH: &str = "\
# While it runs it is not started once more; between hosts the lease in the database sees to that.
Type=oneshot
# A run begins nothing new after its deadline (5 min), then stores what came for a minute at most.
TimeoutStartSec=10min
# Some tokens failed and none has expired: the next start tries again. Every other code is worth a look.
SuccessExitStatus=3
";

const CLEANUP: &str = "\
# While it runs it is not started once more; between hosts the ledger in the cleaned database sees to that.
Type=oneshot
# It is asked to stop then, ends after its batch, and the next run goes on.
TimeoutStartSec=6h
TimeoutStopSec=2min
# Something is left, which the next run takes.
SuccessExitStatus=3
# Behind whatever people wait for.
Nice=10
IOSchedulingClass=idle
";

const DAEMON: &str = "\
# It tells when it is ready, and what it waits for until then.
Type=notify
ExecReload=/bin/kill -HUP $MAINPID
# It is fed while the loop turns.
WatchdogSec=60
Restart=on-failure
RestartSec=5s
# A wrong configuration is not mended by starting again.
RestartPreventExitStatus=2
";

const CREDENTIALS: &str = "\
# Secrets come as files that this service alone can read and its children do not inherit, as variables would be:
#   LoadCredential=NAME:/path/of/the/secret (only root need read it), and in the configuration { credential = \"NAME\" }
";

const OWNER: &str = "\
# A user that exists while it runs, the same one for each of these units.
DynamicUser=yes
User=tokenkeeper
# The one place where it may write: the journal, and a SQLite file (/var/lib/tokenkeeper).
StateDirectory=tokenkeeper
StateDirectoryMode=0700
# The user's home is /: a key that is made with a new SQLite file lies beside that.
Environment=XDG_CONFIG_HOME=%S
";

const USERS_OWNER: &str = "\
# Files lie where the user's own runs have them (~/.local/state/tokenkeeper): no StateDirectory=, which moves them.
";

const HARDENED_EVERYWHERE: &str = "\
# It needs the network, its files and nothing else.
UMask=0077
NoNewPrivileges=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
LockPersonality=yes
MemoryDenyWriteExecute=yes
SystemCallArchitectures=native
SystemCallFilter=@system-service
SystemCallErrorNumber=EPERM
";

const HARDENED: &str = "\
ProtectSystem=strict
ProtectHome=yes
PrivateTmp=yes
PrivateDevices=yes
ProtectProc=invisible
ProtectClock=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectControlGroups=yes
CapabilityBoundingSet=
AmbientCapabilities=
";

const INTERVAL: &str = "\
# Soon after boot, at once where that is over, and so long after each start: no wall clock that jumps decides. It stands
# still while the machine is suspended. (Persistent= would do nothing here: it heeds OnCalendar= only.)
";

const CALENDAR: &str = "\
# On a wall clock, in its own zone whatever the host's is.
";

const PERSISTENT: &str = "\
# A time that was missed, as the machine was off, is made up for once.
Persistent=true
# The default is a minute late.
";

const RANDOM: &str = "\
# Hosts do not ask one provider at one moment; within a minute, so that clean-ups of many hosts are one run.
";

#[cfg(test)]
mod tests;
