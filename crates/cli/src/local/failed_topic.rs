//! What: Reads an on-failure topic: its records, and which of them were redriven.
//!
//! Data: Takes Kafka's address and the topic. Gives its records up to the end that it had when it was opened. So
//! records that fail again meanwhile wait for the next time. Also gives marks of redriven records, which are committed
//! offsets of the group [`GROUP`].
//!
//! A partition's committed offset says that all records before it were redriven. Later records that were redriven one
//! by one are in the commit's metadata ([`Redriven`]). So redriving one record never skips another.
//!
//! Invariants: A mark is stored only when [`FailedTopic::mark`] has returned. Until then the record counts as not
//! redriven.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::types::RDKafkaErrorCode;
use rdkafka::{Offset, TopicPartitionList};

use super::kafka::{ask_partitions, client, hear, known_partitions};
use super::topic_reader::{Polled, Read, TopicReader};
use super::{LocalError, OrLocalError};
use giro::publish::kafka::Context;

/// The consumer group whose committed offsets say what was redriven.
pub const GROUP: &str = "giro-failed";

/// The longest metadata of a commit. Source: Apache Kafka, `offset.metadata.max.bytes`.
const METADATA_BYTES_MAX: usize = 4096;
/// How long one question to a broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take to find the group's coordinator. A new broker creates the topic of offsets first.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(60);
/// How long to leave a broker alone that has no coordinator yet.
const RECONSIDER: Duration = Duration::from_millis(100);

/// Which offsets of a partition were redriven.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Redriven {
    /// All before it were.
    next: i64,
    /// And these.
    beyond: BTreeSet<i64>,
}

impl Redriven {
    /// Reads a committed offset and its metadata, in a partition that ends before `end`. A record counts as not
    /// redriven if its mark can't be read.
    #[must_use]
    pub fn read(next: i64, metadata: &str, end: i64) -> Self {
        let mut redriven = Self { next, beyond: BTreeSet::new() };
        for range in metadata.split(',') {
            let (first, last) = range.split_once('-').unwrap_or((range, range));
            if let (Ok(first), Ok(last)) = (first.parse::<i64>(), last.parse::<i64>()) {
                (first.max(next)..last.saturating_add(1).min(end)).for_each(|offset| redriven.add(offset));
            }
        }
        redriven
    }

    /// The metadata to commit beside the next offset: ranges, such as `7,9-12`.
    #[must_use]
    pub fn metadata(&self) -> String {
        let mut ranges: Vec<(i64, i64)> = Vec::new();
        for &offset in &self.beyond {
            match ranges.last_mut() {
                Some((_, last)) if last.saturating_add(1) == offset => *last = offset,
                Some(_) | None => ranges.push((offset, offset)),
            }
        }
        let range = |(first, last): (i64, i64)| {
            if first == last { first.to_string() } else { format!("{first}-{last}") }
        };
        ranges.into_iter().map(range).collect::<Vec<_>>().join(",")
    }

    /// Whether an offset was redriven.
    #[must_use]
    pub fn holds(&self, offset: i64) -> bool {
        offset < self.next || self.beyond.contains(&offset)
    }

    /// Adds an offset.
    pub fn add(&mut self, offset: i64) {
        if offset >= self.next {
            self.beyond.insert(offset);
        }
        while self.beyond.remove(&self.next) {
            self.next = self.next.saturating_add(1);
        }
    }
}

/// A record of the topic.
#[derive(Debug, Clone)]
pub struct Given {
    /// The record.
    pub record: Polled,
    /// Whether it was redriven.
    pub redriven: bool,
    /// The offset after the record before it. Between that and its own offset there is nothing.
    after: i64,
}

/// Where to begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Begin {
    /// At the oldest record.
    Oldest,
    /// At the oldest record that may not have been redriven.
    NotRedriven,
}

/// An on-failure topic.
pub struct FailedTopic {
    topic: String,
    /// None where nothing is to be read.
    reader: Option<TopicReader>,
    consumer: Arc<BaseConsumer<Context>>,
    redriven: BTreeMap<i32, Redriven>,
    /// By partition that isn't read to its end: where the next record may be, and the end.
    open: BTreeMap<i32, (i64, i64)>,
}

