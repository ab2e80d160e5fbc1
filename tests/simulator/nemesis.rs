//! What goes wrong, and when: nothing, one thing, or many. What it means for those it strikes lies
//! with them.

use std::time::Duration;

use fastrand::Rng;

/// How much goes wrong in a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Weather {
    /// Nothing but slowness within the bounds.
    Calm,
    /// One fault.
    Single,
    /// Many, and humans meddle.
    Storm,
}

/// What a worker is about to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Store,
    Journal,
    Send,
    Other,
}

/// What strikes a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Strike {
    Nothing,
    KillBefore,
    KillAfter,
    /// The whole host: what was not synced is gone.
    HostCrash,
    Freeze(Duration),
    /// Not applied, error.
    Torn,
    /// Applied, error.
    Ambiguous,
    /// The disk is full.
    JournalFull,
    Mishap(Mishap),
}

/// What happens to one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mishap {
    None,
    NotSent,
    RequestLost,
    AnswerLost,
    /// 5xx, before or after processing.
    Failed {
        processed: bool,
    },
    Throttled,
    /// An answer whose access token no header can carry.
    Unusable,
    /// An answer that breaks off, behind its refresh token or before it.
    Broken {
        saves: bool,
    },
    /// It arrives when nobody waits for it any more.
    Late,
}

#[derive(Debug)]
pub struct Nemesis {
    pub weather: Weather,
    /// The step that the single fault strikes.
    at_step: u32,
    step: u32,
    /// How many faults there were.
    pub faults: u32,
    /// How many of them killed somebody.
    pub kills: u32,
    /// Nothing is slow any more either.
    pub is_over: bool,
}

impl Nemesis {
    pub fn of(weather: Weather, rng: &mut Rng) -> Self {
        Self { weather, at_step: rng.u32(0..40), step: 0, faults: 0, kills: 0, is_over: false }
    }

    pub fn strike(&mut self, kind: Kind, rng: &mut Rng) -> Strike {
        self.step += 1;
        let strikes = match self.weather {
            Weather::Calm => false,
            Weather::Single => self.faults == 0 && self.step > self.at_step,
            Weather::Storm => rng.u8(..) < 32,
        };
        let strike = if strikes { drawn(kind, rng) } else { Strike::Nothing };
        if strike != Strike::Nothing {
            self.faults += 1;
        }
        if matches!(strike, Strike::KillBefore | Strike::KillAfter | Strike::HostCrash) {
            self.kills += 1;
        }
        strike
    }
}

fn drawn(kind: Kind, rng: &mut Rng) -> Strike {
    match (rng.u8(0..12), kind) {
        (0 | 1, _) => Strike::KillBefore,
        (2 | 3, _) => Strike::KillAfter,
        (4, _) => Strike::HostCrash,
        (5 | 6, _) => Strike::Freeze(Duration::from_secs(rng.u64(5..140))),
        (7 | 8, Kind::Store) => Strike::Torn,
        (_, Kind::Store) => Strike::Ambiguous,
        (_, Kind::Journal) => Strike::JournalFull,
        (_, Kind::Send) => Strike::Mishap(mishap(rng)),
        (_, Kind::Other) => Strike::Nothing,
    }
}

fn mishap(rng: &mut Rng) -> Mishap {
    match rng.u8(0..12) {
        0 => Mishap::NotSent,
        1 | 2 => Mishap::RequestLost,
        3 | 4 => Mishap::AnswerLost,
        5 => Mishap::Failed { processed: false },
        6 => Mishap::Failed { processed: true },
        7 => Mishap::Throttled,
        8 => Mishap::Unusable,
        9 => Mishap::Broken { saves: true },
        10 => Mishap::Broken { saves: false },
        _ => Mishap::Late,
    }
}
