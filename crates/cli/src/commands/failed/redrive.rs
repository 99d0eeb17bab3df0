//! What: `giro failed redrive` puts records that were given up back on their topics, byte for byte, and stores how far
//! it came.
//!
//! A record goes back to its partition with its key, its value and its headers, and one more header that names its old
//! place. Records of one partition keep their order. A record is marked only once the broker has acknowledged it. If
//! the command stops in between, some are published again the next time, and each payment is still settled once.

use std::collections::{BTreeMap, BTreeSet};

use clap::Args;

use super::super::Failure;
use super::super::engines::EngineArgs;
use super::{Entry, TopicArgs, name_one, open};
use crate::local::failed_topic::{Begin, FailedTopic, Given};
use crate::local::kafka::partitions;
use crate::redriven::headers;
use giro::domain::Source;
use giro::publish::kafka::KafkaProducer;
use giro::publish::{Placed, PublishError, Sending};
use giro::wire::failed_record::FailedRecord;

/// How many are in flight at once.
const WINDOW: usize = 100;

/// Put records that were given up back on their topic
///
/// Records go back byte for byte, each into its own partition, in their order there. Records that were redriven before
/// stay as they are. Redriving a payment twice settles it once.
///
/// A record that is named is marked by itself: records before it still wait for --all.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  giro failed redrive --all\n  giro failed redrive payment-requests/3/42")]
pub(in crate::commands) struct RedriveArgs {
    /// Where they stood, or their places on the on-failure topic: topic/partition/offset
    places: Vec<Source>,
    /// Every one that waits
    #[arg(long, conflicts_with = "places")]
    all: bool,
    /// Also records that were redriven before
    #[arg(long)]
    again: bool,
    #[command(flatten)]
    topics: TopicArgs,
}

pub(super) async fn run(args: RedriveArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if args.places.is_empty() && !args.all {
        return Err(Failure::input(
            "which records? Name them by their topic/partition/offset, as `giro failed list` does. Or say --all for \
             every one that waits",
        ));
    }
    let topics = args.topics.names(engines)?;
    // It reads to the end before it publishes the first, so that a wrong place stops all.
    let mut chosen = match args.all {
        true => BTreeMap::new(),
        false => named(&args, engines, &topics).await?,
    };
    let (producer, known) = engines.producer_and_topics().await?;
    let mut redriver = Redriver { producer, address: engines.kafka_address()?, partitions: BTreeMap::new(), count: 0 };
    let mut left = Vec::new();
    for topic in &topics {
        let begin = if args.again || !args.all { Begin::Oldest } else { Begin::NotRedriven };
        let wanted = chosen.remove(topic);
        if !args.all && wanted.is_none() {
            continue;
        }
        let mut failed = open(engines, topic, begin).await?;
        let mut window = Vec::new();
        while let Some(given) = failed.next().await? {
            let own = (given.record.partition, given.record.offset);
            let is_wanted = wanted.as_ref().is_none_or(|offsets| offsets.contains(&own));
            if !is_wanted || (given.redriven && !args.again) {
                continue;
            }
            let entry = Entry::read(given);
            match entry.content {
                Err(_) => left.extend(entry.lines()),
                Ok(given_up) => match given_up.records.iter().find(|record| !known.contains(&*record.source.topic)) {
                    Some(FailedRecord { source, .. }) => {
                        left.push(format!("{source}  is at {}: Kafka has no topic {}", entry.place, source.topic));
                    }
                    None => window.push((entry.given, given_up.records)),
                },
            }
            if window.len() >= WINDOW {
                redriver.put_back(&mut failed, std::mem::take(&mut window)).await?;
            }
        }
        redriver.put_back(&mut failed, window).await?;
    }
    if redriver.count == 0 && left.is_empty() {
        say!("nothing waits");
    }
    match left.is_empty() {
        true => Ok(()),
        false => Err(Failure::no(format!(
            "{} can't be put back, and stay where they are; `giro failed show PLACE --value` gives their bytes:\n{}",
            left.len(),
            left.join("\n")
        ))),
    }
}

/// By topic, the partitions and offsets of what is named there.
type Chosen = BTreeMap<String, BTreeSet<(i32, i64)>>;

