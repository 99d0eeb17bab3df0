//! What: Reads a topic, for people and checks, without a consumer group and without commits.
//!
//! Data: Takes Kafka's address, a topic, and perhaps where to begin. Gives its records, in order within each partition,
//! and says when its end was reached.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use anyhow::anyhow;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::{Offset, TopicPartitionList};
use tokio::time::timeout;

use super::kafka::{HEARING, ask_partitions, client, known_partitions};
pub use super::reading::Polled;
use super::reading::{self, Once};
use super::{LocalError, OrLocalError};
use giro::publish::kafka::Context;

/// Reads a topic.
pub struct TopicReader {
    consumer: StreamConsumer<Context>,
    bootstrap_servers: String,
    topic: String,
    /// By partition: where reading goes on.
    next: BTreeMap<i32, Offset>,
    said: Once,
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
    /// [`LocalError::Engine`] if the broker can't be reached. [`LocalError::Asked`] if it has no such topic, or the
    /// address or the login can't be used.
    pub async fn from_start(bootstrap_servers: &str, topic: &str) -> Result<Self, LocalError> {
        let first = |partition: &i32| (*partition, Offset::Beginning);
        Self::open(bootstrap_servers, topic, |partitions| partitions.iter().map(first).collect()).await
    }

    /// Starts at these offsets, in these partitions.
    ///
    /// # Errors
    /// As [`from_start`](Self::from_start).
    pub async fn from(
        bootstrap_servers: &str,
        topic: &str,
        starts: &BTreeMap<i32, Offset>,
    ) -> Result<Self, LocalError> {
        Self::open(bootstrap_servers, topic, |_| starts.clone()).await
    }

    async fn open(
        bootstrap_servers: &str,
        topic: &str,
        starts: impl FnOnce(&[i32]) -> BTreeMap<i32, Offset>,
    ) -> Result<Self, LocalError> {
        let (mut config, context) = client(bootstrap_servers)?;
        let consumer: KafkaResult<StreamConsumer<Context>> = config
            // Asked for by the client; nothing is committed to it.
            .set("group.id", "giro-topic-reader")
            .set("enable.auto.commit", "false")
            .set("auto.offset.reset", "earliest")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("fetch.wait.max.ms", "50")
            .create_with_context(context);
        let consumer = consumer.or_asked()?;
        // It reads nothing yet, but hears the question for a token.
        let _ = timeout(HEARING, consumer.recv()).await;
        let name = topic.to_owned();
        let ask = move || {
            let told = ask_partitions(&consumer, &name);
            (consumer, told)
        };
        let (consumer, told) = tokio::task::spawn_blocking(ask).await.or_engine()?;
        let starts = starts(&known_partitions(bootstrap_servers, topic, told)?);
        let mut assignment = TopicPartitionList::new();
        for (partition, start) in &starts {
            assignment.add_partition_offset(topic, *partition, *start).or_asked()?;
        }
        consumer.assign(&assignment).or_engine()?;
        Ok(Self {
            consumer,
            bootstrap_servers: bootstrap_servers.to_owned(),
            topic: topic.to_owned(),
            open: starts.keys().copied().collect(),
            next: starts,
            said: Once::default(),
        })
    }

    /// Waits for the next event.
    ///
    /// # Errors
    /// [`LocalError::Engine`] if a partition can't be read on. It names the partition, the offset, and what to do. A
    /// broker that is away isn't an error.
    pub async fn next(&mut self) -> Result<Read, LocalError> {
        loop {
            match self.consumer.recv().await {
                Ok(message) => {
                    let record = Polled::from(&message);
                    self.open.insert(record.partition);
                    self.next.insert(record.partition, Offset::Offset(record.offset.saturating_add(1)));
                    return Ok(Read::Record(record));
                }
                Err(KafkaError::PartitionEOF(partition)) => {
                    if self.open.remove(&partition) && self.open.is_empty() {
                        return Ok(Read::End);
                    }
                }
                Err(error @ KafkaError::MessageConsumptionFatal(_)) => {
                    return Err(LocalError::Engine(anyhow!("reading from Kafka: {error}")));
                }
                Err(error) if reading::of_a_partition(&error) => {
                    let blocked = reading::blocked(&self.bootstrap_servers, &self.topic, &self.next).await;
                    let told: Vec<String> = blocked.or_engine()?.iter().map(ToString::to_string).collect();
                    if !told.is_empty() {
                        return Err(LocalError::Engine(anyhow!(told.join(" "))));
                    }
                    self.goes_on(&error);
                }
                // A broker that is starting or away: the client goes on by itself.
                Err(error) => self.goes_on(&error),
            }
        }
    }

    /// Reports once why nothing can be read now.
    fn goes_on(&mut self, error: &KafkaError) {
        let Self { bootstrap_servers, topic, .. } = self;
        let words = reading::words(error);
        let text = format!("topic {topic} of Kafka at {bootstrap_servers}: {words}. The reader goes on trying.");
        if self.said.is_news(&text, Instant::now()) {
            tracing::warn!("{text}");
        }
    }
}
