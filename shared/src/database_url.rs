//! The address of the database, parsed. It may hold a password, so it does not print.
//! Where it is configured lies with `settings`; connecting lies with `store`.

use std::{
    fmt,
    path::{Path, PathBuf},
    str::FromStr,
};

use url::Url;

use crate::{dialect::Dialect, secret::Secret};

/// A database address of a kind that tokenkeeper speaks.
#[derive(Clone, PartialEq, Eq)]
pub struct DatabaseUrl {
    dialect: Dialect,
    url: Secret,
    place: String,
    is_read_only: bool,
}

impl DatabaseUrl {
    /// The address of a SQLite file.
    #[must_use]
    pub fn of_file(path: &Path) -> Self {
        let place = path.display().to_string();
        let url = Secret::new(place.clone());
        Self { dialect: Dialect::Sqlite, url, place, is_read_only: false }
    }

    /// Which database it is.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        self.dialect
    }

    /// The file, where it is one.
    #[must_use]
    pub fn file(&self) -> Option<PathBuf> {
        (self.dialect == Dialect::Sqlite).then(|| PathBuf::from(self.url.expose()))
    }

    /// Whether the address of a SQLite file asks that nothing be changed: `mode=ro` or `immutable=1`.
    #[must_use]
    pub fn is_read_only(&self) -> bool {
        self.is_read_only
    }

    /// The same server, as the same user, but another database there; `parameters` are added to the address's own.
    ///
    /// # Errors
    /// [`InvalidDatabaseUrl::Malformed`] for a file, which has no database beside it.
    pub fn on_same_server(
        &self,
        database: &str,
        parameters: &[(&str, &str)],
    ) -> Result<Self, InvalidDatabaseUrl> {
        let mut url = Url::parse(self.expose())
            .map_err(|error| InvalidDatabaseUrl::Malformed(error.to_string()))?;
        // PostgreSQL's driver takes it for the database, whatever the path says.
        let kept: Vec<_> =
            url.query_pairs().into_owned().filter(|(key, _)| key != "dbname").collect();
        url.set_path(database);
        url.set_query(None);
        let added = parameters.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned()));
        let pairs: Vec<_> = kept.into_iter().chain(added).collect();
        if !pairs.is_empty() {
            url.query_pairs_mut().extend_pairs(pairs);
        }
        url.as_str().parse()
    }

    /// What the server calls the database; of a file its path.
    #[must_use]
    pub fn database(&self) -> String {
        let Ok(url) = Url::parse(self.expose()) else { return String::new() };
        let named = url.query_pairs().find(|(key, _)| key == "dbname");
        let path = url.path().trim_start_matches('/');
        named.map_or_else(|| path.to_owned(), |(_, name)| name.into_owned())
    }

    /// The whole address, password and all, with a scheme that the drivers know.
    #[must_use]
    pub fn expose(&self) -> &str {
        self.url.expose()
    }
}

/// Kind, host and database, without user, password and options: fit for messages.
impl fmt::Display for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} {}", self.dialect, self.place)
    }
}

impl fmt::Debug for DatabaseUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "DatabaseUrl({self})")
    }
}

impl FromStr for DatabaseUrl {
    type Err = InvalidDatabaseUrl;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text.contains('\0') {
            return Err(InvalidDatabaseUrl::Malformed("it holds a NUL character".into()));
        }
        let (scheme, rest) = text.split_once(':').ok_or(InvalidDatabaseUrl::NoScheme)?;
        match scheme.to_ascii_lowercase().as_str() {
            "sqlite" => sqlite(rest),
            "postgres" | "postgresql" => server(Dialect::Postgres, "postgres", rest),
            "mysql" | "mariadb" => server(Dialect::MySql, "mysql", rest),
            other => Err(InvalidDatabaseUrl::Unsupported(shown(other))),
        }
    }
}

fn sqlite(rest: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    let path = rest.strip_prefix("//").unwrap_or(rest);
    if path.contains(":memory:") || path.contains("mode=memory") {
        return Err(InvalidDatabaseUrl::InMemory);
    }
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    if path.is_empty() {
        return Err(InvalidDatabaseUrl::Malformed("it names no file".into()));
    }
    let is_read_only = query.split('&').any(|of| matches!(of, "mode=ro" | "immutable=1"));
    Ok(DatabaseUrl { is_read_only, ..DatabaseUrl::of_file(Path::new(path)) })
}

