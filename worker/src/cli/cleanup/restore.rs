//! `cleanup restore`: brings back what a run has deleted.

use std::path::Path;

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
};

use super::output;
use crate::{
    cleanup::{
        archive,
        database::{Access, Database},
        restore::{NotRestored, Restore},
    },
    cli::signals,
};

/// 0 when everything is back, 3 when something stays in the backups.
pub(super) async fn restore(
    url: DatabaseUrl,
    run: &str,
    from: Option<&Path>,
    is_dry: bool,
    json: bool,
) -> Result<Exit, Failure> {
    let access = if is_dry { Access::Look } else { Access::Change };
    let database = Database::open(url, access)?;
    let stop = signals::stop()?;
    let mut session = database.session().await?;
    let restore = Restore { database: &database, is_dry, stop: &stop };
    if let Some(path) = from {
        archive::load(&database, run, path, &mut session).await.map_err(failure)?;
    }
    let report = restore.run(run, &mut session).await.map_err(failure)?;
    session.close().await;
    database.close().await;
    if json {
        output::json(&report)?;
    } else {
        for line in report.lines() {
            output::line(&line)?;
        }
        if is_dry {
            output::note("nothing was changed");
        }
    }
    Ok(if report.is_complete() { Exit::Ok } else { Exit::Partly })
}

fn failure(error: NotRestored) -> Failure {
    match error {
        NotRestored::Refused(message) => Failure::new(Exit::Usage, message),
        NotRestored::Store(error) => Failure::from(error),
    }
}
