//! Where `cleanup` works: the database's address and its replicas', from the flags or the variables.

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    exit::{Exit, Failure},
    settings::{Environment, SettingsError, TextOrRef, holds_password},
};

/// The flag, whose text every process of the host can read, or the variable or its file.
pub(in crate::cli) fn database_url(
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
    if flags.is_empty() {
        return set_replicas(environment);
    }
    let parse =
        |text: &String| text.parse().map_err(|error| refused(format!("--replica: {error}")));
    flags.iter().map(parse).collect()
}

/// The same for a table of the configuration.
pub(in crate::cli) fn replicas(
    environment: &Environment,
    named: &[TextOrRef],
) -> Result<Vec<DatabaseUrl>, Failure> {
    if named.is_empty() {
        return set_replicas(environment);
    }
    let mut urls = Vec::new();
    for named in named {
        let text = named.resolve(environment, "replicas")?;
        let url = text.expose().trim().parse();
        urls.push(url.map_err(|e| Failure::new(Exit::Usage, format!("replicas: {e}")))?);
    }
    Ok(urls)
}

fn set_replicas(environment: &Environment) -> Result<Vec<DatabaseUrl>, Failure> {
    let set = environment.secret(REPLICAS).map_err(|e: SettingsError| Failure::from(e))?;
    let texts = set.iter().flat_map(|set| set.expose().split_whitespace());
    let wrong = |error| Failure::new(Exit::Usage, format!("{REPLICAS}: {error}"));
    texts.map(|text| text.parse().map_err(wrong)).collect()
}

const VARIABLE: &str = "TOKENKEEPER_CLEANUP_DATABASE_URL";
const REPLICAS: &str = "TOKENKEEPER_CLEANUP_REPLICA_URLS";
