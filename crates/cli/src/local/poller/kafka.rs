//! What: Runs a mapping's pollers on Kafka.
//!
//! A poller starts at its group's committed offsets, else where the mapping says, and commits only what was finished.
//! Partitions are shared out once, at the start, so partitions that are added later need a restart.
//!
//! A record that is given up goes to the mapping's on-failure topic as Lambda writes it. The new record has the same
//! key, and its value holds the record and the reason ([`giro::wire::failed_record`]). The offset is committed once the
//! broker has acknowledged that.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::Context;
use futures_util::future::try_join_all;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::{Offset, TopicPartitionList};
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout, timeout_at};

use super::delivery::{Answer, Deliveries, Next, Why};
use super::kafka_event::{self, ENVELOPE_BYTES};
use super::trouble::Troubles;
use super::{Line, Surroundings, now_ms, response, window};
use crate::local::kafka::{HEARING, ask_partitions, client, partitions, producer};
use crate::local::lambda::PAYLOAD_BYTES_MAX;
use crate::local::reading::{self, Polled};
use giro::aws::LOCAL_REGION;
use giro::domain::Timestamp;
use giro::publish::Publish;
use giro::publish::kafka::{self, KafkaProducer};
use giro::wire::failed_record::{self, Failure};
use giro_template::{Mapping, Starting};

/// How long a broker waits until it has a batch to send.
const FETCH_WAIT_MS: &str = "50";
/// How much a broker gathers in that time for a mapping with a window, in bytes. Its batches wait anyway, and each
/// answer of a broker costs it about as much as a transaction costs the embedded DynamoDB.
const FETCH_BYTES: &str = "65536";
/// How long to wait after a broker refused.
const RECONSIDER: Duration = Duration::from_millis(100);
/// How long one question to a broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take to find the group's coordinator. A new broker creates the topic of offsets first.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(60);

/// Starts the pollers of a mapping on an existing topic.
pub(super) async fn start(
    line: &Line,
    topic: &str,
    consumer_group: &str,
    around: &Surroundings,
) -> anyhow::Result<Vec<JoinHandle<anyhow::Result<()>>>> {
    let partitions = partitions(&around.bootstrap_servers, topic).await?;
    let pollers = around.concurrency_max.clamp(1, partitions.len().max(1));
    let own = |poller| partitions.iter().copied().skip(poller).step_by(pollers).collect::<Vec<i32>>();
    // Together: each has to find the group's coordinator first.
    let ready = (0..pollers).map(|number| async move {
        let (consumer, next) = consumer(around, topic, consumer_group, &own(number), &line.mapping).await?;
        anyhow::Ok(Poller {
            consumer,
            next,
            troubles: Troubles::new(line, &around.bootstrap_servers, topic),
            topic: topic.to_owned(),
            bootstrap_servers: around.bootstrap_servers.clone(),
            deliveries: Deliveries::new(line.policy()),
            held: None,
            dropped: BTreeMap::new(),
            committed: BTreeMap::new(),
            failures: match line.mapping.on_failure_topic {
                Some(_) => Some(producer(&around.bootstrap_servers)?),
                None => None,
            },
            line: line.clone(),
        })
    });
    let ready = try_join_all(ready).await?;
    Ok(ready.into_iter().map(|poller| tokio::spawn(poller.run())).collect())
}

