//! An application that inserts a token and reads it every 2 ms, and how long it waits for that.

use std::{
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    thread::{JoinHandle, spawn},
    time::Duration,
};

use sqlx::{AssertSqlSafe, Connection, Executor, MySqlConnection, PgConnection, raw_sql};
use tokio::{
    runtime::Runtime,
    time::{MissedTickBehavior, interval},
};

use crate::{
    dead_rows::Case,
    figures::Figures,
    suites::harness::{databases::Kind, wait::stopwatch},
};

/// An application at work.
pub struct Application {
    is_over: Arc<AtomicBool>,
    at_work: JoinHandle<Vec<Duration>>,
}

impl Application {
    /// From a number on that no other one uses.
    pub fn start(kind: Kind, url: &str, case: &Case, first: u32) -> Self {
        let is_over = Arc::new(AtomicBool::new(false));
        let (url, operation, until) = (url.to_owned(), case.operation, is_over.clone());
        // A thread of its own: the bench's waits are not to be its.
        let at_work = spawn(move || {
            Runtime::new().unwrap().block_on(async {
                match kind {
                    Kind::MySql => work::<MySqlConnection>(&url, operation, first, &until).await,
                    _ => work::<PgConnection>(&url, operation, first, &until).await,
                }
            })
        });
        Self { is_over, at_work }
    }

    pub fn stop(self) -> Figures {
        self.is_over.store(true, Ordering::Relaxed);
        Figures::of(self.at_work.join().unwrap())
    }
}

async fn work<C>(
    url: &str,
    operation: fn(u32) -> String,
    first: u32,
    is_over: &AtomicBool,
) -> Vec<Duration>
where
    C: Connection,
    for<'c> &'c mut C: Executor<'c>,
{
    let mut connection = C::connect(url).await.unwrap();
    let mut beat = interval(BEAT);
    beat.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut waits = Vec::new();
    for number in first.. {
        beat.tick().await;
        if is_over.load(Ordering::Relaxed) && number > first {
            break;
        }
        let began = stopwatch();
        for statement in operation(number).split(';') {
            (&mut connection).execute(raw_sql(AssertSqlSafe(statement.to_owned()))).await.unwrap();
        }
        waits.push(began.elapsed());
    }
    waits
}

const BEAT: Duration = Duration::from_millis(2);
