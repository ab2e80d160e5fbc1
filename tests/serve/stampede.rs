//! Ten thousand requests at once on a server that knows nothing yet: they share the
//! readings of each token.

use std::{thread, time::Duration};

use super::{
    http::{exchange, request},
    stage::{HOUR, Stage, bearer},
};
use crate::harness::{product::Product, servers::Server, wait};

#[test]
fn ten_thousand_cold_requests_share_their_readings() {
    let database = Server::start(Product::Postgres);
    let url = database.fresh_database();
    let name = url.rsplit('/').next().unwrap();
    let stage = Stage::at(&url);
    let tokens: Vec<_> = (0..10).map(|n| format!("token-{n}")).collect();
    for token in &tokens {
        stage.keep(token, HOUR);
    }
    let key = stage.new_key("all", &["--token", "*"]);
    // Only sessions that have ended are counted for sure.
    let settled = || {
        let others = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() \
                      AND pid <> pg_backend_pid()";
        let alone = || (database.execute(name, others).trim() == "0").then_some(());
        wait::until(LIMIT, alone).expect("the sessions end");
    };
    settled();
    database.execute(name, "SELECT pg_stat_reset()");
    let server = stage.serve(&["--max-connections", "200"]);
    let began = wait::stopwatch();
    let authorization = bearer(&key);
    let ask = |connection: usize| {
        let one = |n: usize| {
            let token = &tokens[(connection + n) % tokens.len()];
            let text =
                format!("GET /v1/tokens/{token} HTTP/1.1\r\nHost: localhost\r\nAuthorization: ");
            format!("{text}{authorization}\r\n\r\n")
        };
        let many: String = (0..100).map(one).collect();
        let last = request("GET", "/healthz", &[], "");
        let answers = exchange(server.port, format!("{many}{last}").as_bytes());
        answers.iter().filter(|answer| answer.body.contains("access-token-")).count()
    };
    let ask = &ask;
    let answered: usize = thread::scope(|scope| {
        let asking: Vec<_> = (0..100).map(|n| scope.spawn(move || ask(n))).collect();
        asking.into_iter().map(|asking| asking.join().unwrap()).sum()
    });
    assert_eq!(answered, 10_000);
    // Again once the database tells of changes, which a reading may be under way by, and after five
    // seconds where a machine is that slow.
    let rounds = 3 + usize::try_from(began.elapsed().as_secs() / 5).unwrap();
    assert_eq!(server.stop().code, Some(0));
    settled();
    let scans = "SELECT coalesce(sum(seq_scan + idx_scan), 0) FROM pg_stat_user_tables WHERE relname = 'tokens'";
    let reads: usize = database.execute(name, scans).trim().parse().unwrap();
    assert!((10..=10 * rounds).contains(&reads), "{reads} readings of 10 tokens, {rounds} rounds");
}

const LIMIT: Duration = Duration::from_secs(30);
