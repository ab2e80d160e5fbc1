//! What most tests of the programs need: a sandbox provider, a database, and a host that knows both.
//! What happens on it lies with the tests.

#![allow(dead_code, reason = "each suite uses a part of it")]

use tokenkeeper_worker::sandbox::{Credentials, Fault, Sandbox, Settings};

use super::{
    host::{Host, runtime},
    sql,
};
use crate::harness::databases::{Database, Kind};

pub struct Stage {
    pub sandbox: Sandbox,
    pub database: Database,
    pub host: Host,
}

impl Stage {
    /// The token `quartile` by the tutorial's variables, and nothing else.
    pub fn tutorials(kind: Kind, settings: Settings) -> Self {
        let credentials = settings.credentials.clone();
        let sandbox = start(settings);
        let database = Database::fresh(kind);
        let host = Host::new()
            .with("DATABASE_URL", &database.url)
            .with("QUARTILE_BASE_URL", format!("{}/auth", sandbox.url()))
            .with("QUARTILE_SUBSCRIPTION_KEY", credentials.subscription_key)
            .with("QUARTILE_YOUR_USERNAME", credentials.username)
            .with("QUARTILE_YOUR_PASSWORD", credentials.password);
        Self { sandbox, database, host }
    }

    /// These tokens by a configuration file, a key, and a database of this kind.
    pub fn configured(kind: Kind, settings: Settings, names: &[&str]) -> Self {
        let sandbox = start(settings);
        let database = Database::fresh(kind);
        let host = host_of(&sandbox, names).with("DATABASE_URL", &database.url);
        host.make_key();
        Self { sandbox, database, host }
    }

    /// The token `quartile` after its first login; its first refresh token is the sandbox's newest.
    pub fn logged_in(kind: Kind, settings: Settings) -> Self {
        let stage = Self::configured(kind, settings, &["quartile"]);
        stage.host.work(0, &["run"]);
        stage
    }

    /// Another host for the same database and provider, without a key.
    pub fn another_host(&self) -> Host {
        host_of(&self.sandbox, &["quartile"]).with("DATABASE_URL", &self.database.url)
    }

    pub fn newest_refresh_token(&self) -> String {
        let newest = self.sandbox.newest_refresh_token();
        newest.expect("the sandbox has issued a token")
    }

    /// A column of the token `quartile`.
    pub fn column(&self, column: &str) -> Option<String> {
        let sql = format!("SELECT {column} FROM tokens WHERE name = 'quartile'");
        sql::cell(&self.database, &sql)
    }
}

/// A host that is configured for these tokens of the sandbox's standard credentials.
pub fn host_of(sandbox: &Sandbox, names: &[&str]) -> Host {
    let credentials = Credentials::default();
    let host = Host::new()
        .with("SANDBOX_KEY", credentials.subscription_key)
        .with("SANDBOX_USERNAME", credentials.username)
        .with("SANDBOX_PASSWORD", credentials.password);
    let table = |name: &&str| {
        format!(
            "[tokens.{name}]\nprovider = \"quartile\"\nbase_url = \"{}/auth\"\n\
             subscription_key = {{ env = \"SANDBOX_KEY\" }}\n\
             username = {{ env = \"SANDBOX_USERNAME\" }}\n\
             password = {{ env = \"SANDBOX_PASSWORD\" }}\n",
            sandbox.url()
        )
    };
    host.configure(&names.iter().map(table).collect::<String>());
    host
}

pub fn start(settings: Settings) -> Sandbox {
    let started = runtime().block_on(Sandbox::start(settings));
    started.expect("the sandbox listens")
}

/// An answer that is nothing but a status.
pub fn status(status: u16) -> Fault {
    Fault::Status { status, headers: Vec::new(), body: Vec::new() }
}
