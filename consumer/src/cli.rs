//! The command line: arguments → command → output. One file per verb, one per format; the exit
//! codes are mapped here and nowhere else.

mod completions;
mod exec;
pub(crate) mod failure;
mod follow;
mod get;
#[cfg(feature = "serve")]
mod key;
mod list;
mod man;
mod output;
mod replaced;
mod report;
mod request;
#[cfg(feature = "serve")]
mod serve;
mod signals;
mod terminal;
mod variable;
mod watch;

use std::{path::PathBuf, process::ExitCode};

use clap::{Args, CommandFactory, Parser, Subcommand};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::{Environment, Settings},
};

use self::{
    completions::CompletionsArguments, exec::ExecArguments, get::GetArguments, man::ManArguments,
    report::ReportArguments, watch::WatchArguments,
};
use crate::Consumer;

/// Hands out the newest OAuth2 token that tokenkeeper's worker keeps.
///
/// While the worker renews a token, `get` waits; then, and whenever the provider is down, it hands
/// out the stored token for as long as that works. An expired token is never handed out.
#[derive(Debug, Parser)]
#[command(name = "tokenkeeper-consumer", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// What every verb takes.
#[derive(Debug, Args)]
struct Common {
    /// The configuration file [default: ./tokenkeeper.toml, then the user's, then /etc's]
    #[arg(long, global = true, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Print results, and errors, as JSON
    #[arg(long, global = true)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Print one token
    Get(GetArguments),
    /// Show which tokens there are
    List,
    /// Say that an API answered 401 to a token: it is renewed early, once
    Report(ReportArguments),
    /// Run a command with tokens in its environment, and in files that are kept fresh
    ///
    /// It ends with the command's exit code, or 128 and the signal that ended it, or 127 or 126 when
    /// the command cannot be started. Signals are passed on. The command also finds the token in the
    /// file that `QUARTILE_TOKEN_FILE` names (for a token `quartile`), which holds each new generation
    /// within seconds: a command that runs for longer than a token lives reads it there.
    #[command(after_help = EXEC_HELP)]
    Exec(ExecArguments),
    /// Print a token, or write it to a file, each time it is renewed
    ///
    /// It goes on while the database is out of reach, and ends by SIGTERM, SIGINT or SIGHUP.
    Watch(WatchArguments),
    /// Print what completes this program's words in a shell, the tokens' names included
    #[command(after_help = completions::HELP)]
    Completions(CompletionsArguments),
    /// Print this program's manual
    #[command(after_help = man::HELP)]
    Man(ManArguments),
    /// Hand out tokens over HTTP: the microservice
    #[cfg(feature = "serve")]
    Serve(serve::ServeArguments),
    /// Make, show and take away the keys of the microservice
    #[cfg(feature = "serve")]
    #[command(subcommand)]
    Key(key::KeyVerb),
}

/// Parses the arguments, does what they say, and makes the exit code of how it ended.
#[must_use]
pub fn main() -> ExitCode {
    // Ends the process when a shell asks for completions.
    completions::answer(Arguments::command);
    let Arguments { common, verb } = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(error) => return output::usage(&error),
    };
    let ended = runtime(&verb)
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch(&common, verb)));
    match ended {
        Ok(code) => code,
        Err(failure) => {
            output::failure(&failure, common.json);
            ExitCode::from(failure.exit.code())
        }
    }
}

/// One thread: a second one costs more than a single question is worth. A server is asked many.
fn runtime(verb: &Verb) -> tokio::runtime::Builder {
    match verb {
        #[cfg(feature = "serve")]
        Verb::Serve(_) => tokio::runtime::Builder::new_multi_thread(),
        _ => tokio::runtime::Builder::new_current_thread(),
    }
}

async fn dispatch(common: &Common, verb: Verb) -> Result<ExitCode, Failure> {
    let verb = match verb {
        Verb::Completions(arguments) => {
            return completions::completions(&arguments, common.json).map(|()| ExitCode::SUCCESS);
        }
        Verb::Man(arguments) => {
            let man = man::man(Arguments::command(), &arguments, common.json);
            return man.map(|()| ExitCode::SUCCESS);
        }
        verb => verb,
    };
    let settings = Settings::load(&Environment::of_process(), common.config.clone())?;
    let database = settings.database_url.clone();
    let open = || Consumer::from_settings(settings.clone()).map_err(|error| failure::of(&error));
    let done = match verb {
        Verb::Get(arguments) => get::get(open, arguments, common.json).await,
        Verb::List => list::list(&open()?, common.json).await,
        Verb::Report(arguments) => report::report(&open()?, arguments, common.json).await,
        Verb::Watch(arguments) => watch::watch(open, arguments, common.json).await,
        Verb::Completions(_) | Verb::Man(_) => Ok(()),
        Verb::Exec(arguments) => {
            let ended = exec::exec(open, arguments, common.json).await;
            return ended.map_err(|failure| failure.naming(&database));
        }
        #[cfg(feature = "serve")]
        Verb::Serve(arguments) => serve::serve(open()?, &settings, arguments).await,
        #[cfg(feature = "serve")]
        Verb::Key(verb) => key::key(&settings, verb, common.json),
    };
    done.map(|()| ExitCode::SUCCESS).map_err(|failure| failure.naming(&database))
}

const EXEC_HELP: &str = "\
Examples:
  tokenkeeper-consumer exec quartile -- ./import.sh
  tokenkeeper-consumer exec --env API_TOKEN=quartile -- sh -c 'curl -H \"Authorization: Bearer $(cat \"$API_TOKEN_FILE\")\" …'

The files lie in a folder of this run, below XDG_RUNTIME_DIR or TMPDIR, and go when the command ends.";

const AFTER_HELP: &str = "\
Variables:
  TOKENKEEPER_DATABASE_URL, DATABASE_URL  where tokens are kept [default: a SQLite file in the user's
                                          state directory]
  TOKENKEEPER_KEY                         the consumers' key, or the worker's [default: the file `key`
                                          beside the configuration]
  Both may be given as a file by NAME_FILE.
  TOKENKEEPER_CONFIG                      the configuration file
  TOKENKEEPER_LISTEN                      where `serve` listens [default: 127.0.0.1:8065]
  TOKENKEEPER_SERVICE_KEYS                the keys of `serve` [default: service-keys.toml beside the
                                          configuration]

Exit codes:
  0 done   1 defect   2 usage or configuration   4 a human must act   5 no valid token
  6 no such name   7 temporary, again later may work   9 schema version
  `exec`: the command's own; 126, 127 when it cannot be started; 128 and the signal that ended it";
