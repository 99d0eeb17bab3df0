//! What: Runs a mapping's pollers on the stream of a table, one for each shard.
//!
//! A poller starts after its shard's checkpoint, else where the mapping says, and stores a checkpoint only after
//! finished records. A shard is read once its parent is finished, so an item's changes stay in order when shards split.
//!
//! Limits: A shard has one invocation (`ParallelizationFactor` counts as 1, which keeps the same promises). Records
//! that are given up are logged and dropped, because the destinations of a stream's mapping don't exist here.

use std::collections::{BTreeSet, VecDeque};
use std::time::Duration;

use anyhow::{Context, anyhow};
use aws_sdk_dynamodbstreams::Client;
use aws_sdk_dynamodbstreams::types::{Shard, ShardIteratorType};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::Instant;

use super::checkpoint::Checkpoints;
use super::delivery::{Answer, Deliveries, Next};
use super::stream_event::{self, StreamRecord};
use super::{Line, Surroundings, now_ms, response};
use crate::local::lambda::PAYLOAD_BYTES_MAX;
use giro::aws::in_words;
use giro_template::Starting;

/// The pause before an idle shard is asked again. Lambda asks four times a second, over a network. Here a question
/// costs some 100 microseconds, and this pause is most of what an outcome waits at a low rate.
const IDLE: Duration = Duration::from_millis(20);
/// How often new shards are looked for.
const LOOK_FOR_SHARDS: Duration = Duration::from_secs(10);
/// The pause after a stream did not answer.
const RECONSIDER: Duration = Duration::from_secs(1);
/// The most records of one answer. Source: DynamoDB Streams API reference, `GetRecords`.
const GET_RECORDS_MAX: usize = 1_000;

/// Starts following the stream of a table that has one.
pub(super) async fn start(
    line: Line,
    table: &str,
    around: &Surroundings,
) -> anyhow::Result<Vec<JoinHandle<anyhow::Result<()>>>> {
    let tables = crate::local::aws::dynamodb(Some(&around.dynamodb)).await?;
    let described = tables.describe_table().table_name(table).send().await;
    let described = described.map_err(|error| anyhow!("looking for the table {table}: {}", in_words(&error)))?;
    let stream_arn = described.table.and_then(|table| table.latest_stream_arn);
    let stream_arn = stream_arn.with_context(|| format!("the table {table} has no stream"))?;
    let follower = Follower {
        client: crate::local::aws::streams(&around.dynamodb).await?,
        stream_arn,
        name: format!("{} {table}", line.mapping.function),
        checkpoints: around.checkpoints.clone(),
        line,
    };
    Ok(vec![tokio::spawn(follower.run())])
}

/// Follows the shards of a stream.
#[derive(Clone)]
struct Follower {
    line: Line,
    client: Client,
    stream_arn: String,
    /// The mapping and the table, under which checkpoints are kept.
    name: String,
    checkpoints: Checkpoints,
}

impl Follower {
    async fn run(mut self) -> anyhow::Result<()> {
        let (mut running, mut unfinished, mut finished) = (JoinSet::new(), BTreeSet::new(), BTreeSet::new());
        while !self.line.is_stopped() {
            let shards = match self.shards().await {
                Ok(shards) => shards,
                Err(error) => {
                    tracing::info!("looking for shards: {error:#}");
                    self.line.pause(RECONSIDER).await;
                    continue;
                }
            };
            let known: BTreeSet<&str> = shards.iter().filter_map(Shard::shard_id).collect();
            for shard in &shards {
                let Some(id) = shard.shard_id() else { continue };
                // A parent that isn't in the list was trimmed: nothing of it can be read.
                let parent_due =
                    shard.parent_shard_id().is_some_and(|parent| known.contains(parent) && !finished.contains(parent));
                if parent_due || finished.contains(id) || !unfinished.insert(id.to_owned()) {
                    continue;
                }
                let reader = Reader::new(self.clone(), id.to_owned());
                let id = id.to_owned();
                running.spawn(async move { reader.run().await.map(|()| id) });
            }
            tokio::select! {
                Some(done) = running.join_next() => {
                    finished.insert(done.context("a poller panicked")??);
                }
                () = tokio::time::sleep(LOOK_FOR_SHARDS) => {}
                _ = self.line.stopped.changed() => {}
            }
        }
        while let Some(done) = running.join_next().await {
            done.context("a poller panicked")??;
        }
        Ok(())
    }

    async fn shards(&self) -> anyhow::Result<Vec<Shard>> {
        let (mut shards, mut last) = (Vec::new(), None);
        loop {
            let call = self.client.describe_stream().stream_arn(&self.stream_arn).set_exclusive_start_shard_id(last);
            let stream = call.send().await.map_err(|error| anyhow!(in_words(&error)))?;
            let stream = stream.stream_description.context("a stream without a description")?;
            shards.extend(stream.shards.unwrap_or_default());
            last = stream.last_evaluated_shard_id;
            if last.is_none() {
                return Ok(shards);
            }
        }
    }
}

/// Where reading goes on.
enum Position {
    /// Where the mapping starts.
    Start,
    /// At the oldest record that is left.
    Oldest,
    /// After this sequence number.
    After(String),
}

/// Reads one shard to its end.
struct Reader {
    from: Follower,
    shard: String,
    checkpoint: String,
    position: Position,
    /// Where the next answer comes from, as the stream said. It is valid for a few minutes.
    iterator: Option<String>,
    /// Whether the shard has an end, and it was reached.
    closed: bool,
    /// Records that were read and are not yet in a batch.
    read: VecDeque<StreamRecord>,
    deliveries: Deliveries<StreamRecord>,
}

