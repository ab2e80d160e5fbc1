//! What the library costs its callers: a token in memory, beside other memories; a token from the database,
//! beside a bare query; and how long after a worker's commit a waiting caller has the token.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a bench stops at the first surprise and prints its figures"
)]

#[path = "../tests"]
mod suites {
    pub mod harness;
}
#[path = "support/bare.rs"]
mod bare;
#[path = "support/figures.rs"]
mod figures;
#[path = "support/identity.rs"]
mod identity;
#[path = "support/one_token.rs"]
mod one_token;

use std::{
    hint::black_box,
    sync::{Arc, Barrier},
    thread,
    time::Duration,
};

use arc_swap::ArcSwap;
use azure_core::credentials::TokenCredential;
use bare::Bare;
use figures::{Figures, ratio};
use gcp_auth::TokenProvider;
use identity::{SCOPES, google, microsoft};
use one_token::{NAME, TOKEN, claim, commit, keep_a_token, open};
use suites::harness::{
    databases::{Database, Kind, each},
    wait::stopwatch,
};
use tokenkeeper_consumer::{Consumer, Request, WhileUpdating};
use tokenkeeper_shared::{
    seal::{Seal, key::Keyring},
    settings::{Environment, Settings},
    store::{Role, Store},
};
use tokio::{runtime::Runtime, time::sleep};

fn main() {
    let runtime = Runtime::new().unwrap();
    let databases: Vec<_> = each().into_iter().map(|kind| Stage::on(kind, &runtime)).collect();
    in_memory(&databases[0], &runtime);
    for stage in &databases {
        println!("\n{}", stage.database.kind);
        runtime.block_on(from_database(stage));
        runtime.block_on(waking(stage));
    }
}

struct Stage {
    database: Database,
    ring: Keyring,
    key: String,
}

impl Stage {
    fn on(kind: Kind, runtime: &Runtime) -> Self {
        let database = Database::fresh(kind);
        let ring = Keyring::parse(&Keyring::new_worker_key()).unwrap();
        runtime.block_on(keep_a_token(&database.url, ring.clone()));
        let key = ring.consumer_key_text().expose().to_owned();
        Self { database, ring, key }
    }

    /// What the library asks, as the store writes it for this database.
    fn statement(&self) -> String {
        let seal = Seal::With(self.ring.clone());
        let store = Store::open(self.database.url.parse().unwrap(), seal, Role::Consumer).unwrap();
        store.reading_statement().to_owned()
    }

    fn two_columns(&self) -> &'static str {
        match self.database.kind {
            Kind::Postgres => {
                "SELECT access_token, access_token_expires FROM tokens WHERE name = $1"
            }
            _ => "SELECT access_token, access_token_expires FROM tokens WHERE name = ?",
        }
    }

    fn consumer(&self, max_staleness: Duration) -> Consumer {
        let file = tempfile::NamedTempFile::new().unwrap();
        let pairs =
            [("TOKENKEEPER_DATABASE_URL", &*self.database.url), ("TOKENKEEPER_KEY", &self.key)];
        let settings = Settings::load(&Environment::of(pairs), Some(file.path().into())).unwrap();
        Consumer::with_max_staleness(settings, max_staleness).unwrap()
    }
}

/// Nanoseconds that the expression takes, on so many threads at once, each with its own clone.
macro_rules! measured {
    ($threads:expr, $of:ident, $call:expr) => {{
        let $of = $of.clone();
        nanos($threads, move || {
            let $of = $of.clone();
            async move {
                for _ in 0..CALLS {
                    black_box($call);
                }
            }
        })
    }};
}

/// Nanoseconds a call, on one thread and on as many as there are cores.
fn in_memory(stage: &Stage, runtime: &Runtime) {
    let cores = thread::available_parallelism().unwrap().get();
    println!("\na token in memory, ns a call (target: under 50, as many threads no slower)");
    let consumer = {
        let _inside = runtime.enter();
        stage.consumer(Duration::from_hours(1))
    };
    runtime.block_on(consumer.token(NAME)).unwrap();
    let swap = Arc::new(ArcSwap::from_pointee(TOKEN.to_owned()));
    let moka = moka::sync::Cache::<String, Arc<str>>::new(100);
    moka.insert(NAME.to_owned(), TOKEN.into());
    let (google, microsoft) = runtime.block_on(async { (google().await, microsoft().await) });
    for _ in 0..ROUNDS {
        for threads in [1, cores] {
            let ours = measured!(threads, consumer, consumer.token(black_box(NAME)).await.unwrap());
            let moka = measured!(threads, moka, moka.get(black_box(NAME)).unwrap());
            let least = measured!(threads, swap, swap.load().as_str().len());
            let google = measured!(threads, google, google.token(black_box(SCOPES)).await.unwrap());
            let microsoft = measured!(
                threads,
                microsoft,
                microsoft.get_token(black_box(SCOPES), None).await.unwrap()
            );
            println!(
                "{threads} threads  token {ours:6.1}  arc-swap load {least:6.1}  moka {moka:6.1}  gcp_auth {google:6.1}  azure_identity {microsoft:6.1}  token / moka {:.2}",
                ours / moka
            );
        }
    }
    allocations(&consumer, runtime);
}

