//! What: Reads what the topics still tell of a lost ledger: outcomes, requests, and commands that open accounts.
//!
//! Data: Takes Kafka's address and the names of topics.
//!
//! Invariants: It commits nothing, and takes part in no consumer group.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaResult;

use crate::local::kafka::{client, configs, hear, partitions, topics, unanswered};
use crate::local::topic_reader::{Polled, Read, TopicReader};
use crate::local::{LocalError, OrLocalError};
use giro::domain::account_command::{Action, opened};
use giro::domain::{Account, AccountId, Instruction, Outcome, PaymentId, Timestamp};
use giro::publish::kafka::Context;
use giro::wire::{account_command, instruction};

use super::gap::{Oldest, deleted_since};
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

/// Reads the outcomes into the journal. Gives where they ended.
///
/// # Errors
/// If the topic can't be read.
pub async fn outcomes(address: &str, topic: &str, journal: &mut Journal) -> Result<End, LocalError> {
    let take = |record: &Polled| {
        let place = format!("{}/{}/{}", record.topic, record.partition, record.offset);
        journal.record(&place, record.key.as_deref(), record.value.as_deref());
        true
    };
    whole(address, topic, take).await
}

/// The oldest record of each partition.
///
/// # Errors
/// If the topic can't be read.
pub async fn oldest(address: &str, topic: &str) -> Result<Vec<Oldest>, LocalError> {
    let extents = extents(address, topic).await?;
    let empty = |(partition, (begin, _)): (&i32, &(i64, i64))| {
        (*partition, Oldest { partition: *partition, offset: *begin, at: None })
    };
    let mut oldest: BTreeMap<i32, Oldest> = extents.iter().map(empty).collect();
    let full = extents.iter().filter(|(_, (begin, end))| begin < end);
    let starts: End = full.map(|(partition, (begin, _))| (*partition, Offset::Offset(*begin))).collect();
    if starts.is_empty() {
        return Ok(oldest.into_values().collect());
    }
    let mut unseen: BTreeSet<i32> = starts.keys().copied().collect();
    let take = |record: &Polled| {
        if unseen.remove(&record.partition) {
            // A record without a time may be of any.
            let at = record.timestamp.and_then(|at| Timestamp::try_from_millis(at).ok()).unwrap_or(Timestamp::MAX);
            let (partition, offset) = (record.partition, record.offset);
            oldest.insert(partition, Oldest { partition, offset, at: Some(at) });
        }
        !unseen.is_empty()
    };
    read(address, topic, starts, take).await?;
    Ok(oldest.into_values().collect())
}

/// The partitions that have deleted records since these were their oldest.
///
/// # Errors
/// If the broker doesn't tell.
pub async fn deleted_while_read(address: &str, topic: &str, before: &[Oldest]) -> Result<Vec<i32>, LocalError> {
    let extents = extents(address, topic).await?;
    Ok(deleted_since(before, |partition| extents.get(&partition).map(|(begin, _)| *begin)))
}

/// Where partitions begin and end.
async fn extents(address: &str, topic: &str) -> Result<BTreeMap<i32, (i64, i64)>, LocalError> {
    let partitions = partitions(address, topic).await?;
    let (config, context) = client(address)?;
    let consumer: KafkaResult<BaseConsumer<Context>> = config.create_with_context(context);
    let consumer = consumer.or_asked()?;
    let (asked, topic) = (address.to_owned(), topic.to_owned());
    let ask = move || {
        hear(&consumer);
        let extent = |partition| Ok((partition, consumer.fetch_watermarks(&topic, partition, ASK_TIMEOUT)?));
        partitions.into_iter().map(extent).collect::<KafkaResult<_>>().map_err(|error| unanswered(&asked, &error))
    };
    tokio::task::spawn_blocking(ask).await.or_engine()?
}

/// How long a topic keeps records, in milliseconds. `None`: nobody knows, or it deletes them for other reasons too.
pub async fn kept_ms(address: &str, topic: &str) -> Option<i64> {
    let mut configs = configs(address, [topic.to_owned()].iter()).await.ok()?;
    let config = configs.remove(topic)?.ok()?;
    let number = |name: &str| config.get(name)?.parse::<i64>().ok();
    let bytes_are_unlimited = number("retention.bytes")? < 0;
    number("retention.ms").filter(|kept| bytes_are_unlimited && *kept > 0)
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
