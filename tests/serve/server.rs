//! A server that runs, and what it is asked.

use std::{net::TcpStream, thread, time::Duration};

use super::http::{Answer, exchange, request};
use crate::harness::{
    programs::{Finished, Running},
    wait,
};

/// A server that runs.
pub struct Server {
    pub running: Option<Running>,
    pub port: u16,
}

impl Server {
    pub fn wait_until_it_listens(&self) {
        let listens = || TcpStream::connect(("127.0.0.1", self.port)).ok();
        wait::until(LIMIT, listens).expect("the server does not listen");
    }

    pub fn ask(&self, text: &str) -> Answer {
        let mut answers = exchange(self.port, text.as_bytes());
        assert_eq!(answers.len(), 1, "{text} was answered by {answers:?}");
        answers.remove(0)
    }

    pub fn get(&self, path: &str, key: &str) -> Answer {
        self.ask(&request("GET", path, &[("Authorization", &bearer(key))], ""))
    }

    pub fn post(&self, path: &str, key: &str, kind: &str, body: &str) -> Answer {
        let headers = [("Authorization", &*bearer(key)), ("Content-Type", kind)];
        self.ask(&request("POST", path, &headers, body))
    }

    /// Waits until the server answers so; other processes take their time.
    #[track_caller]
    pub fn until(&self, path: &str, key: &str, status: u16) -> Answer {
        let answer = wait::until(LIMIT, || {
            let answer = self.get(path, key);
            if answer.status == status {
                return Some(answer);
            }
            // A key that is not in force yet counts as a guess, and who guesses fast waits long.
            thread::sleep(Duration::from_millis(if answer.status == 401 { 500 } else { 0 }));
            None
        });
        answer.unwrap_or_else(|| panic!("not {status}, but {:?}", self.get(path, key)))
    }

    /// Asks the server to stop, and returns what it has said.
    pub fn stop(mut self) -> Finished {
        let running = self.running.take().expect("it runs");
        running.signal("TERM");
        running.wait()
    }
}

pub fn bearer(key: &str) -> String {
    format!("Bearer {key}")
}

const LIMIT: Duration = Duration::from_secs(20);
