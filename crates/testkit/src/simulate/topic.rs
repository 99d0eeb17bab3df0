//! What: Topics, and the places of their records.
//!
//! Invariants: A [`Place`] names one record for ever. Partition and offset alone don't, because they come again when a
//! topic is created again.

use std::fmt;

/// A topic that a mapping reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Topic {
    Requests,
    Commands,
}

impl Topic {
    pub(super) const ALL: [Self; 2] = [Self::Requests, Self::Commands];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Requests => "payment-requests",
            Self::Commands => "account-commands",
        }
    }
}

/// Where a record stands, and in which of the topics that had this name one after the other.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    /// How often the topic had been created again.
    pub(super) generation: u32,
    pub(super) partition: i32,
    pub(super) offset: i64,
}

impl Place {
    /// Partition and offset: all that Kafka, Lambda and a handler know.
    pub(super) fn stands(self) -> (i32, i64) {
        (self.partition, self.offset)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { generation, partition, offset } = self;
        match generation {
            0 => write!(f, "{partition}/{offset}"),
            _ => write!(f, "{partition}/{offset} anew {generation}"),
        }
    }
}
