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

use crate::local::kafka::{REQUESTS_TOPIC, client, hear, partitions, unanswered};
use crate::local::stack::{ACCOUNT_PROCESSOR, PAYMENT_PROCESSOR};
use crate::local::{LocalError, OrLocalError};
use giro::publish::kafka::Context;

/// The other topics, if no parameter of the template renames them.
const COMMANDS_TOPIC: &str = "account-commands";
const OUTCOMES_TOPIC: &str = "payment-outcomes";

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

/// The `NamePrefix` of the stack that has topics of these names. `None`: they are not those of one stack.
#[must_use]
pub fn name_prefix<'a>(requests: &'a str, commands: &str, outcomes: &str) -> Option<&'a str> {
    let prefix = requests.strip_suffix(REQUESTS_TOPIC)?;
    let has_it = |name: &str, base| name.strip_prefix(prefix) == Some(base);
    (has_it(commands, COMMANDS_TOPIC) && has_it(outcomes, OUTCOMES_TOPIC)).then_some(prefix)
}

/// The groups of both processors, as the template names them.
#[must_use]
pub fn processors(prefix: &str, suffix: &str) -> [String; 2] {
    [PAYMENT_PROCESSOR, ACCOUNT_PROCESSOR].map(|base| format!("{prefix}{base}{suffix}"))
}

/// The first place in these topics where one of these groups has read before.
///
/// # Errors
/// If the broker doesn't tell.
pub async fn read_before(
    address: &str,
    groups: &[String],
    topics: [&str; 2],
) -> Result<Option<ReadBefore>, LocalError> {
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

/// A consumer group that the broker knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Group {
    /// Its name.
    pub name: String,
    /// How many members it has.
    pub members: usize,
}

/// The groups whose names begin with one of these, whatever their suffixes are. `None`: the embedded broker can't tell.
///
/// # Errors
/// If the broker doesn't tell.
pub async fn known(address: &str, beginnings: &[String]) -> Result<Option<Vec<Group>>, LocalError> {
    let (config, context) = client(address)?;
    let consumer: KafkaResult<BaseConsumer<Context>> = config.create_with_context(context);
    let consumer = consumer.or_asked()?;
    let (asked, beginnings) = (address.to_owned(), beginnings.to_vec());
    let ask = move || {
        hear(&consumer);
        let told = match consumer.fetch_group_list(None, ASK_TIMEOUT) {
            Ok(told) => told,
            Err(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::UnsupportedFeature) => return Ok(None),
            Err(error) => return Err(unanswered(&asked, &error)),
        };
        let groups =
            told.groups().iter().map(|group| Group { name: group.name().into(), members: group.members().len() });
        let is_theirs = |group: &Group| beginnings.iter().any(|begins| group.name.starts_with(begins));
        Ok(Some(groups.filter(is_theirs).collect()))
    };
    tokio::task::spawn_blocking(ask).await.or_engine()?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_the_prefix_of_their_topics() {
        let of = |names: [&'static str; 3]| name_prefix(names[0], names[1], names[2]);
        assert_eq!(of(["payment-requests", "account-commands", "payment-outcomes"]), Some(""));
        assert_eq!(of(["my-payment-requests", "my-account-commands", "my-payment-outcomes"]), Some("my-"));
        assert_eq!(of(["my-payment-requests", "account-commands", "my-payment-outcomes"]), None);
        assert_eq!(of(["my-payment-requests", "my-account-commands", "payment-outcomes"]), None);
        assert_eq!(of(["requests", "account-commands", "payment-outcomes"]), None);
        assert_eq!(processors("my-", "-2"), ["my-payment-processor-2", "my-account-processor-2"]);
    }
}
