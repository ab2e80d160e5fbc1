//! The rules of the protocol, each with a switch: a simulator that finds nothing when a rule is off
//! proves nothing when it is on. What a rule does lies where it is asked for.

/// A rule that can be switched off.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rule {
    LeaseCounts,
    LapsedLeaseFrees,
    ConditionalClaim,
    GenerationFence,
    HolderFence,
    LapseIsDoubt,
    DoubtIsRemembered,
    ReadAgain,
    JournalFirst,
    Replay,
    StoreBeforeUse,
    SettleByReading,
    LeaseBearsExchange,
    ReleaseEndsUpdating,
    ReleaseOwnOnly,
    PartialIsKept,
    LoginGap,
    RefusedLoginStops,
}

/// All rules, or all but one.
#[derive(Debug, Clone, Copy)]
pub struct Rules(Option<Rule>);

impl Rules {
    pub const ALL: Self = Self(None);

    pub fn without(rule: Rule) -> Self {
        Self(Some(rule))
    }

    pub fn keep(self, rule: Rule) -> bool {
        self.0 != Some(rule)
    }
}

impl Rule {
    pub const EACH: [Self; 18] = [
        Self::LeaseCounts,
        Self::LapsedLeaseFrees,
        Self::ConditionalClaim,
        Self::GenerationFence,
        Self::HolderFence,
        Self::LapseIsDoubt,
        Self::DoubtIsRemembered,
        Self::ReadAgain,
        Self::JournalFirst,
        Self::Replay,
        Self::StoreBeforeUse,
        Self::SettleByReading,
        Self::LeaseBearsExchange,
        Self::ReleaseEndsUpdating,
        Self::ReleaseOwnOnly,
        Self::PartialIsKept,
        Self::LoginGap,
        Self::RefusedLoginStops,
    ];

    /// The rule in a sentence, for the table.
    pub fn sentence(self) -> &'static str {
        match self {
            Self::LeaseCounts => "a row is not free while its lease lies ahead",
            Self::LapsedLeaseFrees => "a lapsed lease frees the row",
            Self::ConditionalClaim => "a claim judges again what was read before",
            Self::GenerationFence => "a commit needs the generation that was claimed",
            Self::HolderFence => "a commit waits while another attempt holds the row",
            Self::LapseIsDoubt => "a claim under a lapsed lease notes the doubt",
            Self::DoubtIsRemembered => "a release remembers an unknown outcome",
            Self::ReadAgain => "a rejection is believed only after another look at the row",
            Self::JournalFirst => "the journal has an answer before the database is told",
            Self::Replay => "a run first replays what is left in the journal",
            Self::StoreBeforeUse => "a new token is used only after its commit",
            Self::SettleByReading => "a commit that changed no row is settled by reading",
            Self::LeaseBearsExchange => "no request is begun that the lease does not bear",
            Self::ReleaseEndsUpdating => "a release ends `updating`",
            Self::ReleaseOwnOnly => "a release touches only the attempt's own claim",
            Self::PartialIsKept => "a refresh token is kept when the rest is unusable",
            Self::LoginGap => "two logins keep their distance",
            Self::RefusedLoginStops => "a refused login is not tried again",
        }
    }
}
