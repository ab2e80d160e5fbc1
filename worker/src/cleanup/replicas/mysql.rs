//! MySQL and MariaDB: the replicas alone know how far they are, in whole seconds, the difference of their clock to
//! the cleaned server's taken into account.

use std::time::Duration;

use tokenkeeper_shared::store::StoreError;

use super::Standing;
use crate::cleanup::database::{Database, Named, mysql_number};

/// Whether a server that was named is a replica, and this user may ask it.
pub(super) async fn check(replica: &Database) -> Result<(), StoreError> {
    let rows = match channels(replica).await {
        Err(error) if mysql_number(&error) == Some(DENIED) => {
            return Err(StoreError::Unfit(missing(replica).await?));
        }
        other => other?,
    };
    if rows.is_empty() {
        return Err(StoreError::Unfit("it is no replica: name one".to_owned()));
    }
    Ok(())
}

/// How a replica stands: by the worst of its channels.
pub(super) async fn standing(replica: &Database) -> Result<Result<Standing, Standing>, StoreError> {
    let rows = channels(replica).await?;
    let unknown = |text: String| Ok(Err(Standing::Unknown(text)));
    if rows.is_empty() {
        return unknown("is no replica any more".to_owned());
    }
    let mut most = 0;
    for row in &rows {
        let Some(lag) = cell(row, &BEHIND).and_then(|text| text.parse::<u64>().ok()) else {
            return unknown(format!("does not replicate: {}", threads(row)));
        };
        most = most.max(lag);
    }
    Ok(Ok(Standing::Lags(Duration::from_secs(most))))
}

/// One row for each server that it follows. MariaDB tells of all of them by this statement alone.
async fn channels(replica: &Database) -> Result<Vec<Named>, StoreError> {
    if replica.is_mariadb().await? {
        return replica.shown("SHOW ALL SLAVES STATUS").await;
    }
    match replica.shown("SHOW REPLICA STATUS").await {
        // Before 8.0.22; from 8.4 on the old word is unknown.
        Err(error) if mysql_number(&error) == Some(SYNTAX) => {
            replica.shown("SHOW SLAVE STATUS").await
        }
        other => other,
    }
}

/// What is missing, as the GRANT that mends it.
async fn missing(replica: &Database) -> Result<String, StoreError> {
    let (right, note) = if replica.is_mariadb().await? {
        ("REPLICA MONITOR", " (before MariaDB 10.5: REPLICATION CLIENT)")
    } else {
        ("REPLICATION CLIENT", "")
    };
    let account = replica.mysql_account().await?;
    Ok(format!("this user may not ask how far it is: GRANT {right} ON *.* TO {account}{note}"))
}

/// Which of its two threads runs. What the server says of an error is not told: it may hold values.
fn threads(row: &Named) -> String {
    let state = |names| cell(row, names).unwrap_or("unknown");
    let receiver = state(&["Replica_IO_Running", "Slave_IO_Running"]);
    let applier = state(&["Replica_SQL_Running", "Slave_SQL_Running"]);
    format!("its IO thread runs: {receiver}, its SQL thread: {applier}")
}

fn cell<'a>(row: &'a Named, names: &[&str]) -> Option<&'a str> {
    names.iter().find_map(|name| row.get(*name)?.as_deref())
}

const BEHIND: [&str; 2] = ["Seconds_Behind_Source", "Seconds_Behind_Master"];
/// A right on the whole server is missing.
const DENIED: u16 = 1227;
const SYNTAX: u16 = 1064;
