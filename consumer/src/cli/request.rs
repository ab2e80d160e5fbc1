//! The options of every verb that asks for a token. What they mean is the library's to say.

use std::time::Duration;

use clap::Args;

use super::{
    completions,
    output::{self, Format},
};
use crate::{Request, WhileUpdating};

#[derive(Debug, Args)]
pub(super) struct RequestArguments {
    /// How long it should last at least; a token with less is handed out with a warning
    #[arg(long, value_name = "DURATION", default_value = "60s", value_parser = humantime::parse_duration)]
    min_ttl: Duration,
    /// How long to wait while a worker renews it, or the database is out of reach
    #[arg(long, value_name = "DURATION", default_value = "30s", value_parser = humantime::parse_duration)]
    wait: Duration,
    /// What to do meanwhile: wait for the new token, or serve the stored one while it works
    #[arg(long, value_enum, default_value_t)]
    while_updating: Meanwhile,
}

/// How a verb prints tokens.
#[derive(Debug, Clone, Args)]
pub(super) struct FormatArgument {
    /// How to print it: raw, json, header, env and many more, see --help
    #[arg(long, default_value = "raw", value_parser = Format::parse, add = completions::formats(), long_help = output::help())]
    format: Format,
}

impl FormatArgument {
    /// `--json` says the same on every verb, whatever the format.
    pub(super) fn or_json(self, json: bool) -> Format {
        if json { Format::Json } else { self.format }
    }
}

#[derive(Debug, Clone, Copy, Default, clap::ValueEnum)]
enum Meanwhile {
    #[default]
    Wait,
    Serve,
}

impl RequestArguments {
    pub(super) fn request(&self) -> Request {
        let while_updating = match self.while_updating {
            Meanwhile::Wait => WhileUpdating::Wait,
            Meanwhile::Serve => WhileUpdating::Serve,
        };
        Request { min_ttl: self.min_ttl, wait: self.wait, while_updating }
    }
}
