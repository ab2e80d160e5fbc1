//! The microservice: tokens over HTTP, for whatever cannot use the library or the command line.
//! Here: starting and stopping; who comes in meanwhile goes through `gate`. What a request goes through is `site`; the paths are `routes`.

mod access;
mod connection;
mod connections;
mod counters;
mod gate;
mod hosts;
pub(crate) mod keys;
pub(crate) mod keys_file;
pub(crate) mod listen;
mod log;
mod page;
mod problem;
mod ready;
mod routes;
mod site;

use std::{sync::Arc, time::Duration};

use sd_notify::NotifyState;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    metrics::attempts::Attempts,
};
use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
    task::JoinSet,
    time::{sleep, timeout},
};

use self::{
    access::Access,
    connection::Served,
    connections::Connections,
    counters::Counters,
    gate::Gate,
    hosts::Hosts,
    keys_file::{KeysFile, Stamp},
    listen::{Address, Listener, Tls, TlsFiles},
    log::Log,
    ready::Ready,
    site::Site,
};
use crate::Consumer;

/// How to serve.
#[derive(Debug)]
pub(crate) struct Options {
    pub(crate) listen: Vec<Address>,
    pub(crate) tls: Option<TlsFiles>,
    /// A proxy in front speaks TLS, and says whose requests it passes on.
    pub(crate) behind_proxy: bool,
    pub(crate) hosts: Vec<String>,
    pub(crate) keys: KeysFile,
    /// Who may use the Unix socket, beside root and the server's own user.
    pub(crate) users: Vec<u32>,
    pub(crate) most_connections: usize,
}

/// Serves until SIGTERM or SIGINT, and then until those who have asked are answered.
///
/// # Errors
/// [`Failure`] when it cannot begin.
pub(crate) async fn serve(consumer: Consumer, options: Options) -> Result<(), Failure> {
    // Before they are read: what changes meanwhile is read once more.
    let seen = stamps(&options);
    let keys = options.keys.read()?;
    let tls = options.tls.clone().map(Tls::of).transpose()?.map(Arc::new);
    let listeners = listen::open(&options.listen, &options.users)?;
    refuse_clear_text(&listeners, tls.is_some() || options.behind_proxy)?;
    let log = Log::default();
    if keys.is_empty() {
        let file = options.keys.path().display();
        log.note(&format!(
            "warning: there is no key in {file}: make one with `tokenkeeper-consumer key new`"
        ));
    }
    for listener in &listeners {
        log.note(&format!("serving on {}", listener.shown(tls.is_some())));
    }
    let site = Arc::new(Site {
        consumer,
        access: Access::new(keys),
        counters: Counters::default(),
        attempts: Attempts::default(),
        ready: Ready::default(),
        log,
        hosts: Hosts::new(&options.hosts),
        behind_proxy: options.behind_proxy,
    });
    run(site, listeners, tls, options, seen).await
}

async fn run(
    site: Arc<Site>,
    listeners: Vec<Listener>,
    tls: Option<Arc<Tls>>,
    options: Options,
    seen: Stamps,
) -> Result<(), Failure> {
    let deaf = |error| Failure::new(Exit::Internal, format!("signals cannot be received: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(deaf)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(deaf)?;
    let (stop, stopped) = watch::channel(false);
    let router = routes::router(site.clone());
    let served = Served { site: site.clone(), router, stop: stopped };
    let connections = Arc::new(Connections::new(options.most_connections));
    let watching = tokio::spawn(watch_files(site.clone(), options, tls.clone(), seen));
    let gate = Gate { served, connections: connections.clone(), tls };
    let mut doors = JoinSet::new();
    for listener in listeners {
        doors.spawn(gate.clone().open(listener));
    }
    notify(&site.log, NotifyState::Ready);
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    notify(&site.log, NotifyState::Stopping);
    site.log.note("stopping: those who have asked are answered first; once more to stop at once");
    stop.send_replace(true);
    let ended = async {
        while doors.join_next().await.is_some() {}
        connections.drain().await;
    };
    tokio::select! {
        drained = timeout(DRAIN, ended) => if drained.is_err() {
            site.log.note("stopped: some requests were not answered in time");
        },
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    watching.abort();
    Ok(())
}

/// Keys and tokens in clear text are for this host alone.
fn refuse_clear_text(listeners: &[Listener], is_protected: bool) -> Result<(), Failure> {
    match listeners.iter().find(|listener| listener.is_public() && !is_protected) {
        Some(listener) => Err(Failure::new(
            Exit::Usage,
            format!(
                "{} can be reached from other hosts, in clear text: give --tls-certificate and --tls-key, \
                 or --behind-proxy where a proxy in front of it speaks TLS",
                listener.shown(false)
            ),
        )),
        None => Ok(()),
    }
}

/// Keys and certificates are renewed while the server runs. What cannot be used changes nothing and
/// is told, but for the keys' file that was taken away: then nobody comes in.
async fn watch_files(site: Arc<Site>, options: Options, tls: Option<Arc<Tls>>, mut seen: Stamps) {
    loop {
        sleep(LOOK_AGAIN).await;
        let now = stamps(&options);
        if now.0 != seen.0 {
            match options.keys.read() {
                Ok(keys) => site.access.replace(keys),
                Err(failure) => {
                    site.log.note(&format!("warning: the keys are as before: {failure}"));
                }
            }
        }
        if let Some(tls) = &tls
            && now.1 != seen.1
            && let Err(failure) = tls.renew()
        {
            site.log.note(&format!("warning: the certificate is as before: {failure}"));
        }
        seen = now;
    }
}

/// The keys' file, and those of TLS.
type Stamps = (Option<Stamp>, Option<[Option<Stamp>; 2]>);

fn stamps(options: &Options) -> Stamps {
    (Stamp::of(options.keys.path()), options.tls.as_ref().map(TlsFiles::stamp))
}

fn notify(log: &Log, state: NotifyState<'_>) {
    if let Err(error) = sd_notify::notify(&[state]) {
        log.note(&format!("warning: systemd cannot be told: {error}"));
    }
}

/// Shorter than what systemd (90 s) and Kubernetes (30 s) wait before they kill.
const DRAIN: Duration = Duration::from_secs(20);
/// A removed key works no longer than this.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Each takes some 20 KiB; most systems give a process 1,024 file descriptors.
pub(crate) const MOST_CONNECTIONS: usize = 512;
