//! How long a dead row is kept, written as people do: `2h`, `30d`.

use std::time::Duration;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

/// A length of time between zero and a hundred years.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grace(Duration);

impl Grace {
    /// The length.
    #[must_use]
    pub fn duration(self) -> Duration {
        self.0
    }
}

impl Serialize for Grace {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(&humantime::format_duration(self.0))
    }
}

impl<'de> Deserialize<'de> for Grace {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        let parsed = humantime::parse_duration(&text).ok().filter(|grace| *grace <= LONGEST);
        parsed.map(Self).ok_or_else(|| {
            de::Error::custom(format!("{text:?} is no length of time: write 0s, 2h or 30d"))
        })
    }
}

/// More is a mistake, and would leave the range of the databases' clocks.
const LONGEST: Duration = Duration::from_hours(24 * 36_525);
