//! Reads a topic from its beginning, for people and checks: no consumer group, nothing committed.
//!
//! In: Kafka's address and a topic. Out: its records, in order within each partition, and when its end was reached.

use std::collections::BTreeSet;

use anyhow::Context;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};

use super::kafka::{client_config, partitions};
pub use super::reading::Polled;

/// Reads a topic.
pub struct TopicReader {
    consumer: StreamConsumer,
    /// Partitions whose end was not reached since the last record.
    open: BTreeSet<i32>,
}

/// What comes next.
#[derive(Debug)]
pub enum Read {
    /// A record.
    Record(Polled),
    /// Every partition's end was reached. More may come.
    End,
}

impl TopicReader {
    /// Starts at the oldest record of every partition.
    ///
    /// # Errors
    /// If the broker can't be reached, or has no such topic.
    pub async fn from_start(bootstrap_servers: &str, topic: &str) -> anyhow::Result<Self> {
        let open: BTreeSet<i32> = partitions(bootstrap_servers, topic).await?.into_iter().collect();
        let consumer: StreamConsumer = client_config(bootstrap_servers)?
            // Asked for by the client; nothing is committed to it.
            .set("group.id", "giro-topic-reader")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "50")
            .create()?;
        let mut assignment = TopicPartitionList::new();
        for partition in &open {
            assignment.add_partition_offset(topic, *partition, Offset::Beginning)?;
        }
        consumer.assign(&assignment)?;
        Ok(Self { consumer, open })
    }

    /// Waits for what comes next.
    ///
    /// # Errors
    /// If the client can't go on.
    pub async fn next(&mut self) -> anyhow::Result<Read> {
        loop {
            match self.consumer.recv().await {
                Ok(message) => {
                    let record = Polled::from(&message);
                    self.open.insert(record.partition);
                    return Ok(Read::Record(record));
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    if self.open.remove(&partition) && self.open.is_empty() {
                        return Ok(Read::End);
                    }
                }
                Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error).context("reading from Kafka"),
                // A broker on its way up or away: the client goes on by itself.
                Err(error) => tracing::info!(%error, "reading from Kafka"),
            }
        }
    }
}
