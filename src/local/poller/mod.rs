//! The event source mapping's poller: takes batches from Kafka to a function, as Lambda's does.
//!
//! | part | where | what |
//! |---|---|---|
//! | deliveries | `delivery` | pure: what to deliver next, what an answer means, what to commit |
//! | event | `event` | records as the JSON that Lambda delivers |
//! | poller | here | Kafka on one side, the Invoke call on the other |
//!
//! A poller has partitions of its own and one invocation at a time, so a partition is never in two invocations. It
//! starts at the group's committed offset, else at the oldest record (TRIM_HORIZON), and commits only what was answered.
//!
//! Invariants: a partition's records are delivered in order; a record is delivered again until it was answered well.

mod delivery;
mod event;

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use aws_sdk_lambda::primitives::Blob;
use hdrhistogram::Histogram;
use rdkafka::consumer::{CommitMode, Consumer, StreamConsumer};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers, Message};
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::watch;
use tokio::task::JoinHandle;
use tokio::time::{Instant, timeout_at};

pub use delivery::Polled;
use delivery::{Answer, Deliveries, Next};

use super::lambda::PAYLOAD_BYTES_MAX;
use crate::domain::Header;

/// How long to leave a broker alone after it refused.
const RECONSIDER: Duration = Duration::from_millis(100);
/// How long one question to a broker may take.
const ASK_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a broker may take to find the group's coordinator; a fresh one creates the topic of offsets first.
const COORDINATOR_TIMEOUT: Duration = Duration::from_secs(60);

/// What a poller is to do: the event source mapping.
#[derive(Debug, Clone)]
pub struct Mapping {
    /// Kafka's address.
    pub bootstrap_servers: String,
    /// The topic.
    pub topic: String,
    /// Its partitions, as many as there are.
    pub partitions: i32,
    /// The consumer group that holds the committed offsets.
    pub consumer_group: String,
    /// The Invoke call's address.
    pub lambda_endpoint: String,
    /// The function.
    pub function: String,
    /// The most records a batch.
    pub batch_records_max: usize,
    /// How long a batch waits for more records after its first.
    pub batch_window: Duration,
    /// Whether a function may report single records (`ReportBatchItemFailures`).
    pub report_batch_item_failures: bool,
    /// How many pollers share the partitions: how many invocations run at once.
    pub pollers: usize,
    /// How long an invocation may take, with some to spare for the way.
    pub invoke_timeout: Duration,
}

/// What pollers have done so far.
#[derive(Clone)]
pub struct Activity {
    /// Records answered well.
    pub acknowledged: u64,
    /// Invocations sent.
    pub invocations: u64,
    /// Invocations that failed as a whole.
    pub failed: u64,
    /// Records delivered again.
    pub redelivered: u64,
    /// From a record's timestamp to its acknowledgement, in milliseconds.
    pub latency_ms: Histogram<u64>,
    /// What the last failed invocation said.
    pub last_failure: Option<String>,
}

impl fmt::Debug for Activity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Without the histogram's thousands of buckets.
        f.debug_struct("Activity")
            .field("acknowledged", &self.acknowledged)
            .field("invocations", &self.invocations)
            .field("failed", &self.failed)
            .field("redelivered", &self.redelivered)
            .field("last_failure", &self.last_failure)
            .finish_non_exhaustive()
    }
}

/// Pollers at work.
#[derive(Debug)]
pub struct Pollers {
    tasks: Vec<JoinHandle<anyhow::Result<()>>>,
    stop: watch::Sender<bool>,
    activity: Arc<Mutex<Activity>>,
}

impl Pollers {
    /// Starts the pollers of a mapping.
    ///
    /// # Errors
    /// If Kafka's address or the endpoint can't be used.
    pub async fn start(mapping: Mapping) -> anyhow::Result<Self> {
        let lambda = super::aws::lambda(&mapping.lambda_endpoint, mapping.invoke_timeout).await?;
        let (stop, stopped) = watch::channel(false);
        let latency_ms = Histogram::new(3).context("making a histogram")?;
        let activity =
            Activity { acknowledged: 0, invocations: 0, failed: 0, redelivered: 0, latency_ms, last_failure: None };
        let activity = Arc::new(Mutex::new(activity));
        let pollers = mapping.pollers.clamp(1, usize::try_from(mapping.partitions).unwrap_or(1).max(1));
        let mut tasks = Vec::new();
        for poller in 0..pollers {
            let own: Vec<i32> = (0..mapping.partitions).skip(poller).step_by(pollers).collect();
            let poller = Poller {
                consumer: consumer(&mapping, &own).await?,
                lambda: lambda.clone(),
                deliveries: Deliveries::new(mapping.report_batch_item_failures),
                committed: BTreeMap::new(),
                mapping: mapping.clone(),
                activity: Arc::clone(&activity),
                stopped: stopped.clone(),
            };
            tasks.push(tokio::spawn(poller.run()));
        }
        Ok(Self { tasks, stop, activity })
    }

