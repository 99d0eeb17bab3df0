//! What: Reads the records that a topic gets from now on, without a consumer group and without commits.
//!
//! Data: Takes a [`Broker`] and a topic. Gives the records of all its partitions.
//!
//! Each call of [`Follow::follow`] logs in anew and connects anew. So nothing is kept while a process is frozen: no
//! connection, no token, no password.
//!
//! Limits: The name of a group is set, because librdkafka wants one. Its login must be allowed to describe that group.

use std::time::Duration;

use rdkafka::config::FromClientConfigAndContext;
use rdkafka::consumer::{Consumer, StreamConsumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::{Offset, TopicPartitionList};

use super::aside::end_aside;
use super::login::{Context, Login, client_config};
use crate::publish::broker::Broker;
use crate::publish::{Arrived, Follow, FollowError, Followed};

/// How long the broker may take for each answer before reading begins.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long the client may take for events that already wait: a login asks for its token by one.
const HEARING: Duration = Duration::from_millis(10);

/// Reads topics of one broker.
#[derive(Debug)]
pub struct KafkaFollower {
    broker: Broker,
    group: String,
}

impl KafkaFollower {
    /// A reader of this broker. It doesn't connect yet.
    #[must_use]
    pub fn new(broker: Broker, group: &str) -> Self {
        Self { broker, group: group.to_owned() }
    }
}

fn failed(error: impl ToString) -> FollowError {
    FollowError(error.to_string())
}

impl Follow for KafkaFollower {
    type Followed = KafkaFollowed;

    async fn follow(&self, topic: &str) -> Result<KafkaFollowed, FollowError> {
        let login = Login::prepare(&self.broker.access).await.map_err(failed)?;
        let mut config = client_config(&self.broker.bootstrap_servers, &login);
        config
            .set("group.id", &self.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("allow.auto.create.topics", "false")
            // If a partition's end moves back, what is new is read, never the whole topic.
            .set("auto.offset.reset", "latest")
            // A record is handed over as soon as it is there.
            .set("fetch.wait.max.ms", "50");
        let consumer = StreamConsumer::from_config_and_context(&config, login.into()).map_err(failed)?;
        // It reads nothing yet, but hears the question for a token.
        let _ = tokio::time::timeout(HEARING, consumer.recv()).await;
        let topic = topic.to_owned();
        let started = tokio::task::spawn_blocking(move || started(consumer, &topic));
        Ok(KafkaFollowed(Some(started.await.map_err(failed)??)))
    }
}

/// Begins at the end of each partition, as the broker tells it now.
fn started(consumer: StreamConsumer<Context>, topic: &str) -> Result<StreamConsumer<Context>, FollowError> {
    let metadata = consumer.fetch_metadata(Some(topic), PATIENCE).map_err(failed)?;
    let partitions = metadata.topics().iter().find(|it| it.name() == topic).map(|it| it.partitions());
    let partitions = partitions.filter(|partitions| !partitions.is_empty());
    let mut assignment = TopicPartitionList::new();
    for partition in partitions.ok_or_else(|| failed(format!("the broker has no topic {topic}")))? {
        let end = consumer.fetch_watermarks(topic, partition.id(), PATIENCE);
        let (_, end) = end.map_err(|error| failed(format!("partition {}: {error}", partition.id())))?;
        assignment.add_partition_offset(topic, partition.id(), Offset::Offset(end)).map_err(failed)?;
    }
    consumer.assign(&assignment).map_err(failed)?;
    Ok(consumer)
}

/// A topic that is being read.
///
/// `None` once it is being dropped.
pub struct KafkaFollowed(Option<StreamConsumer<Context>>);

impl std::fmt::Debug for KafkaFollowed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("KafkaFollowed")
    }
}

impl Drop for KafkaFollowed {
    fn drop(&mut self) {
        end_aside(self.0.take());
    }
}

/// Whether the client would get the same answer again and again.
fn is_lasting(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{TopicAuthorizationFailed, UnknownTopic, UnknownTopicOrPartition};
    matches!(error, KafkaError::MessageConsumptionFatal(_))
        || matches!(error.rdkafka_error_code(), Some(TopicAuthorizationFailed | UnknownTopic | UnknownTopicOrPartition))
}

impl Followed for KafkaFollowed {
    async fn next(&mut self) -> Result<Arrived, FollowError> {
        let Some(consumer) = &self.0 else { unreachable!("it is there until it is dropped") };
        loop {
            match consumer.recv().await {
                Ok(record) => {
                    let owned = |bytes: Option<&[u8]>| bytes.map(Into::into);
                    return Ok(Arrived { key: owned(record.key()), value: owned(record.payload()) });
                }
                Err(error) if is_lasting(&error) => return Err(failed(error)),
                // A broker that is starting or away: the client goes on by itself.
                Err(error) => tracing::debug!(%error, "reading from Kafka"),
            }
        }
    }
}
