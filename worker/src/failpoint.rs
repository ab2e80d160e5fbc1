//! Points at which a test may have the worker die. Without the feature `failpoints`, which no release
//! has, there are none.

/// Dies as by SIGKILL when `TOKENKEEPER_FAILPOINT` names this point: nothing is flushed, closed or
/// given back.
#[cfg(feature = "failpoints")]
pub fn reach(point: &str) {
    if std::env::var_os("TOKENKEEPER_FAILPOINT").is_some_and(|named| named == *point) {
        std::process::abort();
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
pub const fn reach(_point: &str) {}