/// The entries that the arguments name.
async fn named(args: &RedriveArgs, engines: &EngineArgs, topics: &[String]) -> Result<Chosen, Failure> {
    let mut found: BTreeMap<&Source, Vec<Source>> = BTreeMap::new();
    let mut redriven = BTreeSet::new();
    for topic in topics {
        let mut failed = open(engines, topic, Begin::Oldest).await?;
        while let Some(given) = failed.next().await? {
            let entry = Entry::read(given);
            for place in args.places.iter().filter(|place| entry.is_at(place)) {
                found.entry(place).or_default().push(entry.place.clone());
            }
            if entry.given.redriven {
                redriven.insert(entry.place);
            }
        }
    }
    let mut chosen = Chosen::new();
    for place in &args.places {
        let own = match found.get(place).map(Vec::as_slice).unwrap_or_default() {
            [] => return Err(Failure::no(format!("nothing that was given up stood at {place}"))),
            [own] => own,
            several => return Err(name_one(place, several)),
        };
        if redriven.contains(own) && !args.again {
            return Err(Failure::no(format!("{place} was redriven before; --again redrives it once more")));
        }
        chosen.entry(own.topic.to_string()).or_default().insert((own.partition, own.offset));
    }
    Ok(chosen)
}

/// Publishes and marks.
struct Redriver {
    producer: KafkaProducer,
    address: String,
    /// By topic, those that it has.
    partitions: BTreeMap<String, Vec<i32>>,
    /// How many records were put back.
    count: usize,
}

impl Redriver {
    /// Puts these back, and marks each that the broker has acknowledged.
    async fn put_back(
        &mut self,
        failed: &mut FailedTopic,
        window: Vec<(Given, Vec<FailedRecord>)>,
    ) -> Result<(), Failure> {
        let mut sending = Vec::with_capacity(window.len());
        let mut fault = None;
        for (_, records) in &window {
            match self.hand_over(records).await {
                Ok(handed) => sending.push(handed),
                Err(error) => {
                    fault = Some(error);
                    break;
                }
            }
        }
        let (mut done, mut lines) = (Vec::new(), Vec::new());
        for ((given, records), sending) in window.iter().zip(sending) {
            match all_placed(sending).await {
                Ok(placed) => {
                    done.push(given);
                    lines.extend(records.iter().zip(placed).map(|(record, placed)| {
                        let FailedRecord { source, .. } = record;
                        format!("redriven {source} to {}/{}/{}", source.topic, placed.partition, placed.offset)
                    }));
                }
                // No record after it is marked, whatever became of them. So records that are published again keep their
                // order.
                Err(error) => {
                    fault = Some(error.into());
                    break;
                }
            }
        }
        if !done.is_empty() {
            failed.mark(&done).await?;
        }
        self.count = self.count.saturating_add(lines.len());
        for line in lines {
            say!("{line}");
        }
        fault.map_or(Ok(()), Err)
    }

    async fn hand_over(&mut self, records: &[FailedRecord]) -> Result<Vec<Sending>, Failure> {
        let mut sending = Vec::with_capacity(records.len());
        for record in records {
            let FailedRecord { source, key, value, .. } = record;
            let headers = headers(&record.headers, source);
            let known = self.partitions_of(&source.topic).await?;
            // A topic that was created again with fewer partitions has lost this one. Then the key chooses the
            // partition.
            let partition = Some(source.partition).filter(|own| known.contains(own));
            let sent =
                self.producer.send_to(&source.topic, partition, key.as_deref(), value.as_deref(), &headers).await;
            sending.push(sent?);
        }
        Ok(sending)
    }

    /// The partitions of a topic, which must be there.
    async fn partitions_of(&mut self, topic: &str) -> Result<Vec<i32>, Failure> {
        if let Some(known) = self.partitions.get(topic) {
            return Ok(known.clone());
        }
        let known = partitions(&self.address, topic).await?;
        self.partitions.insert(topic.to_owned(), known.clone());
        Ok(known)
    }
}

async fn all_placed(sending: Vec<Sending>) -> Result<Vec<Placed>, PublishError> {
    let mut placed = Vec::with_capacity(sending.len());
    for sending in sending {
        placed.push(sending.placed().await?);
    }
    Ok(placed)
}
