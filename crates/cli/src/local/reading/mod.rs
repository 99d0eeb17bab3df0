//! What: The parts that every reader of a topic needs, for any bytes in the topic.
//!
//! | part | where |
//! |---|---|
//! | a record, copied out of the client | here |
//! | its headers, whose names may be any bytes | `headers` |
//! | which partition can't be read on, and why | `blocked` |
//! | which records were deleted before they were read | `lost` |
//! | reporting an error once | `once` |
//!
//! Invariants: No bytes end a reader. It reports what it can't read, and goes on with the rest.

mod blocked;
mod headers;
mod lost;
mod once;

use rdkafka::message::{BorrowedMessage, Message};

pub(crate) use blocked::{blocked, of_a_partition, words};
pub(crate) use headers::UNREADABLE;
pub(crate) use lost::lost;
pub(crate) use once::Once;

use giro::domain::Header;

/// A record of Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was produced or appended, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<Header>,
}

impl From<&BorrowedMessage<'_>> for Polled {
    fn from(record: &BorrowedMessage<'_>) -> Self {
        Self {
            topic: record.topic().into(),
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp().to_millis(),
            key: record.key().map(Into::into),
            value: record.payload().map(Into::into),
            headers: record.headers().map(headers::read).unwrap_or_default(),
        }
    }
}

impl Polled {
    /// Whether a header has an unreadable name.
    pub(crate) fn has_unreadable_header(&self) -> bool {
        self.headers.iter().any(|header| header.name == UNREADABLE)
    }
}
