//! What: Reads what the topics still tell of a lost ledger: outcomes, requests, and commands that open accounts.
//!
//! Data: Takes Kafka's address and the names of topics.
//!
//! Invariants: It commits nothing, and takes part in no consumer group.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;

use crate::local::kafka::{client, hear, partitions, topics, unanswered};
use crate::local::topic_reader::{Polled, Read, TopicReader};
use crate::local::{LocalError, OrLocalError};
use giro::domain::account_command::{Action, opened};
use giro::domain::{Account, AccountId, Instruction, Outcome, PaymentId, Timestamp};
use giro::publish::kafka::Context;
use giro::wire::{account_command, instruction};

use super::gap::Oldest;
use super::journal::Journal;

/// How long a broker may take to tell of a partition.
const ASK_TIMEOUT: Duration = Duration::from_secs(10);

/// Where a topic ended when it was read: by partition, the next offset.
pub type End = BTreeMap<i32, Offset>;

/// Reads a topic from the places given to its end, and gives each record to `take` until that says no.
async fn read(
    address: &str,
    topic: &str,
    starts: End,
    mut take: impl FnMut(&Polled) -> bool,
) -> Result<End, LocalError> {
    let mut end = starts.clone();
    let mut reader = TopicReader::from(address, topic, &starts).await?;
    while let Read::Record(record) = reader.next().await? {
        end.insert(record.partition, Offset::Offset(record.offset.saturating_add(1)));
        if !take(&record) {
            break;
        }
    }
    Ok(end)
}

async fn whole(address: &str, topic: &str, take: impl FnMut(&Polled) -> bool) -> Result<End, LocalError> {
    let starts = partitions(address, topic).await?.into_iter().map(|partition| (partition, Offset::Beginning));
    read(address, topic, starts.collect(), take).await
}

/// What was read of a topic.
#[derive(Debug)]
pub struct Extent {
    /// Where it ended.
    pub end: End,
    /// Where its partitions begin.
    pub oldest: Vec<Oldest>,
}

/// Reads the outcomes into the journal. Gives what was read.
///
/// # Errors
/// If the topic can't be read.
pub async fn outcomes(address: &str, topic: &str, journal: &mut Journal) -> Result<Extent, LocalError> {
    let mut oldest = BTreeMap::new();
    let take = |record: &Polled| {
        oldest.entry(record.partition).or_insert_with(|| {
            // A record without a time may be of any.
            let at = record.timestamp.and_then(|at| Timestamp::try_from_millis(at).ok()).unwrap_or(Timestamp::MAX);
            Oldest { partition: record.partition, offset: record.offset, at: Some(at) }
        });
        let place = format!("{}/{}/{}", record.topic, record.partition, record.offset);
        journal.record(&place, record.key.as_deref(), record.value.as_deref());
        true
    };
    let end = whole(address, topic, take).await?;
    let empty: Vec<i32> = end.keys().copied().filter(|partition| !oldest.contains_key(partition)).collect();
    let mut oldest: Vec<Oldest> = oldest.into_values().collect();
    oldest.extend(begins_of(address, topic, empty).await?);
    Ok(Extent { end, oldest })
}

/// Where partitions begin that have no record.
async fn begins_of(address: &str, topic: &str, empty: Vec<i32>) -> Result<Vec<Oldest>, LocalError> {
    let (config, context) = client(address)?;
    let consumer: KafkaResult<BaseConsumer<Context>> = config.create_with_context(context);
    let consumer = consumer.or_asked()?;
    let (asked, topic) = (address.to_owned(), topic.to_owned());
    let ask = move || {
        hear(&consumer);
        let begin = |partition| {
            let (offset, _) = consumer.fetch_watermarks(&topic, partition, ASK_TIMEOUT)?;
            Ok(Oldest { partition, offset, at: None })
        };
        empty.into_iter().map(begin).collect::<KafkaResult<Vec<_>>>().map_err(|error| unanswered(&asked, &error))
    };
    tokio::task::spawn_blocking(ask).await.or_engine()?
}

/// Whether a topic still ends there.
///
/// # Errors
/// If the topic can't be read.
pub async fn ends_at(address: &str, topic: &str, end: &End) -> Result<bool, LocalError> {
    let now = read(address, topic, end.clone(), |_| false).await?;
    Ok(now == *end)
}

/// What lost requests asked for, as far as their records are still on their topics.
///
/// # Errors
/// If a topic can't be read. A topic that isn't there any more has none of them.
pub async fn requests(address: &str, lost: &[Outcome]) -> Result<BTreeMap<PaymentId, Instruction>, LocalError> {
    let mut wanted = BTreeMap::<&str, BTreeMap<(i32, i64), &Outcome>>::new();
    for outcome in lost {
        let source = &outcome.source;
        wanted.entry(&source.topic).or_default().insert((source.partition, source.offset), outcome);
    }
    let mut asked = BTreeMap::new();
    let there = if wanted.is_empty() { Vec::new() } else { topics(address).await? };
    for (topic, mut wanted) in wanted {
        if !there.iter().any(|(name, ..)| name == topic) {
            continue;
        }
        let known = partitions(address, topic).await?;
        let mut starts = End::new();
        for (partition, offset) in wanted.keys().filter(|(partition, _)| known.contains(partition)) {
            starts.entry(*partition).or_insert(Offset::Offset(*offset));
        }
        if starts.is_empty() {
            continue;
        }
        let take = |record: &Polled| {
            if let Some(outcome) = wanted.remove(&(record.partition, record.offset)) {
                let read = instruction::decode_json(record.value.as_deref().unwrap_or_default()).ok();
                let is_it = |read: &Instruction| read.id() == outcome.instruction.id();
                asked.extend(read.filter(is_it).map(|read| (read.id().clone(), read)));
            }
            !wanted.is_empty()
        };
        read(address, topic, starts, take).await?;
    }
    Ok(asked)
}

/// The accounts that commands on a topic open, as the first of each opens it.
///
/// # Errors
/// If the topic can't be read.
pub async fn opened_accounts(address: &str, topic: &str) -> Result<BTreeMap<AccountId, Account>, LocalError> {
    let mut accounts = BTreeMap::new();
    let take = |record: &Polled| {
        if let Ok(command) = account_command::decode_json(record.value.as_deref().unwrap_or_default())
            && let Action::Open(terms) = command.action
        {
            let at = record.timestamp.and_then(|at| Timestamp::try_from_millis(at).ok()).unwrap_or(Timestamp::EPOCH);
            accounts.entry(command.account.clone()).or_insert_with(|| opened(&command.account, terms, at));
        }
        true
    };
    whole(address, topic, take).await?;
    Ok(accounts)
}
