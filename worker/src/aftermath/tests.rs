//! Every row of what a failure leaves, of what an answer stores, and of what is tried again at once.

mod leaving;
mod storing;

use proptest::prelude::*;
use tokenkeeper_shared::secret::Secret;

use super::*;
use crate::plan::stage::*;

#[test]
fn only_what_spends_neither_a_refresh_token_nor_a_login_twice_is_tried_again_in_the_same_pass() {
    let cases = [
        (Class::NotSent, Asked::Refresh, NO_WINDOW, true),
        (Class::NotSent, Asked::Login, NO_WINDOW, true),
        (Class::Uncertain, Asked::Login, NO_WINDOW, false),
        (Class::Uncertain, Asked::Login, WINDOW, false),
        (Class::Uncertain, Asked::Refresh, WINDOW, true),
        (Class::Uncertain, Asked::Refresh, NO_WINDOW, false),
    ];
    for (class, asked, window, expected) in cases {
        let may = may_retry_in_pass(&Failed::new(class, "m"), asked, window);
        assert_eq!(may, expected, "{class:?} {asked:?} {window:?}");
    }
    for class in [
        Class::Throttled,
        Class::Rejected,
        Class::Misconfigured,
        Class::Configuration,
        Class::LoginRefused,
    ] {
        for asked in [Asked::Login, Asked::Refresh] {
            for window in [NO_WINDOW, WINDOW] {
                assert!(!may_retry_in_pass(&Failed::new(class, "m"), asked, window), "{class:?}");
            }
        }
    }
}
