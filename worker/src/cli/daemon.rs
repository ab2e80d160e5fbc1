//! `daemon`: stays, and does what `run` does whenever something is due (`keep`); begins clean-ups at their times
//! beside that (`cleaning`). Neither waits for the other. Here: beginning, reading the configuration anew, the end.

mod cleaning;
mod keep;
mod outlook;

use std::{path::PathBuf, sync::Arc};

use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
    store::Store,
};
use tokio::sync::watch;

pub(super) use self::outlook::{dry_run, upcoming};
use self::{cleaning::Cleaners, keep::Keep};
use super::{context::Context, output, run, signals};
use crate::{
    daemon::{
        pulse::Pulse,
        systemd::{Systemd, now},
    },
    stop::Stop,
};

/// What was asked of the daemon from outside.
#[derive(Debug, Clone)]
struct Orders {
    stop: Stop,
    reload: watch::Receiver<u64>,
}

/// Where the configuration comes from, the first time and each time after.
#[derive(Debug)]
struct Source {
    environment: Environment,
    config: Option<PathBuf>,
    json: bool,
}

pub(super) async fn daemon(
    environment: Environment,
    config: Option<PathBuf>,
    json: bool,
) -> Result<Exit, Failure> {
    let source = Source { environment, config, json };
    let context = source.load()?;
    let (stop, reload) = signals::stop_or_reload()?;
    let pulse = Arc::new(Pulse::new(now(), keep::STEP));
    let systemd = Systemd::new(pulse.clone());
    let mut orders = Orders { stop, reload };
    let mut cleaners = Cleaners::begin(&context, source.config.as_deref(), &orders.stop);
    let mut keep = Keep::new(context, pulse, systemd);
    while !orders.stop.is_asked() {
        keep.until_ordered(&mut orders).await?;
        if orders.is_reload_asked() {
            keep.systemd.reloading();
            match source.load_with_store(&keep.context).await {
                Ok((context, store)) => {
                    cleaners.end();
                    cleaners = Cleaners::begin(&context, source.config.as_deref(), &orders.stop);
                    keep.renew(context, store).await;
                    output::note("the configuration was read anew");
                }
                Err(why) => {
                    output::note(&format!("warning: the configuration is as before: {why}"));
                }
            }
            keep.systemd.ready();
        }
    }
    keep.systemd.stopping();
    cleaners.end();
    keep.close().await;
    cleaners.wait().await;
    Ok(Exit::Ok)
}

impl Source {
    fn load(&self) -> Result<Arc<Context>, Failure> {
        let context = Context::load(self.environment.clone(), self.config.clone(), self.json)?;
        // Who cleans need not keep tokens.
        if context.config.cleanups.is_empty() {
            run::known(&context, &[])?;
        }
        Ok(Arc::new(context))
    }

    /// The configuration, where it can be worked with: a database that is away is no reason against it.
    async fn load_with_store(
        &self,
        before: &Context,
    ) -> Result<(Arc<Context>, Option<Store>), Failure> {
        let context = self.load()?;
        if context.config.tokens.is_empty() {
            return Ok((context, None));
        }
        match context.store().await {
            Ok(store) => Ok((context, Some(store))),
            Err(failure) if failure.exit == Exit::Temporary => Ok((context, None)),
            Err(failure) => Err(failure.naming(&before.settings.database_url)),
        }
    }
}

impl Orders {
    /// Whether somebody asked for anything.
    fn is_any(&self) -> bool {
        self.stop.is_asked() || self.reload.has_changed().unwrap_or_default()
    }

    /// Whether the configuration is to be read anew; each wish counts once.
    fn is_reload_asked(&mut self) -> bool {
        let asked = self.reload.has_changed().unwrap_or_default();
        self.reload.mark_unchanged();
        asked && !self.stop.is_asked()
    }

    /// Waits until somebody asks for anything, and not longer than this.
    async fn within(&self, time: std::time::Duration) {
        let mut reload = self.reload.clone();
        tokio::select! {
            _ = self.stop.within(time) => {}
            // Without a hand there is nothing but the time.
            Ok(()) = reload.changed() => {}
        }
    }
}
