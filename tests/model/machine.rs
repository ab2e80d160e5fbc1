//! The states of the protocol, what can happen in each, and what must hold in all. What a step
//! changes lies in `steps`.

use stateright::{Model, Property};

/// The protocol against one kind of provider, with all its rules or without one.
#[derive(Debug, Clone, Copy)]
pub struct Protocol {
    pub rotation: Rotation,
    pub without: Option<Without>,
}

/// What a provider does with a spent refresh token.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rotation {
    /// The grant dies.
    Strict,
    /// The same answer again, while that is the newest.
    Grace,
    /// Another answer instead, and the first one dies.
    Reissue,
}

/// A rule that is left out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Without {
    Lease,
    Lapse,
    GenerationFence,
    HolderFence,
    Doubt,
    Replay,
}

impl Without {
    pub const EACH: [Self; 6] = [
        Self::Lease,
        Self::Lapse,
        Self::GenerationFence,
        Self::HolderFence,
        Self::Doubt,
        Self::Replay,
    ];
}

/// One state of everything.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct State {
    pub row: Row,
    pub workers: [Worker; WORKERS],
    /// Answers that outlive their worker, by worker.
    pub journals: [Option<Answer>; WORKERS],
    /// The refresh token that works, and the one it replaced.
    pub live: u8,
    pub replaced: u8,
    pub is_revoked: bool,
    /// Tokens given out so far.
    pub issued: u8,
    /// How often each token was presented, and whether a doubt stands behind it.
    pub presented: [u8; TOKENS],
    /// The newest generation that the consumer saw, and whether an older one followed.
    pub seen: u8,
    pub went_back: bool,
    /// Some generation was answered twice.
    pub answered_twice: bool,
    pub budget: Budget,
}

/// The row.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Row {
    pub generation: u8,
    pub token: u8,
    pub updating: bool,
    pub holder: u8,
    pub is_leased: bool,
    pub doubts: u8,
    pub needs_login: bool,
}

/// One worker.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Worker {
    Idle,
    Claimed(Claim),
    /// The provider has answered, and the answer is under way; `None` is a refusal.
    Asked(Claim, Option<u8>),
    /// It has the answer, and so has its journal.
    Answered(Answer),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Claim {
    pub attempt: u8,
    pub generation: u8,
    pub token: u8,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Answer {
    pub attempt: u8,
    pub generation: u8,
    pub token: u8,
}

/// What may still happen: without bounds there would be no end of states.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Budget {
    pub claims: u8,
    pub crashes: u8,
    /// Leases that lapse under a living worker.
    pub freezes: u8,
    pub lost_answers: u8,
    pub lost_acknowledgements: u8,
}

/// One step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    Claim(usize),
    Ask(usize),
    Receive(usize),
    Lose(usize),
    Commit { worker: usize, acknowledged: bool },
    Replay(usize),
    Crash(usize),
    Lapse,
    Read,
}

impl Model for Protocol {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        vec![State::start()]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        for worker in 0..WORKERS {
            actions.extend([
                Action::Claim(worker),
                Action::Ask(worker),
                Action::Receive(worker),
                Action::Lose(worker),
                Action::Commit { worker, acknowledged: true },
                Action::Commit { worker, acknowledged: false },
                Action::Replay(worker),
                Action::Crash(worker),
            ]);
        }
        actions.push(Action::Lapse);
        if state.seen != state.row.generation {
            actions.push(Action::Read);
        }
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        self.step(&mut next, action).then_some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("I1: one answer is committed per generation", |_, state: &State| {
                !state.answered_twice
            }),
            Property::always("I2: what a consumer sees never goes back", |_, state: &State| {
                !state.went_back
            }),
            Property::always(
                "I4: a refresh token is presented at most twice",
                |_, state: &State| state.presented.iter().all(|times| *times <= 2),
            ),
            Property::always("I4: twice only after a doubt", |_, state: &State| {
                state.budget != Budget::full_but_claims(state)
                    || state.presented.iter().all(|times| *times <= 1)
            }),
            Property::always(LIVES, |model: &Self, state: &State| {
                !state.is_at_rest()
                    || state.row.doubts > 0
                    || state.is_revoked
                    || state.row.token == state.live
                    || (model.rotation == Rotation::Reissue && state.budget.is_worn())
            }),
            Property::always(
                "I5: a row that nobody works on can be claimed",
                |model: &Self, state: &State| {
                    !state.is_abandoned() || state.row.needs_login || model.is_free(&state.row)
                },
            ),
            Property::always(
                "I5: what is in a journal comes into the database",
                |model: &Self, state: &State| {
                    !state.is_abandoned()
                        || model.replays()
                        || state.journals.iter().all(Option::is_none)
                },
            ),
            Property::sometimes("a second answer is committed", |_, state: &State| {
                state.row.generation >= 2
            }),
        ]
    }
}

impl State {
    /// Nobody is at work, and nothing waits to be stored.
    fn is_at_rest(&self) -> bool {
        self.is_idle() && !self.row.updating && self.journals.iter().all(Option::is_none)
    }

    /// Nobody is at work, and no lease runs.
    fn is_abandoned(&self) -> bool {
        self.is_idle() && !(self.row.updating && self.row.is_leased)
    }

    fn is_idle(&self) -> bool {
        self.workers.iter().all(|worker| *worker == Worker::Idle)
    }
}

impl Budget {
    pub const FULL: Self =
        Self { claims: 3, crashes: 2, freezes: 1, lost_answers: 1, lost_acknowledgements: 1 };

    /// More than one died, froze or had no answer. A provider that reissues may then have given a newer answer to
    /// somebody whom it never reached, and an older one turns up in a journal.
    fn is_worn(&self) -> bool {
        let left = |budget: &Self| budget.crashes + budget.freezes + budget.lost_answers;
        left(self) + 1 < left(&Self::FULL)
    }

    /// Nothing went wrong so far.
    fn full_but_claims(state: &State) -> Self {
        Self { claims: state.budget.claims, ..Self::FULL }
    }
}

pub const WORKERS: usize = 2;
/// Each claim brings one at most, and there is the first.
pub const TOKENS: usize = 5;

const LIVES: &str = "the stored token lives while nobody doubts it";
