//! The database dies while a consumer uses it. SQLite has no server that could.

use std::{pin::pin, sync::OnceLock, time::Duration};

use tokenkeeper_consumer::{AccessToken, Error, NoToken, Refusal, Warning};
use tokenkeeper_shared::clock::{Clock, SystemClock};
use tokio::{
    sync::{Mutex, MutexGuard},
    time::{sleep, timeout},
};

use crate::{
    harness::{product::Product, servers::Server},
    stage::{HOUR, Stage, ask, is_outage},
};

/// A server that this test alone may kill, and a stage on it.
struct Ground {
    server: &'static Server,
    stage: Stage,
    product: Product,
    _turn: MutexGuard<'static, ()>,
}

/// Runs the test on both servers beside each other.
async fn on_each<F: Future<Output = ()> + Send + 'static>(test: impl Fn(Ground) -> F) {
    let run = |product, servers| {
        let ground = Box::pin(Ground::on(product, servers));
        let test = &test;
        async move { tokio::spawn(test(ground.await)).await }
    };
    let (postgres, mysql) =
        tokio::join!(run(Product::Postgres, &POSTGRES), run(Product::mysql(), &MYSQL));
    postgres.unwrap();
    mysql.unwrap();
}

impl Ground {
    async fn on(product: Product, (turns, server): &'static (Mutex<()>, OnceLock<Server>)) -> Self {
        let turn = turns.lock().await;
        let server = blocking(move || {
            let server = server.get_or_init(|| Server::start(product));
            // The test before may have left it dead.
            if server.try_execute(product.first_database(), "SELECT 1").is_err() {
                server.restart();
            }
            server
        });
        let server = server.await;
        let stage = Stage::on(&server.fresh_database()).await;
        Self { server, stage, product, _turn: turn }
    }

    async fn kill(&self) {
        let server = self.server;
        blocking(move || server.kill()).await;
    }

