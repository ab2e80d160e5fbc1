//! Every provider fault over a real connection: what each answer is judged to be, and that no
//! message holds a secret. The provider is the sandbox, or a few raw bytes; what then happens to
//! the row is tested elsewhere.

#![expect(clippy::expect_used, reason = "helpers of tests may fail on the spot, as tests may")]

#[path = "answers/awaiting.rs"]
mod awaiting;
#[path = "answers/bodies.rs"]
mod bodies;
#[path = "answers/credentials.rs"]
mod credentials;
#[path = "answers/ground.rs"]
mod ground;
#[path = "answers/patience.rs"]
mod patience;
#[path = "answers/raw.rs"]
mod raw;
#[path = "answers/redirects.rs"]
mod redirects;
#[path = "answers/tls.rs"]
mod tls;
