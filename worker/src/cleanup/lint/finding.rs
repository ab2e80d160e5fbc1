//! What is told of a script: a defect with its place, its reason and the mended text; or a note. Nothing here looks
//! for one.

use serde::Serialize;
use sqlparser::tokenizer::Location;

/// A defect.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
    /// Which defect.
    pub code: Code,
    /// What stands there.
    pub what: String,
    /// What would happen.
    pub why: String,
    /// The text as it should be, or where it is no text, what to do.
    pub mended: String,
}

/// Something that is no defect, or could not be judged.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Note {
    /// The line, from 1.
    pub line: u64,
    /// The character in the line, from 1.
    pub column: u64,
    /// What there is to know.
    pub what: String,
}

impl Finding {
    pub(super) fn new(code: Code, at: Location, what: impl Into<String>) -> Self {
        let (why, mended) = (String::new(), String::new());
        Self { line: at.line, column: at.column, code, what: what.into(), why, mended }
    }

    pub(super) fn why(self, why: impl Into<String>) -> Self {
        Self { why: why.into(), ..self }
    }

    pub(super) fn mended(self, mended: impl Into<String>) -> Self {
        Self { mended: mended.into(), ..self }
    }
}

impl Note {
    pub(super) fn new(at: Location, what: impl Into<String>) -> Self {
        Self { line: at.line, column: at.column, what: what.into() }
    }
}

/// Which defect: a word that stays, for programs and for `docs/cleanup-lint.md`.
macro_rules! codes {
    ($($(#[$doc:meta])+ $code:ident = $word:literal),+ $(,)?) => {
        /// Which defect. The words are a promise under semantic versioning.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
        pub enum Code {
            $($(#[$doc])+ #[serde(rename = $word)] $code),+
        }

        impl Code {
            /// All there are.
            pub const ALL: &'static [Self] = &[$(Self::$code),+];

            /// The word.
            #[must_use]
            pub fn as_str(self) -> &'static str {
                match self {
                    $(Self::$code => $word),+
                }
            }
        }
    };
}

codes! {
    /// A time without a zone is compared with the session's clock.
    SessionClock = "session-clock",
    /// A zone's offset is written as a number.
    FixedShift = "fixed-shift",
    /// All dead rows go in one statement.
    UnboundedDelete = "unbounded-delete",
    /// A batch is so large that it stands in the way of others.
    LargeBatch = "large-batch",
    /// No condition at all.
    EveryRow = "every-row",
    /// A loop of batches is one transaction.
    OneTransaction = "one-transaction",
    /// The refresh token's end is not looked at.
    RefreshIgnored = "refresh-ignored",
    /// Codes that nobody has redeemed yet.
    FreshCodes = "fresh-codes",
    /// The cut-off lies in the future.
    CutoffAhead = "cutoff-ahead",
    /// What still lives is deleted.
    DeletesLiving = "deletes-living",
    /// A beginning and a life are added up.
    SumOverflows = "sum-overflows",
    /// Lives that mean "never" are taken for short ones.
    NeverExpires = "never-expires",
    /// An array of pgAgent's has another size.
    PgagentArray = "pgagent-array",
    /// pgAgent runs it at other times than is said.
    PgagentSchedule = "pgagent-schedule",
    /// `CREATE EVENT` without a part that it needs.
    EventIncomplete = "event-incomplete",
    /// A name in single quotes.
    QuotedName = "quoted-name",
    /// A procedure that nobody defines.
    UnknownProcedure = "unknown-procedure",
    /// The last backup is dropped before the next.
    BackupLost = "backup-lost",
    /// A schedule is attached to another job.
    OtherJob = "other-job",
    /// The job is deleted and made anew.
    JobReplaced = "job-replaced",
    /// `GOTO` to a label of another batch.
    GotoOtherBatch = "goto-other-batch",
    /// A transaction over several batches of a client.
    SplitTransaction = "split-transaction",
}