    /// What was done so far.
    #[must_use]
    pub fn activity(&self) -> Activity {
        self.activity.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Whether a poller has given up; it says why when stopped.
    #[must_use]
    pub fn gave_up(&self) -> bool {
        self.tasks.iter().any(JoinHandle::is_finished)
    }

    /// Lets each poller finish its invocation, and ends it.
    ///
    /// # Errors
    /// Why a poller had given up, if one had.
    pub async fn stop(self) -> anyhow::Result<()> {
        let _ = self.stop.send(true);
        for task in self.tasks {
            task.await.context("a poller panicked")??;
        }
        Ok(())
    }
}

async fn consumer(mapping: &Mapping, partitions: &[i32]) -> anyhow::Result<StreamConsumer> {
    let consumer: StreamConsumer = super::kafka::client_config(&mapping.bootstrap_servers)?
        .set("group.id", &mapping.consumer_group)
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false")
        .set("auto.offset.reset", "earliest")
        .set("isolation.level", "read_committed")
        .set("fetch.wait.max.ms", "50")
        // Read ahead about as much as the next batches take, not the whole topic.
        .set("queued.max.messages.kbytes", "16384")
        .create()?;
    let mut own = TopicPartitionList::new();
    for &partition in partitions {
        own.add_partition(&mapping.topic, partition);
    }
    let assigning = tokio::task::spawn_blocking(move || {
        let assignment = starting_points(&consumer, own)?;
        consumer.assign(&assignment)?;
        Ok(consumer)
    });
    assigning.await?
}

/// Where to start in each partition: at the group's committed offset, else at the oldest record.
///
/// Asked here and not left to the client (`Offset::Stored`): a broker that is still electing the group's coordinator
/// answers `NotCoordinator`, after which the client leaves the partition alone for good.
fn starting_points(consumer: &StreamConsumer, own: TopicPartitionList) -> anyhow::Result<TopicPartitionList> {
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
    for (topic, partition) in own.to_topic_map().into_keys() {
        if committed.find_partition(&topic, partition).is_some_and(|found| found.offset() == Offset::Invalid) {
            committed.set_partition_offset(&topic, partition, Offset::Beginning)?;
        }
    }
    Ok(committed)
}

struct Poller {
    consumer: StreamConsumer,
    lambda: aws_sdk_lambda::Client,
    deliveries: Deliveries,
    /// By partition: the offset up to which all was answered well, that of the next record.
    committed: BTreeMap<i32, i64>,
    mapping: Mapping,
    activity: Arc<Mutex<Activity>>,
    stopped: watch::Receiver<bool>,
}

impl Poller {
    async fn run(mut self) -> anyhow::Result<()> {
        while !*self.stopped.borrow() {
            match self.deliveries.next() {
                Next::Deliver(records) => {
                    let body = event::encode(&self.mapping.bootstrap_servers, &records);
                    let answer = self.invoke(body).await;
                    self.answered(&records, answer)?;
                }
                Next::Wait(pause) => tokio::select! {
                    () = tokio::time::sleep(pause) => self.deliveries.waited(),
                    _ = self.stopped.changed() => {}
                },
                Next::Poll => {
                    let batch = self.poll().await?;
                    self.deliveries.add(batch);
                }
            }
        }
        // Again, and this time waiting for it: a commit still under way would be lost with the consumer.
        if let Err(error) = self.commit(CommitMode::Sync) {
            tracing::warn!("what was answered last will be delivered again: {error:#}");
        }
        Ok(())
    }

    /// Gathers a batch: until it is full, or its window is over. Empty if it is time to stop.
    async fn poll(&mut self) -> anyhow::Result<Vec<Polled>> {
        let mut batch = Vec::new();
        let mut bytes: usize = 0;
        let mut window: Option<Instant> = None;
        // Half a payload: base64 and JSON around the bytes take the other.
        while batch.len() < self.mapping.batch_records_max && bytes < PAYLOAD_BYTES_MAX / 2 {
            let record = tokio::select! {
                record = self.consumer.recv() => match record {
                    Ok(record) => record,
                    Err(error @ KafkaError::MessageConsumptionFatal(_)) => return Err(error).context("reading from Kafka"),
                    // A broker on its way up or away: the client goes on by itself.
                    Err(error) => {
                        tracing::info!(%error, "reading from Kafka");
                        tokio::time::sleep(RECONSIDER).await;
                        continue;
                    }
                },
                () = over(window) => break,
                _ = self.stopped.changed() => return Ok(Vec::new()),
            };
            window = window.or_else(|| Instant::now().checked_add(self.mapping.batch_window));
            let record = polled(&record);
            bytes = bytes.saturating_add(record.size());
            batch.push(record);
        }
        Ok(batch)
    }

