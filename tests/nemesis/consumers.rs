//! 64 consumers that ask for one token after the other and write down what they were told.

use std::{thread::sleep, time::Duration};

use serde_json::Value;
use tokenkeeper_consumer::{Consumer, Error, Request, WhileUpdating};
use tokenkeeper_worker::sandbox::Sandbox;

use super::{
    dice::Dice,
    ground::{Ground, names},
    history::{Came, Entry, History},
    workers::{Crew, now},
};

/// The library's, as long as it is not over.
pub async fn ask(
    consumer: (usize, Consumer),
    sandbox: &Sandbox,
    history: &History,
    crew: &Crew,
    mut dice: Dice,
) {
    let (number, consumer) = consumer;
    let names = names();
    while !crew.is_over() {
        let name = &names[dice.throw(names.len())];
        let while_updating =
            if dice.throw(2) == 0 { WhileUpdating::Wait } else { WhileUpdating::Serve };
        let request = Request { min_ttl: Duration::ZERO, wait: WAIT, while_updating };
        let began = now();
        let answer = consumer.get(&name.parse().unwrap(), request).await;
        let came = came(answer, sandbox);
        let entry = Entry { consumer: number, name: name.clone(), began, ended: now(), came };
        history.entries.lock().push(entry);
        tokio::time::sleep(dice.millis(50, 400)).await;
    }
}

/// The command line's, one process after the other.
pub fn get(number: usize, ground: &Ground, history: &History, crew: &Crew, mut dice: Dice) {
    let host = &ground.hosts[number % ground.hosts.len()];
    let names = names();
    while !crew.is_over() {
        let name = &names[dice.throw(names.len())];
        let arguments = ["get", name, "--format", "json", "--min-ttl", "0s", "--wait", "3s"];
        let began = now();
        let got = host.consumer(&arguments).run();
        let came = match got.code {
            Some(0) => printed(&got.stdout, &ground.sandbox),
            Some(5) => Came::Refused(got.stderr),
            // A worker is still at it: that may pass, too.
            Some(7) if got.stderr.contains("no valid token") => Came::Refused(got.stderr),
            Some(7) => Came::Outage(got.stderr),
            _ => Came::Odd(format!("{got:?}")),
        };
        let entry = Entry { consumer: number, name: name.clone(), began, ended: now(), came };
        history.entries.lock().push(entry);
        sleep(dice.millis(200, 600));
    }
}

pub fn came(answer: Result<tokenkeeper_consumer::AccessToken, Error>, sandbox: &Sandbox) -> Came {
    match answer {
        Ok(given) => Came::Token {
            generation: given.generation(),
            token: given.expose().to_owned(),
            active: sandbox.is_active(given.expose()),
        },
        Err(Error::NoToken(refused)) => Came::Refused(refused.to_string()),
        Err(Error::Store(error)) if error.is_transient() => Came::Outage(error.to_string()),
        Err(error) => Came::Odd(error.to_string()),
    }
}

fn printed(line: &str, sandbox: &Sandbox) -> Came {
    let value: Value = serde_json::from_str(line.trim()).unwrap_or_default();
    let token = value["access_token"].as_str().map(str::to_owned);
    match (value["generation"].as_i64(), token) {
        (Some(generation), Some(token)) => {
            Came::Token { generation, active: sandbox.is_active(&token), token }
        }
        _ => Came::Odd(line.to_owned()),
    }
}

/// In all, those that are processes included.
pub const CONSUMERS: usize = 64;
pub const PROCESSES: usize = 4;
/// Longer than the wait for a living worker.
const WAIT: Duration = Duration::from_secs(3);
