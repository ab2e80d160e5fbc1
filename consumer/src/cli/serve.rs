//! `serve`: the microservice, until it is asked to stop.

use std::path::PathBuf;

use clap::Args;
use tokenkeeper_shared::{exit::Failure, settings::Settings};

use crate::{
    Consumer,
    serve::{
        self, MOST_CONNECTIONS, Options,
        keys_file::KeysFile,
        listen::{Address, TlsFiles, USUAL},
    },
};

#[derive(Debug, Args)]
pub(super) struct ServeArguments {
    #[arg(long, help = LISTEN, value_name = "ADDRESS", default_value = USUAL, env = "TOKENKEEPER_LISTEN", value_delimiter = ',')]
    listen: Vec<Address>,
    /// The certificate with its chain, as PEM; read again when it changes
    #[arg(long, value_name = "FILE", requires = "tls_key")]
    tls_certificate: Option<PathBuf>,
    /// The certificate's key, as PEM, readable by its owner
    #[arg(long, value_name = "FILE", requires = "tls_certificate")]
    tls_key: Option<PathBuf>,
    /// A proxy in front speaks TLS: listen in clear text on a public address, and believe its
    /// X-Forwarded-For
    #[arg(long)]
    behind_proxy: bool,
    /// A name under which clients reach this server, beside localhost and its addresses; may be given
    /// several times
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    #[command(flatten)]
    keys: KeysArguments,
    /// A user who may use the Unix socket, beside this one and root; may be given several times
    #[arg(long, value_name = "UID")]
    allow_uid: Vec<u32>,
    /// How many connections there may be at once; the longest idle one makes room
    #[arg(long, value_name = "NUMBER", default_value_t = MOST_CONNECTIONS, value_parser = at_least_one)]
    max_connections: usize,
}

/// Where the keys of the microservice lie.
#[derive(Debug, Args)]
pub(super) struct KeysArguments {
    /// The file of the keys [default: service-keys.toml beside the configuration]
    #[arg(long, value_name = "FILE", env = "TOKENKEEPER_SERVICE_KEYS")]
    keys: Option<PathBuf>,
}

impl KeysArguments {
    pub(super) fn file(self, settings: &Settings) -> Result<KeysFile, Failure> {
        KeysFile::find(self.keys, settings)
    }
}

pub(super) async fn serve(
    consumer: Consumer,
    settings: &Settings,
    arguments: ServeArguments,
) -> Result<(), Failure> {
    let tls = arguments.tls_certificate.zip(arguments.tls_key);
    let options = Options {
        listen: arguments.listen,
        tls: tls.map(|(certificate, key)| TlsFiles { certificate, key }),
        behind_proxy: arguments.behind_proxy,
        hosts: arguments.host,
        keys: arguments.keys.file(settings)?,
        users: arguments.allow_uid,
        most_connections: arguments.max_connections,
    };
    serve::serve(consumer, options).await
}

fn at_least_one(text: &str) -> Result<usize, String> {
    let number = text.parse().ok().filter(|number| *number > 0);
    number.ok_or_else(|| "a number from 1 on".to_owned())
}

const LISTEN: &str = "Where to listen: ADDRESS:PORT, or unix:/PATH; may be given several times. Sockets that \
    systemd has opened take its place";
