//! The replicas of the database that is cleaned, asked how far they lag. By what rules lies in `lag`; whoever waits
//! for them is `drive`.

mod mysql;
mod postgres;

use std::{collections::BTreeMap, fmt, time::Duration};

use tokenkeeper_shared::{clock::Clock, database_url::DatabaseUrl, store::StoreError};
use tokio::{sync::Mutex, time::timeout};

use super::{
    database::{Access, Database},
    dialect::Dialect,
    lag::{Marks, MaxLag, Standing},
};

/// Replicas that must not lag too far behind.
#[derive(Debug)]
pub struct Replicas {
    database: Database,
    named: Vec<Database>,
    most: MaxLag,
    state: Mutex<State>,
}

/// A replica that lags too far behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Behind {
    /// Its name.
    pub replica: String,
    /// How it stands.
    pub standing: Standing,
    /// Since when there is one that does, on the monotonic clock.
    pub since: Duration,
}

/// What was found, and what later answers are reckoned by.
#[derive(Debug, Default)]
struct State {
    asked: Option<Duration>,
    found: Option<Behind>,
    marks: Marks,
    /// How far each replica had come that was ever seen: one that is gone lags more and more.
    replayed: BTreeMap<String, u64>,
}

/// How the replicas stand, by their names.
type Standings = Vec<(String, Standing)>;

impl Replicas {
    /// Prepares connections to the replicas that are named; with none, PostgreSQL is asked who is connected.
    ///
    /// # Errors
    /// [`StoreError`]: `Unfit` where there cannot be any, or nobody would tell of them.
    pub fn open(
        database: &Database,
        named: Vec<DatabaseUrl>,
        most: MaxLag,
    ) -> Result<Self, StoreError> {
        let dialect = database.dialect();
        let unfit = |message: &str| Err(StoreError::Unfit(message.to_owned()));
        match dialect {
            Dialect::MySql if named.is_empty() => return unfit(WHICH),
            Dialect::Postgres | Dialect::MySql => {}
            _ => return unfit("a SQLite file has no replicas: leave --max-lag out"),
        }
        if let Some(other) = named.iter().find(|url| Dialect::from(url.dialect()) != dialect) {
            let message = format!("{other} is no replica of {}: name one", database.url());
            return Err(StoreError::Unfit(message));
        }
        let named = named.into_iter().map(|url| Database::open(url, Access::Look));
        let (database, named) = (database.clone(), named.collect::<Result<_, _>>()?);
        Ok(Self { database, named, most, state: Mutex::default() })
    }

