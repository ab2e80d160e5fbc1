//! A database with a product's tables and rows, in a time zone, that a job is to clean.

use tokenkeeper_shared::clock::{Clock, SystemClock};
use tokenkeeper_worker::cleanup::{
    dialect::Dialect,
    policy::{Policy, shipped},
    script::{Job, procedure},
};

use crate::{
    harness::{databases::Kind, product::Product, programs::Program, servers::Server},
    rows,
    tables::tables,
};

/// East and west of Greenwich, with summer time and without.
pub const ZONES: [&str; 2] = ["Asia/Tokyo", "America/Chicago"];

pub struct Place<'a> {
    pub server: &'a Server,
    pub database: String,
    pub policy: Policy,
}

impl<'a> Place<'a> {
    /// A database of its own with the policy's tables and rows.
    pub fn new(server: &'a Server, zone: &str, policy: &str) -> Self {
        let url = server.fresh_database();
        let database = url.rsplit('/').next().unwrap().to_owned();
        let place = Self { server, database, policy: shipped().unwrap()[policy].clone() };
        if place.kind() == Kind::Postgres {
            place.execute(&format!("ALTER DATABASE {} SET timezone = '{zone}'", place.database));
        }
        place.fill()
    }

    /// The same in a database that is there.
    pub fn within(server: &'a Server, database: &str, policy: &str) -> Self {
        let (database, policy) = (database.to_owned(), shipped().unwrap()[policy].clone());
        Self { server, database, policy }.fill()
    }

    fn fill(self) -> Self {
        if self.kind() == Kind::Postgres {
            self.execute("CREATE SCHEMA IF NOT EXISTS dbo");
        }
        self.execute(&tables(self.kind(), &self.policy.name));
        self.execute(&rows::of(&self.policy.name));
        self
    }

    pub fn kind(&self) -> Kind {
        match self.server.product() {
            Product::Postgres => Kind::Postgres,
            Product::MariaDb | Product::MySql => Kind::MySql,
        }
    }

    /// Makes the procedure, as the artefact would.
    pub fn make(&self) {
        let job = Job::new(&self.policy).unwrap();
        let text = |dialect| procedure(&job, dialect, SystemClock::new().utc()).unwrap();
        match self.kind() {
            Kind::MySql => self.execute(&format!(
                "DROP PROCEDURE IF EXISTS {};\nDELIMITER //\n{}//\n",
                job.procedure,
                text(Dialect::MySql)
            )),
            _ => self.execute(&text(Dialect::Postgres)),
        };
    }

    pub fn call(&self) -> Result<String, String> {
        let job = Job::new(&self.policy).unwrap();
        // An event comes in another zone than the server's.
        let zone = if self.kind() == Kind::MySql { "SET time_zone = '+00:00'; " } else { "" };
        self.server.try_execute(&self.database, &format!("{zone}CALL {}()", job.procedure))
    }

    pub fn execute(&self, sql: &str) -> String {
        self.server.execute(&self.database, sql).trim_end().to_owned()
    }

    /// The first key columns of what is left in a table.
    pub fn left(&self, table: &str, key: &str) -> Vec<String> {
        let sql = format!("SELECT DISTINCT {key} FROM {table} ORDER BY 1");
        self.execute(&sql).lines().map(str::to_owned).collect()
    }

    pub fn worker(&self, arguments: &[&str]) -> Program {
        let program = Program::worker()
            .env("TOKENKEEPER_CLEANUP_DATABASE_URL", self.server.url(&self.database));
        program.args(arguments)
    }
}
