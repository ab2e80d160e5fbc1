//! Claims of one row by its name, which a human asks for. Those of a pass are in `claiming`.

use tokenkeeper_shared::store::Release;
use tokenkeeper_shared::token::State;

use crate::ground::on_each;
use crate::keeping::{
    WORKER, answer, claimed, committed, enrolled, failure, kept, later, noon, refresh_token, row,
};

#[test]
fn a_human_can_force_what_waits_for_one_but_not_what_is_disabled() {
    on_each(async |ground| {
        let store = ground.store().await;
        let now = later(24 * 3600);
        for (state, forced) in [(State::NeedsLogin, true), (State::Disabled, false)] {
            let name = state.as_str().replace('_', "-");
            kept(&store, &name, noon()).await;
            let claim = claimed(&store, &name, later(60)).await;
            let release = Release { state, ..failure(later(60)) };
            store.release(&claim, &release, later(60)).await.unwrap();
            let token = row(&store, &name).await;
            let unforced = store.claim_named(&token, false, WORKER, now).await.unwrap();
            assert!(unforced.is_none(), "{state}");
            let claim = store.claim_named(&token, true, WORKER, now).await.unwrap();
            assert_eq!(claim.is_some(), forced, "{state}");
        }
    });
}

#[test]
fn a_row_is_claimed_by_name_before_it_is_due() {
    on_each(async |ground| {
        let store = ground.store().await;
        let token = kept(&store, "quartile", noon()).await;
        let claim = store.claim_named(&token, false, WORKER, later(60)).await.unwrap();
        assert_eq!(refresh_token(&claim.unwrap().unwrap()).unwrap(), "refresh-1-quartile");
    });
}

#[test]
fn two_renewals_lie_a_minimum_gap_apart_unless_forced() {
    on_each(async |ground| {
        let store = ground.store().await;
        // Thirty seconds, or two fifths of a shorter life.
        for (name, life, gap) in [("long", 12 * 3600, 30), ("short", 60, 24)] {
            enrolled(&store, name, noon()).await;
            let mut new = answer("access-1", "refresh-1", noon());
            new.access.as_mut().unwrap().expires_at = later(life);
            committed(&store, &claimed(&store, name, noon()).await, new, noon()).await;
            let token = row(&store, name).await;
            let claim = async |force, now| {
                let claim = store.claim_named(&token, force, WORKER, now).await.unwrap();
                let Some(claim) = claim else { return false };
                store.release(&claim.unwrap(), &failure(now), now).await.unwrap()
            };
            assert!(!claim(false, later(gap - 1)).await, "{name}");
            assert!(claim(true, later(gap - 1)).await, "{name}");
            assert!(claim(false, later(gap)).await, "{name}");
        }
    });
}