fn server(dialect: Dialect, scheme: &str, rest: &str) -> Result<DatabaseUrl, InvalidDatabaseUrl> {
    let text = format!("{scheme}:{rest}");
    let url = Url::parse(&text).map_err(|e| InvalidDatabaseUrl::Malformed(e.to_string()))?;
    let database = url.path().trim_start_matches('/');
    if !url.has_host() && url.query().is_none() {
        return Err(InvalidDatabaseUrl::Malformed("it names no host".into()));
    }
    if database.is_empty() {
        return Err(InvalidDatabaseUrl::Malformed("it names no database".into()));
    }
    let port = url.port().map(|port| format!(":{port}")).unwrap_or_default();
    let place = format!("{}{port}/{database}", url.host_str().unwrap_or_default());
    Ok(DatabaseUrl { dialect, url: Secret::new(text), place, is_read_only: false })
}

/// A scheme is shown only as far as it looks like one: the text may be a password in the wrong place.
fn shown(scheme: &str) -> String {
    let plain =
        scheme.len() <= 20 && scheme.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'+');
    if plain { scheme.to_owned() } else { "this one".to_owned() }
}

/// An address that tokenkeeper cannot use. The address itself is never shown.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidDatabaseUrl {
    /// No colon at all.
    #[error(
        "the database URL has no scheme: write sqlite://PATH, postgres://USER@HOST/DATABASE or mysql://USER@HOST/DATABASE"
    )]
    NoScheme,
    /// A database that tokenkeeper does not keep tokens in.
    #[error(
        "the database URL's scheme ({0}) is not supported: use sqlite, postgres (postgresql) or mysql (mariadb)"
    )]
    Unsupported(String),
    /// Not even a URL, or a part is missing.
    #[error("the database URL is malformed: {0}")]
    Malformed(String),
    /// A store that nobody else could read.
    #[error("a SQLite database in memory cannot be shared: name a file, sqlite://PATH")]
    InMemory,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_databases_go_by_their_usual_schemes() {
        for (text, expected) in [
            ("sqlite://tokens.db", "SQLite tokens.db"),
            ("sqlite:/var/lib/t.db?mode=rwc", "SQLite /var/lib/t.db"),
            ("sqlite:///var/lib/t.db", "SQLite /var/lib/t.db"),
            ("postgres://u:canary@h:5433/db?password=canary", "PostgreSQL h:5433/db"),
            ("postgresql://u@h/db", "PostgreSQL h/db"),
            ("mysql://u:canary@h/db", "MySQL h/db"),
            ("mariadb://h/db", "MySQL h/db"),
        ] {
            let url: DatabaseUrl = text.parse().unwrap();
            assert_eq!(url.to_string(), expected);
            assert!(!format!("{url:?}").contains("canary"));
        }
    }

    #[test]
    fn an_unusable_address_is_refused_without_being_shown() {
        for text in [
            "",
            "canary",
            "canary-canary-canary-canary:x",
            "mssql://sa:canary@h/db",
            "sqlite::memory:",
            "sqlite://",
            "postgres://u:canary@h",
            "postgres://u:canary@h:port/db",
            "postgres:canary",
            "mysql://u:canary@/",
            "sqlite://a\0b",
        ] {
            let refused = text.parse::<DatabaseUrl>().unwrap_err().to_string();
            assert!(!refused.contains("canary"), "{refused}");
        }
    }

    #[test]
    fn an_address_may_ask_that_its_file_stay_as_it_is() {
        for (text, expected) in [
            ("sqlite://t.db", false),
            ("sqlite://t.db?mode=rwc", false),
            ("sqlite://t.db?cache=shared&mode=ro", true),
            ("sqlite:t.db?immutable=1", true),
        ] {
            assert_eq!(text.parse::<DatabaseUrl>().unwrap().is_read_only(), expected, "{text}");
        }
    }

    #[test]
    fn another_database_of_a_server_has_the_same_login_and_parameters() {
        let url: DatabaseUrl =
            "postgres://u%20x:p%2Fw@h:5433/db?dbname=other&sslmode=require".parse().unwrap();
        let beside = url.on_same_server("copy", &[("options[search_path]", "a,\\ b")]).unwrap();
        assert_eq!(
            beside.expose(),
            "postgres://u%20x:p%2Fw@h:5433/copy?sslmode=require&options%5Bsearch_path%5D=a%2C%5C+b"
        );
        assert_eq!(beside.to_string(), "PostgreSQL h:5433/copy");
        let plain: DatabaseUrl = "mysql://u@h/db".parse().unwrap();
        assert_eq!(plain.on_same_server("copy", &[]).unwrap().expose(), "mysql://u@h/copy");
        assert!(DatabaseUrl::of_file(Path::new("a.db")).on_same_server("copy", &[]).is_err());
    }

    #[test]
    fn an_unsupported_database_is_named() {
        let refused = "mssql://h/db".parse::<DatabaseUrl>().unwrap_err().to_string();
        assert!(refused.contains("mssql") && refused.contains("postgres"), "{refused}");
    }
}
