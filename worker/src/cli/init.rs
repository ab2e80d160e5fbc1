//! `init`: a commented configuration, the key and the database, where they do not exist yet.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::{Environment, Settings},
};

use super::{at, context::Context, output};
use crate::private_file;

pub(super) async fn init(
    environment: Environment,
    config: Option<PathBuf>,
    json: bool,
) -> Result<Exit, Failure> {
    let place = match config.clone() {
        Some(place) => place,
        None => tokenkeeper_shared::settings::Paths::of(&environment).default_config()?,
    };
    if place.exists() {
        output::note(&format!("{} exists and is left as it is", place.display()));
    } else {
        write_sample(&place)?;
        output::note(&format!("wrote {}", place.display()));
    }
    let settings = Settings::load(&environment, config.clone())?;
    let context = Context::load(environment, config, json)?;
    let store = context.store().await?;
    store.close().await;
    if json {
        output::json(&json!({
            "config": place.display().to_string(),
            "database": settings.database_url.to_string(),
        }))?;
    }
    output::note(&format!("the database is ready: {}", settings.database_url));
    output::note(&format!(
        "next: describe your token in {}, then run `tokenkeeper-worker run` and `tokenkeeper-consumer get NAME`",
        place.display()
    ));
    Ok(Exit::Ok)
}

fn write_sample(place: &Path) -> Result<(), Failure> {
    if let Some(folder) = place.parent().filter(|folder| !folder.as_os_str().is_empty()) {
        private_file::folder(folder).map_err(at(folder))?;
    }
    fs::write(place, SAMPLE).map_err(at(place))
}

/// Everything is commented out: it is valid as it stands.
pub(crate) const SAMPLE: &str = include_str!("sample.toml");
