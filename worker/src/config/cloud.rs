//! Clouds that start the worker by themselves: by which variable each is known, and what cannot be kept on a disk that
//! goes with the instance. How each is spoken to lies with the command line.

use tokenkeeper_shared::{
    database_url::DatabaseUrl,
    dialect::Dialect,
    settings::{Environment, SettingsError},
};

/// Set by the host of Azure Functions: the port to answer its calls on.
pub(crate) const CUSTOM_HANDLER: &str = "FUNCTIONS_CUSTOMHANDLER_PORT";
/// Set by AWS Lambda: where it hands out invocations.
pub(crate) const LAMBDA: &str = "AWS_LAMBDA_RUNTIME_API";

/// Whether one of them has started this program: then no disk outlives it.
pub(super) fn is_there(environment: &Environment) -> bool {
    [CUSTOM_HANDLER, LAMBDA].iter().any(|name| environment.plain(name).is_some())
}

/// Tokens in a file there would go with the instance, and with them the only copies of rotated refresh tokens.
pub(super) fn refuse_file(database: &DatabaseUrl) -> Result<(), SettingsError> {
    if database.dialect() != Dialect::Sqlite {
        return Ok(());
    }
    Err(SettingsError::Variable(format!(
        "{database}: a file goes with the cloud's instance, and the tokens with it: set TOKENKEEPER_DATABASE_URL to a PostgreSQL or MySQL/MariaDB server"
    )))
}
