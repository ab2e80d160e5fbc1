//! A Chromium that is told what to do over a pipe, by the `DevTools` protocol: for what only shows
//! while a page stays open. A page that is shown once is in `browser`.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
    time::Duration,
};

use serde_json::{Value, json};

use super::{
    browser::USUAL,
    stage::{Stage, path},
};
use crate::harness::wait;

/// A browser with one page; it is killed when this value goes.
pub struct Tab {
    browser: Child,
    orders: ChildStdin,
    replies: Receiver<Value>,
    session: Value,
    last: u64,
}

impl Tab {
    pub fn open(stage: &Stage) -> Self {
        let mut browser = Command::new("sh")
            // The protocol's descriptors; whatever is printed must not come between.
            .args(["-c", r#"exec chromium "$@" 3<&0 4>&1 0</dev/null 1>&2"#, "chromium"])
            .args(USUAL)
            .arg(format!("--user-data-dir={}", path(&stage.path("profile"))))
            .arg("--remote-debugging-pipe")
            .current_dir(stage.home.path())
            .env("HOME", stage.home.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let (orders, pipe) = (browser.stdin.take().unwrap(), browser.stdout.take().unwrap());
        let (sender, replies) = channel();
        thread::spawn(move || {
            for message in BufReader::new(pipe).split(0) {
                let message = serde_json::from_slice(&message.unwrap()).unwrap();
                if sender.send(message).is_err() {
                    break;
                }
            }
        });
        let mut tab = Self { browser, orders, replies, session: Value::Null, last: 0 };
        let target = tab.order("Target.createTarget", &json!({ "url": "about:blank" }));
        let attached = json!({ "targetId": target["targetId"], "flatten": true });
        tab.session = tab.order("Target.attachToTarget", &attached)["sessionId"].clone();
        tab
    }

    /// Gives an order and returns its result; what the browser tells unasked is not heard.
    pub fn order(&mut self, method: &str, parameters: &Value) -> Value {
        self.last += 1;
        let mut order = json!({ "id": self.last, "method": method, "params": parameters });
        if !self.session.is_null() {
            order["sessionId"] = self.session.clone();
        }
        write!(self.orders, "{order}\0").unwrap();
        loop {
            let reply = self.replies.recv_timeout(LIMIT).expect("the browser is silent");
            if reply["id"] == self.last {
                assert!(reply["error"].is_null(), "{method}: {reply}");
                return reply["result"].clone();
            }
        }
    }

    /// What an expression comes to in the page.
    pub fn evaluate(&mut self, expression: &str) -> Value {
        let asked = json!({ "expression": expression, "returnByValue": true });
        let done = self.order("Runtime.evaluate", &asked);
        assert!(done["exceptionDetails"].is_null(), "{expression}: {done}");
        done["result"]["value"].clone()
    }

    /// Waits until an expression is true in the page; panics with what is shown instead.
    #[track_caller]
    pub fn until(&mut self, expression: &str) {
        let is_so = wait::until(LIMIT, || (self.evaluate(expression) == true).then_some(()));
        assert!(is_so.is_some(), "not {expression}: {}", self.evaluate("document.body.innerText"));
    }
}

impl Drop for Tab {
    fn drop(&mut self) {
        self.browser.kill().ok();
        self.browser.wait().ok();
    }
}

// Four of the page's own intervals, on a busy machine.
const LIMIT: Duration = Duration::from_secs(20);
