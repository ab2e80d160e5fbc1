//! An authorization server's database with dead tokens in it, and a worker that is configured to clean it.

use super::{host::Host, sql, tables::tables};
use crate::harness::databases::{Database, Kind};

pub struct Cleaned {
    pub database: Database,
    pub host: Host,
}

impl Cleaned {
    /// With so many dead rows; `more` stands in the clean-up's table.
    pub fn with(kind: Kind, rows: usize, more: &str) -> Self {
        let database = Database::fresh(kind);
        sql::run(&database, &tables(kind, "wso2-token"));
        let row =
            |number| format!("('t{number}', '2020-01-01 00:00:00', 1000, 'ACTIVE', '{number}')");
        let rows: Vec<_> = (0..rows).map(row).collect();
        sql::run(
            &database,
            &format!(
                "INSERT INTO IDN_OAUTH2_ACCESS_TOKEN (TOKEN_ID, TIME_CREATED, VALIDITY_PERIOD, TOKEN_STATE, \
                 TOKEN_STATE_ID) VALUES {}",
                rows.join(", ")
            ),
        );
        let host = Host::new().with("WSO2", &database.url);
        host.configure(&format!(
            "[cleanup.wso2-token]\ndatabase = {{ env = \"WSO2\" }}\nschedule = \"@yearly\"\n{more}"
        ));
        Self { database, host }
    }

    pub fn left(&self) -> usize {
        let count = "SELECT CAST(COUNT(*) AS CHAR(20)) FROM IDN_OAUTH2_ACCESS_TOKEN";
        sql::cell(&self.database, count).unwrap().trim().parse().unwrap()
    }
}