    /// Whether they may be asked, before anything is deleted. Something that whoever called should know.
    ///
    /// # Errors
    /// [`StoreError`]: `Unfit` where they may not, or one is no replica. One that is out of reach may come back.
    pub async fn check(&self) -> Result<Option<&'static str>, StoreError> {
        if self.named.is_empty() {
            return postgres::may_look(&self.database).await;
        }
        for replica in &self.named {
            let checked = match self.database.dialect() {
                Dialect::Postgres => timeout(ANSWER, postgres::check(replica)).await,
                _ => timeout(ANSWER, mysql::check(replica)).await,
            };
            match checked {
                Err(_) | Ok(Ok(())) => {}
                Ok(Err(error)) if error.is_transient() => {}
                Ok(Err(error)) => {
                    let message = format!("the replica {}: {error}", replica.url());
                    return Err(StoreError::Unfit(message));
                }
            }
        }
        Ok(None)
    }

    /// The one that lags too far behind, and most of all. They are asked when the last answer is too old.
    ///
    /// # Errors
    /// [`StoreError`] of the database that is cleaned.
    pub async fn behind(&self, clock: &dyn Clock) -> Result<Option<Behind>, StoreError> {
        let mut state = self.state.lock().await;
        let is_fresh = |asked| clock.monotonic().saturating_sub(asked) < self.interval();
        if !state.asked.is_some_and(is_fresh) {
            let standings = self.standings(&mut state, clock).await?;
            let now = clock.monotonic();
            let before = state.found.take();
            state.found = self.worst(standings, before.as_ref().map(|of| of.since), now);
            state.asked = Some(now);
        }
        Ok(state.found.clone())
    }

    /// Notes how far a batch has written, before a rest that is longer than an answer counts: at the next look it
    /// would seem to have been written just then.
    ///
    /// # Errors
    /// [`StoreError`] of the database that is cleaned.
    pub async fn mark(&self, clock: &dyn Clock, rest: Duration) -> Result<(), StoreError> {
        if self.database.dialect() != Dialect::Postgres || rest < self.interval() {
            return Ok(());
        }
        postgres::note(&self.database, &mut *self.state.lock().await, clock).await
    }

    /// The one that was found to lag too far behind at the last look.
    pub async fn found(&self) -> Option<Behind> {
        self.state.lock().await.found.clone()
    }

    /// How far one may lag.
    #[must_use]
    pub fn most(&self) -> MaxLag {
        self.most
    }

    /// How long an answer counts.
    #[must_use]
    pub fn interval(&self) -> Duration {
        self.most.interval()
    }

    /// Closes the connections to them.
    pub async fn close(&self) {
        for replica in &self.named {
            replica.close().await;
        }
    }

    async fn standings(
        &self,
        state: &mut State,
        clock: &dyn Clock,
    ) -> Result<Standings, StoreError> {
        if self.database.dialect() == Dialect::Postgres {
            if self.named.is_empty() {
                return postgres::connected(&self.database, state, clock).await;
            }
            postgres::note(&self.database, state, clock).await?;
        }
        let mut standings = Vec::new();
        for replica in &self.named {
            let standing = self.ask(replica, state, clock).await;
            let is_known = matches!(standing, Standing::Lags(_));
            standings.push((replica.url().to_string(), standing));
            if !is_known {
                // It is enough to wait for, and each one that does not answer takes a while.
                break;
            }
        }
        Ok(standings)
    }

    async fn ask(&self, replica: &Database, state: &State, clock: &dyn Clock) -> Standing {
        let lag = |replayed| state.standing(replayed, clock.monotonic());
        let standing = match self.database.dialect() {
            Dialect::Postgres => heard(postgres::replayed(replica)).await.map(lag),
            _ => heard(mysql::standing(replica)).await,
        };
        standing.unwrap_or_else(|standing| standing)
    }

    /// Those of which nothing is known come before those that lag.
    fn worst(
        &self,
        standings: Standings,
        since: Option<Duration>,
        now: Duration,
    ) -> Option<Behind> {
        let mut worst: Option<(String, Standing)> = None;
        for (replica, standing) in standings {
            let is_worse = match (&standing, worst.as_ref().map(|(_, standing)| standing)) {
                (Standing::Lags(lag), _) if !self.most.is_exceeded(*lag, since.is_some()) => false,
                (_, None) => true,
                (Standing::Unknown(_), Some(before)) => matches!(before, Standing::Lags(_)),
                (Standing::Lags(lag), Some(Standing::Lags(before))) => lag > before,
                (Standing::Lags(_), Some(Standing::Unknown(_))) => false,
            };
            if is_worse {
                worst = Some((replica, standing));
            }
        }
        worst.map(|(replica, standing)| Behind { replica, standing, since: since.unwrap_or(now) })
    }
}

impl State {
    fn standing(&self, replayed: u64, now: Duration) -> Standing {
        let unknown = || Standing::Unknown(UNREACHED.to_owned());
        self.marks.lag(replayed, now).map_or_else(unknown, Standing::Lags)
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "the replica {} {}", self.replica, self.standing)
    }
}

/// An answer that comes soon, or how a replica stands that gives none.
async fn heard<T>(
    answer: impl Future<Output = Result<Result<T, Standing>, StoreError>>,
) -> Result<T, Standing> {
    match timeout(ANSWER, answer).await {
        Ok(Ok(heard)) => heard,
        Ok(Err(StoreError::Refused(_))) => Err(Standing::Unknown("refuses to be asked".to_owned())),
        Ok(Err(_)) | Err(_) => Err(Standing::Unknown("is out of reach".to_owned())),
    }
}

/// A replica that does not answer for so long holds a run back as one that lags does; short, because a stop is
/// not heeded meanwhile.
const ANSWER: Duration = Duration::from_secs(3);
const UNREACHED: &str = "has not replayed yet what was there before";
const WHICH: &str = "a server of MySQL does not tell how far its replicas are: name them by --replica or \
     TOKENKEEPER_CLEANUP_REPLICA_URLS";
