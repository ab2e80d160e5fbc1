//! One pass over what is due: enrols what has no row yet, claims in batches, soonest first, keeps
//! many tokens at once but never too many at one provider, and ends. Timers repeat passes.
//! What comes before the first claim lies in `beginning`.

mod beginning;

pub(crate) use self::beginning::replay;

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    sync::Arc,
};

use tokenkeeper_shared::{
    name::TokenName,
    store::{Due, DueCursor, NAMES_AT_ONCE, StoreError, Unopened},
    token::Claimed,
};
use tokio::task::JoinSet;
use tracing::error;
use uuid::Uuid;

use crate::{
    config::{Config, TokenConfig},
    exchange::Exchanger,
    failpoint,
    report::{Done, Report},
};

/// A pass in progress.
struct Pass<'c> {
    exchanger: Arc<Exchanger>,
    tokens: &'c Tokens,
    hosts: HashSet<Arc<str>>,
    per_host: usize,
    /// Exchanges under way, by provider host.
    busy: HashMap<Arc<str>, usize>,
    tasks: JoinSet<(Arc<str>, Done)>,
    report: Report,
    /// Due rows before this were claimed or are nobody's here: no walk looks at them again.
    resume: DueCursor,
}

/// The tokens that a pass keeps, each with its provider's host.
type Tokens = BTreeMap<TokenName, (Arc<TokenConfig>, Arc<str>)>;

/// What a walk over the due rows came to.
enum Walk {
    /// The end of the due rows was seen, and none of ours is left.
    AtEnd,
    /// There is more, and the providers have enough to do for now.
    Saturated,
}

/// Keeps everything that is due and configured, or of that only the tokens `named`.
///
/// # Errors
/// [`StoreError`] when the database cannot be asked; what is under way is finished first.
pub async fn run(
    exchanger: Arc<Exchanger>,
    config: &Config,
    named: &[TokenName],
) -> Result<Report, StoreError> {
    let wanted = |name: &TokenName| named.is_empty() || named.contains(name);
    let with_host = |token: &TokenConfig| (Arc::new(token.clone()), token.provider.host().into());
    let tokens: Tokens = config
        .tokens
        .iter()
        .filter(|(name, _)| wanted(name))
        .map(|(name, token)| (name.clone(), with_host(token)))
        .collect();
    let mut report = Report::default();
    beginning::replay(&exchanger, &mut report).await?;
    beginning::enrol(&exchanger, &tokens).await?;
    beginning::readmit(&exchanger, &tokens).await?;
    let mut pass = Pass {
        exchanger: exchanger.clone(),
        tokens: &tokens,
        hosts: tokens.values().map(|(_, host)| host.clone()).collect(),
        per_host: usize::from(config.run.per_host.get()),
        busy: HashMap::new(),
        tasks: JoinSet::new(),
        report,
        resume: DueCursor::default(),
    };
    let walked = pass.take_all().await;
    while pass.finish_one().await {}
    if let Err(error) = walked {
        exchanger.write_out().await;
        return Err(error);
    }
    exchanger.rest().await;
    pass.note_waiting().await?;
    exchanger.note_run().await;
    Ok(pass.report)
}