impl Reader {
    fn new(from: Follower, shard: String) -> Self {
        let checkpoint = format!("{} {shard}", from.name);
        let position = from.checkpoints.get(&checkpoint).map_or(Position::Start, Position::After);
        let deliveries = Deliveries::new(from.line.policy());
        Self { from, shard, checkpoint, position, iterator: None, closed: false, read: VecDeque::new(), deliveries }
    }

    async fn run(mut self) -> anyhow::Result<()> {
        while !self.from.line.is_stopped() {
            match self.deliveries.next(now_ms()) {
                Next::Deliver(records) => {
                    let answer = match self.from.line.invoker.invoke(stream_event::encode(&records)).await {
                        Ok(_) if !self.from.line.mapping.report_batch_item_failures => Answer::Reported(Vec::new()),
                        Ok(response) => {
                            let numbers: Vec<&str> = records.iter().map(|it| it.sequence_number.as_str()).collect();
                            response::to_stream(&numbers, &response)
                        }
                        Err(error) => Answer::Failed(error.into()),
                    };
                    let settled = self.deliveries.answered(answer);
                    use super::delivery::Delivered;
                    let timestamps = settled.finished.iter().map(Delivered::timestamp_ms);
                    self.from.line.invoked(records.len(), timestamps, settled.failure);
                    self.finish(&settled.finished)?;
                }
                Next::GiveUp(records, why, _) => {
                    self.deliveries.given_up();
                    self.from.line.gave_up(records.len(), why);
                    self.finish(&records)?;
                }
                Next::Wait(pause) => {
                    self.from.line.pause(pause).await;
                    self.deliveries.waited();
                }
                Next::Poll => {
                    let batch = self.gather().await;
                    if batch.is_empty() && self.closed {
                        return Ok(());
                    }
                    self.deliveries.add(batch);
                }
            }
        }
        Ok(())
    }

    fn finish(&self, records: &[StreamRecord]) -> anyhow::Result<()> {
        let last = records.last();
        last.map_or(Ok(()), |last| self.from.checkpoints.set(&self.checkpoint, &last.sequence_number))
    }

    /// Collects a batch until it is full, its window is over, or the shard ends. It is also empty if it is time to
    /// stop.
    async fn gather(&mut self) -> Vec<StreamRecord> {
        let mapping = self.from.line.mapping.clone();
        let (mut batch, mut bytes) = (Vec::new(), 16_usize);
        let mut window: Option<Instant> = None;
        while batch.len() < mapping.batch_records_max && !self.from.line.is_stopped() {
            if let Some(record) = self.read.pop_front() {
                bytes = bytes.saturating_add(record.encoded_bytes());
                if bytes > PAYLOAD_BYTES_MAX && !batch.is_empty() {
                    self.read.push_front(record);
                    break;
                }
                window = window.or_else(|| Instant::now().checked_add(mapping.batch_window));
                batch.push(record);
                continue;
            }
            if self.closed || (window.is_some_and(|window| Instant::now() >= window)) {
                break;
            }
            let room = mapping.batch_records_max.saturating_sub(batch.len()).min(GET_RECORDS_MAX);
            match self.get_records(room).await {
                Ok(()) if self.read.is_empty() && !self.closed => {
                    let idle = window.map_or(IDLE, |window| window.saturating_duration_since(Instant::now()).min(IDLE));
                    self.from.line.pause(idle).await;
                }
                Ok(()) => {}
                Err(error) => {
                    tracing::info!(shard = self.shard, "reading a stream: {error:#}");
                    self.from.line.pause(RECONSIDER).await;
                }
            }
        }
        batch
    }

    /// Reads what comes next, if anything does.
    async fn get_records(&mut self, limit: usize) -> anyhow::Result<()> {
        let iterator = match self.iterator.take() {
            Some(iterator) => iterator,
            None => self.iterator().await?,
        };
        let limit = i32::try_from(limit).unwrap_or(i32::MAX);
        match self.from.client.get_records().shard_iterator(iterator).limit(limit).send().await {
            Ok(answer) => {
                let arn = &self.from.stream_arn;
                let records = answer.records.unwrap_or_default();
                self.read.extend(records.iter().filter_map(|record| StreamRecord::read(record, arn)));
                if let Some(last) = self.read.back() {
                    self.position = Position::After(last.sequence_number.clone());
                }
                self.closed = answer.next_shard_iterator.is_none();
                self.iterator = answer.next_shard_iterator;
                Ok(())
            }
            Err(error) => {
                // An expired iterator is created again from the position. Records that are gone are skipped.
                if error.as_service_error().is_some_and(|error| error.is_trimmed_data_access_exception()) {
                    self.position = Position::Oldest;
                }
                anyhow::bail!(in_words(&error))
            }
        }
    }

    async fn iterator(&self) -> anyhow::Result<String> {
        let call = self.from.client.get_shard_iterator().stream_arn(&self.from.stream_arn).shard_id(&self.shard);
        let call = match (&self.position, self.from.line.mapping.starting) {
            (Position::After(number), _) => {
                call.shard_iterator_type(ShardIteratorType::AfterSequenceNumber).sequence_number(number)
            }
            (Position::Oldest, _) | (Position::Start, Starting::TrimHorizon) => {
                call.shard_iterator_type(ShardIteratorType::TrimHorizon)
            }
            (Position::Start, Starting::Latest) => call.shard_iterator_type(ShardIteratorType::Latest),
        };
        let answer = call.send().await.map_err(|error| anyhow!(in_words(&error)))?;
        answer.shard_iterator.context("a shard without an iterator")
    }
}
