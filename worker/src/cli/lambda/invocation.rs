//! One invocation: what its event asks for, done within the time that Lambda leaves, and told.

use std::{path::PathBuf, sync::Arc, time::Duration};

use chrono::{DateTime, Utc};
use lambda_runtime::{Diagnostic, LambdaEvent};
use serde_json::{Value, json};
use tokenkeeper_shared::{
    clock::{self, Clock, SystemClock},
    exit::{Exit, Failure},
    settings::Environment,
};

use super::front::diagnostic;
use crate::{
    cli::{
        call::{Answer, Callee},
        context::Context,
        output,
    },
    order::Order,
    stop::Stop,
};

/// What all invocations of an instance share. The configuration is none of it: what is wrong with that is told to each
/// invocation, and to read it takes a millisecond.
#[derive(Debug, Clone)]
pub(super) struct Handler {
    pub(super) config: Option<PathBuf>,
    pub(super) json: bool,
    pub(super) stop: Stop,
}

impl Handler {
    /// The report; or why the invocation has failed, so that Lambda tries again and alarms tell.
    pub(super) async fn handle(&self, event: LambdaEvent<Value>) -> Result<Value, Diagnostic> {
        let (event, invoked) = event.into_parts();
        let deadline =
            i64::try_from(invoked.deadline).ok().and_then(DateTime::from_timestamp_millis);
        let done = self.obey(event, deadline.unwrap_or_default()).await;
        output::note(&line(&invoked.request_id, &done, self.json));
        done.map(|answer| answer.report).map_err(|failure| diagnostic(&failure))
    }

    async fn obey(&self, event: Value, deadline: DateTime<Utc>) -> Result<Answer, Failure> {
        let order = Order::of(event).map_err(|why| Failure::new(Exit::Usage, why))?;
        let time = time_for_work(deadline, SystemClock::new().utc())?;
        let (environment, config) = (Environment::of_process(), self.config.clone());
        let mut context = Context::load(environment, config.clone(), self.json)?;
        context.config.run.deadline = context.config.run.deadline.min(time);
        let stop = match order {
            Order::Run(_) => self.stop.clone(),
            // A call may have many runs; the time is all of theirs.
            Order::Cleanup(_) => self.stop.or_after(time),
        };
        let database = context.settings.database_url.clone();
        let callee = Callee { context: Arc::new(context), config, stop };
        let answer = callee.obey(&order).await.map_err(|failure| failure.naming(&database))?;
        if answer.exit == Exit::Temporary {
            return Err(Failure::new(answer.exit, answer.report.to_string()));
        }
        Ok(answer)
    }
}

/// How long something new may be begun.
fn time_for_work(deadline: DateTime<Utc>, now: DateTime<Utc>) -> Result<Duration, Failure> {
    let left = clock::until(now, deadline);
    match left.checked_sub(KEPT_FOR_THE_END) {
        Some(time) if !time.is_zero() => Ok(time),
        _ => Err(Failure::new(
            Exit::Temporary,
            format!(
                "nothing was begun: the function's timeout leaves {} s, and {} s are kept to finish what is under way: set the timeout to 420 s, and to 900 s for clean-ups",
                left.as_secs(),
                KEPT_FOR_THE_END.as_secs()
            ),
        )),
    }
}

/// One line of the log for an invocation.
fn line(id: &str, done: &Result<Answer, Failure>, json: bool) -> String {
    let (level, words, report) = match done {
        Ok(answer) if answer.words.is_empty() => ("INFO", "nothing was due", Some(&answer.report)),
        Ok(answer) => ("INFO", answer.words.as_str(), Some(&answer.report)),
        Err(failure) => ("ERROR", failure.message.as_str(), None),
    };
    match (json, report) {
        (true, _) => json!({ "level": level, "requestId": id, "message": words, "report": report })
            .to_string(),
        (false, Some(report)) => format!("{id}: {words}: {report}"),
        (false, None) => format!("{id}: failed: {words}"),
    }
}

/// An exchange of 30 s that was begun at the last moment, and a minute in which its answer is stored by a database that
/// restarts.
const KEPT_FOR_THE_END: Duration = Duration::from_secs(90);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_left_before_the_deadline_is_kept_for_the_end_first() {
        let now = DateTime::from_timestamp_millis(1_700_000_000_000).unwrap();
        let time = |ms: i64| time_for_work(now + chrono::TimeDelta::milliseconds(ms), now);
        assert_eq!(time(420_000).unwrap(), Duration::from_secs(330));
        assert_eq!(time(90_001).unwrap(), Duration::from_millis(1));
        for too_little in [90_000, 3_000, 0, -1] {
            let refused = time(too_little).unwrap_err();
            assert_eq!(refused.exit, Exit::Temporary, "{refused}");
            assert!(refused.message.contains("set the timeout to 420 s"), "{refused}");
        }
    }
}
