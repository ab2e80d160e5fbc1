//! What people and weather do to all at once: outages, revoked grants, changed passwords, forced
//! refreshes.

use std::time::Duration;

use chrono::{DateTime, Utc};
use fastrand::Rng;
use tokenkeeper_shared::clock;

use crate::{
    nemesis::Weather,
    setting::Setting,
    world::{World, say},
};

/// One such act.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Act {
    /// The database is out of reach for so long.
    Outage(Duration),
    /// Somebody signs out everywhere.
    Revoke,
    /// The provider takes another password from now on.
    ChangePassword,
    /// The workers are told the password that the provider takes, or a wrong one.
    Configure { right: bool },
    /// `refresh NAME --force`.
    Force(usize),
}

impl Act {
    pub fn drawn(
        setting: &Setting,
        now: DateTime<Utc>,
        rng: &mut Rng,
    ) -> Vec<(DateTime<Utc>, Self)> {
        if setting.weather != Weather::Storm {
            return Vec::new();
        }
        let mut acts = Vec::new();
        for _ in 0..rng.u8(0..5) {
            let act = match rng.u8(0..7) {
                0 | 1 => Self::Outage(Duration::from_secs(rng.u64(1..150))),
                2 => Self::Revoke,
                3 => Self::ChangePassword,
                4 | 5 => Self::Configure { right: rng.bool() },
                _ => Self::Force(rng.usize(0..setting.row_count)),
            };
            let at = rng.u64(0..=setting.horizon.as_secs());
            acts.push((clock::after(now, Duration::from_secs(at)), act));
            // A change of mind within seconds.
            if matches!(act, Self::ChangePassword | Self::Revoke | Self::Configure { .. }) {
                let at = clock::after(now, Duration::from_secs(at + rng.u64(0..90)));
                acts.push((at, Self::Configure { right: rng.bool() }));
            }
        }
        acts
    }
}

impl World {
    pub fn act(&mut self, at: usize) {
        let (_, act) = self.acts.swap_remove(at);
        say!(self, "human or weather: {act:?}");
        self.nemesis.faults += 1;
        match act {
            Act::Outage(length) => self.outage = clock::after(self.now, length),
            Act::Revoke => self.provider.revoke_all(),
            Act::ChangePassword => self.provider.password += 1,
            Act::Configure { right: true } => self.configure(self.provider.password),
            Act::Configure { right: false } => self.configure(self.password + 1_000),
            Act::Force(row) => self.force(row),
        }
    }

    /// Other credentials may be tried, whatever was refused before.
    fn configure(&mut self, password: u32) {
        if password != self.password {
            self.password = password;
            self.facts.rows.iter_mut().for_each(|row| row.refused.clear());
        }
    }
}
