//! What clean-ups have deleted: added up, each run once.

use tokenkeeper_shared::store::CleanupEnd;

use crate::ground::{at_once, on_each};

#[test]
fn runs_are_added_up_by_policy_and_the_last_one_only_once() {
    on_each(async |ground| {
        let store = ground.store().await;
        assert_eq!(store.cleanup_totals().await.unwrap(), []);
        let now = store.time().await.unwrap().now();
        for (policy, run, status, deleted) in [
            ("wso2-token", "one", "done", 5),
            ("edfi-ods", "two", "done", 0),
            ("wso2-token", "three", "partly", 7),
            // Its acknowledgement was lost.
            ("wso2-token", "three", "partly", 7),
        ] {
            store.note_cleanup(&end(policy, run, status, deleted)).await.unwrap();
        }
        let told = store.cleanup_totals().await.unwrap();
        let figures: Vec<_> =
            told.iter().map(|each| (&*each.policy, each.deleted, &*each.last_status)).collect();
        assert_eq!(figures, [("edfi-ods", 0, "done"), ("wso2-token", 12, "partly")]);
        let ago = told.iter().map(|each| (each.last_ended_at - now).num_minutes());
        assert!(ago.into_iter().all(|minutes| minutes == 0), "{told:?}");
    });
}

#[test]
fn eight_first_runs_that_end_at_once_all_count() {
    on_each(async |ground| {
        let store = ground.store().await;
        let ends = at_once(8, |number| {
            let store = ground.open();
            async move { store.note_cleanup(&end("edfi-ods", &number.to_string(), "done", 3)).await }
        });
        for end in ends.await {
            end.unwrap();
        }
        assert_eq!(store.cleanup_totals().await.unwrap()[0].deleted, 24);
    });
}

fn end(policy: &str, run: &str, status: &str, deleted: u64) -> CleanupEnd {
    let [policy, run, status] = [policy, run, status].map(str::to_owned);
    CleanupEnd { policy, run, status, deleted }
}
