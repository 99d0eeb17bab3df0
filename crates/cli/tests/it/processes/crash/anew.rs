//! The topic of requests, deleted and created again in the middle of a round, as an operator does: its offsets begin
//! again at 0.
//!
//! ```text
//!  a half is acknowledged ─▶ the poller is killed ─▶ the topic is read ─▶ topic and group are deleted ─┐
//!            what wasn't acknowledged is published there first ◀─ the poller creates the topic again ◀──────┘
//! ```
//!
//! Invocations that the poller leaves behind go on with records of the old topic. Meanwhile the same records and others
//! come from the new one, at the same places.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::{Context, bail, ensure};
use giro::domain::DeadLetter;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC, client};
use giro_testkit::oracle::Published;
use giro_testkit::workload::Record;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::{Offset, TopicPartitionList};

use super::{PARTITIONS, PATIENCE, Round, lost, requests};

/// The consumer group of the payment-processor.
const GROUP: &str = "payment-processor";
/// How long one question to a broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);

/// A topic that is gone.
pub(super) struct Gone {
    /// All that was on it.
    published: Vec<Published>,
    /// By partition, the offset up to which all was acknowledged.
    acknowledged: BTreeMap<i32, i64>,
}

impl Gone {
    /// The records that must have their own disposition. Unacknowledged ones have it on the new topic. But a dead
    /// letter of such a record is right where it is.
    pub(super) fn ended(&self, letters: &[DeadLetter]) -> Vec<Published> {
        let aside = |it: &Published| {
            letters.iter().any(|letter| {
                letter.source == it.source && letter.key == it.record.key && letter.value == it.record.value
            })
        };
        self.published.iter().filter(|it| is_acknowledged(&self.acknowledged, it) || aside(it)).cloned().collect()
    }
}

fn is_acknowledged(acknowledged: &BTreeMap<i32, i64>, it: &Published) -> bool {
    acknowledged.get(&it.source.partition).is_some_and(|next| it.source.offset < *next)
}

/// Asks until there is an answer, because a broker may be away.
async fn patiently<T, F: Future<Output = anyhow::Result<T>>>(what: &str, ask: impl Fn() -> F) -> anyhow::Result<T> {
    let began = Instant::now();
    loop {
        match ask().await {
            Ok(answer) => return Ok(answer),
            Err(error) if began.elapsed() > PATIENCE => return Err(error).with_context(|| what.to_owned()),
            Err(_) => tokio::time::sleep(Duration::from_millis(100)).await,
        }
    }
}

/// By partition, what the group has acknowledged; nothing where it has acknowledged nothing.
async fn committed(kafka: &str) -> anyhow::Result<BTreeMap<i32, i64>> {
    let (mut config, context) = client(kafka)?;
    let consumer: BaseConsumer<_> = config.set("group.id", GROUP).create_with_context(context)?;
    let mut asked = TopicPartitionList::new();
    asked.add_partition_range(REQUESTS_TOPIC, 0, PARTITIONS.parse::<i32>()? - 1);
    let answer = tokio::task::spawn_blocking(move || consumer.committed_offsets(asked, ASK_TIMEOUT)).await??;
    let mut committed = BTreeMap::new();
    for partition in answer.elements() {
        partition.error()?;
        if let Offset::Offset(next) = partition.offset() {
            committed.insert(partition.partition(), next);
        }
    }
    Ok(committed)
}

/// The partitions of the topic of requests; none while there is no such topic.
async fn partitions(kafka: &str) -> anyhow::Result<usize> {
    let topics = kafka::topics(kafka).await?;
    Ok(topics.iter().find(|(name, ..)| name == REQUESTS_TOPIC).map_or(0, |(_, partitions, _)| *partitions))
}

/// Deletes the topic, and what its group has acknowledged: a new topic begins at its beginning.
async fn delete(kafka: &str) -> anyhow::Result<()> {
    let (config, context) = client(kafka)?;
    let admin: AdminClient<_> = config.create_with_context(context)?;
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(10)));
    if partitions(kafka).await? > 0 {
        admin.delete_topics(&[REQUESTS_TOPIC], &options).await?;
        bail!("the topic may be there still");
    }
    if !committed(kafka).await?.is_empty() {
        admin.delete_groups(&[GROUP], &options).await?;
        bail!("the group may be there still");
    }
    Ok(())
}

impl Round {
    /// Creates the topic again. `sent` is what was acknowledged to its clients. Returns the topic that is gone, and
    /// what must be published on the new one first.
    pub(super) async fn make_anew(&self, sent: &[Record]) -> anyhow::Result<(Gone, Vec<Record>)> {
        let kafka = self.kafka.as_str();
        // Otherwise no record of the old topic has its disposition when the new one begins, and no place is used twice.
        let half = async || {
            let acknowledged: i64 = committed(kafka).await?.values().sum();
            ensure!(acknowledged >= (sent.len() / 2) as i64, "{acknowledged} of {} are acknowledged", sent.len());
            Ok(())
        };
        patiently("waiting for a half to be acknowledged", half).await?;
        // Nobody starts it again while this is held.
        let mut poller = self.poller.lock().await;
        let left = poller.kill().await?;
        self.left_behind.lock().unwrap().extend(left);
        let whole = async || {
            let published = requests(kafka).await?;
            let lost = lost(sent, &published);
            ensure!(lost == 0, "{lost} acknowledged requests are not on the topic that is to be made anew");
            Ok(published)
        };
        let published = patiently("reading the topic", whole).await?;
        let acknowledged = patiently("asking what is acknowledged", || committed(kafka)).await?;
        patiently("deleting the topic", || delete(kafka)).await?;
        drop(poller);
        let there = async || {
            let there = partitions(kafka).await?;
            ensure!(there.to_string() == PARTITIONS, "the new topic has {there} partitions");
            Ok(())
        };
        patiently("waiting for the new topic", there).await?;
        let waiting = published.iter().filter(|it| !is_acknowledged(&acknowledged, it));
        let carried: Vec<Record> = waiting.map(|it| it.record.clone()).collect();
        self.count("topics made anew", 1);
        self.count("records carried over", carried.len() as u64);
        Ok((Gone { published, acknowledged }, carried))
    }
}
