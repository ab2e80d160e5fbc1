//! What most verbs need: settings, configuration, and the store, opened with the right key.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Arc, Once},
};

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    dialect::Dialect,
    exit::{Exit, Failure},
    seal::{Seal, key::Keyring},
    settings::{Environment, KeySetting, Settings, file::read_key},
    store::{Role, Store, StoreError},
};
use tokio::time::Instant;
use uuid::Uuid;

use super::{at, output};
use crate::{
    config::{Config, JournalSetting},
    events::Events,
    exchange::Exchanger,
    http::Http,
    journal::{Journal, Values},
    private_file,
    stop::Stop,
};

/// The settings of this call.
#[derive(Debug)]
pub(super) struct Context {
    pub(super) environment: Environment,
    pub(super) settings: Settings,
    pub(super) config: Config,
    pub(super) json: bool,
    /// A daemon has many runs: what holds for all of them is said by the first.
    said: Once,
}

impl Context {
    pub(super) fn load(
        environment: Environment,
        config: Option<PathBuf>,
        json: bool,
    ) -> Result<Self, Failure> {
        let settings = Settings::load(&environment, config)?;
        let config = Config::load(&settings, &environment)?;
        Ok(Self { environment, settings, config, json, said: Once::new() })
    }

    /// Opens the store and brings its schema up to date. The check comes first: it costs one
    /// statement, the migration takes a lock.
    pub(super) async fn store(&self) -> Result<Store, Failure> {
        let store = self.unmigrated_store()?;
        match store.check_schema().await {
            Err(StoreError::SchemaTooOld { .. }) => store.migrate().await?,
            other => other?,
        }
        Ok(store)
    }

    /// A way to look only: it makes no file and opens no secret, so it needs no key.
    pub(super) fn reader(&self) -> Result<Store, Failure> {
        Ok(Store::open(self.settings.database_url.clone(), Seal::Off, Role::Consumer)?)
    }

    pub(super) fn unmigrated_store(&self) -> Result<Store, Failure> {
        let url = self.settings.database_url.clone();
        make_folder(&url, self.settings.database_is_default)?;
        let seal = self.seal()?;
        Ok(Store::open(url, seal, Role::Worker)?)
    }

    /// What an attempt needs, with the database's time read now.
    pub(super) async fn exchanger(&self, store: Store, stop: Stop) -> Result<Exchanger, Failure> {
        let journal = self.journal(Values::of(&store))?;
        let time = store.time().await?;
        Ok(Exchanger {
            store,
            http: Http::default(),
            environment: self.environment.clone(),
            worker: worker_name(),
            time,
            deadline: Instant::now() + self.config.run.deadline,
            stop,
            journal,
            events: Events::default(),
        })
    }

    /// Where the journal lies, if one is kept.
    pub(super) fn journal_folder(&self) -> Option<PathBuf> {
        match &self.config.journal {
            JournalSetting::Off => None,
            JournalSetting::At(folder) => Some(folder.clone()),
            JournalSetting::Default => self.settings.paths.default_journal().ok(),
        }
    }

    /// The journal. Only a folder that somebody named must be writable; without one a run goes on, and
    /// says what that means.
    fn journal(&self, values: Values) -> Result<Journal, Failure> {
        let folder = match &self.config.journal {
            JournalSetting::Off => return Ok(Journal::off()),
            JournalSetting::At(folder) => {
                return Journal::open(folder, values).map_err(|error| not_opened(folder, &error));
            }
            JournalSetting::Default => self.settings.paths.default_journal(),
        };
        let opened = folder.map_err(|error| error.to_string()).and_then(|folder| {
            Journal::open(&folder, values).map_err(|error| format!("{}: {error}", folder.display()))
        });
        Ok(opened.unwrap_or_else(|why| {
            let note = format!("no journal is kept ({why}): {NO_JOURNAL}");
            self.said.call_once(|| output::note(&note));
            Journal::off()
        }))
    }

