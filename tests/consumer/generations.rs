//! What a consumer remembers does not stand in the database's way, and a database that falls behind
//! does not lead it back.

use std::time::Duration;

use tokenkeeper_consumer::{Error, NoToken};

use crate::{
    harness::databases::{Database, Kind, each},
    stage::{HOUR, Stage, run},
};

#[tokio::test(flavor = "multi_thread")]
async fn each_question_is_answered_with_the_newest_token() {
    for kind in each() {
        let database = Database::fresh(kind);
        let stage = Stage::on(&database.url).await;
        for generation in 1..4 {
            stage.keep(HOUR).await;
            let token = stage.ask(Duration::ZERO).await.unwrap();
            assert_eq!((token.generation(), token.warning()), (generation, None), "{kind}");
            assert_eq!(token.expose(), format!("access-{generation}"), "{kind}");
        }
    }
}

/// As a replica does that takes over too early.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_falls_behind_takes_no_newer_token_away() {
    for kind in each() {
        let database = Database::fresh(kind);
        let stage = Stage::on(&database.url).await;
        stage.keep(HOUR).await;
        stage.keep(HOUR).await;
        assert_eq!(stage.ask(Duration::ZERO).await.unwrap().generation(), 2, "{kind}");
        behind(kind, &database.url).await;
        let token = stage.ask(Duration::ZERO).await.unwrap();
        assert_eq!((token.generation(), token.expose()), (2, "access-2"), "{kind}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_is_gone_is_not_remembered() {
    for kind in each() {
        let database = Database::fresh(kind);
        let stage = Stage::on(&database.url).await;
        stage.keep(HOUR).await;
        stage.ask(Duration::ZERO).await.unwrap();
        run(kind, &database.url, "DELETE FROM tokens").await;
        let refused = stage.ask(Duration::ZERO).await.unwrap_err();
        assert!(matches!(refused, Error::NoToken(NoToken::NoSuchName(_))), "{kind}: {refused}");
    }
}

async fn behind(kind: Kind, url: &str) {
    run(kind, url, "UPDATE tokens SET generation = 1, last_success_at = 1").await;
}
