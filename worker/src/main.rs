//! `tokenkeeper-worker`: keeps OAuth2 tokens fresh. All it does lies in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokenkeeper_worker::cli::main()
}
