//! `daemon`: stays, and does what `run` does whenever something is due (`keep`); begins clean-ups at their times
//! beside that (`cleaning`). Neither waits for the other. Takes calls over HTTP (`http`). Here: beginning, reading the
//! configuration anew, the end.

mod cleaning;
mod http;
mod keep;
mod outlook;
mod site;

use std::{
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    sync::Arc,
};

use tokenkeeper_shared::{
    exit::{Exit, Failure},
    http::digest::Digest,
    settings::{Environment, file::read_key},
    store::Store,
};
use tokio::sync::watch;

pub(super) use self::outlook::{dry_run, upcoming};
use self::{cleaning::Cleaners, http::Server, keep::Keep, site::Site};
use super::{context::Context, output, run, signals, verb::DaemonArguments};
use crate::{
    config::CUSTOM_HANDLER,
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
    arguments: DaemonArguments,
) -> Result<Exit, Failure> {
    let source = Source { environment, config, json };
    let context = source.load()?;
    let (stop, reload) = signals::stop_or_reload()?;
    let pulse = Arc::new(Pulse::new(now(), keep::STEP));
    let systemd = Systemd::new(pulse.clone());
    let mut orders = Orders { stop: stop.clone(), reload };
    let (own, key) = (source.config.clone(), source.run_key(&arguments)?);
    let site = Arc::new(Site::new(context.clone(), own, key, pulse, stop));
    if let Some(port) = source.custom_handler()? {
        return answer_calls(site, port, orders).await;
    }
    let server = match arguments.http {
        Some(address) => Some(Server::begin(address, http::routes::router(site.clone())).await?),
        None => None,
    };
    let mut cleaners = Cleaners::begin(&context, source.config.as_deref(), &orders.stop);
    let mut keep = Keep::new(context, site.clone(), systemd);
    while !orders.stop.is_asked() {
        keep.until_ordered(&mut orders).await?;
        if orders.is_reload_asked() {
            let anew = source.read_anew(&mut keep, &site).await;
            if let Some(context) = anew {
                cleaners.renew(&context, source.config.as_deref(), &orders.stop);
            }
            keep.systemd.ready();
        }
    }
    keep.systemd.stopping();
    cleaners.end();
    keep.close().await;
    // What was called for is finished, too.
    drop(site.turn().await);
    if let Some(server) = server {
        server.end().await;
    }
    cleaners.wait().await;
    Ok(Exit::Ok)
}

/// Where a cloud's timer decides: no loop, and no clean-ups of our own.
async fn answer_calls(site: Arc<Site>, port: u16, orders: Orders) -> Result<Exit, Failure> {
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let server = Server::begin(address, http::azure::router(site.clone())).await?;
    while !orders.stop.is_asked() {
        site.pulse.promise(now(), keep::STEP);
        orders.stop.within(keep::STEP / 2).await;
    }
    drop(site.turn().await);
    server.end().await;
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

    /// Puts the configuration as it is now in force, where it can be worked with.
    async fn read_anew(&self, keep: &mut Keep, site: &Site) -> Option<Arc<Context>> {
        keep.systemd.reloading();
        match self.load_with_store(&keep.context).await {
            Ok((context, store)) => {
                site.renew(context.clone());
                keep.renew(context.clone(), store).await;
                output::note("the configuration was read anew");
                Some(context)
            }
            Err(why) => {
                output::note(&format!("warning: the configuration is as before: {why}"));
                None
            }
        }
    }

    /// The hash of the key that calls must bring.
    fn run_key(&self, arguments: &DaemonArguments) -> Result<Option<Digest>, Failure> {
        let key = match &arguments.run_key_file {
            Some(path) => Some(read_key(path)?),
            None => self.environment.key("TOKENKEEPER_RUN_KEY")?.map(|(_, key)| key),
        };
        match key {
            Some(key) if key.expose().len() < SHORTEST_KEY => {
                let advice = "make one with `openssl rand -hex 32`";
                let message = format!("the key for POST /run is too short to be safe: {advice}");
                Err(Failure::new(Exit::Usage, message))
            }
            key => Ok(key.map(|key| Digest::of(key.expose()))),
        }
    }

    /// The port on which the host of Azure Functions calls, where that has started us.
    fn custom_handler(&self) -> Result<Option<u16>, Failure> {
        let Some(port) = self.environment.plain(CUSTOM_HANDLER) else { return Ok(None) };
        let wrong = |_| Failure::new(Exit::Usage, format!("{CUSTOM_HANDLER} is no port: unset it"));
        port.parse().map(Some).map_err(wrong)
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

/// 128 random bits in base64 are 22 characters.
const SHORTEST_KEY: usize = 16;
