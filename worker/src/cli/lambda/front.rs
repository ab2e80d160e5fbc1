//! Lambda's protocol, spoken by AWS's own crate: the next invocation, its answer or its failure, one after the other.
//! What an invocation does is `invocation`.

use std::sync::Arc;

use axum::http::Uri;
use lambda_runtime::{
    Diagnostic, LambdaEvent, LambdaInvocation, Runtime, service_fn,
    tower::util::{MapFutureLayer, MapRequestLayer},
};
use serde::de::IgnoredAny;
use serde_json::Value;
use tokenkeeper_shared::{
    exit::{Exit, Failure},
    settings::Environment,
};
use tokio::sync::Mutex;

use super::{
    super::{Common, signals},
    invocation::Handler,
};
use crate::config::LAMBDA;

/// Answers invocations until Lambda takes the instance away.
pub(in crate::cli) async fn answer(common: Common) -> Result<Exit, Failure> {
    check(&Environment::of_process())?;
    let Common { config, json, .. } = common;
    let stop = signals::stop()?;
    let handler = Handler { config, json, stop: stop.clone() };
    let service = service_fn(move |event: LambdaEvent<Value>| {
        let handler = handler.clone();
        async move { handler.handle(event).await }
    });
    // Held from an invocation's arrival until its answer is delivered.
    let turn = Arc::new(Mutex::new(()));
    let busy = turn.clone();
    let in_turn = MapFutureLayer::new(move |answering| {
        let busy = busy.clone();
        async move {
            let _turn = busy.lock().await;
            answering.await
        }
    });
    let runtime = Runtime::new(service).layer(MapRequestLayer::new(readable)).layer(in_turn);
    let stopped = async {
        stop.asked().await;
        drop(turn.lock().await);
    };
    tokio::select! {
        () = stopped => Ok(Exit::Ok),
        ended = runtime.run() => match ended {
            Ok(()) => Ok(Exit::Ok),
            Err(error) => Err(Failure::new(Exit::Temporary, format!("{LAMBDA} does not answer: {error}"))),
        },
    }
}

/// What the crate would panic for want of.
fn check(environment: &Environment) -> Result<(), Failure> {
    let wrong = |what: String| {
        let advice = "Lambda sets them all; to do without it name a verb (see --help)";
        Err(Failure::new(Exit::Usage, format!("{what}: {advice}")))
    };
    let address = environment.plain(LAMBDA).unwrap_or_default().parse::<Uri>();
    if !address.is_ok_and(|address| address.authority().is_some()) {
        return wrong(format!("{LAMBDA} is no address such as 127.0.0.1:9001"));
    }
    if let Some(name) = NEEDED.iter().find(|name| environment.plain(name).is_none()) {
        return wrong(format!("{LAMBDA} is set and {name} is not"));
    }
    let memory = environment.plain(MEMORY).unwrap_or_default();
    if memory.parse::<i32>().is_err() {
        return wrong(format!("{MEMORY} is no number"));
    }
    Ok(())
}

/// The crate reads JSON before it asks us: nothing, as some emulators send it, is an empty object to us, and what is no
/// JSON gets our words.
fn readable(mut invocation: LambdaInvocation) -> LambdaInvocation {
    if invocation.body.trim_ascii().is_empty() {
        invocation.body = "{}".into();
    } else if serde_json::from_slice::<IgnoredAny>(&invocation.body).is_err() {
        invocation.body = "\"\"".into();
    }
    invocation
}

/// What Lambda shows of a failure: a word by which alarms can tell it from others, and the text.
pub(super) fn diagnostic(failure: &Failure) -> Diagnostic {
    let word = serde_json::to_value(failure.exit).ok();
    let word = word.as_ref().and_then(Value::as_str).unwrap_or_default().to_owned();
    Diagnostic { error_type: word, error_message: failure.message.clone() }
}

const MEMORY: &str = "AWS_LAMBDA_FUNCTION_MEMORY_SIZE";
const NEEDED: [&str; 3] = ["AWS_LAMBDA_FUNCTION_NAME", "AWS_LAMBDA_FUNCTION_VERSION", MEMORY];