/// A consumer of these partitions, and where it starts in each.
async fn consumer(
    around: &Surroundings,
    topic: &str,
    consumer_group: &str,
    partitions: &[i32],
    mapping: &Mapping,
) -> anyhow::Result<(StreamConsumer<kafka::Context>, BTreeMap<i32, Offset>)> {
    let (mut config, context) = client(&around.bootstrap_servers)?;
    let starting = mapping.starting;
    let consumer: StreamConsumer<_> = config
        .set("group.id", consumer_group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set(
            "auto.offset.reset",
            match starting {
                Starting::TrimHorizon => "earliest",
                Starting::Latest => "latest",
            },
        )
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", FETCH_WAIT_MS)
        .set("fetch.min.bytes", if mapping.batch_window.is_zero() { "1" } else { FETCH_BYTES })
        // It reads ahead about as much as the next batches take, not the whole topic.
        .set("queued.max.messages.kbytes", "16384")
        .create_with_context(context)?;
    // It reads nothing yet, but serves the request for a token.
    let _ = timeout(HEARING, consumer.recv()).await;
    let mut own = TopicPartitionList::new();
    for &partition in partitions {
        own.add_partition(topic, partition);
    }
    let name = topic.to_owned();
    let assigning = tokio::task::spawn_blocking(move || {
        let assignment = starting_points(&consumer, own, starting)?;
        ask_partitions(&consumer, &name)?;
        consumer.assign(&assignment)?;
        let next = assignment.elements().iter().map(|it| (it.partition(), it.offset())).collect();
        Ok((consumer, next))
    });
    assigning.await?
}

/// Where to start in each partition: at the group's committed offset, else where the mapping says.
///
/// This is asked here and not left to the client (`Offset::Stored`). A broker that is still electing the group's
/// coordinator answers `NotCoordinator`, and after that the client never reads the partition.
fn starting_points(
    consumer: &StreamConsumer<kafka::Context>,
    own: TopicPartitionList,
    starting: Starting,
) -> anyhow::Result<TopicPartitionList> {
    let deadline = std::time::Instant::now().checked_add(COORDINATOR_TIMEOUT);
    let mut committed = loop {
        let cause = match consumer.committed_offsets(own.clone(), ASK_TIMEOUT) {
            Ok(committed) => match committed.elements().iter().find_map(|partition| partition.error().err()) {
                None => break committed,
                Some(error) => error,
            },
            Err(error) => error,
        };
        if deadline.is_none_or(|deadline| std::time::Instant::now() > deadline) {
            return Err(cause).context("asking Kafka for the group's committed offsets");
        }
        std::thread::sleep(RECONSIDER);
    };
    let first = match starting {
        Starting::TrimHorizon => Offset::Beginning,
        Starting::Latest => Offset::End,
    };
    for (topic, partition) in own.to_topic_map().into_keys() {
        if committed.find_partition(&topic, partition).is_some_and(|found| found.offset() == Offset::Invalid) {
            committed.set_partition_offset(&topic, partition, first)?;
        }
    }
    Ok(committed)
}

struct Poller {
    line: Line,
    consumer: StreamConsumer<kafka::Context>,
    topic: String,
    bootstrap_servers: String,
    deliveries: Deliveries<Polled>,
    /// By partition: where reading goes on.
    next: BTreeMap<i32, Offset>,
    troubles: Troubles,
    /// A record that didn't fit the last batch.
    held: Option<Polled>,
    /// By partition: the offset after the last record that fitted no filter.
    dropped: BTreeMap<i32, i64>,
    /// By partition: the offset of the next record. All before it are finished.
    committed: BTreeMap<i32, i64>,
    /// Takes records that are given up.
    failures: Option<KafkaProducer>,
}

impl Poller {
    async fn run(mut self) -> anyhow::Result<()> {
        while !self.line.is_stopped() {
            match self.deliveries.next(now_ms()) {
                Next::Deliver(records) => {
                    let event = kafka_event::encode(&self.bootstrap_servers, &records);
                    let answer = match self.line.invoker.invoke(event).await {
                        Ok(_) if !self.line.mapping.report_batch_item_failures => Answer::Reported(Vec::new()),
                        Ok(response) => response::to_kafka(&records, &response),
                        Err(error) => Answer::Failed(error.into()),
                    };
                    let settled = self.deliveries.answered(answer);
                    let timestamps = settled.finished.iter().map(|record| record.timestamp);
                    self.line.invoked(records.len(), timestamps, settled.failure);
                    self.finish(&settled.finished)?;
                }
                Next::GiveUp(records, why, tries) => match self.put_aside(&records, why, tries).await {
                    Ok(()) => {
                        self.deliveries.given_up();
                        self.line.gave_up(records.len(), why);
                        self.finish(&records)?;
                    }
                    Err(error) => {
                        tracing::warn!("records that are given up stay where they are for now: {error:#}");
                        self.line.pause(Duration::from_secs(1)).await;
                    }
                },
                Next::Wait(pause) => {
                    self.line.pause(pause).await;
                    self.deliveries.waited();
                }
                Next::Poll => {
                    self.pass_over_dropped()?;
                    let batch = self.poll().await?;
                    self.deliveries.add(batch);
                }
            }
        }
        // It commits again and waits for it: a commit in flight would be lost with the consumer.
        if let Err(error) = self.commit(CommitMode::Sync) {
            tracing::warn!("what was answered last will be delivered again: {error:#}");
        }
        Ok(())
    }

    /// Collects a batch until it is full or its window is over. It is empty if it is time to stop.
    async fn poll(&mut self) -> anyhow::Result<Vec<Polled>> {
        let mut batch: Vec<Polled> = self.held.take().into_iter().collect();
        let mut bytes = batch.iter().map(Polled::encoded_bytes).fold(ENVELOPE_BYTES, usize::saturating_add);
        let length = self.line.mapping.batch_window;
        let window_of = |first: &Polled| Instant::now().checked_add(window::rest(length, first.timestamp, now_ms()));
        let mut window = batch.first().and_then(window_of);
        while batch.len() < self.line.mapping.batch_records_max {
            // The pause after an error may get the stop signal, which comes only once.
            if self.line.is_stopped() {
                return Ok(Vec::new());
            }
            let read = tokio::select! {
                // What is there belongs to the batch, even if its window is over.
                biased;
                read = self.consumer.recv() => read.map(|record| Polled::from(&record)),
                () = over(window) => break,
                _ = self.line.stopped.changed() => return Ok(Vec::new()),
            };
            let record = match read {
                Ok(record) => record,
                Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error).context("reading from Kafka"),
                Err(error) => {
                    self.troubles.failed(&error, &self.next);
                    self.line.pause(RECONSIDER).await;
                    continue;
                }
            };
            self.troubles.read(&record);
            self.tell_of_lost(&record).await;
            self.next.insert(record.partition, Offset::Offset(record.offset.saturating_add(1)));
            window = window.or_else(|| window_of(&record));
            if !self.line.mapping.filters.pass(record.value.as_deref()) {
                self.line.filtered();
                self.dropped.insert(record.partition, record.offset.saturating_add(1));
                continue;
            }
            bytes = bytes.saturating_add(record.encoded_bytes());
            if bytes > PAYLOAD_BYTES_MAX && !batch.is_empty() {
                self.held = Some(record);
                break;
            }
            batch.push(record);
        }
        Ok(batch)
    }

    /// Says which records the broker deleted between the last one that was read and this one.
    async fn tell_of_lost(&self, record: &Polled) {
        let next = self.next.get(&record.partition).copied();
        let place = (self.topic.as_str(), record.partition);
        match reading::lost(&self.bootstrap_servers, place, next, record.offset).await {
            Ok(None) => {}
            Ok(Some(lost)) => tracing::error!("{lost}"),
            Err(error) => tracing::warn!("whether records of {}/{} are gone: {error:#}", self.topic, record.partition),
        }
    }

    /// Puts records that are given up after this many tries on the on-failure topic, if there is one.
    async fn put_aside(&self, records: &[Polled], why: Why, tries: u32) -> anyhow::Result<()> {
        let (Some(failures), Some(topic)) = (&self.failures, &self.line.mapping.on_failure_topic) else {
            return Ok(());
        };
        let time = |millis| Timestamp::try_from_millis(millis).ok();
        let function = &self.line.mapping.function;
        let function_arn = format!("arn:aws:lambda:{LOCAL_REGION}:000000000000:function:{function}:$LATEST");
        let condition = format!("{why:?}");
        let at = time(now_ms()).unwrap_or(Timestamp::EPOCH);
        let mut sending = Vec::with_capacity(records.len());
        for record in records {
            let event = kafka_event::encode(&self.bootstrap_servers, std::slice::from_ref(record));
            let failure = Failure {
                function_arn: &function_arn,
                condition: &condition,
                invocations: tries,
                at,
                bootstrap_servers: &self.bootstrap_servers,
                offset: record.offset,
                timestamp: record.timestamp.and_then(time),
            };
            let value = failed_record::encode(&failure, &event);
            sending.push(failures.send(topic, record.key.as_deref(), Some(value.as_bytes()), &[]).await?);
        }
        for sending in sending {
            sending.placed().await.with_context(|| format!("publishing to {topic}"))?;
        }
        Ok(())
    }

    /// Commits past records that are finished.
    fn finish(&mut self, records: &[Polled]) -> anyhow::Result<()> {
        for record in records {
            self.committed.insert(record.partition, record.offset.saturating_add(1));
        }
        if records.is_empty() { Ok(()) } else { self.commit(CommitMode::Async) }
    }

    /// Commits past dropped records. All records before are finished, except a held one, which came last.
    fn pass_over_dropped(&mut self) -> anyhow::Result<()> {
        if self.dropped.is_empty() {
            return Ok(());
        }
        for (partition, next) in std::mem::take(&mut self.dropped) {
            let committed = self.committed.entry(partition).or_insert(next);
            *committed = next.max(*committed);
        }
        self.commit(CommitMode::Async)
    }

    fn commit(&self, mode: CommitMode) -> anyhow::Result<()> {
        if self.committed.is_empty() {
            return Ok(());
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.committed {
            offsets.add_partition_offset(&self.topic, *partition, Offset::Offset(*next))?;
        }
        self.consumer.commit(&offsets, mode).context("committing offsets")
    }
}

/// Waits until a batch's window is over, and for ever while the batch has no record.
async fn over(window: Option<Instant>) {
    match window {
        None => std::future::pending().await,
        Some(end) => {
            let _ = timeout_at(end, std::future::pending::<()>()).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    /// A new broker gives this answer while it elects the group's coordinator. Then the poller never got a record.
    #[tokio::test]
    async fn a_broker_without_a_coordinator_yet_is_asked_again() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR; 3]);
        let (mut config, context) = client(&cluster.bootstrap_servers()).unwrap();
        let consumer: StreamConsumer<_> = config.set("group.id", "g").create_with_context(context).unwrap();
        let mut own = TopicPartitionList::new();
        own.add_partition("t", 0);
        let start = starting_points(&consumer, own, Starting::TrimHorizon).unwrap();
        assert_eq!(start.find_partition("t", 0).unwrap().offset(), Offset::Beginning);
    }
}
