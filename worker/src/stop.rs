//! Whether a run was asked to stop: then it finishes what it has claimed and begins nothing new.
//! Who asks (signals) lies with the command line.

use std::time::Duration;

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
