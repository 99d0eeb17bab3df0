//! What: Reads the queue of outcomes that the event source of the outcome publisher gave up.
//!
//! A message says where in the stream the records are. The stream names the payments, as long as it has them, for 24
//! hours. After that the table is scanned by the time of decision, from [`MARGIN_MS`] before the first came into the
//! stream until [`MARGIN_MS`] after the last. So outcomes may be published that nobody missed, and none is left out.
//!
//! Invariants: A message is deleted only after the broker has acknowledged all that it covers. A message that can't be
//! read is shown, and stays.

use std::collections::BTreeSet;

use aws_sdk_dynamodbstreams::types::{OperationType, Record, ShardIteratorType};
use aws_sdk_sqs::error::{ProvideErrorMetadata, SdkError};

use super::super::Failure;
use super::super::engines::EngineArgs;
use super::republish::Republisher;
use crate::local::escaped::Line;
use giro::aws::in_words;
use giro::domain::{LegId, PaymentId, Timestamp};
use giro::store::items::payments_table;
use giro::wire::undelivered::{self, Stretch, Undelivered};

/// How long before or after its stream record a payment may have been decided, in milliseconds. An invocation may
/// decide up to a minute before it writes, arrivals are known to the second, and clocks differ.
const MARGIN_MS: i64 = 300_000;
/// The most messages of one answer. Source: Amazon SQS API reference, ReceiveMessage.
const MESSAGES_MAX: i32 = 10;
/// How long a message is hidden from others. It is longer than publishing what it covers. After that it comes again.
const INVISIBLE_SECONDS: i32 = 900;
/// How long to wait for messages; without waiting, SQS may leave some out.
const WAIT_SECONDS: i32 = 1;
/// After this many empty answers in a row, the stream doesn't have the records.
const EMPTY_ANSWERS_MAX: u32 = 100;

/// A queue.
pub(super) struct Queue {
    client: aws_sdk_sqs::Client,
    url: String,
}

/// A message of it.
struct Message {
    id: String,
    receipt: String,
    body: String,
}

impl Queue {
    /// Finds a queue by its name; else the one of the template.
    pub(super) async fn find(
        name: Option<String>,
        endpoint: Option<&str>,
        engines: &EngineArgs,
    ) -> Result<Self, Failure> {
        if endpoint.is_none() && !engines.aws {
            return Err(Failure::input(
                "which SQS? A local stack has no queue: set --sqs-endpoint or AWS_ENDPOINT_URL_SQS, or say --aws for AWS's own",
            ));
        }
        let name = match name {
            Some(name) => name,
            None => {
                let usual = engines.names()?.queues.undelivered_outcomes;
                usual.ok_or_else(|| Failure::input("which queue? The template has none for this: set --queue"))?
            }
        };
        let client = crate::local::aws::sqs(endpoint).await.map_err(Failure::input)?;
        let found = client.get_queue_url().queue_name(&name).send().await;
        let found = found.map_err(|error| sqs_fault(&format!("looking for the queue {name}"), endpoint, &error))?;
        let url = found.queue_url.ok_or_else(|| Failure::no(format!("the queue {name} has no URL")))?;
        Ok(Self { client, url })
    }

    async fn receive(&self) -> Result<Vec<Message>, Failure> {
        let call = self.client.receive_message().queue_url(&self.url).max_number_of_messages(MESSAGES_MAX);
        let call = call.visibility_timeout(INVISIBLE_SECONDS).wait_time_seconds(WAIT_SECONDS).send().await;
        let answer = call.map_err(|error| sqs_fault("reading the queue", Some(&self.url), &error))?;
        let message = |message: aws_sdk_sqs::types::Message| Message {
            id: message.message_id.unwrap_or_default(),
            receipt: message.receipt_handle.unwrap_or_default(),
            body: message.body.unwrap_or_default(),
        };
        Ok(answer.messages.unwrap_or_default().into_iter().map(message).collect())
    }

    async fn delete(&self, message: &Message) -> Result<(), Failure> {
        let call = self.client.delete_message().queue_url(&self.url).receipt_handle(&message.receipt).send().await;
        call.map(|_| ()).map_err(|error| sqs_fault("deleting a message", Some(&self.url), &error))
    }
}

/// Publishes what the messages of a queue cover, and deletes them.
pub(super) async fn republish(queue: &Queue, republisher: &Republisher, engines: &EngineArgs) -> Result<(), Failure> {
    let dynamodb = engines.dynamodb_url()?.unwrap_or_default();
    let streams = crate::local::aws::streams(&dynamodb).await.map_err(Failure::input)?;
    let (mut seen, mut by_time, mut unreadable) = (BTreeSet::new(), Vec::new(), Vec::new());
    let (mut published, mut deleted) = (0_usize, 0_usize);
    loop {
        let messages = queue.receive().await?;
        let new: Vec<Message> = messages.into_iter().filter(|message| seen.insert(message.id.clone())).collect();
        if new.is_empty() {
            break;
        }
        for message in new {
            let told = match undelivered::decode(&message.body) {
                Ok(told) => told,
                Err(expected) => {
                    unreadable.push(format!("{}: {expected}: {}", message.id, Line(&message.body)));
                    continue;
                }
            };
            match in_the_stream(&streams, &told).await? {
                Some(payments) => {
                    published = published.saturating_add(republisher.publish(republisher.of(&payments).await?).await?);
                    queue.delete(&message).await?;
                    deleted = deleted.saturating_add(1);
                }
                None => match told.arrivals {
                    Some(arrivals) => by_time.push((message, widened(arrivals))),
                    None => unreadable.push(format!(
                        "{}: the stream no longer holds what it covers, and it tells no times: {}",
                        message.id,
                        Line(&message.body)
                    )),
                },
            }
        }
    }
    if !by_time.is_empty() {
        // One scan of the table serves all of them.
        let times: Vec<(Timestamp, Timestamp)> = by_time.iter().map(|(_, times)| *times).collect();
        published = published.saturating_add(republisher.publish(republisher.decided(&times).await?).await?);
        for (message, _) in &by_time {
            queue.delete(message).await?;
            deleted = deleted.saturating_add(1);
        }
    }
    say!("published {published} outcomes, and took {deleted} messages out of the queue");
    match unreadable.is_empty() {
        true => Ok(()),
        false => Err(Failure::no(format!(
            "{} messages can't be read, and stay in the queue; `giro outcomes republish --from --to` publishes by time:\n{}",
            unreadable.len(),
            unreadable.join("\n")
        ))),
    }
}

