//! What: Reads topics and consumer groups from Kafka.
//!
//! Invariants: It commits nothing, and takes part in no consumer group.
//!
//! Limits: A client that asks for the configuration of topics can't serve a request for a token, so under `iam` that is
//! not looked at. Neither can the embedded broker tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::future::join_all;
use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaResult, RDKafkaErrorCode};
use rdkafka::{Offset, TopicPartitionList};

use crate::doctor::deployed::{Group, Looked, Progress, Topic};
use crate::doctor::finding::Why;
use crate::local::kafka::{client, hear, topics as answered_topics};
use giro::publish::kafka::Context;

/// How long a broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
const IAM: &str = "iam";

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
                topic.config = configs.remove(name).unwrap_or(Looked::Missing);
            }
        }
        Err(why) => topics.values_mut().for_each(|topic| topic.config = Looked::Not(Why::Untold(why.clone()))),
    }
    Looked::Is(topics.into_iter().map(|(name, topic)| (name, Looked::Is(topic))).chain(hidden).collect())
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

type Configs = BTreeMap<String, Looked<BTreeMap<String, String>>>;

/// The configuration of each topic, or why none is known.
async fn configs(address: &str, names: impl Iterator<Item = &String>) -> Result<Configs, String> {
    if std::env::var("KAFKA_AUTH").is_ok_and(|auth| auth == IAM) {
        return Err("it can't be asked for under KAFKA_AUTH=iam".to_owned());
    }
    let (config, context) = client(address).map_err(|error| error.to_string())?;
    let admin: KafkaResult<AdminClient<Context>> = config.create_with_context(context);
    let admin = admin.map_err(|error| error.to_string())?;
    // Each by itself: an error says nothing of whose it is.
    let asked = join_all(names.map(|name| async { (name.clone(), of_one(&admin, name).await) })).await;
    Ok(asked.into_iter().collect())
}

async fn of_one(admin: &AdminClient<Context>, name: &str) -> Looked<BTreeMap<String, String>> {
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let specifiers = [ResourceSpecifier::Topic(name)];
    let untold = |why: &str| Looked::Not(Why::Untold(format!("the broker doesn't tell it{why}")));
    let asked = tokio::time::timeout(PATIENCE.saturating_mul(2), admin.describe_configs(&specifiers, &options)).await;
    match asked.map(|told| told.map(|mut all| all.pop())) {
        Ok(Ok(Some(Ok(ConfigResource { entries, .. })))) => {
            Looked::Is(entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?))).collect())
        }
        Ok(Ok(Some(Err(RDKafkaErrorCode::TopicAuthorizationFailed)))) => {
            Looked::Not(Why::NoRight("DescribeConfigs of it at Kafka".to_owned()))
        }
        Ok(Ok(Some(Err(code)))) => untold(&format!(": {code}")),
        Ok(Err(error)) => untold(&format!(": {error}")),
        Ok(Ok(None)) | Err(_) => untold(""),
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
