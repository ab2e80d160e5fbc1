//! What a run came to, noted in tokenkeeper's own database for `/metrics`: the ledger lies in the database that was
//! cleaned, which no server of ours reads.

use std::path::PathBuf;

use tokenkeeper_shared::{
    exit::Failure,
    seal::Seal,
    settings::{Environment, Settings, SettingsError},
    store::{CleanupEnd, Role, Store, StoreError},
};

use crate::{cleanup::report::Report, cli::output};

/// Where figures are noted.
#[derive(Debug)]
pub(in crate::cli) struct Figures<'a> {
    /// Which may name tokenkeeper's database.
    pub(in crate::cli) environment: &'a Environment,
    /// The configuration file that was named.
    pub(in crate::cli) config: Option<PathBuf>,
}

impl Figures<'_> {
    /// Notes a run that is over. The rows are gone whatever comes of it, so that a failure is but a warning.
    pub(super) async fn note(&self, report: &Report) {
        if let Err(failure) = self.try_note(report).await {
            output::note(&format!(
                "warning: this run is missing in the metrics, {failure}; the clean-up itself is not touched by that"
            ));
        }
    }

    async fn try_note(&self, report: &Report) -> Result<(), Failure> {
        let settings = match Settings::load(self.environment, self.config.clone()) {
            Err(SettingsError::NoHome(..)) => return Ok(()),
            other => other?,
        };
        let url = settings.database_url;
        // Who cleans need not keep tokens.
        if settings.database_is_default && !url.file().is_some_and(|file| file.exists()) {
            return Ok(());
        }
        let noted = async {
            let store = Store::open(url.clone(), Seal::Off, Role::Reporter)?;
            store.check_schema().await?;
            store.note_cleanup(&end(report)).await?;
            store.close().await;
            Ok::<_, StoreError>(())
        };
        noted.await.map_err(|error| Failure::from(error).naming(&url))
    }
}

fn end(report: &Report) -> CleanupEnd {
    CleanupEnd {
        policy: report.policy.clone(),
        run: report.run.clone(),
        status: report.status.clone(),
        deleted: report.targets.iter().map(|tally| tally.deleted).sum(),
    }
}