impl FailedTopic {
    /// Opens a topic.
    ///
    /// # Errors
    /// [`LocalError::Engine`] if the broker can't be reached, [`LocalError::Asked`] if it has no such topic.
    pub async fn open(bootstrap_servers: &str, topic: &str, begin: Begin) -> Result<Self, LocalError> {
        let (mut config, context) = client(bootstrap_servers)?;
        let consumer: KafkaResult<BaseConsumer<Context>> = config
            .set("group.id", GROUP)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .create_with_context(context);
        let consumer = Arc::new(consumer.or_asked()?);
        let (asked, name) = (Arc::clone(&consumer), topic.to_owned());
        let ask = tokio::task::spawn_blocking(move || {
            hear(&asked);
            ask_partitions(&*asked, &name)
        });
        let partitions = known_partitions(bootstrap_servers, topic, ask.await.or_engine()?)?;
        let (asked, name) = (Arc::clone(&consumer), topic.to_owned());
        let ask = tokio::task::spawn_blocking(move || state(&asked, &name, &partitions));
        let state = ask.await.or_engine()?;
        let state = state.with_context(|| format!("asking Kafka what of {topic} was redriven")).or_engine()?;
        let (mut redriven, mut open) = (BTreeMap::new(), BTreeMap::new());
        for (partition, (marks, oldest, end)) in state {
            let start = match begin {
                Begin::Oldest => oldest,
                Begin::NotRedriven => marks.next.max(oldest),
            };
            redriven.insert(partition, marks);
            if start < end {
                open.insert(partition, (start, end));
            }
        }
        let starts: BTreeMap<i32, Offset> =
            open.iter().map(|(partition, (start, _))| (*partition, Offset::Offset(*start))).collect();
        let reader = match starts.is_empty() {
            true => None,
            false => Some(TopicReader::from(bootstrap_servers, topic, &starts).await?),
        };
        Ok(Self { topic: topic.to_owned(), reader, consumer, redriven, open })
    }

    /// The next record. `None` after the end that the topic had when it was opened.
    ///
    /// # Errors
    /// [`LocalError::Engine`] if the client can't go on.
    pub async fn next(&mut self) -> Result<Option<Given>, LocalError> {
        let Some(reader) = &mut self.reader else { return Ok(None) };
        while !self.open.is_empty() {
            let record = match reader.next().await? {
                Read::Record(record) => record,
                Read::End => break,
            };
            let Some((after, end)) = self.open.get(&record.partition).copied() else { continue };
            let next = record.offset.saturating_add(1);
            if next >= end {
                self.open.remove(&record.partition);
            } else {
                self.open.insert(record.partition, (next, end));
            }
            if record.offset < end {
                let redriven = self.redriven.get(&record.partition).is_some_and(|marks| marks.holds(record.offset));
                return Ok(Some(Given { record, redriven, after }));
            }
        }
        Ok(None)
    }

    /// Stores that records were redriven. Returns when the broker has stored it.
    ///
    /// # Errors
    /// [`LocalError::Engine`] if the broker can't be reached. [`LocalError::Asked`] if too many records were redriven
    /// one by one.
    pub async fn mark(&mut self, redriven: &[&Given]) -> Result<(), LocalError> {
        let mut changed = self.redriven.clone();
        for given in redriven {
            let marks = changed.entry(given.record.partition).or_default();
            // There is nothing between this record and the one before.
            (given.after..=given.record.offset).for_each(|offset| marks.add(offset));
        }
        let mut commit = TopicPartitionList::new();
        for (partition, marks) in &changed {
            let metadata = marks.metadata();
            if metadata.len() > METADATA_BYTES_MAX {
                return Err(LocalError::Asked(anyhow!(
                    "{}/{partition}: more places were redriven one by one than Kafka keeps; redrive the older ones with --all",
                    self.topic
                )));
            }
            let mut element = commit.add_partition(&self.topic, *partition);
            element.set_offset(Offset::Offset(marks.next)).or_engine()?;
            element.set_metadata(metadata);
        }
        let consumer = Arc::clone(&self.consumer);
        let keep = move || {
            hear(&consumer);
            patiently(|| consumer.commit(&commit, CommitMode::Sync))
        };
        let kept = tokio::task::spawn_blocking(keep).await.or_engine()?;
        kept.with_context(|| format!("keeping what of {} was redriven", self.topic)).or_engine()?;
        self.redriven = changed;
        Ok(())
    }
}

