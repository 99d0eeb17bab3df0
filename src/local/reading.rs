//! A record of a topic, out of the client's hands.

use rdkafka::message::{BorrowedMessage, Headers, Message};

use crate::domain::Header;

/// A record as it came from Kafka.
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
        let header = |header: rdkafka::message::Header<'_, &[u8]>| Header {
            name: header.key.into(),
            value: header.value.map(Into::into),
        };
        Self {
            topic: record.topic().into(),
            partition: record.partition(),
            offset: record.offset(),
            timestamp: record.timestamp().to_millis(),
            key: record.key().map(Into::into),
            value: record.payload().map(Into::into),
            headers: record.headers().map(|headers| headers.iter().map(header).collect()).unwrap_or_default(),
        }
    }
}
