//! The demonstration: it tells the whole loop to its end and leaves nothing behind.

use std::fs;

use super::host::{Host, ends, parsed, path};

#[test]
fn the_demonstration_tells_the_whole_loop_and_leaves_nothing_behind() {
    let hosts = [Host::new(), Host::new()];
    let arguments = [&["demo"][..], &["demo", "--json"]];
    let running = hosts.iter().zip(arguments).map(|(host, arguments)| {
        let folder = host.home().join("temporary");
        fs::create_dir(&folder).unwrap();
        host.worker(arguments).env("TMPDIR", path(&folder)).spawn()
    });
    // Both at once; each within the harness's minute.
    let running: Vec<_> = running.collect();
    let ended: Vec<_> = running.into_iter().map(|one| ends(0, one.wait())).collect();
    for (host, told) in hosts.iter().zip(&ended) {
        let words = ["logged in", "refresh token", "`updating` was true", "waited", "broke down"];
        for word in words.iter().chain(&["is back", "1 logins in all", "0 spent refresh"]) {
            assert!(told.stdout.contains(word), "nothing of {word:?}: {told:#?}");
        }
        assert!(!told.stdout.contains("DOES NOT WORK"), "{told:#?}");
        assert!(!told.stdout.contains("came too late"), "{told:#?}");
        assert_eq!(told.stderr, "");
        let left: Vec<_> = fs::read_dir(host.home().join("temporary")).unwrap().collect();
        assert!(left.is_empty(), "{left:?}");
        assert!(!host.state_folder().exists() && !host.config_folder().exists());
    }
    assert!(ended[1].stdout.lines().all(|line| parsed(line)["told"].is_string()));
}