/// By partition: what was redriven, the oldest offset, and the end.
type State = BTreeMap<i32, (Redriven, i64, i64)>;

fn state(consumer: &BaseConsumer<Context>, topic: &str, partitions: &[i32]) -> anyhow::Result<State> {
    let mut own = TopicPartitionList::new();
    for &partition in partitions {
        own.add_partition(topic, partition);
    }
    hear(consumer);
    let committed = patiently(|| {
        let committed = consumer.committed_offsets(own.clone(), ASK_TIMEOUT)?;
        match committed.elements().iter().find_map(|partition| partition.error().err()) {
            None => Ok(committed),
            Some(error) => Err(error),
        }
    })?;
    let mut state = State::new();
    for element in committed.elements() {
        let (oldest, end) = consumer.fetch_watermarks(topic, element.partition(), ASK_TIMEOUT)?;
        let marks = match element.offset() {
            // It is after the end: another topic had this name, and its offsets mean nothing here.
            Offset::Offset(next) if next <= end => Redriven::read(next.max(oldest), element.metadata(), end),
            Offset::Offset(_)
            | Offset::Invalid
            | Offset::Beginning
            | Offset::End
            | Offset::Stored
            | Offset::OffsetTail(_) => Redriven::read(oldest, "", end),
        };
        state.insert(element.partition(), (marks, oldest, end));
    }
    Ok(state)
}

/// Asks again as long as a broker is still electing the group's coordinator.
fn patiently<T>(ask: impl Fn() -> KafkaResult<T>) -> KafkaResult<T> {
    let deadline = Instant::now().checked_add(COORDINATOR_TIMEOUT);
    loop {
        match ask() {
            Err(error) if is_passing(&error) && deadline.is_some_and(|deadline| Instant::now() < deadline) => {
                std::thread::sleep(RECONSIDER);
            }
            answer => return answer,
        }
    }
}

fn is_passing(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::NotCoordinator
                | RDKafkaErrorCode::CoordinatorNotAvailable
                | RDKafkaErrorCode::CoordinatorLoadInProgress
                | RDKafkaErrorCode::WaitingForCoordinator
        )
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What was committed, what is added, and what is committed then.
    #[test]
    fn redriving_one_place_passes_over_no_other() {
        for (next, metadata, added, expected) in [
            (0, "", &[][..], (0, "")),
            (0, "", &[0, 1, 2], (3, "")),
            (0, "", &[2], (0, "2")),
            (0, "", &[2, 4, 3, 7], (0, "2-4,7")),
            (0, "2-4,7", &[0, 1], (5, "7")),
            (5, "7", &[3, 6, 5], (8, "")),
            (5, "", &[9, 9], (5, "9")),
            (5, "2-6", &[], (7, "")),
            (5, "8-6,x,,9-", &[7], (5, "7")),
            (5, "7-9223372036854775807", &[], (5, "7-19")),
        ] {
            let mut redriven = Redriven::read(next, metadata, 20);
            added.iter().for_each(|offset| redriven.add(*offset));
            assert_eq!((redriven.next, redriven.metadata().as_str()), expected, "{next} {metadata} {added:?}");
            assert_eq!(Redriven::read(redriven.next, &redriven.metadata(), 20), redriven);
        }
        let redriven = Redriven::read(5, "7", 20);
        assert_eq!([4, 5, 6, 7, 8].map(|offset| redriven.holds(offset)), [true, false, false, true, false]);
    }
}
