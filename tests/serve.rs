//! The microservice as its clients meet it: a real process, real sockets, real databases. What lies
//! beneath it is in `consumer` and `store`.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "serve/browser.rs"]
mod browser;
#[path = "serve/cleanups.rs"]
mod cleanups;
#[path = "serve/devtools.rs"]
mod devtools;
#[path = "serve/doors.rs"]
mod doors;
#[path = "serve/hostile.rs"]
mod hostile;
#[path = "serve/http.rs"]
mod http;
#[path = "serve/keys.rs"]
mod keys;
#[path = "serve/last_run.rs"]
mod last_run;
#[path = "serve/live.rs"]
mod live;
#[path = "serve/nginx.rs"]
mod nginx;
#[path = "serve/oauth2.rs"]
mod oauth2;
#[path = "serve/outages.rs"]
mod outages;
#[path = "serve/python.rs"]
mod python;
#[path = "serve/server.rs"]
mod server;
#[path = "serve/stage.rs"]
mod stage;
#[path = "serve/stampede.rs"]
mod stampede;
#[path = "serve/status.rs"]
mod status;
#[path = "serve/surface.rs"]
mod surface;
#[path = "serve/tls.rs"]
mod tls;
