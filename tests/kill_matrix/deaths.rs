//! The ways in which a worker dies, from before its claim to after its commit.

use std::time::Duration;

use tokenkeeper_worker::sandbox::Fault;

use super::{patient::Patient, sql};
use crate::harness::{databases::Kind, wait};

#[derive(Clone, Copy, Debug)]
pub struct Death {
    pub id: &'static str,
    pub words: &'static str,
    pub happens: fn(&Patient),
}

/// K10, a death while the schema is made, needs no token: it is in `outside`.
pub const DEATHS: [Death; 9] = [
    Death { id: "K1", words: "before the claim", happens: |patient| dies_at(patient, "due") },
    Death {
        id: "K2",
        words: "after the claim, before the request",
        happens: |patient| dies_at(patient, "claimed"),
    },
    Death { id: "K3", words: "while the provider answers", happens: dies_while_asking },
    Death {
        id: "K4",
        words: "with the answer unread",
        happens: |patient| dies_at(patient, "answered"),
    },
    Death {
        id: "K5",
        words: "after the journal, before the commit",
        happens: |patient| dies_at(patient, "journaled"),
    },
    Death { id: "K6", words: "while its commit waits in the database", happens: dies_in_commit },
    Death {
        id: "K7",
        words: "after the commit, told nobody",
        happens: |patient| dies_at(patient, "committed"),
    },
    Death { id: "K8", words: "before its history is written", happens: dies_before_its_end },
    Death { id: "K9", words: "frozen past its lease, then resumed", happens: freezes },
];

/// Aborts at a point of its own code.
fn dies_at(patient: &Patient, point: &str) {
    let died = patient.host().worker(&["run"]).env("TOKENKEEPER_FAILPOINT", point).run();
    assert_eq!(died.code, None, "it must die at {point}: {died:?}");
}

fn dies_before_its_end(patient: &Patient) {
    dies_at(patient, "resting");
}

/// The provider has rotated, and its answer never comes.
fn dies_while_asking(patient: &Patient) {
    patient.stage.sandbox.every_answer(Some(Fault::Hang { processed: true }));
    let worker = patient.host().worker(&["run"]).spawn();
    is_asked(patient);
    worker.kill9();
    patient.stage.sandbox.every_answer(None);
}

/// Somebody holds the row, or on SQLite the file, when the commit comes.
fn dies_in_commit(patient: &Patient) {
    patient.stage.sandbox.set_latency(LONG_ENOUGH);
    let worker = patient.host().worker(&["run"]).spawn();
    is_asked(patient);
    let held = sql::Held::row(&patient.stage.database);
    wait_for_the_journal(patient);
    worker.kill9();
    drop(held);
    patient.stage.sandbox.set_latency(Duration::ZERO);
}

/// A machine that sleeps: another worker takes over, then the first goes on with its answer.
fn freezes(patient: &Patient) {
    patient.stage.sandbox.set_latency(LONG_ENOUGH);
    let frozen = patient.host().worker(&["run"]).spawn();
    is_asked(patient);
    frozen.signal("STOP");
    patient.stage.sandbox.set_latency(Duration::ZERO);
    sql::lapse_leases(&patient.stage.database);
    patient.host().worker(&["run"]).run();
    frozen.signal("CONT");
    frozen.wait();
}

/// The request has arrived at the provider.
fn is_asked(patient: &Patient) {
    let before = 1;
    let asked = || (patient.stage.sandbox.counts().exchanges > before).then_some(());
    assert!(wait::until(PATIENCE, asked).is_some(), "{}: the provider was not asked", patient.kind);
}

fn wait_for_the_journal(patient: &Patient) {
    let folder = patient.host().state_folder().join("journal");
    let written = || {
        let files = std::fs::read_dir(&folder).ok()?;
        let lengths = files.filter_map(|file| Some(file.ok()?.metadata().ok()?.len()));
        lengths.sum::<u64>().gt(&0).then_some(())
    };
    assert!(wait::until(PATIENCE, written).is_some(), "{}: nothing in the journal", patient.kind);
}

/// For a lock that must be there before the answer is.
const LONG_ENOUGH: Duration = Duration::from_secs(1);
const PATIENCE: Duration = Duration::from_secs(20);

/// All kinds meet the same deaths.
pub const KINDS: [Kind; 3] = [Kind::Sqlite, Kind::Postgres, Kind::MySql];
