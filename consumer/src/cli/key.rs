//! `key`: who may ask the microservice.

use clap::Subcommand;
use serde_json::json;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    http::digest::Digest,
    name::TokenName,
    settings::Settings,
};

use super::{output, serve::KeysArguments};
use crate::serve::keys::{self, Allowed, Key, Label, Word};

#[derive(Debug, Subcommand)]
pub(super) enum KeyVerb {
    /// Make a key and print it, once: only its hash is kept
    New {
        /// What you call it: whom it is for
        label: Label,
        /// A token that it may see, or * for all; may be given several times
        #[arg(long = "token", value_name = "NAME", required = true)]
        tokens: Vec<Word>,
        /// It may not report that a token was rejected, which has the token renewed
        #[arg(long)]
        read_only: bool,
        #[command(flatten)]
        keys: KeysArguments,
    },
    /// Show which keys there are
    List {
        #[command(flatten)]
        keys: KeysArguments,
    },
    /// Take a key away; a running server follows within a second or so
    Remove {
        /// What it is called
        label: Label,
        #[command(flatten)]
        keys: KeysArguments,
    },
}

pub(super) fn key(settings: &Settings, verb: KeyVerb, json: bool) -> Result<(), Failure> {
    match verb {
        KeyVerb::New { label, tokens, read_only, keys } => {
            let tokens = tokens.into_iter().collect();
            new(settings, keys, Key { label, tokens, may_report: !read_only }, json)
        }
        KeyVerb::List { keys } => list(settings, keys, json),
        KeyVerb::Remove { label, keys } => keys.file(settings)?.change(|keys| {
            if keys.remove(&label) {
                return Ok(());
            }
            Err(Failure::new(Exit::NoSuchName, format!("there is no key labelled \"{label}\"")))
        }),
    }
}

fn new(settings: &Settings, keys: KeysArguments, key: Key, json: bool) -> Result<(), Failure> {
    let text = keys::new_text()
        .map_err(|error| Failure::new(Exit::Internal, format!("no random numbers: {error}")))?;
    let label = key.label.to_string();
    keys.file(settings)?.change(|keys| {
        if keys.add(Digest::of(text.expose()), key) {
            return Ok(());
        }
        let advice = "remove it first, or take another label";
        Err(Failure::new(Exit::Usage, format!("there is a key labelled \"{label}\": {advice}")))
    })?;
    if json {
        output::line(&json!({ "label": label, "key": text.expose() }).to_string())
    } else {
        output::line(text.expose())
    }
}

fn list(settings: &Settings, keys: KeysArguments, json: bool) -> Result<(), Failure> {
    let keys = keys.file(settings)?.read()?;
    for (_, key) in keys.all() {
        let names = match &key.tokens {
            Allowed::All => vec!["*"],
            Allowed::Names(names) => names.iter().map(TokenName::as_str).collect(),
        };
        let label = key.label.to_string();
        output::line(&if json {
            json!({ "label": label, "tokens": names, "report": key.may_report }).to_string()
        } else {
            let rights = if key.may_report { "read, report" } else { "read" };
            format!("{label:<20} {rights:<13} {}", names.join(" "))
        })?;
    }
    if keys.is_empty() {
        output::note("there is no key yet: make one with `tokenkeeper-consumer key new`");
    }
    Ok(())
}
