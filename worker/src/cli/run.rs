//! `run`: one pass over what is due.

use tokenkeeper_shared::{
    exit::{Exit, Failure},
    name::TokenName,
};

use super::{
    context::{self, Context},
    output, signals,
};
use crate::{
    pass,
    report::{self, FailedToken, Report},
};

pub(super) async fn run(context: &Context, names: &[TokenName]) -> Result<Exit, Failure> {
    known(context, names)?;
    let store = context.store().await?;
    let exchanger = context.exchanger(store.clone(), signals::stop()?).await?;
    let exchanger = context::shared(exchanger);
    let report = pass::run(exchanger, &context.config, names).await;
    store.close().await;
    tell(&report?, context.json)
}

/// Every name must be configured, and something must be.
pub(super) fn known(context: &Context, names: &[TokenName]) -> Result<(), Failure> {
    let tokens = &context.config.tokens;
    if tokens.is_empty() {
        let place = context.settings.paths.default_config();
        let place =
            place.map_or_else(|_| "tokenkeeper.toml".to_owned(), |path| path.display().to_string());
        let message =
            format!("no token is configured: run `tokenkeeper-worker init` and fill in {place}");
        return Err(Failure::new(Exit::Usage, message));
    }
    match names.iter().find(|name| !tokens.contains_key(name)) {
        None => Ok(()),
        Some(name) => {
            let configured =
                tokens.keys().take(10).map(TokenName::as_str).collect::<Vec<_>>().join(", ");
            let message =
                format!("no token named \"{name}\" is configured; there are: {configured}");
            Err(Failure::new(Exit::NoSuchName, message))
        }
    }
}

/// Quiet when nothing was due, so that cron mails nothing.
pub(super) fn tell(report: &Report, json: bool) -> Result<Exit, Failure> {
    if json {
        output::json(report)?;
        return Ok(report.exit());
    }
    if report.taken_up() > 0 {
        output::line(&counts(report))?;
    }
    for failed in &report.failures {
        output::note(&outlook(failed));
    }
    let told = |name: &&String| !report.failures.iter().any(|failed| failed.name == **name);
    for name in report.needs_login.iter().filter(told) {
        output::note(&format!(
            "{name}: waits for a human, see `tokenkeeper-worker status {name}`; then run `tokenkeeper-worker refresh {name} --force`"
        ));
    }
    for name in report.without_token.iter().filter(told) {
        output::note(&format!(
            "{name}: there is no valid token, and it is tried again later: see `tokenkeeper-worker status {name}`; to try now run `tokenkeeper-worker refresh {name}`"
        ));
    }
    Ok(report.exit())
}

/// What was done, in words; nothing where nothing was due.
pub(super) fn counts(report: &Report) -> String {
    let Report { refreshed, logged_in, partial, fenced, unused, replayed, failed, .. } = report;
    let counts = [
        (*refreshed, "refreshed"),
        (*logged_in, "logged in"),
        (*partial, "with a refresh token only"),
        (*fenced, "renewed by another worker first"),
        (*unused, "given back unused"),
        (*replayed, "stored from the journal of an earlier run"),
        (*failed, "failed"),
    ];
    let parts: Vec<_> = counts
        .iter()
        .filter(|(count, _)| *count > 0)
        .map(|(count, what)| format!("{count} {what}"))
        .collect();
    parts.join(", ")
}

/// What failed, whether the stored token works, and when the next try is: one line for 3 a.m.
fn outlook(failed: &FailedToken) -> String {
    let FailedToken { name, message, class, .. } = failed;
    let stands = match failed.valid_until {
        Some(until) => format!("the stored token works until {}", report::text(until)),
        None => "there is no valid token".to_owned(),
    };
    let next = match failed.next_attempt_at {
        Some(next) => format!("next try from {} on", report::text(next)),
        None => format!(
            "no further try: mend the cause and run `tokenkeeper-worker refresh {name} --force`"
        ),
    };
    format!("{name}: {message} ({class}); {stands}; {next}")
}
