//! Where `cleanup` works: the database's address and its replicas', from the flags or the variables.

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::{Environment, SettingsError, holds_password},
};

/// The flag, whose text every process of the host can read, or the variable or its file.
pub(super) fn database_url(
    environment: &Environment,
    flag: Option<&str>,
) -> Result<DatabaseUrl, Failure> {
    let refused = |message: String| Failure::new(Exit::Usage, message);
    let (origin, text) = match flag {
        Some(text) if holds_password(text) => {
            let advice = format!(
                "--database holds a password, which every process of this host can read: set {VARIABLE} or {VARIABLE}_FILE instead"
            );
            return Err(refused(advice));
        }
        Some(text) => ("--database", text.to_owned()),
        None => {
            let set = environment.secret(VARIABLE).map_err(|e: SettingsError| Failure::from(e))?;
            let set = set.ok_or_else(|| {
                refused(format!("which database is to be cleaned? Set {VARIABLE} or {VARIABLE}_FILE, or give --database"))
            })?;
            (VARIABLE, set.expose().to_owned())
        }
    };
    text.parse().map_err(|error| refused(format!("{origin}: {error}")))
}

/// The same for replicas: the flags, or the variable or its file, addresses parted by white space.
pub(super) fn replica_urls(
    environment: &Environment,
    flags: &[String],
) -> Result<Vec<DatabaseUrl>, Failure> {
    let refused = |message: String| Failure::new(Exit::Usage, message);
    if flags.iter().any(|text| holds_password(text)) {
        return Err(refused(format!(
            "--replica holds a password, which every process of this host can read: set {REPLICAS} or {REPLICAS}_FILE instead"
        )));
    }
    let set = match flags {
        [] => environment.secret(REPLICAS).map_err(|e: SettingsError| Failure::from(e))?,
        _ => None,
    };
    let origin = if flags.is_empty() { REPLICAS } else { "--replica" };
    let set = set.iter().flat_map(|set| set.expose().split_whitespace());
    let texts = flags.iter().map(String::as_str).chain(set);
    texts.map(|text| text.parse().map_err(|error| refused(format!("{origin}: {error}")))).collect()
}

const VARIABLE: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
const REPLICAS: &str = "TOKENKEEPER_CLEANUP_REPLICA_URLS";