fn widened((first, last): (Timestamp, Timestamp)) -> (Timestamp, Timestamp) {
    let moved = |at: Timestamp, by: i64| Timestamp::try_from_millis(at.millis().saturating_add(by));
    (
        moved(first, MARGIN_MS.saturating_neg()).unwrap_or(Timestamp::MIN),
        moved(last, MARGIN_MS).unwrap_or(Timestamp::MAX),
    )
}

/// The payments of a stretch of the stream. `None` if the stream no longer has all of it.
async fn in_the_stream(
    streams: &aws_sdk_dynamodbstreams::Client,
    told: &Undelivered,
) -> Result<Option<Vec<PaymentId>>, Failure> {
    let Some(stretch) = &told.stretch else { return Ok(None) };
    let Some(records) = read(streams, stretch).await? else { return Ok(None) };
    if stretch.records.is_some_and(|told| usize::try_from(told).is_ok_and(|told| records.len() < told)) {
        return Ok(None);
    }
    // A payment's item never changes, so the publisher publishes only inserts.
    let inserted = records.iter().filter(|record| record.event_name() == Some(&OperationType::Insert));
    let key = |record: &Record| record.dynamodb()?.keys()?.get(payments_table::KEY)?.as_s().ok()?.parse::<LegId>().ok();
    // The item of a further leg tells no outcome.
    let payments = |keys: Vec<LegId>| keys.into_iter().filter(|key| key.leg.is_none()).map(|key| key.payment).collect();
    Ok(inserted.map(key).collect::<Option<Vec<LegId>>>().map(payments))
}

/// The records of a stretch, all of them.
async fn read(streams: &aws_sdk_dynamodbstreams::Client, stretch: &Stretch) -> Result<Option<Vec<Record>>, Failure> {
    let Stretch { stream_arn, shard_id, first, last, .. } = stretch;
    let call = streams.get_shard_iterator().stream_arn(stream_arn).shard_id(shard_id).sequence_number(first);
    let mut iterator = match call.shard_iterator_type(ShardIteratorType::AtSequenceNumber).send().await {
        Ok(answer) => answer.shard_iterator,
        Err(error) => match error.as_service_error() {
            Some(gone) if gone.is_trimmed_data_access_exception() || gone.is_resource_not_found_exception() => {
                return Ok(None);
            }
            _ => return Err(stream_fault(&error)),
        },
    };
    let (mut records, mut empty) = (Vec::new(), 0_u32);
    while let Some(at) = iterator.take() {
        let answer = match streams.get_records().shard_iterator(at).send().await {
            Ok(answer) => answer,
            Err(error) => match error.as_service_error() {
                Some(gone) if gone.is_trimmed_data_access_exception() || gone.is_resource_not_found_exception() => {
                    return Ok(None);
                }
                _ => return Err(stream_fault(&error)),
            },
        };
        iterator = answer.next_shard_iterator;
        let page = answer.records.unwrap_or_default();
        empty = if page.is_empty() { empty.saturating_add(1) } else { 0 };
        if empty > EMPTY_ANSWERS_MAX {
            return Ok(None);
        }
        for record in page {
            let number = record.dynamodb().and_then(|change| change.sequence_number()).unwrap_or_default().to_owned();
            if order(&number) > order(last) {
                return Ok(Some(records));
            }
            let is_last = order(&number) == order(last);
            records.push(record);
            if is_last {
                return Ok(Some(records));
            }
        }
    }
    Ok(None)
}

/// SQS at `at`, else at AWS, did not do something: it said why, or it said nothing.
fn sqs_fault<E: ProvideErrorMetadata>(doing: &str, at: Option<&str>, error: &SdkError<E>) -> Failure {
    let text = format!("SQS at {}: {doing}: {}", at.unwrap_or("AWS"), in_words(error));
    if error.as_service_error().is_some() { Failure::input(text) } else { Failure::unreachable(text) }
}

fn stream_fault<E: ProvideErrorMetadata>(error: &SdkError<E>) -> Failure {
    Failure::unreachable(format!("reading the stream of payments: {}", in_words(error)))
}

/// Sequence numbers are whole numbers of any length.
fn order(number: &str) -> (usize, &str) {
    let digits = number.trim_start_matches('0');
    (digits.len(), digits)
}
