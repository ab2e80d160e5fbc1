//! What the worker and the consumer of tokenkeeper share: the rules of a token's life, sealing,
//! and the store. Talking to providers is the worker's, handing out the consumer's.

pub mod clock;
pub mod database_url;
pub mod dialect;
pub mod exit;
#[cfg(feature = "http")]
pub mod http;
pub mod lifecycle;
pub mod metrics;
pub mod name;
#[cfg(feature = "cli")]
pub mod output;
pub mod seal;
pub mod secret;
pub mod settings;
pub mod store;
pub mod token;
pub mod wait;
