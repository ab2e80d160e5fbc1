//! Waiting with a limit, and where the harness looks at the clock. What is waited for lives with those who wait.

use std::thread::sleep;
use std::time::{Duration, Instant};

/// Asks again and again until there is an answer; `None` once the limit is over.
pub fn until<T>(limit: Duration, mut question: impl FnMut() -> Option<T>) -> Option<T> {
    let began = stopwatch();
    loop {
        if let Some(answer) = question() {
            return Some(answer);
        }
        if began.elapsed() > limit {
            return None;
        }
        sleep(PAUSE);
    }
}

/// Starts to measure a length of time.
#[expect(
    clippy::disallowed_methods,
    reason = "real processes take real time, there is no Clock to ask"
)]
pub fn stopwatch() -> Instant {
    Instant::now()
}

// Short beside what is waited for; two hundred questions a second cost little.
const PAUSE: Duration = Duration::from_millis(5);
