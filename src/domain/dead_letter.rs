//! What: A dead letter: a record that is no valid request for its topic. It is kept with its bytes, so that nothing is
//! lost.

mod dead_letter_id;

pub use dead_letter_id::{Content, DeadLetterId, InvalidDeadLetterId, RecordDigest};

use super::{Source, Timestamp};

/// The reason why a well-formed payment becomes a dead letter: its id already names another payment. All other reasons
/// are about malformed bytes; `wire` names them.
pub const PAYMENT_ID_REUSED: &str = "payment_id_reused";

/// The same for an account command: its id already names another command.
pub const COMMAND_ID_REUSED: &str = "command_id_reused";

/// A header of a Kafka record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Header {
    /// Its name. A record may have several headers of one name.
    pub name: String,
    /// Its value; Kafka allows none.
    pub value: Option<Vec<u8>>,
}

/// A record that is kept as a dead letter, byte for byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadLetter {
    /// Where it stood.
    pub source: Source,
    /// Which record stood there. `None` if an older version stored the dead letter.
    pub digest: Option<RecordDigest>,
    /// The record's key.
    pub key: Option<Vec<u8>>,
    /// The record's value.
    pub value: Option<Vec<u8>>,
    /// The record's headers, in their order.
    pub headers: Vec<Header>,
    /// Why: a stable name, such as `not_json` or `payment_id_reused`.
    pub reason: String,
    /// Why, for a person. It names the field and what was expected.
    pub detail: String,
    /// When Giro stored it.
    pub received_at: Timestamp,
    /// Whether it has been published again.
    pub status: DeadLetterStatus,
}

impl DeadLetter {
    /// Its name.
    #[must_use]
    pub fn id(&self) -> DeadLetterId {
        DeadLetterId { source: self.source.clone(), digest: self.digest }
    }
}

/// What became of a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DeadLetterStatus {
    /// It waits for a person.
    Parked,
    /// It was published to its topic again.
    Redriven,
}

impl DeadLetterStatus {
    /// The name as stored and shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Parked => "parked",
            Self::Redriven => "redriven",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Parked, Self::Redriven].into_iter().find(|status| status.name() == name)
    }
}