    async fn invoke(&self, body: String) -> Answer {
        let call = self.lambda.invoke().function_name(&self.mapping.function).payload(Blob::new(body)).send();
        match call.await {
            // `cargo lambda watch` answers a failure with HTTP 500, AWS with a header.
            Err(error) => Answer::Failed(aws_sdk_lambda::error::DisplayErrorContext(&error).to_string()),
            Ok(output) => {
                let payload = output.payload.map(Blob::into_inner).unwrap_or_default();
                if output.function_error.is_some() {
                    return Answer::Failed(String::from_utf8_lossy(&payload).into_owned());
                }
                Answer::Response(payload)
            }
        }
    }

    fn answered(&mut self, records: &[Polled], answer: Answer) -> anyhow::Result<()> {
        let settled = self.deliveries.answered(answer);
        if !settled.commit.is_empty() {
            self.committed.extend(settled.commit.iter().copied());
            self.commit(CommitMode::Async)?;
        }
        let now_ms = now_ms();
        let mut activity = self.activity.lock().unwrap_or_else(PoisonError::into_inner);
        activity.invocations = activity.invocations.saturating_add(1);
        activity.failed = activity.failed.saturating_add(u64::from(settled.failure.is_some()));
        let finished = |record: &&Polled| {
            settled.commit.iter().any(|(partition, next)| *partition == record.partition && record.offset < *next)
        };
        for record in records {
            if finished(&record) {
                activity.acknowledged = activity.acknowledged.saturating_add(1);
                if let Some(timestamp) = record.timestamp.and_then(|timestamp| u64::try_from(timestamp).ok()) {
                    // It grows as it must.
                    let _ = activity.latency_ms.record(now_ms.saturating_sub(timestamp));
                }
            } else {
                activity.redelivered = activity.redelivered.saturating_add(1);
            }
        }
        if let Some(failure) = settled.failure {
            tracing::warn!(function = self.mapping.function, failure, "an invocation failed");
            activity.last_failure = Some(failure);
        }
        Ok(())
    }
}

impl Poller {
    fn commit(&self, mode: CommitMode) -> anyhow::Result<()> {
        if self.committed.is_empty() {
            return Ok(());
        }
        let mut offsets = TopicPartitionList::new();
        for (partition, next) in &self.committed {
            offsets.add_partition_offset(&self.mapping.topic, *partition, Offset::Offset(*next))?;
        }
        self.consumer.commit(&offsets, mode).context("committing offsets")
    }
}

/// Until a batch's window is over; for ever while it has no record.
async fn over(window: Option<Instant>) {
    match window {
        None => std::future::pending().await,
        Some(end) => {
            let _ = timeout_at(end, std::future::pending::<()>()).await;
        }
    }
}

fn polled(record: &BorrowedMessage<'_>) -> Polled {
    let headers = record.headers().map(|headers| {
        headers.iter().map(|header| Header { name: header.key.into(), value: header.value.map(Into::into) }).collect()
    });
    Polled {
        topic: record.topic().into(),
        partition: record.partition(),
        offset: record.offset(),
        timestamp: record.timestamp().to_millis(),
        key: record.key().map(Into::into),
        value: record.payload().map(Into::into),
        headers: headers.unwrap_or_default(),
    }
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use rdkafka::mocking::MockCluster;
    use rdkafka::types::{RDKafkaApiKey, RDKafkaRespErr};

    use super::*;

    /// A fresh broker answers so while it elects the group's coordinator. The poller then never got a record.
    #[tokio::test]
    async fn a_broker_without_a_coordinator_yet_is_asked_again() {
        let cluster = MockCluster::new(1).unwrap();
        cluster.create_topic("t", 1, 1).unwrap();
        cluster.request_errors(RDKafkaApiKey::OffsetFetch, &[RDKafkaRespErr::RD_KAFKA_RESP_ERR_NOT_COORDINATOR; 3]);
        let consumer: StreamConsumer = super::super::kafka::client_config(&cluster.bootstrap_servers())
            .unwrap()
            .set("group.id", "g")
            .create()
            .unwrap();
        let mut own = TopicPartitionList::new();
        own.add_partition("t", 0);
        let start = starting_points(&consumer, own).unwrap();
        assert_eq!(start.find_partition("t", 0).unwrap().offset(), Offset::Beginning);
    }
}
