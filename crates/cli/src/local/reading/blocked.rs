//! What: Finds the partition that can't be read on, its offset, and the reason.
//!
//! The client says that a read failed, but not in which of several partitions. So each partition is read by a client of
//! its own, from its reader's position.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode as Code};
use rdkafka::{Offset, TopicPartitionList};

use crate::local::kafka::client;

/// How long a partition may take to answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A partition that can't be read from an offset on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Blocked {
    topic: String,
    partition: i32,
    /// `None` if nothing was read of it yet.
    offset: Option<i64>,
    why: Why,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Why {
    /// The client can't read the bytes as records. Holds its text.
    Bytes(String),
    TooLarge,
    NoOffset,
    Gone,
    Forbidden,
}

impl Why {
    fn of(error: &KafkaError) -> Option<Self> {
        let code = error.rdkafka_error_code()?;
        let bytes = [
            Code::BadCompression,
            Code::BadMessage,
            Code::InvalidMessage,
            Code::InvalidRecord,
            Code::NotImplemented,
            Code::Underflow,
        ];
        let is = |codes: &[Code]| codes.contains(&code);
        if is(&bytes) {
            Some(Self::Bytes(words(error)))
        } else if is(&[Code::MessageSizeTooLarge]) {
            Some(Self::TooLarge)
        } else if is(&[Code::OffsetOutOfRange, Code::AutoOffsetReset]) {
            Some(Self::NoOffset)
        } else if is(&[Code::UnknownPartition, Code::UnknownTopic, Code::UnknownTopicOrPartition]) {
            Some(Self::Gone)
        } else if is(&[Code::TopicAuthorizationFailed]) {
            Some(Self::Forbidden)
        } else {
            None
        }
    }
}

/// Whether an error belongs to one partition: its next records can't be read, while other partitions can. Any other
/// error is the broker's, or the network's.
pub(crate) fn of_a_partition(error: &KafkaError) -> bool {
    Why::of(error).is_some()
}

/// An error of the client in words.
pub(crate) fn words(error: &KafkaError) -> String {
    let Some(code) = error.rdkafka_error_code() else { return error.to_string() };
    // Its name in Rust, and in brackets its text.
    let text = code.to_string();
    let words = text.split_once(" (").and_then(|(_, rest)| rest.strip_suffix(')'));
    words.unwrap_or(&text).to_owned()
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { topic, partition, offset, why } = self;
        write!(f, "topic {topic}, partition {partition}")?;
        if let Some(offset) = offset {
            write!(f, ", offset {offset}")?;
        }
        match why {
            Why::Bytes(words) => write!(
                f,
                ": the records from here on can't be read: {words}. Nothing of this partition is read until they are gone: \
                 delete them, or set the consumer group's offset behind them, while nothing reads."
            ),
            Why::TooLarge => f.write_str(
                ": the record is larger than a client takes. Delete it, or set the consumer group's offset behind it, while \
                 nothing reads.",
            ),
            Why::NoOffset => f.write_str(": the broker has no such offset. Reset the offsets of the consumer group."),
            Why::Gone => f.write_str(
                ": the broker doesn't have it any more. Create the topic again, and start what reads it again.",
            ),
            Why::Forbidden => {
                f.write_str(": the login may not read the topic. Let its user, its certificate's owner or its role read it.")
            }
        }
    }
}

/// Finds the partitions of a topic that can't be read from their reader's position.
///
/// # Errors
/// If the broker can't be asked.
pub(crate) async fn blocked(
    bootstrap_servers: &str,
    topic: &str,
    next: &BTreeMap<i32, Offset>,
) -> anyhow::Result<Vec<Blocked>> {
    let (bootstrap_servers, topic, next) = (bootstrap_servers.to_owned(), topic.to_owned(), next.clone());
    tokio::task::spawn_blocking(move || look(&bootstrap_servers, &topic, &next)).await?
}

fn look(bootstrap_servers: &str, topic: &str, next: &BTreeMap<i32, Offset>) -> anyhow::Result<Vec<Blocked>> {
    let (mut config, context) = client(bootstrap_servers)?;
    let consumer: BaseConsumer<_> = config
        // Asked for by the client; nothing is committed to it.
        .set("group.id", "giro-blocked")
        .set("enable.auto.commit", "false")
        .set("auto.offset.reset", "earliest")
        .set("enable.partition.eof", "true")
        .set("fetch.wait.max.ms", "50")
        .create_with_context(context)?;
    let mut found = Vec::new();
    for (&partition, &offset) in next {
        let mut one = TopicPartitionList::new();
        one.add_partition_offset(topic, partition, offset)?;
        consumer.assign(&one)?;
        let why = match consumer.poll(PATIENCE) {
            Some(Err(error)) => Why::of(&error),
            // A record, or a broker that doesn't answer, which isn't an error of the partition.
            Some(Ok(_)) | None => None,
        };
        let Some(why) = why else { continue };
        let offset = match offset {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning => consumer.fetch_watermarks(topic, partition, PATIENCE).ok().map(|(first, _)| first),
            Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        };
        found.push(Blocked { topic: topic.to_owned(), partition, offset, why });
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_blocks_a_partition_is_told_with_what_to_do() {
        let told = |offset, why| {
            let why = Why::of(&KafkaError::MessageConsumption(why)).unwrap();
            let blocked = Blocked { topic: "t".into(), partition: 3, offset, why };
            blocked.to_string()
        };
        assert_eq!(
            told(Some(12), Code::BadCompression),
            "topic t, partition 3, offset 12: the records from here on can't be read: Local: Invalid compressed data. \
             Nothing of this partition is read until they are gone: delete them, or set the consumer group's offset \
             behind them, while nothing reads."
        );
        assert_eq!(
            told(None, Code::UnknownTopicOrPartition),
            "topic t, partition 3: the broker doesn't have it any more. Create the topic again, and start what reads it \
             again."
        );
        for waits in [Code::BrokerTransportFailure, Code::AllBrokersDown, Code::Resolve, Code::Authentication] {
            assert!(!of_a_partition(&KafkaError::MessageConsumption(waits)), "{waits:?}");
        }
        assert_eq!(
            words(&KafkaError::MessageConsumption(Code::AllBrokersDown)),
            "Local: All broker connections are down"
        );
    }
}
