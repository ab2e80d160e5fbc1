//! What a strike of the nemesis does to a worker and its host, and to a statement.

use tokenkeeper_shared::clock;

use crate::{
    nemesis::{Kind, Strike},
    world::{World, say},
};

/// What became of a statement.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fate {
    Done,
    /// Not applied, error.
    Torn,
    /// Applied, error.
    Ambiguous,
}

impl World {
    /// What strikes this step. `None` when it does not take place: the worker is dead or frozen.
    pub fn struck(&mut self, number: usize, kind: Kind) -> Option<Strike> {
        let strike = self.nemesis.strike(kind, &mut self.rng);
        if strike != Strike::Nothing {
            say!(self, "nemesis strikes worker {number}: {strike:?}");
        }
        match strike {
            Strike::KillBefore => self.kill(number),
            Strike::HostCrash => self.crash_host(self.workers[number].host),
            Strike::Freeze(time) => {
                self.workers[number].frozen_until = clock::after(self.now, time);
            }
            strike => return Some(strike),
        }
        None
    }

    pub fn strike_after(&mut self, number: usize, strike: Strike) {
        if strike == Strike::KillAfter {
            self.kill(number);
        }
    }

    pub fn fate(&self, strike: Strike) -> Fate {
        match strike {
            _ if self.now < self.outage => Fate::Torn,
            Strike::Torn => Fate::Torn,
            Strike::Ambiguous => Fate::Ambiguous,
            _ => Fate::Done,
        }
    }

    fn kill(&mut self, number: usize) {
        self.end_run(number);
    }

    fn crash_host(&mut self, host: usize) {
        for number in 0..self.workers.len() {
            if self.workers[number].host == host {
                self.kill(number);
            }
        }
        self.journals[host].lose_unsynced();
    }
}
