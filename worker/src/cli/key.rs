//! `key new` and `key consumer`.

use std::path::{Path, PathBuf};

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    seal::key::Keyring,
    secret::Secret,
    settings::{Environment, KeySetting, Settings},
};

use super::{at, output};
use crate::private_file;

pub(super) fn new(file: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    deliver(&Keyring::new_worker_key(), file, json)
}

pub(super) fn consumer(
    environment: &Environment,
    config: Option<PathBuf>,
    file: Option<&Path>,
    json: bool,
) -> Result<Exit, Failure> {
    match Settings::load(environment, config)?.key {
        KeySetting::Given(ring) => deliver(&ring.consumer_key_text(), file, json),
        KeySetting::Off => {
            Err(Failure::new(Exit::Usage, "sealing is off: there is no key to derive from"))
        }
        KeySetting::Missing { .. } => Err(Failure::new(
            Exit::Usage,
            "there is no key to derive from: make one with `tokenkeeper-worker key new`, or set TOKENKEEPER_KEY_FILE",
        )),
    }
}

/// A key is the one secret that these verbs are asked for: to a private file, or to stdout.
fn deliver(key: &Secret, file: Option<&Path>, json: bool) -> Result<Exit, Failure> {
    match file {
        None if json => output::json(&json!({ "key": key.expose() }))?,
        None => output::line(key.expose())?,
        Some(path) if private_file::write(path, key).map_err(at(path))? => {
            if json {
                output::json(&json!({ "file": path.display().to_string() }))?;
            }
            output::note(&format!("wrote {} (keep a copy)", path.display()));
        }
        Some(path) => {
            let message =
                format!("{} exists: a key is never overwritten, name another file", path.display());
            return Err(Failure::new(Exit::Usage, message));
        }
    }
    Ok(Exit::Ok)
}
