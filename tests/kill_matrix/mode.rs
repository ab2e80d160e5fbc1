//! The kinds of providers, by what they make of a refresh token that is shown twice.

use std::time::Duration;

use tokenkeeper_worker::sandbox::{Rotation, Settings};

use crate::harness::long;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    Strict,
    Grace,
    ReissueIfUnused,
    NoRotation,
}

impl Mode {
    /// Those that this run tries.
    pub fn tried() -> &'static [Self] {
        let all = &[Self::Strict, Self::Grace, Self::ReissueIfUnused, Self::NoRotation];
        if long::is_wanted() { all } else { &all[..1] }
    }

    pub fn words(self) -> &'static str {
        match self {
            Self::Strict => "strict",
            Self::Grace => "grace of an hour",
            Self::ReissueIfUnused => "reissue if unused",
            Self::NoRotation => "no rotation",
        }
    }

    pub fn settings(self) -> Settings {
        let rotation = match self {
            Self::Strict => Rotation::Strict,
            Self::Grace => Rotation::Grace(WINDOW),
            Self::ReissueIfUnused => Rotation::ReissueIfUnused,
            Self::NoRotation => Rotation::None,
        };
        Settings { rotation, ..Settings::default() }
    }

    /// What the configuration says of it.
    pub fn replay_window(self) -> &'static str {
        match self {
            Self::Strict | Self::NoRotation => "0s",
            Self::Grace | Self::ReissueIfUnused => "1h",
        }
    }
}

/// Longer than any of these tests.
const WINDOW: Duration = Duration::from_hours(1);
