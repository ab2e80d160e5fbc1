//! The command line: arguments → command → output. One file per verb, which `verb` lists; the exit codes are mapped
//! here and nowhere else.

mod adopt;
mod call;
mod cleanup;
mod context;
mod daemon;
mod demo;
mod doctor;
mod history;
mod init;
mod key;
mod lambda;
mod migrate;
mod refresh;
mod run;
mod schedule;
mod signals;
mod status;
mod verb;

use std::{
    io,
    path::{Path, PathBuf},
    process::ExitCode,
};

use clap::{Args, Parser, error::ErrorKind};
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    output,
    settings::Environment,
};
use tracing::{Level, level_filters::LevelFilter};
use tracing_subscriber::{filter::Targets, layer::SubscriberExt, util::SubscriberInitExt};

use self::{
    context::Context,
    verb::{DaemonArguments, KeptVerb, KeyVerb, Verb},
};

/// Keeps OAuth2 tokens fresh in a shared database.
///
/// Started by a timer, `run` renews every token that is due (about an hour before it expires, or
/// at half its life), logs in again where the refresh token is dead, and ends. Programs get the
/// tokens from `tokenkeeper-consumer`.
///
/// Begin with `tokenkeeper-worker demo`, then `tokenkeeper-worker init`.
#[derive(Debug, Parser)]
#[command(name = "tokenkeeper-worker", version, after_help = AFTER_HELP)]
struct Arguments {
    #[command(flatten)]
    common: Common,
    #[command(subcommand)]
    verb: Verb,
}

/// Without a verb, as a cloud starts it.
#[derive(Debug, Parser)]
struct Bare {
    #[command(flatten)]
    common: Common,
}

/// What is to be done.
enum Task {
    Verb(Box<Verb>),
    /// To answer AWS Lambda.
    Invocations,
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
    /// How much to tell on stderr
    #[arg(
        long,
        global = true,
        value_name = "LEVEL",
        env = "TOKENKEEPER_LOG",
        default_value = "warn"
    )]
    log: LevelFilter,
}

