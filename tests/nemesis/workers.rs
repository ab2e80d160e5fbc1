//! Eight workers in endless loops, and the hand of whoever kills one. Who that is lies in `mischief`.

use std::{
    fs,
    sync::atomic::{AtomicBool, Ordering},
    thread::sleep,
    time::{Duration, Instant},
};

use super::{
    dice::Dice,
    ground::Ground,
    history::{History, Locked},
};
use crate::harness::programs::{Finished, Running};

/// The eight, and whether they shall end.
#[derive(Default)]
pub struct Crew {
    posts: [Locked<Option<Running>>; WORKERS],
    over: AtomicBool,
}

impl Crew {
    pub fn posts() -> std::ops::Range<usize> {
        0..WORKERS
    }

    /// Lets a worker run again and again at this post, until it is over.
    pub fn work(&self, post: usize, ground: &Ground, history: &History, mut dice: Dice) {
        let host = &ground.hosts[post % ground.hosts.len()];
        while !self.is_over() {
            let running = host.worker(&["run"]).spawn();
            let id = running.id();
            *self.posts[post].lock() = Some(running);
            let ended = self.await_end(post).wait();
            remove_shared_clock(id);
            history.deeds.lock().runs += 1;
            if let Some(bad) = bad_end(&ended) {
                history.bad_ends.lock().push(bad);
            }
            sleep(dice.millis(50, 300));
        }
    }

    /// Does something to the worker at this post, where one runs; it cannot end meanwhile unseen.
    pub fn meet<T>(&self, post: usize, deed: impl FnOnce(&Running) -> T) -> Option<T> {
        let mut post = self.posts[post].lock();
        let running = post.as_mut()?;
        if running.has_ended() { None } else { Some(deed(running)) }
    }

    pub fn end(&self) {
        self.over.store(true, Ordering::Relaxed);
    }

    /// Nobody stays frozen, whatever became of the nemesis.
    pub fn wake(&self) {
        for post in Self::posts() {
            self.meet(post, |running| running.signal("CONT"));
        }
    }

    pub fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    fn await_end(&self, post: usize) -> Running {
        loop {
            let mut place = self.posts[post].lock();
            if place.as_mut().is_some_and(Running::has_ended) {
                return place.take().expect("there is one");
            }
            drop(place);
            sleep(PAUSE);
        }
    }
}

/// What no end may bring, whatever happened around it; a killed worker has no code.
fn bad_end(ended: &Finished) -> Option<String> {
    let said = [ended.stdout.as_str(), ended.stderr.as_str()].concat();
    let has_words = ["panicked", "access-", "refresh-"].iter().any(|word| said.contains(word));
    let is_known = ended.code.is_none_or(|code| EXITS.contains(&code));
    (has_words || !is_known).then(|| format!("{ended:?}"))
}

/// What a killed process with a wrong clock leaves behind.
fn remove_shared_clock(process: u32) {
    for file in ["faketime_shm_", "sem.faketime_sem_"] {
        // Most have none.
        fs::remove_file(format!("/dev/shm/{file}{process}")).ok();
    }
}

/// Shows the moment of a deed to those who judge it later.
pub fn now() -> Instant {
    crate::harness::wait::stopwatch()
}

const WORKERS: usize = 8;
/// Done; some failed; a human; no valid token; out of reach.
const EXITS: [i32; 5] = [0, 3, 4, 5, 7];
const PAUSE: Duration = Duration::from_millis(10);
