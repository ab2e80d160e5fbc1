//! What systemd is told, over its own kind of socket.

use std::{
    os::unix::net::UnixDatagram,
    sync::{Arc, Mutex},
    thread,
    time::Duration,
};

use tokenkeeper_worker::sandbox::Settings;

use super::{keeping::is_asked, stage::Stage};
use crate::harness::{databases::Kind, programs::Program, wait};

/// Whoever listens as systemd does.
pub struct Manager {
    heard: Arc<Mutex<Vec<String>>>,
    path: String,
}

impl Manager {
    pub fn of(stage: &Stage) -> Self {
        let path = stage.host.home().join("notify").display().to_string();
        let socket = UnixDatagram::bind(&path).unwrap();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let list = heard.clone();
        thread::spawn(move || {
            let mut bytes = [0; 4096];
            while let Ok(length) = socket.recv(&mut bytes) {
                let text = String::from_utf8_lossy(&bytes[..length]).into_owned();
                list.lock().unwrap().push(text);
            }
        });
        Self { heard, path }
    }

    pub fn told(&self, program: Program) -> Program {
        program.env("NOTIFY_SOCKET", &self.path)
    }

    fn count(&self, words: &str) -> usize {
        self.heard.lock().unwrap().iter().filter(|text| text.contains(words)).count()
    }

    #[track_caller]
    pub fn hears(&self, words: &str, times: usize) {
        let heard =
            wait::until(Duration::from_secs(40), || (self.count(words) >= times).then_some(()));
        assert!(heard.is_some(), "{words:?}: {:?}", self.heard.lock().unwrap());
    }
}

#[test]
fn systemd_hears_of_readiness_the_next_pass_a_new_configuration_and_the_end() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let manager = Manager::of(&stage);
    let daemon = manager.told(stage.host.worker(&["daemon"])).spawn();
    manager.hears("READY=1", 1);
    manager.hears("STATUS=next pass at ", 1);
    manager.hears("; last: 1 logged in", 1);
    daemon.signal("HUP");
    manager.hears("RELOADING=1\nMONOTONIC_USEC=", 1);
    manager.hears("READY=1", 2);
    manager.hears("; last: nothing was due", 1);
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
    manager.hears("STOPPING=1", 1);
    assert_eq!(manager.count("WATCHDOG"), 0);
}

#[test]
fn systemd_hears_that_the_database_is_waited_for_before_anything_is_ready() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    let manager = Manager::of(&stage);
    let nobody = stage.host.worker(&["daemon"]).env("DATABASE_URL", "mysql://u@127.0.0.1:9/x");
    let daemon = manager.told(nobody).spawn();
    manager.hears("STATUS=waiting for the database: ", 1);
    manager.hears("EXTEND_TIMEOUT_USEC=", 1);
    assert_eq!(manager.count("READY"), 0);
    daemon.signal("TERM");
    assert_eq!(daemon.wait().code, Some(0));
}

#[test]
fn the_watchdog_is_fed_during_a_long_pass() {
    let stage = Stage::configured(Kind::Sqlite, Settings::default(), &["quartile"]);
    stage.sandbox.set_latency(Duration::from_secs(5));
    let manager = Manager::of(&stage);
    let program = manager.told(stage.host.worker(&["daemon"])).env("WATCHDOG_USEC", "200000");
    let mut program = program;
    let _daemon = program.spawn();
    is_asked(&stage, 1);
    let before = manager.count("WATCHDOG=1");
    manager.hears("WATCHDOG=1", before + 5);
    assert_eq!(manager.count("; last: 1 logged in"), 0, "the pass is not over");
}
