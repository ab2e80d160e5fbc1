//! Lambda's side of its runtime protocol: hands out invocations one by one, and takes their answers. It speaks as much of
//! HTTP/1.1 as its clients need.

use std::{
    collections::HashMap,
    io::{BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

use chrono::TimeDelta;
use serde_json::Value;
use tokenkeeper_shared::clock::{Clock, SystemClock};

use crate::harness::programs::Program;

/// Ends with the test that made it: then the next one who asks for an invocation finds the connection closed.
pub struct RuntimeApi {
    pub address: String,
    invocations: Mutex<Sender<Invocation>>,
    deliveries: Mutex<Receiver<Delivery>>,
    count: AtomicU32,
}

struct Invocation {
    id: String,
    event: String,
    time: Duration,
}

/// What came back for an invocation.
#[derive(Debug)]
pub struct Delivery {
    id: String,
    pub is_failure: bool,
    pub body: Value,
}

impl RuntimeApi {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let (invocations, taken) = channel();
        let (delivered, deliveries) = channel();
        let taken = Arc::new(Mutex::new(taken));
        thread::spawn(move || {
            for connection in listener.incoming() {
                let (taken, delivered) = (taken.clone(), delivered.clone());
                thread::spawn(move || converse(connection.unwrap(), &taken, &delivered));
            }
        });
        let (invocations, deliveries) = (Mutex::new(invocations), Mutex::new(deliveries));
        Self { address, invocations, deliveries, count: AtomicU32::new(0) }
    }

    /// The program with the variables that Lambda sets.
    pub fn settled(&self, program: Program) -> Program {
        program
            .env("AWS_LAMBDA_RUNTIME_API", &self.address)
            .env("AWS_LAMBDA_FUNCTION_NAME", "tokenkeeper-refresh")
            .env("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST")
            .env("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256")
            .env("_HANDLER", "bootstrap")
            .env("LAMBDA_TASK_ROOT", "/var/task")
    }

    /// Hands out an event with the time of the template's function, and waits for what comes back.
    #[track_caller]
    pub fn invoke(&self, event: &str) -> Delivery {
        self.invoke_within(event, Duration::from_secs(420))
    }

    #[track_caller]
    pub fn invoke_within(&self, event: &str, time: Duration) -> Delivery {
        let id = self.hand_out(event, time);
        self.delivered(&id)
    }

    /// Hands out an event, and returns the invocation's id.
    pub fn hand_out(&self, event: &str, time: Duration) -> String {
        let id =
            format!("8476a536-e9f4-11e8-9739-{:012}", self.count.fetch_add(1, Ordering::SeqCst));
        let invocation = Invocation { id: id.clone(), event: event.to_owned(), time };
        self.invocations.lock().unwrap().send(invocation).unwrap();
        id
    }

    #[track_caller]
    pub fn delivered(&self, id: &str) -> Delivery {
        let delivery = self.deliveries.lock().unwrap().recv_timeout(LIMIT);
        let delivery = delivery.expect("an invocation is answered");
        assert_eq!(delivery.id, id, "{delivery:?}");
        delivery
    }
}

fn converse(
    mut connection: TcpStream,
    taken: &Mutex<Receiver<Invocation>>,
    delivered: &Sender<Delivery>,
) {
    let mut reader = BufReader::new(connection.try_clone().unwrap());
    while let Some((line, body)) = request(&mut reader) {
        let answer = match line.split(' ').collect::<Vec<_>>()[..] {
            ["GET", "/2018-06-01/runtime/invocation/next", _] => {
                // Nobody is left to hand anything out.
                let Ok(invocation) = taken.lock().unwrap().recv() else { return };
                invoked(&invocation)
            }
            ["POST", path, _] => {
                delivered.send(delivery(path, &body)).ok();
                "HTTP/1.1 202 Accepted\r\nContent-Length: 0\r\n\r\n".to_owned()
            }
            _ => panic!("{line}"),
        };
        if connection.write_all(answer.as_bytes()).is_err() {
            return;
        }
    }
}

fn invoked(Invocation { id, event, time }: &Invocation) -> String {
    let deadline = SystemClock::new().utc() + TimeDelta::from_std(*time).unwrap();
    format!(
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: {id}\r\n\
         Lambda-Runtime-Deadline-Ms: {}\r\n\
         Lambda-Runtime-Invoked-Function-Arn: arn:aws:lambda:eu-central-1:123456789012:function:tokenkeeper-refresh\r\n\
         Lambda-Runtime-Trace-Id: Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=1\r\n\
         Content-Length: {}\r\n\r\n{event}",
        deadline.timestamp_millis(),
        event.len(),
    )
}

fn delivery(path: &str, body: &[u8]) -> Delivery {
    let rest = path.strip_prefix("/2018-06-01/runtime/invocation/").expect(path);
    let (id, kind) = rest.split_once('/').expect(path);
    assert!(["response", "error"].contains(&kind), "{path}");
    let body = serde_json::from_slice(body).expect("answers are JSON");
    Delivery { id: id.to_owned(), is_failure: kind == "error", body }
}

/// The first line and the body; none where the connection has ended.
fn request(reader: &mut impl BufRead) -> Option<(String, Vec<u8>)> {
    let mut line = || {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        Some(line.trim_end().to_owned())
    };
    let first = line()?;
    let mut headers = HashMap::new();
    loop {
        let line = line()?;
        let Some((name, value)) = line.split_once(": ") else { break };
        headers.insert(name.to_ascii_lowercase(), value.to_owned());
    }
    assert!(!headers.contains_key("transfer-encoding"), "{headers:?}");
    let length = headers.get("content-length").map_or(0, |length| length.parse().unwrap());
    let mut body = vec![0; length];
    reader.read_exact(&mut body).ok()?;
    Some((first, body))
}

/// Who finds no database is told so after five seconds, and a pass takes seconds.
const LIMIT: Duration = Duration::from_secs(40);
