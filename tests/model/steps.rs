//! What each step of the protocol changes, and when it can take place.

use crate::machine::{
    Action, Answer, Budget, Claim, Protocol, Rotation, Row, State, TOKENS, WORKERS, Without, Worker,
};

impl State {
    pub fn start() -> Self {
        let row = Row {
            generation: 0,
            token: 0,
            updating: false,
            holder: 0,
            is_leased: false,
            doubts: 0,
            needs_login: false,
        };
        Self {
            row,
            workers: [Worker::Idle; WORKERS],
            journals: [None; WORKERS],
            live: 0,
            replaced: 0,
            is_revoked: false,
            issued: 1,
            presented: [0; TOKENS],
            seen: 0,
            went_back: false,
            answered_twice: false,
            budget: Budget::FULL,
        }
    }
}

impl Protocol {
    /// `false` when the step cannot take place.
    pub fn step(self, state: &mut State, action: Action) -> bool {
        match action {
            Action::Claim(worker) => self.claim(state, worker),
            Action::Ask(worker) => self.ask(state, worker),
            Action::Receive(worker) => receive(state, worker),
            Action::Lose(worker) => lose(state, worker),
            Action::Commit { worker, acknowledged } => match state.workers[worker] {
                Worker::Answered(answer) => self.commit(state, worker, answer, acknowledged),
                _ => false,
            },
            Action::Replay(worker) => match (state.workers[worker], state.journals[worker]) {
                (Worker::Idle, Some(answer)) if self.replays() => {
                    self.commit(state, worker, answer, true)
                }
                _ => false,
            },
            Action::Crash(worker) => crash(state, worker),
            Action::Lapse => lapse(state),
            Action::Read => {
                state.went_back |= state.row.generation < state.seen;
                state.seen = state.row.generation;
                true
            }
        }
    }

    pub fn replays(self) -> bool {
        self.without != Some(Without::Replay)
    }

    pub fn is_free(self, row: &Row) -> bool {
        !row.updating
            || (!row.is_leased && self.without != Some(Without::Lapse))
            || self.without == Some(Without::Lease)
    }

    /// A run replays its journal before it claims. A row doubted twice is left to a human.
    fn claim(self, state: &mut State, worker: usize) -> bool {
        let replayed = state.journals[worker].is_none() || !self.replays();
        let may = state.workers[worker] == Worker::Idle && replayed && state.budget.claims > 0;
        if !may || state.row.needs_login || !self.is_free(&state.row) {
            return false;
        }
        state.budget.claims -= 1;
        let row = &mut state.row;
        if row.updating && self.without != Some(Without::Doubt) {
            row.doubts += 1;
        }
        let attempt = Budget::FULL.claims - state.budget.claims;
        (row.updating, row.is_leased, row.holder) = (true, true, attempt);
        if row.doubts >= 2 {
            (row.needs_login, row.updating) = (true, false);
        } else {
            let claim = Claim { attempt, generation: row.generation, token: row.token };
            state.workers[worker] = Worker::Claimed(claim);
        }
        true
    }

    /// Even after the lease has lapsed: a worker may freeze between its look at the clock and the
    /// request. At a provider that reissues nothing can make that harmless, so it is left out there.
    fn ask(self, state: &mut State, worker: usize) -> bool {
        let Worker::Claimed(claim) = state.workers[worker] else { return false };
        let is_late = !state.row.is_leased || state.row.holder != claim.attempt;
        if is_late && self.rotation == Rotation::Reissue && self.without != Some(Without::Lease) {
            return false;
        }
        state.presented[usize::from(claim.token)] += 1;
        let answer = self.spend(state, claim.token);
        state.workers[worker] = Worker::Asked(claim, answer);
        true
    }

