//! What: Finds out whether consumer groups have members, and whether those that should be new have read before.
//!
//! A mapping whose group has committed offsets goes on there. So it skips the records before them, which the restored
//! tables may lack.
//!
//! Invariants: It commits nothing, and joins no group.

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use crate::local::kafka::{client, hear, partitions, unanswered};
use crate::local::{LocalError, OrLocalError};
use giro::publish::kafka::Context;

/// How long a broker may take to tell of a group. It may first have to elect who coordinates it.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);
/// How long to wait before it is asked again.
const ASK_AGAIN: Duration = Duration::from_millis(100);

/// Where a group has read before.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBefore {
    /// The group.
    pub group: String,
    /// The topic.
    pub topic: String,
    /// A partition of it.
    pub partition: i32,
    /// The group's offset there.
    pub offset: i64,
}

/// The groups that may come after these: with the next number as their suffix.
#[must_use]
pub fn next_groups(groups: &[String]) -> Vec<String> {
    let next = |group: &String| {
        let numbered = group.rsplit_once('-').and_then(|(base, number)| Some((base, number.parse::<u32>().ok()?)));
        match numbered {
            Some((base, number)) => format!("{base}-{}", number.saturating_add(1)),
            None => format!("{group}-2"),
        }
    };
    groups.iter().map(next).collect()
}

/// The first place in these topics where one of these groups has read before.
///
/// # Errors
/// If the broker doesn't tell.
pub async fn read_before(address: &str, groups: &[String], topics: &[&str]) -> Result<Option<ReadBefore>, LocalError> {
    let mut places = TopicPartitionList::new();
    for topic in topics {
        for partition in partitions(address, topic).await? {
            places.add_partition(topic, partition);
        }
    }
    for group in groups {
        let (mut config, context) = client(address)?;
        let consumer: KafkaResult<BaseConsumer<Context>> =
            config.set("group.id", group).set("enable.auto.commit", "false").create_with_context(context);
        let (consumer, asked) = (consumer.or_asked()?, places.clone());
        let committed = tokio::task::spawn_blocking(move || committed(&consumer, &asked)).await.or_engine()?;
        let committed = committed.map_err(|error| unanswered(address, &error))?;
        let before = committed.elements().iter().find_map(|place| match place.offset() {
            Offset::Offset(offset) => {
                let (topic, partition) = (place.topic().to_owned(), place.partition());
                Some(ReadBefore { group: group.clone(), topic, partition, offset })
            }
            Offset::Beginning | Offset::End | Offset::Stored | Offset::Invalid | Offset::OffsetTail(_) => None,
        });
        if before.is_some() {
            return Ok(before);
        }
    }
    Ok(None)
}

/// The offsets that the consumer's group has committed.
fn committed(consumer: &BaseConsumer<Context>, places: &TopicPartitionList) -> Result<TopicPartitionList, KafkaError> {
    hear(consumer);
    let began = Instant::now();
    loop {
        let told = consumer.committed_offsets(places.clone(), ASK_TIMEOUT).and_then(|told| {
            let error = told.elements().iter().find_map(|place| place.error().err());
            error.map_or(Ok(told), Err)
        });
        if told.is_ok() || began.elapsed() > ASK_TIMEOUT {
            return told;
        }
        std::thread::sleep(ASK_AGAIN);
    }
}

/// The members that consumer groups have, by group. A group without members is left out. `None`: the embedded broker
/// can't tell.
///
/// # Errors
/// If the broker doesn't tell.
pub async fn members(address: &str, groups: &[String]) -> Result<Option<Vec<(String, usize)>>, LocalError> {
    let (config, context) = client(address)?;
    let consumer: KafkaResult<BaseConsumer<Context>> = config.create_with_context(context);
    let consumer = consumer.or_asked()?;
    let (asked, names) = (address.to_owned(), groups.to_vec());
    let ask = move || {
        hear(&consumer);
        let mut members = Vec::new();
        for name in &names {
            let told = match consumer.fetch_group_list(Some(name), ASK_TIMEOUT) {
                Ok(told) => told,
                Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnsupportedFeature) => {
                    return Ok(None);
                }
                Err(error) => return Err(unanswered(&asked, &error)),
            };
            let count = told.groups().iter().filter(|group| group.name() == name).map(|group| group.members().len());
            members.push((name.clone(), count.sum()));
        }
        members.retain(|(_, count)| *count > 0);
        Ok(Some(members))
    };
    tokio::task::spawn_blocking(ask).await.or_engine()?
}

#[cfg(test)]
mod tests {
    use super::next_groups;

    #[test]
    fn the_next_groups_have_the_next_number() {
        let groups = ["payment-processor", "account-processor-2", "mine-payment-processor-9", "p-b"].map(Into::into);
        let expected = ["payment-processor-2", "account-processor-3", "mine-payment-processor-10", "p-b-2"];
        assert_eq!(next_groups(&groups), expected);
    }
}
