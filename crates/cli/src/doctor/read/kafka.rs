//! What: Reads topics and consumer groups from Kafka.
//!
//! Invariants: It commits nothing, and takes part in no consumer group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::doctor::deployed::{Group, Looked, Progress, Topic};
use crate::doctor::finding::Why;
use crate::local::kafka::{Config, NotTold, client, configs, hear, topics as answered_topics};
use giro::publish::kafka::Context;

/// How long a broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);

/// Reads the topics of these names. One that is left out is not there.
pub async fn topics(address: &str, names: &[String]) -> Looked<BTreeMap<String, Looked<Topic>>> {
    let found = match answered_topics(address).await {
        Ok(found) => found,
        Err(error) => return Looked::Not(Why::Untold(error.to_string())),
    };
    let mut topics: BTreeMap<String, Topic> = found
        .into_iter()
        .filter(|(name, ..)| names.contains(name))
        .map(|(name, partitions, replicas)| (name, Topic { partitions, replicas, config: Looked::Missing }))
        .collect();
    let hidden = hidden(address, names.iter().filter(|name| !topics.contains_key(*name))).await;
    match configs(address, topics.keys()).await {
        Ok(mut configs) => {
            for (name, topic) in &mut topics {
                topic.config = configs.remove(name).map_or(Looked::Missing, looked);
            }
        }
        Err(why) => topics.values_mut().for_each(|topic| topic.config = Looked::Not(Why::Untold(why.clone()))),
    }
    Looked::Is(topics.into_iter().map(|(name, topic)| (name, Looked::Is(topic))).chain(hidden).collect())
}

fn looked(config: Result<Config, NotTold>) -> Looked<Config> {
    match config {
        Ok(config) => Looked::Is(config),
        Err(NotTold::NoRight) => Looked::Not(Why::NoRight("DescribeConfigs of it at Kafka".to_owned())),
        Err(NotTold::Other(why)) => Looked::Not(Why::Untold(why)),
    }
}

/// Which of the topics that a broker doesn't list it tells nothing of: a list leaves out what whoever asks may not see.
async fn hidden(address: &str, names: impl Iterator<Item = &String>) -> Vec<(String, Looked<Topic>)> {
    let (names, address): (Vec<String>, String) = (names.cloned().collect(), address.to_owned());
    let asked = tokio::task::spawn_blocking(move || {
        names.into_iter().filter_map(|name| unseen(&address, &name).map(|why| (name, Looked::Not(why)))).collect()
    });
    asked.await.unwrap_or_default()
}

/// Why a broker doesn't tell a topic. `None`: it knows none of that name.
fn unseen(address: &str, name: &str) -> Option<Why> {
    let ask = || -> Result<Option<RDKafkaErrorCode>, String> {
        let (config, context) = client(address).map_err(|error| error.to_string())?;
        let consumer: KafkaResult<BaseConsumer<Context>> = config.create_with_context(context);
        let consumer = consumer.map_err(|error| error.to_string())?;
        hear(&consumer);
        // A consumer's question makes no topic.
        let told = consumer.fetch_metadata(Some(name), PATIENCE).map_err(|error| error.to_string())?;
        Ok(told.topics().iter().find_map(|topic| topic.error()).map(Into::into))
    };
    match ask() {
        Ok(None | Some(RDKafkaErrorCode::UnknownTopic | RDKafkaErrorCode::UnknownTopicOrPartition)) => None,
        Ok(Some(RDKafkaErrorCode::TopicAuthorizationFailed)) => Some(Why::NoRight("Describe it at Kafka".to_owned())),
        Ok(Some(code)) => Some(Why::Untold(format!("the broker doesn't tell it: {code}"))),
        Err(why) => Some(Why::Untold(why)),
    }
}

/// Reads how far a group has read a topic. A topic that isn't there has no partitions.
pub async fn group(address: &str, group: &str, topic: &str, partitions: usize) -> Looked<Group> {
    let (address, group, topic) = (address.to_owned(), group.to_owned(), topic.to_owned());
    let asked = tokio::task::spawn_blocking(move || progress(&address, &group, &topic, partitions)).await;
    match asked {
        Ok(Ok(group)) => Looked::Is(group),
        Ok(Err(why)) => Looked::Not(Why::Untold(why)),
        Err(error) => Looked::Not(Why::Untold(error.to_string())),
    }
}

fn progress(address: &str, group: &str, topic: &str, partitions: usize) -> Result<Group, String> {
    let (mut config, context) = client(address).map_err(|error| error.to_string())?;
    let consumer: KafkaResult<BaseConsumer<Context>> = config.set("group.id", group).create_with_context(context);
    let told = |error: rdkafka::error::KafkaError| format!("Kafka at {address} doesn't tell it: {error}");
    let consumer = consumer.map_err(told)?;
    hear(&consumer);
    let mut asked = TopicPartitionList::new();
    for partition in 0..i32::try_from(partitions).unwrap_or_default() {
        asked.add_partition(topic, partition);
    }
    let committed = consumer.committed_offsets(asked, PATIENCE).map_err(told)?;
    let mut group = Group::default();
    for element in committed.elements() {
        element.error().map_err(told)?;
        let (oldest, next) = consumer.fetch_watermarks(topic, element.partition(), PATIENCE).map_err(told)?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        };
        group.partitions.insert(element.partition(), Progress { committed, oldest, next });
    }
    Ok(group)
}
