//! The ways in which a provider's answer can be wrong, as plain values.
//! Sending them is not here but in `exchange`, `body` and `connection`.

use super::rewrite::Rewrite;

/// One wrong answer. Faults concern exchanges only (logins and refreshes), never introspection or
/// `/resource`.
#[derive(Clone, Debug)]
pub enum Fault {
    /// This is answered instead; nothing is processed, nothing rotates.
    Status {
        /// The status code, 200 to 999; anything else is sent as 500.
        status: u16,
        /// Headers, `Content-Type` among them; those that HTTP does not allow are left out with a
        /// warning.
        headers: Vec<(String, String)>,
        /// The body, whatever its bytes.
        body: Vec<u8>,
    },
    /// A redirect is answered instead; nothing is processed.
    Redirect {
        /// The `Location` header.
        location: String,
        /// 301, 302, 303, 307 or 308.
        status: u16,
    },
    /// The exchange is processed (it rotates), then the true answer is sent rewritten.
    /// With an empty rewrite this is an ordinary answer, which helps to reach the second exchange
    /// in a queue.
    AnswerAs {
        /// What to change in the true answer.
        rewrite: Rewrite,
    },
    /// The request is read and never answered.
    Hang {
        /// Whether the exchange is processed (it rotates) before silence.
        processed: bool,
    },
    /// The request is read and the connection closed without a byte of an answer.
    Cut {
        /// Whether the exchange is processed (it rotates) first: the lost answer.
        processed: bool,
    },
    /// Processed; the headers come at once, the body one byte per 200 ms.
    Drip,
    /// Processed; everything from the status line on comes one byte per 200 ms. The connection
    /// stays that slow.
    DripHeaders,
    /// Processed; half of the body is sent.
    Truncated {
        /// True: `Content-Length` announces the whole body and the connection closes after half of
        /// it.
        /// False: the half is sent as if it were a complete answer.
        cut: bool,
    },
    /// Processed; the true answer is followed by blanks without end.
    Endless,
}

impl Fault {
    /// Whether the exchange really takes place, whatever is answered afterwards.
    pub(super) fn is_processed(&self) -> bool {
        match self {
            Self::Status { .. } | Self::Redirect { .. } => false,
            Self::Hang { processed } | Self::Cut { processed } => *processed,
            Self::AnswerAs { .. }
            | Self::Drip
            | Self::DripHeaders
            | Self::Truncated { .. }
            | Self::Endless => true,
        }
    }
}
