//! Chance from a seed, so that a run can be taken up again. What is decided by it lies elsewhere.

use std::{env, time::Duration};

use uuid::Uuid;

/// The numbers of splitmix64.
pub struct Dice(u64);

/// The seed that the environment names, or a new one.
pub fn seed() -> u64 {
    let given = env::var("TOKENKEEPER_NEMESIS_SEED").ok();
    let given = given.map(|seed| seed.parse().expect("TOKENKEEPER_NEMESIS_SEED is a number"));
    given.unwrap_or_else(|| Uuid::new_v4().as_u64_pair().0)
}

impl Dice {
    /// Each player has dice of his own: whose turn comes first does not matter.
    pub fn of(seed: u64, player: usize) -> Self {
        Self(seed ^ (player as u64).wrapping_mul(STEP))
    }

    /// One of `0..sides`.
    pub fn throw(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_add(STEP);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((mixed ^ (mixed >> 31)) % sides as u64).expect("below a usize")
    }

    pub fn millis(&mut self, least: usize, most: usize) -> Duration {
        Duration::from_millis((least + self.throw(most - least)) as u64)
    }
}

/// The golden ratio in 64 bits.
const STEP: u64 = 0x9e37_79b9_7f4a_7c15;