    async fn restart(&self) {
        let server = self.server;
        blocking(move || server.restart()).await;
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    tokio::task::spawn_blocking(work).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_handed_out_is_served_while_the_database_is_dead_and_the_newest_when_it_is_back() {
    on_each(|ground| async move {
        let (stage, product) = (&ground.stage, ground.product);
        stage.keep(HOUR).await;
        stage.ask(Duration::ZERO).await.unwrap();
        ground.kill().await;
        for _ in 0..3 {
            // Nobody waits out his patience for a database that is dead.
            let token = timeout(LIMIT, stage.ask(AGES)).await.expect("it waits").unwrap();
            assert_eq!(token.expose(), "access-1", "{product:?}");
            assert_eq!(token.warning(), Some(Warning::OutOfReach), "{product:?}");
            let until = token.expires_at().unwrap().format("%Y-%m-%dT%H:%M:%SZ").to_string();
            let told = token.warning_text().unwrap();
            assert!(told.contains(&until) && told.contains("out of reach"), "{told}");
        }
        ground.restart().await;
        stage.keep(HOUR).await;
        let token = back(stage).await;
        assert_eq!((token.generation(), token.warning()), (2, None), "{product:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_remembered_token_is_not_served_beyond_its_expiry() {
    on_each(|ground| async move {
        let (stage, product) = (&ground.stage, ground.product);
        stage.keep(SOON).await;
        let expires_at = stage.ask(Duration::ZERO).await.unwrap().expires_at().unwrap();
        ground.kill().await;
        let mut served = 0;
        let end = loop {
            // It may expire right after it was handed out.
            let asked = SystemClock::new().utc();
            match timeout(LIMIT, stage.ask(Duration::ZERO)).await.expect("it waits") {
                Ok(token) => assert!(asked < token.expires_at().unwrap(), "{product:?}"),
                Err(error) => break error,
            }
            served += 1;
        };
        assert!(served > 0 && is_outage(&end), "{product:?}: {served}, {end}");
        ground.restart().await;
        let refused = stage.ask(Duration::ZERO).await.unwrap_err();
        let expired = Refusal::Expired(expires_at);
        assert!(
            matches!(&refused, Error::NoToken(NoToken::Refused { refusal, .. }) if *refusal == expired),
            "{product:?}: {refused}"
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_first_question_outwaits_a_database_that_is_down() {
    on_each(|ground| async move {
        let product = ground.product;
        ground.stage.keep(HOUR).await;
        ground.kill().await;
        let consumer = ground.stage.another_consumer();
        let mut asked = pin!(ask(&consumer, AGES));
        let early = timeout(BEYOND_ONE_TRY, &mut asked).await;
        assert!(early.is_err(), "{product:?}: it has not waited: {early:?}");
        let (token, ()) = tokio::join!(timeout(LIMIT, asked), ground.restart());
        let token = token.expect("it still waits").unwrap();
        assert_eq!((token.expose(), token.warning()), ("access-1", None), "{product:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_does_not_come_back_within_the_wait_is_an_error() {
    on_each(|ground| async move {
        ground.stage.keep(HOUR).await;
        ground.kill().await;
        let consumer = ground.stage.another_consumer();
        let asked = timeout(LIMIT, ask(&consumer, Duration::from_millis(300))).await;
        let error = asked.expect("it still waits").unwrap_err();
        assert!(is_outage(&error), "{:?}: {error}", ground.product);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_for_a_worker_when_the_database_dies_gets_the_token_that_still_works() {
    on_each(|ground| async move {
        let product = ground.product;
        ground.stage.keep(HOUR).await;
        let consumer = ground.stage.another_consumer();
        ground.stage.claim().await;
        let mut asked = pin!(ask(&consumer, Duration::from_secs(5)));
        assert!(timeout(Duration::from_secs(1), &mut asked).await.is_err(), "{product:?}");
        ground.kill().await;
        let token = timeout(LIMIT, asked).await.expect("it still waits").unwrap();
        assert_eq!(token.expose(), "access-1", "{product:?}");
        assert_eq!(token.warning(), Some(Warning::OutOfReach), "{product:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_that_was_gone_before_the_outage_is_not_served_in_it() {
    on_each(|ground| async move {
        let stage = &ground.stage;
        stage.keep(HOUR).await;
        stage.ask(Duration::ZERO).await.unwrap();
        let database = stage.url.rsplit('/').next().unwrap().to_owned();
        ground.server.execute(&database, "DELETE FROM tokens");
        assert!(!is_outage(&stage.ask(Duration::ZERO).await.unwrap_err()));
        ground.kill().await;
        let error = stage.ask(Duration::ZERO).await.unwrap_err();
        assert!(is_outage(&error), "{:?}: {error}", ground.product);
    })
    .await;
}

/// What is handed out once the database is asked again: whoever has a token in hand asks a dead one
/// once a second.
async fn back(stage: &Stage) -> AccessToken {
    let asking = async {
        loop {
            let token = stage.ask(AGES).await.unwrap();
            if token.warning() != Some(Warning::OutOfReach) {
                return token;
            }
            sleep(Duration::from_millis(50)).await;
        }
    };
    timeout(LIMIT, asking).await.unwrap()
}

/// The pool gives up on a server that refuses connections after five seconds.
const BEYOND_ONE_TRY: Duration = Duration::from_secs(6);
/// Long enough to kill a server meanwhile on a busy machine.
const SOON: Duration = Duration::from_secs(10);
const LIMIT: Duration = Duration::from_secs(40);
const AGES: Duration = Duration::from_secs(3600);
/// Two servers for all the tests, one test at a time: starting them costs the most.
static POSTGRES: (Mutex<()>, OnceLock<Server>) = (Mutex::const_new(()), OnceLock::new());
static MYSQL: (Mutex<()>, OnceLock<Server>) = (Mutex::const_new(()), OnceLock::new());
