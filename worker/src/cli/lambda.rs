//! AWS Lambda starts the program without any argument and with a variable that says where its invocations are: then it
//! answers those. Speaking its protocol takes the feature `lambda`; without it the program says so.

#[cfg(feature = "lambda")]
mod front;
#[cfg(feature = "lambda")]
mod invocation;

use tokenkeeper_shared::settings::Environment;

#[cfg(feature = "lambda")]
pub(super) use self::front::answer;
use crate::config::LAMBDA;

/// Whether Lambda has started this program.
pub(super) fn is_there(environment: &Environment) -> bool {
    environment.plain(LAMBDA).is_some()
}

/// Whether it wants to read lines of JSON.
pub(super) fn wants_json(environment: &Environment) -> bool {
    environment.plain(LOG_FORMAT).is_some_and(|format| format == "JSON")
}

/// A program that was built for elsewhere.
#[cfg(not(feature = "lambda"))]
#[expect(clippy::unused_async, reason = "it stands for what answers")]
pub(super) async fn answer(
    _: super::Common,
) -> Result<tokenkeeper_shared::exit::Exit, tokenkeeper_shared::exit::Failure> {
    let advice = "build it by `cargo build --release --package tokenkeeper-worker --features lambda`, or name a verb (see --help)";
    Err(tokenkeeper_shared::exit::Failure::new(
        tokenkeeper_shared::exit::Exit::Usage,
        format!("{LAMBDA} is set, and this program was built without AWS Lambda: {advice}"),
    ))
}

/// Set where the function's logging is told to be JSON.
const LOG_FORMAT: &str = "AWS_LAMBDA_LOG_FORMAT";
