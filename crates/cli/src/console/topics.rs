//! What: Watches how far topics have come, and how far their readers are behind.
//!
//! Data: Takes Kafka's address, topics, and the groups that read them. Gives counts, once a second.
//!
//! It asks from a thread of its own, because the client's questions block. It joins no group and commits nothing.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};
use serde::Serialize;
use tokio::sync::watch;

use crate::local::LocalError;
use crate::local::OrLocalError;
use crate::local::kafka::{ask_partitions, client, hear};
use giro::publish::kafka::Context;

/// How often it asks.
const EACH: Duration = Duration::from_secs(1);

/// How long the partitions of a topic are taken as known. A topic may get more.
const KNOWN: Duration = Duration::from_secs(30);

/// How long a broker may take for an answer.
const PATIENCE: Duration = Duration::from_secs(5);

/// A topic, and the group that reads it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Watched {
    /// The topic.
    pub(super) topic: String,
    /// The consumer group of its event source mapping, if it has one.
    pub(super) group: Option<String>,
}

/// How far a topic has come.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub(super) struct Reached {
    /// The sum of the ends of its partitions: how many records it ever had, without compaction and markers.
    pub(super) end: i64,
    /// How many records its group has not finished. `None`: nobody is known to read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) lag: Option<i64>,
}

/// Of each watched topic, in their order. `None`: it isn't known now.
pub(super) type Told = Vec<Option<Reached>>;

struct Ask {
    consumer: BaseConsumer<Context>,
    watched: Watched,
    partitions: Vec<i32>,
    /// When the partitions were asked for.
    known_at: Option<Instant>,
}

impl Ask {
    fn new(bootstrap_servers: &str, watched: Watched) -> Result<Self, LocalError> {
        let (mut config, context) = client(bootstrap_servers)?;
        config.set("group.id", watched.group.as_deref().unwrap_or("giro-console"));
        config.set("enable.auto.commit", "false");
        let consumer = config.create_with_context(context).or_asked()?;
        Ok(Self { consumer, watched, partitions: Vec::new(), known_at: None })
    }

    fn reached(&mut self) -> KafkaResult<Reached> {
        hear(&self.consumer);
        let topic = self.watched.topic.as_str();
        if self.known_at.is_none_or(|at| at.elapsed() > KNOWN) {
            self.partitions = ask_partitions(&self.consumer, topic)?;
            self.known_at = Some(Instant::now());
        }
        let mut committed = TopicPartitionList::new();
        for partition in &self.partitions {
            committed.add_partition(topic, *partition);
        }
        if self.watched.group.is_some() {
            committed = self.consumer.committed_offsets(committed, PATIENCE)?;
        }
        let (mut end, mut lag) = (0_i64, 0_i64);
        for partition in &self.partitions {
            let (first, last) = self.consumer.fetch_watermarks(topic, *partition, PATIENCE)?;
            let finished = match committed.find_partition(topic, *partition).map(|at| at.offset()) {
                Some(Offset::Offset(next)) => next.max(first),
                _ => first,
            };
            end = end.saturating_add(last);
            lag = lag.saturating_add(last.saturating_sub(finished).max(0));
        }
        Ok(Reached { end, lag: self.watched.group.as_ref().map(|_| lag) })
    }
}

/// Begins to watch. It ends once nobody listens.
///
/// # Errors
/// [`LocalError::Asked`] if the address or the login can't be used.
pub(super) fn watch(bootstrap_servers: &str, watched: Vec<Watched>) -> Result<watch::Receiver<Told>, LocalError> {
    let (tell, told) = watch::channel(vec![None; watched.len()]);
    let asks: Result<Vec<Ask>, LocalError> =
        watched.into_iter().map(|watched| Ask::new(bootstrap_servers, watched)).collect();
    let mut asks = asks?;
    let thread = std::thread::Builder::new().name("console-topics".into()).spawn(move || {
        while !tell.is_closed() {
            // A broker that is away is no error here: nothing is known until it is back.
            let _ = tell.send(asks.iter_mut().map(|ask| ask.reached().ok()).collect());
            std::thread::sleep(EACH);
        }
    });
    thread.or_engine()?;
    Ok(told)
}
