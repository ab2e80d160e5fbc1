//! `schedule systemd`: units in their folder, and the manager that knows them. A unit of the same name that is not ours
//! is never touched.

mod look;

use std::{
    fs, io,
    path::{Path, PathBuf},
};

use clap::Args;
use tempfile::NamedTempFile;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};

use super::{
    Doing,
    job::{Ground, JobArguments},
    output, print, systemctl, tell,
};
use crate::schedule::hosts::{
    File, Job, Unfit, is_ours,
    systemd::{Credential, Manager, enabled_unit, units},
};

#[derive(Debug, Args)]
pub(in crate::cli) struct SystemdArguments {
    #[command(flatten)]
    job: JobArguments,
    #[command(flatten)]
    doing: Doing,
    /// For this user's manager, not the machine's
    #[arg(long)]
    user: bool,
    /// A secret in a file, by the name that the configuration calls it with `{ credential = "NAME" }`; may be repeated.
    /// `database_url`, `key`, `cleanup_database_url` and `cleanup_replica_urls` need no line there
    #[arg(long = "credential", value_name = "NAME=PATH", value_parser = credential)]
    credentials: Vec<Credential>,
    /// The folder of the units: for images that are built, as no manager is told then
    /// [default: /etc/systemd/system, with --user ~/.config/systemd/user]
    #[arg(long, value_name = "DIR")]
    unit_dir: Option<PathBuf>,
}

/// Where units go, and who is told.
#[derive(Debug)]
struct Place {
    folder: PathBuf,
    manager: Manager,
    is_told: bool,
}

pub(super) async fn systemd(
    environment: &Environment,
    config: Option<PathBuf>,
    arguments: SystemdArguments,
    json: bool,
) -> Result<Exit, Failure> {
    let place = Place::of(&arguments, environment)?;
    let ground = Ground { usual: "@every 1m", zone: chrono_tz::Tz::UTC, is_here: true };
    let jobs = arguments.job.jobs(config.as_deref(), ground)?;
    let mut all = Vec::new();
    for job in jobs {
        let files = units(&job, place.manager, &arguments.credentials)?;
        all.push((job, files));
    }
    let Doing { install, check, remove } = arguments.doing;
    if check {
        let mut found = Vec::new();
        for (job, files) in &all {
            found.push(look::look(&place, job, files).await?);
        }
        return tell("systemd", &found, json);
    }
    if !install && !remove {
        let files: Vec<File> = all.into_iter().flat_map(|(_, files)| files).collect();
        return print("systemd", &files, &format!("{}/", place.folder.display()), json);
    }
    // All are looked at before the first is touched.
    for file in all.iter().flat_map(|(_, files)| files) {
        place.written(file)?;
    }
    for (job, files) in &all {
        let done = if install {
            place.install(job, files).await?
        } else {
            place.remove(job, files).await?
        };
        output::note(&format!("{}: {done}", job.name));
    }
    Ok(Exit::Ok)
}

impl Place {
    fn of(arguments: &SystemdArguments, environment: &Environment) -> Result<Self, Failure> {
        let manager = if arguments.user { Manager::User } else { Manager::System };
        let folder = match (&arguments.unit_dir, manager) {
            (Some(folder), _) => folder.clone(),
            (None, Manager::System) => PathBuf::from("/etc/systemd/system"),
            (None, Manager::User) => users_folder(environment)?,
        };
        Ok(Self { folder, manager, is_told: arguments.unit_dir.is_none() })
    }