    fn spend(self, state: &mut State, token: u8) -> Option<u8> {
        let is_repeated = token == state.replaced && state.live != token;
        match self.rotation {
            _ if state.is_revoked => None,
            _ if token == state.live => Some(rotate(state, token)),
            Rotation::Grace if is_repeated => Some(state.live),
            Rotation::Reissue if is_repeated => Some(rotate(state, token)),
            _ => {
                state.is_revoked = true;
                None
            }
        }
    }

    fn commit(self, state: &mut State, worker: usize, answer: Answer, acknowledged: bool) -> bool {
        if !acknowledged {
            if state.budget.lost_acknowledgements == 0 {
                return false;
            }
            state.budget.lost_acknowledgements -= 1;
        }
        let row = &state.row;
        let is_same = row.generation == answer.generation;
        let is_ours = !row.updating || !row.is_leased || row.holder == answer.attempt;
        let fenced = !is_same && self.without != Some(Without::GenerationFence);
        let held = !is_ours && self.without != Some(Without::HolderFence);
        match (fenced, held) {
            (false, true) => return false,
            (false, false) => write(state, answer, is_same),
            (true, _) => {}
        }
        if acknowledged {
            (state.workers[worker], state.journals[worker]) = (Worker::Idle, None);
        }
        true
    }
}

fn rotate(state: &mut State, token: u8) -> u8 {
    state.replaced = token;
    state.live = state.issued;
    state.issued += 1;
    state.live
}

fn write(state: &mut State, answer: Answer, is_first: bool) {
    state.answered_twice |= !is_first;
    let row = &mut state.row;
    row.generation += 1;
    row.token = answer.token;
    (row.updating, row.is_leased, row.doubts, row.needs_login) = (false, false, 0, false);
}

/// The journal has an answer before anything else; a refusal counts if the row still stands where
/// it stood.
fn receive(state: &mut State, worker: usize) -> bool {
    let Worker::Asked(claim, answer) = state.workers[worker] else { return false };
    let Claim { attempt, generation, .. } = claim;
    if let Some(token) = answer {
        let answer = Answer { attempt, generation, token };
        state.workers[worker] = Worker::Answered(answer);
        state.journals[worker] = Some(answer);
        return true;
    }
    state.workers[worker] = Worker::Idle;
    if state.row.generation == generation {
        release(state, claim, |row| row.needs_login = true);
    }
    true
}

/// The answer does not come: the release remembers the doubt.
fn lose(state: &mut State, worker: usize) -> bool {
    let Worker::Asked(claim, _) = state.workers[worker] else { return false };
    if state.budget.lost_answers == 0 {
        return false;
    }
    state.budget.lost_answers -= 1;
    state.workers[worker] = Worker::Idle;
    release(state, claim, |row| row.doubts += 1);
    true
}

fn release(state: &mut State, claim: Claim, change: impl FnOnce(&mut Row)) {
    let row = &mut state.row;
    if row.updating && row.holder == claim.attempt {
        change(row);
        (row.updating, row.is_leased) = (false, false);
    }
}

fn crash(state: &mut State, worker: usize) -> bool {
    let is_at_work = state.workers[worker] != Worker::Idle && state.budget.crashes > 0;
    if is_at_work {
        state.budget.crashes -= 1;
        state.workers[worker] = Worker::Idle;
    }
    is_at_work
}

/// Under a dead worker a lease lapses for sure, under a living one only when that is frozen.
fn lapse(state: &mut State) -> bool {
    if !state.row.updating || !state.row.is_leased {
        return false;
    }
    let holder = state.row.holder;
    let is_alive = state.workers.iter().any(|worker| worker.attempt() == Some(holder));
    if is_alive {
        if state.budget.freezes == 0 {
            return false;
        }
        state.budget.freezes -= 1;
    }
    state.row.is_leased = false;
    true
}

impl Worker {
    fn attempt(self) -> Option<u8> {
        match self {
            Self::Idle => None,
            Self::Claimed(claim) | Self::Asked(claim, _) => Some(claim.attempt),
            Self::Answered(answer) => Some(answer.attempt),
        }
    }
}
