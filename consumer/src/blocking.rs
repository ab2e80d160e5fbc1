//! The library for programs without an async runtime. It has one of its own, on one thread.

use std::sync::Arc;

use tokenkeeper_shared::lifecycle::verdict::MIN_TTL;
use tokio::runtime::{Builder, Handle, Runtime};

use crate::{AccessToken, Error, Report, Request, Settings, TokenName};

/// [`crate::Consumer`] whose calls block. Clones share connections and memory.
#[derive(Debug, Clone)]
pub struct Consumer {
    consumer: crate::Consumer,
    runtime: Arc<OwnRuntime>,
}

impl Consumer {
    /// As [`crate::Consumer::from_env`].
    ///
    /// # Errors
    /// [`Error::Settings`], [`Error::Store`], or [`Error::Runtime`].
    pub fn from_env() -> Result<Self, Error> {
        Self::from_settings(crate::settings_of_process()?)
    }

    /// As [`crate::Consumer::from_settings`].
    ///
    /// # Errors
    /// [`Error::Store`] or [`Error::Runtime`].
    pub fn from_settings(settings: Settings) -> Result<Self, Error> {
        let runtime = Arc::new(OwnRuntime::new()?);
        // Connections belong to the runtime in which their pool is made.
        let _inside = runtime.get().enter();
        Ok(Self { consumer: crate::Consumer::from_settings(settings)?, runtime: runtime.clone() })
    }

    /// The newest token of this name.
    ///
    /// # Errors
    /// As [`crate::Consumer::token`]; [`Error::WouldBlock`] inside an async runtime.
    pub fn token(&self, name: &str) -> Result<AccessToken, Error> {
        match self.consumer.remembered(name, MIN_TTL) {
            Some(token) => Ok(token),
            None => self.wait_for(self.consumer.token(name)),
        }
    }

    /// The newest token of this name, with options.
    ///
    /// # Errors
    /// As [`crate::Consumer::get`]; [`Error::WouldBlock`] inside an async runtime.
    pub fn get(&self, name: &TokenName, request: Request) -> Result<AccessToken, Error> {
        match self.consumer.remembered(name.as_str(), request.min_ttl) {
            Some(token) => Ok(token),
            None => self.wait_for(self.consumer.get(name, request)),
        }
    }

    /// As [`crate::Consumer::report_rejected`].
    ///
    /// # Errors
    /// As there; [`Error::WouldBlock`] inside an async runtime.
    pub fn report_rejected(&self, token: &AccessToken) -> Result<Report, Error> {
        self.wait_for(self.consumer.report_rejected(token))
    }

    /// A runtime must not be blocked by another one: tokio would panic.
    fn wait_for<T>(&self, call: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
        match Handle::try_current() {
            Ok(_) => Err(Error::WouldBlock),
            Err(_) => self.runtime.get().block_on(call),
        }
    }
}

/// A runtime that may also be dropped inside another one.
#[derive(Debug)]
struct OwnRuntime(Option<Runtime>);

impl OwnRuntime {
    fn new() -> Result<Self, Error> {
        // A thread of its own hears of changes also while nobody calls.
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build();
        Ok(Self(Some(runtime.map_err(|error| Error::Runtime(error.into()))?)))
    }

    #[expect(clippy::expect_used, reason = "only `drop` takes it")]
    fn get(&self) -> &Runtime {
        self.0.as_ref().expect("it is there until it is dropped")
    }
}

impl Drop for OwnRuntime {
    fn drop(&mut self) {
        if let Some(runtime) = self.0.take() {
            runtime.shutdown_background();
        }
    }
}
