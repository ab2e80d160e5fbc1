//! Where policies come from: those compiled in, and a user's files, which replace them by name.

use std::{collections::BTreeMap, fs, path::Path};

use super::{Policy, PolicyError};

/// The policies that are compiled in, by name.
///
/// # Errors
/// [`PolicyError`] would be a defect of ours; a test reads them all.
pub fn shipped() -> Result<BTreeMap<String, Policy>, PolicyError> {
    let parsed = SHIPPED.iter().map(|(file, text)| Policy::parse(file, text));
    parsed.map(|policy| policy.map(|policy| (policy.name.clone(), policy))).collect()
}

/// The shipped policies, with those of a file, or of each `.toml` in a folder, in their place or beside them.
///
/// # Errors
/// [`PolicyError`] names the file.
pub fn load(path: &Path) -> Result<BTreeMap<String, Policy>, PolicyError> {
    let mut own = BTreeMap::new();
    for file in files(path)? {
        let shown = file.display().to_string();
        let text = fs::read_to_string(&file).map_err(|error| unreadable(&file, &error))?;
        let policy = Policy::parse(&shown, &text)?;
        let name = policy.name.clone();
        if own.insert(name.clone(), policy).is_some() {
            return Err(PolicyError::Twice { path: shown, name });
        }
    }
    let mut all = shipped()?;
    all.extend(own);
    Ok(all)
}

fn files(path: &Path) -> Result<Vec<std::path::PathBuf>, PolicyError> {
    if !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let entries = fs::read_dir(path).map_err(|error| unreadable(path, &error))?;
    let paths = entries.map(|entry| entry.map(|entry| entry.path()));
    let mut files =
        paths.collect::<Result<Vec<_>, _>>().map_err(|error| unreadable(path, &error))?;
    files.retain(|file| file.extension().is_some_and(|extension| extension == "toml"));
    files.sort();
    Ok(files)
}

fn unreadable(path: &Path, error: &std::io::Error) -> PolicyError {
    let message = format!("it cannot be read: {error}: name a policy file, or a folder of them");
    PolicyError::Unreadable { path: path.display().to_string(), message }
}

/// One entry a file, so that the list and the folder cannot differ unseen.
macro_rules! policies {
    ($($name:literal),+ $(,)?) => {
        [$((concat!($name, ".toml"), include_str!(concat!("../../../policies/", $name, ".toml")))),+]
    };
}

const SHIPPED: [(&str, &str); 20] = policies![
    "django-oauth-toolkit",
    "doorkeeper",
    "duende-identityserver",
    "edfi-dms",
    "edfi-ods",
    "identityserver4",
    "laravel-passport",
    "openiddict",
    "ory-hydra",
    "spring-authorization-server",
    "tokenkeeper-events",
    "wso2-ciba",
    "wso2-device",
    "wso2-jti",
    "wso2-jti-tenant",
    "wso2-par",
    "wso2-recovery",
    "wso2-registry",
    "wso2-session",
    "wso2-token",
];
