//! Whether a run was asked to stop: then it finishes what it has claimed and begins nothing new.
//! Who asks (signals) lies with the command line.

use std::{future::pending, time::Duration};

use tokio::{
    sync::watch,
    time::{sleep, timeout},
};

/// Whether somebody asked this program to stop. Clones see the same.
#[derive(Debug, Clone)]
pub struct Stop(watch::Receiver<bool>);

impl Stop {
    /// Nobody ever asks.
    #[must_use]
    pub fn never() -> Self {
        Self(watch::channel(false).1)
    }

    /// A stop and the hand that asks for it.
    #[must_use]
    pub fn by_hand() -> (watch::Sender<bool>, Self) {
        let (sender, receiver) = watch::channel(false);
        (sender, Self(receiver))
    }

    /// Whether somebody asked.
    #[must_use]
    pub fn is_asked(&self) -> bool {
        *self.0.borrow()
    }

    /// The same, which also asks by itself when `time` is over.
    #[must_use]
    pub fn or_after(&self, time: Duration) -> Self {
        let (sender, stop) = Self::by_hand();
        let first = self.clone();
        tokio::spawn(async move {
            first.within(time).await;
            // Whoever listened may be gone.
            sender.send_replace(true);
        });
        stop
    }

    /// Waits until somebody asks.
    pub async fn asked(&self) {
        let mut receiver = self.0.clone();
        if receiver.wait_for(|asked| *asked).await.is_err() {
            // Without a hand that could ask nobody will.
            pending::<()>().await;
        }
    }

    /// Waits for `time`, and not longer than until somebody asks. Whether somebody did.
    pub async fn within(&self, time: Duration) -> bool {
        let mut receiver = self.0.clone();
        let asked = async { receiver.wait_for(|asked| *asked).await.is_ok() };
        let asked = timeout(time, asked).await;
        // Without a hand that could ask there is nothing but the time.
        if asked == Ok(false) {
            sleep(time).await;
        }
        self.is_asked()
    }
}
