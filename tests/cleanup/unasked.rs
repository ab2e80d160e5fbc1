//! Replicas that nobody may ask, that there are not, or that are out of reach.

use crate::{
    applying::{TOKENS, dead},
    cleaning::{number, program},
    ground::in_zones,
    harness::{databases::Kind, keeper::free_port},
    lagging::{CLEANED, Pair, REPLICAS, report},
};

#[tokio::test(flavor = "multi_thread")]
async fn a_named_replica_that_is_out_of_reach_holds_a_run_back() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind == Kind::Sqlite {
            return;
        }
        ground.execute(&dead(9)).await;
        let scheme = ground.place.url.split("@127").next().unwrap();
        let nobody = format!("{scheme}@127.0.0.1:{}/nothing", free_port());
        let wish = ["--apply", "--max-lag", "1s", "--run-time", "2s", "--replica", &nobody];
        let done = program(&ground, &policy, &wish).run();
        assert_eq!(done.code, Some(3), "{ground}: {done:?}");
        assert!(done.stdout.contains("is out of reach"), "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 9, "{ground}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_see_how_far_replicas_are_is_refused_with_the_grant_that_mends_it() {
    for kind in [Kind::Postgres, Kind::MySql] {
        let pair = Pair::start(kind).await;
        let (asked, first, user) = match kind {
            Kind::Postgres => (&pair.primary, "postgres", "postgres"),
            _ => (&pair.replica, "mysql", "root"),
        };
        let name = pair.ground.place.name();
        let make = match kind {
            Kind::Postgres => {
                "CREATE USER \"Few\"; GRANT ALL ON ALL TABLES IN SCHEMA public TO \"Few\"; \
                 GRANT ALL ON SCHEMA public TO \"Few\""
            }
            _ => "CREATE USER 'Few'@'127.0.0.1'",
        };
        asked.execute(if kind == Kind::Postgres { name } else { first }, make);
        let few = |url: &str| url.replace(&format!("{user}@"), "Few@");
        let mut program = match kind {
            Kind::Postgres => pair.run(&[]).env(CLEANED, few(&pair.ground.place.url)),
            _ => pair.run(&[]).env(REPLICAS, few(&pair.replica.url("information_schema"))),
        };
        let refused = program.run();
        assert_eq!(refused.code, Some(2), "{kind}: {refused:?}");
        assert_eq!(number(&pair.ground, TOKENS).await, pair.rows, "{kind}: {refused:?}");
        let failure = report(&refused.stderr);
        let told = failure["error"]["message"].as_str().unwrap();
        let grant = &told[told.find("GRANT ").unwrap()..];
        let grant = grant.split(" (").next().unwrap();
        asked.execute(first, grant);
        let done = program.run();
        assert_eq!(done.code, Some(0), "{kind}, {grant}: {done:?}");
        assert_eq!(number(&pair.ground, TOKENS).await, 0, "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_cannot_be_waited_for_is_refused_before_a_row_is_touched() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        ground.execute(&dead(9)).await;
        let own = ground.place.url.as_str();
        let secret = "postgres://u:canary@127.0.0.1/d";
        let wishes: &[(&[&str], &str)] = match ground.place.kind {
            Kind::Sqlite => &[(&[], "no replicas")],
            Kind::Postgres => &[
                (&["--replica", own], "is no replica"),
                (&["--replica", "mysql://u@127.0.0.1/d"], "is no replica of"),
                (&["--replica", secret], "_REPLICA_URLS_FILE"),
            ],
            Kind::MySql => &[(&[], "--replica"), (&["--replica", own], "is no replica")],
        };
        for (wish, words) in wishes {
            let done = program(&ground, &policy, &["--apply", "--max-lag", "5s"]).args(*wish).run();
            assert_eq!(done.code, Some(2), "{ground}, {wish:?}: {done:?}");
            assert!(done.stderr.contains(words), "{ground}, {wish:?}: {done:?}");
            assert!(!done.stderr.contains("canary"), "{ground}, {wish:?}: {done:?}");
            assert_eq!(number(&ground, TOKENS).await, 9, "{ground}, {wish:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_of_postgresql_that_nobody_follows_is_cleaned_and_that_is_said_once() {
    in_zones(&["UTC"], &["wso2-token"], async |ground, policy| {
        if ground.place.kind != Kind::Postgres {
            return;
        }
        ground.execute(&dead(9)).await;
        let done = program(&ground, &policy, &["--apply", "--max-lag", "1s"]).run();
        assert_eq!(done.code, Some(0), "{ground}: {done:?}");
        assert_eq!(done.stderr.matches("no replica is connected").count(), 1, "{ground}: {done:?}");
        assert_eq!(number(&ground, TOKENS).await, 0, "{ground}");
    })
    .await;
}
