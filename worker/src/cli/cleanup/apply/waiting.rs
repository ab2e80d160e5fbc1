//! When somebody is told that a run waits: once it has for a moment, again and again while it does, and when it goes
//! on.

use std::time::Duration;

use crate::cleanup::lag::shown;

/// What was told of a wait.
#[derive(Debug, Default)]
pub(super) struct Waiting {
    told: Option<Duration>,
}

impl Waiting {
    /// What is to be told now of what the run waits for, and of how long it has.
    pub(super) fn line(&mut self, waiting: Option<&(String, Duration)>) -> Option<String> {
        let Some((why, waited)) = waiting else {
            return self.told.take().map(|_| "goes on".to_owned());
        };
        let due = match self.told {
            Some(told) if *waited >= told => told + AGAIN,
            // Another wait than the one that was told of.
            _ => SOON,
        };
        if *waited < due {
            return None;
        }
        self.told = Some(*waited);
        Some(format!("waiting for {}: {why}", shown(*waited)))
    }
}

/// What is over by then is not worth a line.
const SOON: Duration = Duration::from_secs(2);
const AGAIN: Duration = Duration::from_mins(10);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wait_is_told_soon_and_every_ten_minutes_and_so_is_its_end() {
        let mut waiting = Waiting::default();
        let mut line = |seconds: Option<u64>| {
            let now = seconds.map(|seconds| ("r lags".to_owned(), Duration::from_secs(seconds)));
            waiting.line(now.as_ref())
        };
        let told = |text: &str| Some(text.to_owned());
        assert_eq!(line(None), None);
        assert_eq!(line(Some(1)), None);
        assert_eq!(line(None), None);
        assert_eq!(line(Some(2)), told("waiting for 2s: r lags"));
        assert_eq!(line(Some(601)), None);
        assert_eq!(line(Some(602)), told("waiting for 10m 2s: r lags"));
        assert_eq!(line(None), told("goes on"));
        assert_eq!(line(None), None);
        // Another wait, and a third one that the second one's end was not seen of.
        assert_eq!(line(Some(9)), told("waiting for 9s: r lags"));
        assert_eq!(line(Some(1)), None);
        assert_eq!(line(Some(2)), told("waiting for 2s: r lags"));
    }
}
