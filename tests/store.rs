//! The store's contract: every function of `Store` on every database, as the protocol promises it.
//! What programs make of it lies in the suites of the worker and the consumer.

#![expect(
    clippy::expect_used,
    clippy::unwrap_used,
    reason = "helpers of tests may fail on the spot, as tests may"
)]

mod harness;

#[path = "store/adopting.rs"]
mod adopting;
#[path = "store/answers.rs"]
mod answers;
#[path = "store/claiming.rs"]
mod claiming;
#[path = "store/claiming_by_name.rs"]
mod claiming_by_name;
#[path = "store/cleanup_totals.rs"]
mod cleanup_totals;
#[path = "store/committing.rs"]
mod committing;
#[path = "store/connecting.rs"]
mod connecting;
#[path = "store/enrolling.rs"]
mod enrolling;
#[path = "store/ground.rs"]
mod ground;
#[path = "store/handing_out.rs"]
mod handing_out;
#[path = "store/keeping.rs"]
mod keeping;
#[path = "store/last_run.rs"]
mod last_run;
#[path = "store/migrating.rs"]
mod migrating;
#[path = "store/next_due.rs"]
mod next_due;
#[path = "store/plans.rs"]
mod plans;
#[path = "store/racing.rs"]
mod racing;
#[path = "store/reading.rs"]
mod reading;
#[path = "store/releasing.rs"]
mod releasing;
#[path = "store/remembering.rs"]
mod remembering;
#[path = "store/reporting.rs"]
mod reporting;
#[path = "store/sealing.rs"]
mod sealing;
#[path = "store/tallying.rs"]
mod tallying;
#[path = "store/times.rs"]
mod times;
#[path = "store/tutorial_view.rs"]
mod tutorial_view;
#[path = "store/values.rs"]
mod values;
