//! The instant before which something has ended: the database's UTC time less a grace, and its readings
//! on wall clocks. Whoever asks reads the database's clock once a run.

use std::time::Duration;

use chrono::{DateTime, NaiveDateTime, Offset, TimeDelta, TimeZone, Utc};
use tokenkeeper_shared::clock;

use super::policy::{Unit, Zone};

/// What a database's clock said once: every cut-off of a run is taken from it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatabaseClock {
    utc: DateTime<Utc>,
    server_offset: TimeDelta,
}

impl DatabaseClock {
    /// The UTC time, and the least offset from UTC, in seconds, that the server's zone has over the years
    /// in which stored times lie.
    #[must_use]
    pub fn new(utc: DateTime<Utc>, server_offset: i32) -> Self {
        let whole = DateTime::from_timestamp_millis(utc.timestamp_millis()).unwrap_or(utc);
        Self { utc: whole, server_offset: TimeDelta::seconds(server_offset.into()) }
    }

    /// The UTC time, in whole milliseconds.
    #[must_use]
    pub fn utc(&self) -> DateTime<Utc> {
        self.utc
    }

    /// The least offset of the server's zone.
    #[must_use]
    pub fn server_offset(&self) -> TimeDelta {
        self.server_offset
    }

    /// What ended before this has been dead for `grace`.
    #[must_use]
    pub fn cut(&self, grace: Duration) -> Cut {
        Cut { utc: clock::before(self.utc, grace), server_offset: self.server_offset }
    }
}

/// A cut-off before its instant is known: what a script computes by its own database's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// How long before the database's time it lies.
    pub grace: Duration,
    /// As what it is compared.
    pub reading: Reading,
}

/// What a cut-off is compared as.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// A wall clock, in UTC where no zone is named.
    Wall(Option<Zone>),
    /// Milliseconds since 1970, of such a wall clock as if it were UTC.
    Millis(Option<Zone>),
    /// A whole number since 1970.
    Epoch(Unit),
}

/// A cut-off, in UTC and on wall clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cut {
    utc: DateTime<Utc>,
    server_offset: TimeDelta,
}

impl Cut {
    /// The cut-off.
    #[must_use]
    pub fn utc(&self) -> DateTime<Utc> {
        self.utc
    }

    /// What a wall clock of that zone showed then in the zone's winter, so to say: by its least offset. A
    /// wall time before this is past in each of its readings, also where the clocks were turned back and
    /// where the time was computed across a change. In summer a row stays up to an hour longer for it.
    #[must_use]
    pub fn wall(&self, zone: Zone) -> NaiveDateTime {
        let offset = match zone {
            Zone::Server => self.server_offset,
            Zone::Named(zone) => self.least_offset(&zone),
        };
        self.utc.naive_utc().checked_add_signed(offset).unwrap_or(NaiveDateTime::MIN)
    }

    fn least_offset(&self, zone: &impl TimeZone) -> TimeDelta {
        let weeks = (-WEEKS..=WEEKS).map(|week| self.utc + TimeDelta::weeks(week));
        let offsets = weeks.map(|at| zone.offset_from_utc_datetime(&at.naive_utc()).fix());
        let least = offsets.map(|offset| offset.local_minus_utc()).min();
        TimeDelta::seconds(least.unwrap_or_default().into())
    }
}

/// Ten years each way: rows are younger, and zones change their rules rarely.
const WEEKS: i64 = 522;

#[cfg(test)]
mod tests {
    use chrono::MappedLocalTime;
    use chrono_tz::Tz;
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_wall_time_before_the_cut_is_past_in_each_of_its_readings(
            seconds in 1_640_000_000_i64..1_900_000_000,
            zone in prop::sample::select(vec![
                Tz::UTC, Tz::Asia__Tokyo, Tz::America__Chicago, Tz::Asia__Kolkata,
                Tz::Australia__Lord_Howe, Tz::Europe__Dublin, Tz::Africa__Casablanca,
            ]),
            before in 1_i64..20_000,
        ) {
            let utc = DateTime::from_timestamp(seconds, 0).unwrap();
            let cut = DatabaseClock::new(utc, 0).cut(Duration::ZERO);
            let wall = cut.wall(Zone::Named(zone)) - TimeDelta::seconds(before);
            match zone.from_local_datetime(&wall) {
                MappedLocalTime::Single(one) => prop_assert!(one < utc),
                MappedLocalTime::Ambiguous(one, other) => prop_assert!(one < utc && other < utc),
                // A wall time that was never shown: computed by somebody, from the time before the change.
                MappedLocalTime::None => {
                    let earlier = zone.from_local_datetime(&(wall - TimeDelta::hours(3))).latest();
                    prop_assert!(earlier.unwrap() + TimeDelta::hours(3) < utc);
                }
            }
        }
    }

    #[test]
    fn in_summer_a_wall_clock_is_read_by_winter_time() {
        let utc = "2026-07-01T12:00:00Z".parse().unwrap();
        let cut = DatabaseClock::new(utc, -21_600).cut(Duration::from_secs(3600));
        let winter = "2026-07-01T05:00:00".parse().unwrap();
        assert_eq!(cut.wall(Zone::Named(Tz::America__Chicago)), winter);
        assert_eq!(cut.wall(Zone::Server), winter);
    }
}
