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

/// Waits, when `TOKENKEEPER_FAILPOINT` names this point, until the folder `TOKENKEEPER_FAILPOINT_HOLD` has a
/// file `go`; the file `held` tells that it waits.
#[cfg(feature = "failpoints")]
pub fn hold(point: &str) {
    let is_named = std::env::var_os("TOKENKEEPER_FAILPOINT").is_some_and(|named| named == *point);
    let folder = std::env::var_os("TOKENKEEPER_FAILPOINT_HOLD").filter(|_| is_named);
    let Some(folder) = folder.map(std::path::PathBuf::from) else { return };
    if std::fs::write(folder.join("held"), "").is_err() {
        return;
    }
    while folder.is_dir() && !folder.join("go").exists() {
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
}

/// Nothing.
#[cfg(not(feature = "failpoints"))]
pub const fn hold(_point: &str) {}