/// Parses the arguments, does what they say, and makes the exit code of how it ended.
#[must_use]
pub fn main() -> ExitCode {
    let environment = Environment::of_process();
    let (mut common, task) = match parse(&environment) {
        Ok(parsed) => parsed,
        Err(error) => return output::usage(&error),
    };
    let is_invoked = matches!(task, Task::Invocations);
    common.json |= is_invoked && lambda::wants_json(&environment);
    log_to_stderr(common.log, is_invoked && common.json);
    // Without a provider of cryptography reqwest panics; a second installation is no harm.
    let _ = rustls::crypto::ring::default_provider().install_default();
    let json = common.json;
    let ended = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(Exit::Internal, format!("no runtime: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch(environment, common, task)));
    match ended {
        Ok(exit) => ExitCode::from(exit.code()),
        Err(failure) => {
            output::failure(&failure, json);
            ExitCode::from(failure.exit.code())
        }
    }
}

/// A verb; or none, where Lambda has started this program.
fn parse(environment: &Environment) -> Result<(Common, Task), clap::Error> {
    match Arguments::try_parse() {
        Ok(Arguments { common, verb }) => Ok((common, Task::Verb(Box::new(verb)))),
        Err(error) if lacks_a_verb(&error) && lambda::is_there(environment) => {
            Bare::try_parse().map(|bare| (bare.common, Task::Invocations))
        }
        Err(error) => Err(error),
    }
}

fn lacks_a_verb(error: &clap::Error) -> bool {
    let without =
        [ErrorKind::MissingSubcommand, ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand];
    without.contains(&error.kind())
}

async fn dispatch(environment: Environment, common: Common, task: Task) -> Result<Exit, Failure> {
    let verb = match task {
        Task::Verb(verb) => *verb,
        Task::Invocations => return Box::pin(lambda::answer(common)).await,
    };
    let Common { config, json, .. } = common;
    match verb {
        Verb::Demo => demo::demo(json).await,
        Verb::Init => init::init(environment, config, json).await,
        Verb::Key(KeyVerb::New { file }) => key::new(file.as_deref(), json),
        Verb::Key(KeyVerb::Consumer { file }) => {
            key::consumer(&environment, config, file.as_deref(), json)
        }
        Verb::Cleanup(arguments) => cleanup::cleanup(&environment, config, *arguments, json).await,
        Verb::Daemon(DaemonArguments { dry_run: true, .. }) => {
            daemon::dry_run(environment, config, json).await
        }
        Verb::Daemon(arguments) => daemon::daemon(environment, config, json, arguments).await,
        Verb::Doctor { interval } => doctor::doctor(environment, config, json, interval).await,
        Verb::Schedule(verb) => schedule::schedule(&environment, config, *verb, json).await,
        Verb::Kept(verb) => {
            let context = Context::load(environment, config, json)?;
            let done = keep(&context, verb).await;
            done.map_err(|failure| failure.naming(&context.settings.database_url))
        }
    }
}

/// The verbs that work on the store.
async fn keep(context: &Context, verb: KeptVerb) -> Result<Exit, Failure> {
    match verb {
        KeptVerb::Run { names } => run::run(context, &names).await,
        KeptVerb::Refresh { name, force } => refresh::refresh(context, &name, force).await,
        KeptVerb::Status { names } => status::status(context, &names).await,
        KeptVerb::History { name, limit } => history::history(context, &name, limit).await,
        KeptVerb::Migrate => migrate::migrate(context).await,
        KeptVerb::Adopt => adopt::adopt(context).await,
    }
}

/// A failure that a file or folder is the cause of.
fn at(path: &Path) -> impl Fn(io::Error) -> Failure {
    move |error| Failure::new(Exit::Usage, format!("{}: {error}", path.display()))
}

/// Only our own lines: what libraries log may hold addresses and headers.
fn log_to_stderr(level: LevelFilter, is_json: bool) {
    let ours = level.into_level().map_or(LevelFilter::OFF, |level: Level| level.into());
    let targets = Targets::new().with_target("tokenkeeper", ours);
    let ansi = std::io::IsTerminal::is_terminal(&std::io::stderr())
        && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
    let lines = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(ansi)
        .with_target(false)
        .without_time();
    let registry = tracing_subscriber::registry().with(targets);
    if is_json {
        registry.with(lines.json().flatten_event(true)).init();
    } else {
        registry.with(lines).init();
    }
}

const AFTER_HELP: &str = "\
Variables:
  TOKENKEEPER_DATABASE_URL, DATABASE_URL  where tokens are kept: sqlite://PATH,
                                          postgres://USER@HOST/DATABASE, mysql://USER@HOST/DATABASE
                                          [default: a SQLite file in the user's state directory]
  TOKENKEEPER_KEY                         the sealing key [default: file `key` by the configuration]
  QUARTILE_SUBSCRIPTION_KEY, QUARTILE_YOUR_USERNAME, QUARTILE_YOUR_PASSWORD
                                          keep the token `quartile` without any configuration file
  Each may be given as a file by NAME_FILE.
  TOKENKEEPER_CONFIG                      the configuration file
  TOKENKEEPER_CLEANUP_DATABASE_URL        the database that `cleanup` looks at (may be given as a file, too)
  TOKENKEEPER_CLEANUP_REPLICA_URLS        its replicas, for --max-lag (may be given as a file, too)
  TOKENKEEPER_RUN_KEY                     the key that `daemon --http` asks for (may be given as a file, too)
  TOKENKEEPER_JOURNAL                     where answers wait for the database: a folder, or off
                                          [default: `journal` in the user's state directory, in clouds off]
  FUNCTIONS_CUSTOMHANDLER_PORT            set by Azure Functions: `daemon` answers its host's calls there
  AWS_LAMBDA_RUNTIME_API                  set by AWS Lambda: without a verb, its invocations are answered
                                          (if built with the feature `lambda`)

Exit codes:
  0 done   1 defect   2 usage or configuration   3 not all of it: some failed or is left
  4 a human must act   5 no valid token   6 no such name   7 temporary, again later may work
  8 another worker is at it   9 schema version";
