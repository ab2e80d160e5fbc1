//! The protocol as a machine small enough to visit every state of it: two workers with a journal
//! each, a consumer, a provider that rotates, crashes, lost answers, lost acknowledgements, leases
//! that lapse. What it leaves out (times, logins, classes of answers) lies with the simulator.

#[path = "model/machine.rs"]
mod machine;
#[path = "model/steps.rs"]
mod steps;

use stateright::{Checker, DiscoveryClassification, Model};

use crate::machine::{Protocol, Rotation, Without};

const MODES: [Rotation; 3] = [Rotation::Strict, Rotation::Grace, Rotation::Reissue];

#[test]
fn no_state_breaks_a_promise() {
    for rotation in MODES {
        let checker = Protocol { rotation, without: None }.checker().threads(2);
        let checker = checker.spawn_bfs().join();
        println!("{rotation:?}: {} states", checker.unique_state_count());
        checker.assert_properties();
    }
}

#[test]
fn a_counterexample_is_found_without_each_rule() {
    for without in Without::EACH {
        let found: Vec<_> =
            MODES.iter().filter_map(|mode| counterexample(*mode, without)).collect();
        println!("without {without:?}: {found:?}");
        assert!(!found.is_empty(), "{without:?} is not missed in any state");
    }
}

/// The promise that is broken, after how many steps.
fn counterexample(rotation: Rotation, without: Without) -> Option<(Rotation, &'static str, usize)> {
    let model = Protocol { rotation, without: Some(without) };
    let checker = model.checker().spawn_bfs().join();
    let broken = |name: &&'static str| {
        let found = checker.discovery_classification(name);
        matches!(found, DiscoveryClassification::Counterexample)
    };
    let paths = checker.discoveries();
    let name = paths.keys().copied().filter(broken).min()?;
    Some((rotation, name, paths[name].clone().into_actions().len()))
}
