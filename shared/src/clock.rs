//! The only door to the time of this machine, and the arithmetic on instants that cannot overflow.
//! Who is right about the time of day (the database is) lies with the store.

use std::{
    fmt::Debug,
    sync::Mutex,
    time::{Duration, SystemTime},
};

use chrono::{DateTime, TimeDelta, Utc};
use rustix::time::{ClockId, clock_gettime};

/// Where time comes from: the machine, or a test's hand.
pub trait Clock: Debug + Send + Sync {
    /// Time since some fixed moment; never goes back, whatever happens to the wall clock, and goes on
    /// while the machine sleeps.
    fn monotonic(&self) -> Duration;
    /// This host's wall clock. It may be wrong: no lease or due time is judged by it.
    fn utc(&self) -> DateTime<Utc>;
    /// The same in nanoseconds since 1970, a few milliseconds old at most, for a third of the price.
    fn glance(&self) -> u64 {
        self.utc().timestamp_nanos_opt().unwrap_or_default().unsigned_abs()
    }
}

/// The machine's own clocks.
#[derive(Debug, Default)]
pub struct SystemClock(());

impl SystemClock {
    /// The machine's clocks.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }
}

impl Clock for SystemClock {
    /// `Instant` would do but for one thing: on Linux it stands still while the machine sleeps, and
    /// leases and tokens do not.
    fn monotonic(&self) -> Duration {
        let now = clock_gettime(AWAKE_OR_NOT);
        let nanos = u32::try_from(now.tv_nsec).unwrap_or_default();
        Duration::new(now.tv_sec.unsigned_abs(), nanos)
    }

    #[expect(clippy::disallowed_methods, reason = "this is the door that the lint guards")]
    fn utc(&self) -> DateTime<Utc> {
        SystemTime::now().into()
    }

    fn glance(&self) -> u64 {
        let now = clock_gettime(ROUGH_WALL);
        now.tv_sec.unsigned_abs() * NANOS + now.tv_nsec.unsigned_abs()
    }
}

/// A clock that moves when it is told to, for tests.
#[derive(Debug)]
pub struct ManualClock {
    now: Mutex<(Duration, DateTime<Utc>)>,
}

impl ManualClock {
    /// A clock that stands at `utc`.
    #[must_use]
    pub fn at(utc: DateTime<Utc>) -> Self {
        Self { now: Mutex::new((Duration::ZERO, utc)) }
    }

    /// Lets `step` pass on both hands.
    pub fn advance(&self, step: Duration) {
        let mut now = self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        *now = (now.0 + step, after(now.1, step));
    }

    fn read(&self) -> (Duration, DateTime<Utc>) {
        *self.now.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }
}

impl Clock for ManualClock {
    fn monotonic(&self) -> Duration {
        self.read().0
    }

    fn utc(&self) -> DateTime<Utc> {
        self.read().1
    }
}

/// `instant + step`, never past [`latest`].
#[must_use]
pub fn after(instant: DateTime<Utc>, step: Duration) -> DateTime<Utc> {
    let step = TimeDelta::from_std(step).unwrap_or(TimeDelta::MAX);
    instant.checked_add_signed(step).map_or(latest(), |sum| sum.min(latest()))
}

/// `instant − step`, never before 1970.
#[must_use]
pub fn before(instant: DateTime<Utc>, step: Duration) -> DateTime<Utc> {
    let step = TimeDelta::from_std(step).unwrap_or(TimeDelta::MAX);
    let start = DateTime::UNIX_EPOCH;
    instant.checked_sub_signed(step).map_or(start, |difference| difference.max(start))
}

/// How long from `now` to `then`; zero when `then` has passed.
#[must_use]
pub fn until(now: DateTime<Utc>, then: DateTime<Utc>) -> Duration {
    then.signed_duration_since(now).to_std().unwrap_or(Duration::ZERO)
}

/// The last instant that tokenkeeper stores: the end of the year 9999, where RFC 3339 ends too.
#[must_use]
pub fn latest() -> DateTime<Utc> {
    DateTime::from_timestamp_millis(LATEST_MILLIS).unwrap_or(DateTime::<Utc>::MAX_UTC)
}

/// An instant from the store's unit, milliseconds since 1970 in UTC, held between 1970 and [`latest`].
#[must_use]
pub fn from_millis(millis: i64) -> DateTime<Utc> {
    DateTime::from_timestamp_millis(millis.clamp(0, LATEST_MILLIS)).unwrap_or_else(latest)
}

const NANOS: u64 = 1_000_000_000;
#[cfg(target_os = "linux")]
const ROUGH_WALL: ClockId = ClockId::RealtimeCoarse;
#[cfg(not(target_os = "linux"))]
const ROUGH_WALL: ClockId = ClockId::Realtime;
#[cfg(target_os = "linux")]
const AWAKE_OR_NOT: ClockId = ClockId::Boottime;
/// Elsewhere the monotonic clock does so by itself, or there is none that does.
#[cfg(not(target_os = "linux"))]
const AWAKE_OR_NOT: ClockId = ClockId::Monotonic;

/// 9999-12-31T23:59:59.999Z.
const LATEST_MILLIS: i64 = 253_402_300_799_999;

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_year_2038_is_an_instant_like_any_other() {
        let end_of_32_bits = from_millis(2_147_483_647_000);
        assert_eq!(
            after(end_of_32_bits, Duration::from_secs(1)).timestamp_millis(),
            2_147_483_648_000
        );
    }

    #[test]
    fn the_year_9999_is_the_last() {
        assert_eq!(latest().to_rfc3339(), "9999-12-31T23:59:59.999+00:00");
        assert_eq!(after(latest(), Duration::MAX), latest());
        assert_eq!(from_millis(i64::MAX), latest());
    }

    proptest! {
        #[test]
        fn arithmetic_never_panics_and_never_leaves_the_range(
            millis in any::<i64>(), seconds in any::<u64>(), nanos in 0u32..1_000_000_000,
        ) {
            let (instant, step) = (from_millis(millis), Duration::new(seconds, nanos));
            prop_assert!(after(instant, step) >= instant && after(instant, step) <= latest());
            prop_assert!(before(instant, step) <= instant);
            prop_assert!(before(instant, step) >= DateTime::UNIX_EPOCH);
        }
    }
}
