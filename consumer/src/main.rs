//! `tokenkeeper-consumer`: hands out the newest token. All it does lies in the library beside it.

use std::process::ExitCode;

fn main() -> ExitCode {
    tokenkeeper_consumer::cli::main()
}