    /// What lies under the name of a unit; what is not ours is a failure.
    fn written(&self, file: &File) -> Result<Option<String>, Failure> {
        let path = self.folder.join(&file.name);
        match fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()) {
            Ok(text) if is_ours(&text) => Ok(Some(text)),
            Ok(_) => Err(Failure::new(
                Exit::Usage,
                format!(
                    "{} is not ours, as its first line tells, and is left as it is: take another name by --name, or move it away",
                    path.display()
                ),
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(denied(&path, &error)),
        }
    }

    async fn install(&self, job: &Job, files: &[File]) -> Result<&'static str, Failure> {
        let before = files.iter().map(|file| self.written(file)).collect::<Result<Vec<_>, _>>()?;
        let is_there = before.iter().all(Option::is_some);
        let mut is_changed = false;
        for (file, before) in files.iter().zip(before) {
            if before.as_ref() != Some(&file.text) {
                self.write(file)?;
                is_changed = true;
            }
        }
        let unit = enabled_unit(job);
        if self.is_told {
            systemctl::run(self.manager, &["daemon-reload"]).await?;
            systemctl::run(self.manager, &["enable", "--now", &unit]).await?;
            if is_there && is_changed {
                // What runs goes by what was read when it was started.
                systemctl::run(self.manager, &["restart", &unit]).await?;
            }
        }
        Ok(match (is_there, is_changed, self.is_told) {
            (_, _, false) => {
                "written; enable it by `systemctl --root=… enable`, or a link in timers.target.wants"
            }
            (true, false, _) => "was there already, and is enabled",
            (true, true, _) => "brought up to date",
            (false, _, _) => "installed and enabled",
        })
    }

    async fn remove(&self, job: &Job, files: &[File]) -> Result<&'static str, Failure> {
        let there = files.iter().map(|file| self.written(file)).collect::<Result<Vec<_>, _>>()?;
        if there.iter().all(Option::is_none) {
            return Ok("was not there");
        }
        if self.is_told {
            systemctl::run(self.manager, &["disable", "--now", &enabled_unit(job)]).await?;
        }
        for (file, _) in files.iter().zip(there).filter(|(_, there)| there.is_some()) {
            let path = self.folder.join(&file.name);
            fs::remove_file(&path).map_err(|error| denied(&path, &error))?;
        }
        if self.is_told {
            systemctl::run(self.manager, &["daemon-reload"]).await?;
        }
        Ok("removed")
    }

    /// In one step: a manager that reads the folder meanwhile finds the old unit or the new one.
    fn write(&self, file: &File) -> Result<(), Failure> {
        use std::{io::Write, os::unix::fs::PermissionsExt};
        let path = self.folder.join(&file.name);
        let put = || -> io::Result<()> {
            fs::create_dir_all(&self.folder)?;
            let mut draft = NamedTempFile::new_in(&self.folder)?;
            draft.write_all(file.text.as_bytes())?;
            draft.as_file().set_permissions(fs::Permissions::from_mode(READABLE))?;
            draft.as_file().sync_all()?;
            draft.persist(&path).map(drop).map_err(|error| error.error)
        };
        put().map_err(|error| denied(&path, &error))
    }
}

fn users_folder(environment: &Environment) -> Result<PathBuf, Failure> {
    let set =
        |name| environment.plain(name).filter(|text| text.starts_with('/')).map(PathBuf::from);
    let config = set("XDG_CONFIG_HOME").or_else(|| set("HOME").map(|home| home.join(".config")));
    let unknown =
        || Failure::new(Exit::Usage, "neither HOME nor XDG_CONFIG_HOME is set: give --unit-dir");
    config.map(|folder| folder.join("systemd/user")).ok_or_else(unknown)
}

fn denied(path: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::PermissionDenied => ": call it as root, or give --user",
        _ => "",
    };
    Failure::new(Exit::Usage, format!("{}: {error}{advice}", path.display()))
}

fn credential(text: &str) -> Result<Credential, Unfit> {
    let wrong =
        || Unfit("write NAME=PATH: letters, digits and _ . - in the name, a whole path".to_owned());
    let (name, path) = text.split_once('=').ok_or_else(wrong)?;
    let is_plain = |sign: u8| sign.is_ascii_alphanumeric() || b"_.-".contains(&sign);
    let is_name = !name.is_empty()
        && name.len() <= 64
        && name.bytes().all(is_plain)
        && !name.starts_with('.');
    if !is_name
        || !path.starts_with('/')
        || path.chars().any(|sign| sign.is_control() || sign == ':')
    {
        return Err(wrong());
    }
    Ok(Credential { name: name.to_owned(), path: path.to_owned() })
}

/// For everybody: secrets lie elsewhere.
const READABLE: u32 = 0o644;
