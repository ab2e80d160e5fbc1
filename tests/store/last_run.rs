//! When a run ended last: noted by every run, and never moved back.

use crate::ground::{at_once, on_each};
use crate::keeping::later;

#[test]
fn the_end_of_the_last_run_never_goes_back() {
    on_each(async |ground| {
        let store = ground.store().await;
        assert_eq!(store.last_run().await.unwrap(), None);
        for (ended, last) in [(5, 5), (3, 5), (5, 5), (9, 9)] {
            store.note_run(later(ended)).await.unwrap();
            assert_eq!(store.last_run().await.unwrap(), Some(later(last)), "after {ended}");
        }
    });
}

#[test]
fn of_eight_first_runs_that_end_at_once_the_last_one_counts() {
    on_each(async |ground| {
        let store = ground.store().await;
        // The order in which they come differs from time to time.
        for _ in 0..10 {
            let ends = at_once(8, |number| {
                let store = ground.open();
                async move { store.note_run(later(number as u64)).await }
            });
            for end in ends.await {
                end.unwrap();
            }
            assert_eq!(store.last_run().await.unwrap(), Some(later(7)));
            ground.run("DELETE FROM last_run").await;
        }
    });
}