impl Pass<'_> {
    /// Walks the due rows again and again until all that could be taken are.
    async fn take_all(&mut self) -> Result<(), StoreError> {
        while !self.exchanger.is_over() {
            match self.walk().await? {
                Walk::AtEnd => return Ok(()),
                // Half of what runs is waited for, so that claims stay batches.
                Walk::Saturated => {
                    for _ in 0..self.tasks.len().div_ceil(2).max(1) {
                        self.finish_one().await;
                    }
                }
            }
        }
        Ok(())
    }

    /// One walk over the due rows, from where the last one left something: claims what is configured
    /// and whose provider has room.
    async fn walk(&mut self) -> Result<Walk, StoreError> {
        let (mut cursor, mut passed_over) = (self.resume, 0);
        loop {
            let now = self.exchanger.time.now();
            let page = self.exchanger.store.due(now, cursor, PAGE).await?;
            let (chosen, left) = self.choose(&page);
            passed_over += left;
            for ids in chosen.chunks(BATCH) {
                if !self.exchanger.is_over() {
                    self.claim(ids).await?;
                }
            }
            cursor = page.last().map_or(cursor, DueCursor::from);
            if passed_over == 0 {
                self.resume = cursor;
            }
            if page.len() < usize::from(PAGE) {
                return Ok(if passed_over > 0 { Walk::Saturated } else { Walk::AtEnd });
            }
            if passed_over > LOOK_AHEAD || self.is_saturated() || self.exchanger.is_over() {
                return Ok(Walk::Saturated);
            }
        }
    }

    /// Of these rows, those that are ours and whose provider has room; and how many had to be left.
    fn choose(&self, page: &[Due]) -> (Vec<Uuid>, usize) {
        let (mut chosen, mut left, mut planned) = (Vec::new(), 0, HashMap::<&str, usize>::new());
        for due in page {
            let Some((_, host)) = self.tokens.get(&due.name) else {
                continue;
            };
            let busy = self.busy.get(host).copied().unwrap_or_default();
            let planned = planned.entry(host).or_default();
            if busy + *planned < self.per_host {
                *planned += 1;
                chosen.push(due.id);
            } else {
                left += 1;
            }
        }
        (chosen, left)
    }

    /// Whether no provider that is in use has room, so that walking on would find nothing.
    fn is_saturated(&self) -> bool {
        self.hosts.iter().all(|host| self.busy.get(host).is_some_and(|busy| *busy >= self.per_host))
    }

    async fn claim(&mut self, ids: &[Uuid]) -> Result<(), StoreError> {
        failpoint::reach("due");
        let now = self.exchanger.time.now();
        for claimed in self.exchanger.store.claim(ids, &self.exchanger.worker, now).await? {
            self.start(claimed);
        }
        Ok(())
    }

    fn start(&mut self, claimed: Result<Claimed, Unopened>) {
        let name = match &claimed {
            Ok(claimed) => &claimed.token.name,
            Err(unopened) => &unopened.claimed.token.name,
        };
        let Some((token, host)) = self.tokens.get(name) else {
            return;
        };
        let (exchanger, token, host) = (self.exchanger.clone(), token.clone(), host.clone());
        *self.busy.entry(host.clone()).or_default() += 1;
        self.tasks.spawn(async move {
            let done = match claimed {
                Ok(claimed) => exchanger.keep(token, claimed).await,
                // One row that does not open must not keep the others.
                Err(unopened) => exchanger.refuse(&token, unopened).await,
            };
            (host, done)
        });
    }

    /// Waits for one exchange to end. `false` when none is under way.
    async fn finish_one(&mut self) -> bool {
        match self.tasks.join_next().await {
            None => {
                self.busy.clear();
                false
            }
            Some(Ok((host, done))) => {
                self.busy.entry(host).and_modify(|busy| *busy = busy.saturating_sub(1));
                self.report.add(done);
                // At the end of a run a database that hangs is waited for once, not after each.
                if !self.exchanger.is_over() {
                    self.exchanger.events.flush_batch(&self.exchanger.store).await;
                }
                true
            }
            Some(Err(panic)) => {
                error!("an exchange ended by a defect of tokenkeeper: {panic}");
                true
            }
        }
    }

    /// Tokens that wait for a human, or for their next try without a valid one, are told in every
    /// pass: a timer that ends with 0 would hide them.
    async fn note_waiting(&mut self) -> Result<(), StoreError> {
        let waiting = self.exchanger.store.waiting_for_a_human(PAGE).await?;
        let ours = waiting.into_iter().filter(|row| self.tokens.contains_key(&row.name));
        self.report.needs_login = ours.map(|row| row.name.to_string()).collect();
        let names: Vec<&TokenName> = self.tokens.keys().collect();
        for names in names.chunks(NAMES_AT_ONCE) {
            let now = self.exchanger.time.now();
            let found = self.exchanger.store.without_valid_token(names, now).await?;
            self.report.without_token.extend(found);
        }
        Ok(())
    }
}

/// Rows read at once: a page of names costs a few kilobytes, whatever the table's size.
const PAGE: u16 = 256;
/// Rows claimed at once.
const BATCH: usize = 64;
/// How many rows of busy providers a walk passes over to find work for idle ones.
const LOOK_AHEAD: usize = 1024;
