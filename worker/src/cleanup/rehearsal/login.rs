//! How the databases' own programs log in: as the address says, with the password in a variable of theirs,
//! which nobody but this user can read, and never among the arguments.

use percent_encoding::percent_decode_str;
use tokenkeeper_shared::{database_url::DatabaseUrl, store::StoreError};
use tokio::process::Command;
use url::Url;

/// Has a program of PostgreSQL connect to the address's database.
///
/// # Errors
/// [`StoreError::Address`].
pub(super) fn postgres(command: &mut Command, url: &DatabaseUrl) -> Result<(), StoreError> {
    let url = parsed(url)?;
    let mut set = |name: &str, value: &str| {
        command.env(name, value);
    };
    if let Some(host) = url.host_str().filter(|host| !host.is_empty()) {
        set("PGHOST", &decoded(unbracketed(host)));
    }
    if let Some(port) = url.port() {
        set("PGPORT", &port.to_string());
    }
    if !url.username().is_empty() {
        set("PGUSER", &decoded(url.username()));
    }
    if let Some(password) = url.password() {
        set("PGPASSWORD", &decoded(password));
    }
    set("PGDATABASE", &decoded(url.path().trim_start_matches('/')));
    set("PGAPPNAME", "tokenkeeper");
    for (key, value) in url.query_pairs() {
        let known = POSTGRES.iter().find(|(keys, _)| keys.contains(&&*key));
        if let Some((_, name)) = known {
            set(name, &value);
        }
    }
    Ok(())
}

/// Has a program of MySQL or MariaDB connect to the address's server. The database is its argument.
///
/// # Errors
/// [`StoreError::Address`].
pub(super) fn mysql(
    command: &mut Command,
    url: &DatabaseUrl,
    is_mariadb: bool,
) -> Result<(), StoreError> {
    let url = parsed(url)?;
    // A file of the user's would change where and how.
    command.arg("--no-defaults").arg("--default-character-set=utf8mb4");
    if let Some(password) = url.password() {
        command.env("MYSQL_PWD", decoded(password));
    }
    if !url.username().is_empty() {
        command.arg(format!("--user={}", decoded(url.username())));
    }
    let parameter =
        |keys: &[&str]| url.query_pairs().find(|(key, _)| keys.contains(&&**key)).map(|of| of.1);
    if let Some(socket) = parameter(&["socket"]) {
        command.arg(format!("--socket={socket}"));
    } else {
        // Else `localhost` would be a socket.
        let host = url.host_str().unwrap_or("localhost");
        command.arg("--protocol=tcp").arg(format!("--host={}", decoded(unbracketed(host))));
        command.arg(format!("--port={}", url.port().unwrap_or(3306)));
    }
    let mode = parameter(&["sslmode", "ssl-mode"]).map(|mode| mode.to_ascii_uppercase());
    command.args(encryption(mode.as_deref().unwrap_or("PREFERRED"), is_mariadb));
    for (keys, flag) in MYSQL {
        command.args(parameter(keys).map(|file| format!("{flag}={file}")));
    }
    Ok(())
}

/// MariaDB's programs have no modes.
fn encryption(mode: &str, is_mariadb: bool) -> Vec<String> {
    match (mode, is_mariadb) {
        ("REQUIRED", true) => vec!["--ssl".to_owned(), "--skip-ssl-verify-server-cert".to_owned()],
        ("VERIFY_CA" | "VERIFY_IDENTITY", true) => vec!["--ssl-verify-server-cert".to_owned()],
        ("DISABLED", true) => vec!["--skip-ssl".to_owned()],
        (_, true) => vec!["--skip-ssl-verify-server-cert".to_owned()],
        (mode, false) => vec![format!("--ssl-mode={mode}")],
    }
}

fn parsed(url: &DatabaseUrl) -> Result<Url, StoreError> {
    Url::parse(url.expose()).map_err(|error| StoreError::Address(error.to_string()))
}

fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

/// An IPv6 address as programs take it.
fn unbracketed(host: &str) -> &str {
    host.trim_start_matches('[').trim_end_matches(']')
}

/// As the driver reads them.
const POSTGRES: [(&[&str], &str); 8] = [
    (&["host", "hostaddr"], "PGHOST"),
    (&["port"], "PGPORT"),
    (&["user"], "PGUSER"),
    (&["password"], "PGPASSWORD"),
    (&["sslmode", "ssl-mode"], "PGSSLMODE"),
    (&["sslrootcert", "ssl-root-cert", "ssl-ca"], "PGSSLROOTCERT"),
    (&["sslcert", "ssl-cert"], "PGSSLCERT"),
    (&["sslkey", "ssl-key"], "PGSSLKEY"),
];

const MYSQL: [(&[&str], &str); 3] = [
    (&["sslca", "ssl-ca"], "--ssl-ca"),
    (&["sslcert", "ssl-cert"], "--ssl-cert"),
    (&["sslkey", "ssl-key"], "--ssl-key"),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_in_no_argument() {
        let mut psql = Command::new("psql");
        postgres(&mut psql, &"postgres://u:can%2Fary@h/db?sslmode=require".parse().unwrap())
            .unwrap();
        let mut dump = Command::new("mariadb-dump");
        mysql(&mut dump, &"mysql://u:can%2Fary@h/db".parse().unwrap(), true).unwrap();
        for (command, name) in [(psql, "PGPASSWORD"), (dump, "MYSQL_PWD")] {
            let command = command.as_std();
            let mut arguments = command.get_args();
            assert!(!arguments.any(|of| of.to_string_lossy().contains("ary")), "{name}");
            let set = command.get_envs().find(|(set, _)| *set == name).and_then(|(_, value)| value);
            assert_eq!(set.unwrap(), "can/ary");
        }
    }
}