    /// Which seal: the key at hand, a new one for a new SQLite file, or none for the tutorial's users.
    fn seal(&self) -> Result<Seal, Failure> {
        let usage = |message: String| Err(Failure::new(Exit::Usage, message));
        match &self.settings.key {
            KeySetting::Off => Ok(Seal::Off),
            KeySetting::Given(ring) if ring.is_workers() => Ok(Seal::With(ring.clone())),
            KeySetting::Given(_) => {
                usage("the key given is a consumer's: the worker needs the worker's key".into())
            }
            KeySetting::Missing { default_file } => {
                match (self.settings.database_url.file(), default_file) {
                    (Some(database), Some(file)) => first_key(&database, file).map(Seal::With),
                    (None, _) if self.config.is_tutorials => {
                        output::note(TUTORIALS_WARNING);
                        Ok(Seal::Off)
                    }
                    (_, file) => usage(no_key(file.as_deref())),
                }
            }
        }
    }
}

fn not_opened(folder: &Path, error: &io::Error) -> Failure {
    let advice = match error.kind() {
        io::ErrorKind::InvalidData => {
            "bring the right key back, or remove it if no journal file needs it"
        }
        _ => "make it a folder that this user may write to",
    };
    let message =
        format!("journal {}: {error}: {advice}, or set journal = \"off\"", folder.display());
    Failure::new(Exit::Usage, message)
}

fn no_key(default_file: Option<&Path>) -> String {
    let file = default_file.map_or("FILE".into(), |file| file.display().to_string());
    format!(
        "there is no key to seal tokens with: run `tokenkeeper-worker key new --file {file}` on one host \
         and copy the file to the others (consumers get the output of `key consumer`), or write \
         seal = \"off\" into the configuration"
    )
}

/// The key of a SQLite file: made with the file, because nobody else has one.
fn first_key(database: &Path, file: &Path) -> Result<Keyring, Failure> {
    let make = || private_file::write(file, &Keyring::new_worker_key()).map_err(at(file));
    if !database.exists() && make()? {
        output::note(&format!("made a key: {} (keep a copy)", file.display()));
    }
    if !file.exists() {
        let message = format!(
            "{} exists but its key {} does not: bring the key back, or set TOKENKEEPER_KEY_FILE or seal = \"off\"",
            database.display(),
            file.display()
        );
        return Err(Failure::new(Exit::Usage, message));
    }
    let text = read_key(file)?;
    Keyring::parse(&text)
        .map_err(|error| Failure::new(Exit::Usage, format!("{}: {error}", file.display())))
}

/// The default file's folder is ours to make; one that somebody named must exist.
fn make_folder(url: &DatabaseUrl, is_default: bool) -> Result<(), Failure> {
    let file = url.file().filter(|_| url.dialect() == Dialect::Sqlite);
    match file.as_deref().and_then(Path::parent) {
        Some(folder) if is_default => private_file::folder(folder).map_err(at(folder)),
        Some(folder) if !folder.as_os_str().is_empty() && !folder.is_dir() => {
            let message =
                format!("there is no folder {} for the database: make it", folder.display());
            Err(Failure::new(Exit::Usage, message))
        }
        _ => Ok(()),
    }
}

/// Tells apart who holds a row: host, process, and a random part for processes in containers that
/// share both.
fn worker_name() -> String {
    let host = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let random = Uuid::new_v4().simple().to_string();
    format!("{}:{}:{}", host.trim(), std::process::id(), &random[..8])
}

/// `Arc` because attempts outlive the pass that began them, for a moment.
pub(super) fn shared(exchanger: Exchanger) -> Arc<Exchanger> {
    Arc::new(exchanger)
}

const TUTORIALS_WARNING: &str = "warning: tokens are stored in clear, as the tutorial's readers need them; \
     to seal them make a key with `tokenkeeper-worker key new --file FILE`, set TOKENKEEPER_KEY_FILE for workers \
     and consumers, and run `tokenkeeper-worker refresh quartile --force`; to keep them in clear without this \
     warning set TOKENKEEPER_SEAL=off";

const NO_JOURNAL: &str = "an answer is lost if this process and the database fail at one moment; \
     name a folder with [run] journal or TOKENKEEPER_JOURNAL, or accept it with \"off\"";
