//! How long a caller waits, for a worker and for a database that is out of reach. What it is handed
//! in the end lies in `wait`.

use std::{io, time::Duration};

use tokio::time::{Instant, sleep_until, timeout};

use crate::store::StoreError;

/// The bounds of one call. They are fixed when it begins: asking again does not move them.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    end: Instant,
    has_token: bool,
}

impl Patience {
    /// For a caller who waits this long from now; a wait beyond any clock is a month.
    #[must_use]
    pub fn of(wait: Duration) -> Self {
        Self { end: Instant::now() + wait.min(LONGEST_WAIT), has_token: false }
    }

    /// For a caller who has a token to fall back on: it waits for a worker all the same, but the
    /// first failure of the database ends the call, and a question ends soon.
    #[must_use]
    pub fn with_token_in_hand(self) -> Self {
        Self { has_token: true, ..self }
    }

    /// Asks the database, again after failures that may pass, until the wait is over. Each question
    /// has a bound of its own, because a connection that died silently answers never.
    ///
    /// # Errors
    /// The last [`StoreError`].
    pub async fn ask<T, F>(&self, question: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut delay = FIRST_DELAY;
        loop {
            let answer = timeout(self.bound(), question()).await;
            match answer.unwrap_or_else(|_| Err(no_answer())) {
                Err(error) if error.is_transient() && !self.has_token && !self.is_over() => {
                    self.pause(delay).await;
                    delay = LONGEST_DELAY.min(delay * 2);
                }
                ended => return ended,
            }
        }
    }

    pub(super) fn is_over(&self) -> bool {
        Instant::now() >= self.end
    }

    /// So long, or what is left of the wait.
    #[must_use]
    pub fn at_most(&self, length: Duration) -> Duration {
        self.end.saturating_duration_since(Instant::now()).min(length)
    }

    /// Waits for so long, or until the wait is over.
    async fn pause(&self, length: Duration) {
        sleep_until(self.end.min(Instant::now() + length)).await;
    }

    fn bound(&self) -> Duration {
        if self.has_token { QUESTION_WITH_TOKEN } else { QUESTION }
    }
}

fn no_answer() -> StoreError {
    let silence = io::Error::new(io::ErrorKind::TimedOut, "it does not answer");
    sqlx::Error::from(silence).into()
}

const FIRST_DELAY: Duration = Duration::from_millis(100);
/// Whoever waits for a database that comes back is not kept much longer than it takes to come.
const LONGEST_DELAY: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30 * 24 * 3600);
/// More than the store's own bounds: 5 s for a connection, 10 s for a lock.
const QUESTION: Duration = Duration::from_secs(20);
/// A slow answer is worth less than the token in hand.
const QUESTION_WITH_TOKEN: Duration = Duration::from_secs(2);

#[cfg(test)]
mod tests {
    use std::{
        cell::Cell,
        future::{pending, ready},
    };

    use super::*;
    use crate::{dialect::Dialect, exit::Exit};

    /// Asks a database that fails this often and then answers; tells how often it was asked.
    async fn asked(patience: Patience, failures: u32) -> (Result<(), StoreError>, u32) {
        let count = Cell::new(0);
        let answer = patience.ask(|| {
            count.set(count.get() + 1);
            ready(if count.get() > failures { Ok(()) } else { Err(no_answer()) })
        });
        (answer.await, count.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_may_pass_is_outwaited() {
        let (answer, count) = asked(Patience::of(Duration::from_secs(30)), 7).await;
        assert_eq!((answer.is_ok(), count), (true, 8));
    }

    #[tokio::test(start_paused = true)]
    async fn the_wait_ends_the_asking_and_the_delays_grow() {
        let began = Instant::now();
        let (answer, count) = asked(Patience::of(Duration::from_secs(30)), u32::MAX).await;
        assert_eq!(answer.unwrap_err().exit(), Exit::Temporary);
        assert_eq!(began.elapsed(), Duration::from_secs(30));
        // 0.1, 0.2, 0.4, 0.8 and then a second each.
        assert_eq!(count, 5 + 29);
    }

    #[tokio::test(start_paused = true)]
    async fn without_a_wait_there_is_one_question() {
        let (answer, count) = asked(Patience::of(Duration::ZERO), u32::MAX).await;
        assert_eq!((answer.is_err(), count), (true, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn who_has_a_token_asks_once() {
        let patience = Patience::of(Duration::from_secs(30)).with_token_in_hand();
        let (answer, count) = asked(patience, u32::MAX).await;
        assert_eq!((answer.is_err(), count), (true, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_failure_that_does_not_pass_ends_the_asking_at_once() {
        let count = Cell::new(0);
        let answer: Result<(), _> = Patience::of(Duration::from_secs(30))
            .ask(|| {
                count.set(count.get() + 1);
                ready(Err(StoreError::PostgresOnly(Dialect::Sqlite)))
            })
            .await;
        assert_eq!((answer.is_err(), count.get()), (true, 1));
    }

    #[tokio::test(start_paused = true)]
    async fn a_database_that_never_answers_is_out_of_reach() {
        let patience = Patience::of(Duration::ZERO);
        for (patience, bound) in
            [(patience, QUESTION), (patience.with_token_in_hand(), QUESTION_WITH_TOKEN)]
        {
            let began = Instant::now();
            assert!(patience.ask(pending::<Result<(), _>>).await.unwrap_err().is_transient());
            assert_eq!(began.elapsed(), bound);
        }
    }
}
