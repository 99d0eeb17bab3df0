//! What: Reads topics and consumer groups from Kafka.
//!
//! Invariants: It commits nothing, and takes part in no consumer group.
//!
//! Limits: A client that asks for the configuration of topics can't serve a request for a token, so under `iam` that is
//! not looked at. Neither can the embedded broker tell it.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::admin::{AdminClient, AdminOptions, ConfigResource, OwnedResourceSpecifier, ResourceSpecifier};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;
use rdkafka::{Offset, TopicPartitionList};

use crate::doctor::deployed::{Group, Looked, Progress, Topic};
use crate::doctor::finding::Why;
use crate::local::kafka::{client, hear, topics as answered_topics};
use giro::publish::kafka::Context;

/// How long a broker may take for one answer.
const PATIENCE: Duration = Duration::from_secs(10);
const IAM: &str = "iam";

/// Reads the topics of these names that are there.
pub async fn topics(address: &str, names: &[String]) -> Looked<BTreeMap<String, Topic>> {
    let found = match answered_topics(address).await {
        Ok(found) => found,
        Err(error) => return Looked::Not(Why::Untold(error.to_string())),
    };
    let mut topics: BTreeMap<String, Topic> = found
        .into_iter()
        .filter(|(name, ..)| names.contains(name))
        .map(|(name, partitions, replicas)| (name, Topic { partitions, replicas, config: Looked::Missing }))
        .collect();
    match configs(address, topics.keys()).await {
        Ok(mut configs) => {
            for (name, topic) in &mut topics {
                topic.config = configs.remove(name).map_or(Looked::Missing, Looked::Is);
            }
        }
        Err(why) => topics.values_mut().for_each(|topic| topic.config = Looked::Not(Why::Untold(why.clone()))),
    }
    Looked::Is(topics)
}

type Configs = BTreeMap<String, BTreeMap<String, String>>;

/// The configuration of topics, or why it isn't known.
async fn configs(address: &str, names: impl Iterator<Item = &String>) -> Result<Configs, String> {
    if std::env::var("KAFKA_AUTH").is_ok_and(|auth| auth == IAM) {
        return Err("it can't be asked for under KAFKA_AUTH=iam".to_owned());
    }
    let (config, context) = client(address).map_err(|error| error.to_string())?;
    let admin: KafkaResult<AdminClient<Context>> = config.create_with_context(context);
    let admin = admin.map_err(|error| error.to_string())?;
    let names: Vec<&String> = names.collect();
    let specifiers: Vec<ResourceSpecifier<'_>> = names.iter().map(|name| ResourceSpecifier::Topic(name)).collect();
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE)).request_timeout(Some(PATIENCE));
    let asked = tokio::time::timeout(PATIENCE.saturating_mul(2), admin.describe_configs(&specifiers, &options)).await;
    let asked = asked.map_err(|_| "the broker doesn't tell it".to_owned())?;
    let results = asked.map_err(|error| format!("the broker doesn't tell it: {error}"))?;
    let mut configs = Configs::new();
    for result in results {
        let ConfigResource { specifier, entries } =
            result.map_err(|code| format!("the broker doesn't tell it: {code}"))?;
        if let OwnedResourceSpecifier::Topic(name) = specifier {
            let entries = entries.into_iter().filter_map(|entry| Some((entry.name, entry.value?)));
            configs.insert(name, entries.collect());
        }
    }
    Ok(configs)
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
        let (oldest, next) = consumer.fetch_watermarks(topic, element.partition(), PATIENCE).map_err(told)?;
        let committed = match element.offset() {
            Offset::Offset(offset) => Some(offset),
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        };
        group.partitions.insert(element.partition(), Progress { committed, oldest, next });
    }
    Ok(group)
}