/// Of many calls that are answered from memory.
fn allocations(consumer: &Consumer, runtime: &Runtime) {
    let counted = allocation_counter::measure(|| {
        runtime.block_on(async {
            for _ in 0..1_000 {
                black_box(consumer.token(NAME).await.unwrap());
            }
        });
    });
    let idle = allocation_counter::measure(|| runtime.block_on(async {}));
    println!("allocations in 1,000 calls: {}", counted.count_total - idle.count_total);
}

/// Runs the work on so many threads at once; what one call of one thread takes.
fn nanos<F: Future<Output = ()>>(
    threads: usize,
    work: impl Fn() -> F + Clone + Send + 'static,
) -> f64 {
    let gate = Arc::new(Barrier::new(threads));
    let run = |_| {
        let (gate, work) = (gate.clone(), work.clone());
        thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
            gate.wait();
            let began = stopwatch();
            runtime.block_on(work());
            began.elapsed()
        })
    };
    let threads: Vec<_> = (0..threads).map(run).collect();
    let longest = threads.into_iter().map(|thread| thread.join().unwrap()).max().unwrap();
    longest.as_secs_f64() * 1e9 / f64::from(CALLS)
}

/// A question that goes to the database, in turn with the query alone.
async fn from_database(stage: &Stage) {
    let (consumer, url) = (stage.consumer(Duration::ZERO), &stage.database.url);
    let (mut ours, mut same, mut least) = (Vec::new(), Vec::new(), Vec::new());
    let mut connection = Bare::connect(stage.database.kind, url).await;
    let statement = stage.statement();
    for round in 0..QUESTIONS + WARM_UP {
        let began = stopwatch();
        black_box(consumer.token(NAME).await.unwrap());
        let took = began.elapsed();
        let began = stopwatch();
        black_box(connection.query(&statement).await);
        let alone = began.elapsed();
        let began = stopwatch();
        black_box(connection.query(stage.two_columns()).await);
        let narrow = began.elapsed();
        if round >= WARM_UP {
            ours.push(took);
            same.push(alone);
            least.push(narrow);
        }
    }
    let [ours, same, least] = [ours, same, least].map(Figures::of);
    println!("from the database   {}", ours.line());
    println!("the same statement  {}", same.line());
    println!("two columns of it   {}", least.line());
    let [to_same, to_least] = [&same, &least].map(|bare| ratio(ours.median(), bare.median()));
    println!("ratios of medians   {to_same:.2} (target: 1.2), {to_least:.2}");
}

/// How long after a worker's commit was acknowledged a caller who waits has the new token.
async fn waking(stage: &Stage) {
    let (consumer, store) =
        (stage.consumer(Duration::ZERO), open(&stage.database.url, stage.ring.clone()));
    let request = Request { while_updating: WhileUpdating::Wait, ..Request::default() };
    let mut woke = Vec::new();
    for round in 0..WAKINGS + 3 {
        let claimed = claim(&store).await;
        let name = NAME.parse().unwrap();
        let consumer = consumer.clone();
        let asking = tokio::spawn(async move {
            let token = consumer.get(&name, request).await.unwrap();
            (token.generation(), stopwatch())
        });
        // The caller waits already, at any point of its polls.
        sleep(Duration::from_micros(20_000 + fastrand::u64(0..60_000))).await;
        commit(&store, &claimed).await;
        let committed = stopwatch();
        let (generation, woken) = asking.await.unwrap();
        assert_eq!(generation, claimed.token.generation + 1, "it has not waited");
        if round >= 3 {
            woke.push(woken.saturating_duration_since(committed));
        }
    }
    let woke = Figures::of(woke);
    println!("waking             {} (target: p99 under {} ms)", woke.line(), target(stage));
}

fn target(stage: &Stage) -> u32 {
    if stage.database.kind == Kind::Postgres { 10 } else { 100 }
}

const ROUNDS: usize = 3;
const CALLS: u32 = 3_000_000;
const QUESTIONS: usize = 3_000;
const WARM_UP: usize = 100;
const WAKINGS: usize = 300;
