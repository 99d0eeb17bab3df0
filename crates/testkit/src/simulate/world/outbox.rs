//! What: Models the outbox: the stream of the table `payments`, and invocations of the real `outcome-publisher` that
//! read it.
//!
//! Data: Takes payments as they were stored, in that order. Gives what arrived on the topic of outcomes, for the
//! auditor.
//!
//! There is one shard. A batch begins where the last answer ended. If an answer names a record, all records from it on
//! are delivered again. The broker refuses records, loses them, or loses its acknowledgements. A publisher may die
//! after it has published and before it has answered.

use std::sync::{Mutex, MutexGuard, PoisonError};

use lambda_runtime::LambdaEvent;
use serde_json::{Value, json};

use super::{World, published_answer};
use crate::simulate::auditor::Wrong;
use crate::simulate::mutant::Mutant;
use crate::simulate::network::at_once;
use crate::stream_image::stream_image;
use giro::domain::plan::Entry;
use giro::domain::{Header, Recorded, Trace};
use giro::handlers::outcome_publisher::OutcomePublisher;
use giro::publish::{Placed, Publish, PublishError, Sending};
use giro::store::items;
use giro::wire::stream_event::StreamEvent;
use giro::wire::traceparent;

/// The topic of outcomes.
const TOPIC: &str = "payment-outcomes";
/// Records of a batch at the most.
const BATCH_MAX: u32 = 5;
/// Time enough for anything, in milliseconds that are left.
const CALM_MS: u64 = 3_600_000;

/// The stream, and how far its publisher has come.
#[derive(Debug, Default)]
pub(super) struct Outbox {
    stored: Vec<String>,
    /// Where the next batch begins.
    next: usize,
}

impl Outbox {
    /// Notes payments that were stored.
    pub(super) fn stored(&mut self, ids: Vec<String>) {
        self.stored.extend(ids);
    }

    /// Whether something isn't known to be published.
    pub(super) fn waits(&self) -> bool {
        self.next < self.stored.len()
    }
}

/// What becomes of a record that the broker gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    Acknowledged,
    Refused,
    Lost,
    Unacknowledged,
}

/// A broker whose next records have these fates; what arrived.
#[derive(Debug)]
struct Broker(Mutex<(std::vec::IntoIter<Fate>, Vec<Arrived>)>);

/// The value of a record that arrived, and its trace.
type Arrived = (Vec<u8>, Option<Trace>);

impl Broker {
    fn inner(&self) -> MutexGuard<'_, (std::vec::IntoIter<Fate>, Vec<Arrived>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Publish for &Broker {
    async fn send(
        &self,
        topic: &str,
        _: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> Result<Sending, PublishError> {
        let unacknowledged = || PublishError::Unacknowledged("simulated".into());
        let mut inner = self.inner();
        let fate = inner.0.next().unwrap_or(Fate::Acknowledged);
        let offset = i64::try_from(inner.1.len()).unwrap_or(i64::MAX);
        if topic == TOPIC && matches!(fate, Fate::Acknowledged | Fate::Unacknowledged) {
            inner.1.push((value.unwrap_or_default().to_vec(), traceparent::read(headers)));
        }
        match fate {
            Fate::Acknowledged => Ok(Sending::new(std::future::ready(Ok(Placed { partition: 0, offset })))),
            Fate::Refused => Err(unacknowledged()),
            Fate::Lost | Fate::Unacknowledged => Ok(Sending::new(std::future::ready(Err(unacknowledged())))),
        }
    }
}

impl World {
    /// An invocation of the publisher, from its event to its answer or its death.
    pub(super) fn publish(&mut self) -> Result<(), Wrong> {
        let first = self.outbox.next;
        let count = if self.calm { BATCH_MAX } else { self.tape.between(1, BATCH_MAX) };
        let ids = self.outbox.stored.iter().skip(first).take(usize::try_from(count).unwrap_or(1));
        let stored: Vec<&Recorded> = ids.filter_map(|id| self.auditor.outcomes().get(id)).collect();
        let records: Vec<Value> = stored.into_iter().zip(first..).map(|(stored, at)| record(stored, at)).collect();
        let event = json!({ "Records": records }).to_string();
        let event: StreamEvent = serde_json::from_str(&event).map_err(|error| error.to_string())?;

        let fates: Vec<Fate> = records.iter().map(|_| self.broker_fate()).collect();
        let broker = Broker(Mutex::new((fates.into_iter(), Vec::new())));
        let publisher = OutcomePublisher::new(&broker, TOPIC.to_owned(), items::stream::payment);
        let mut context = lambda_runtime::Context::default();
        context.deadline = CALM_MS;
        let answer = at_once(publisher.handle(LambdaEvent::new(event, context)));
        let answer = answer.ok_or("the publisher waits for nothing")?.map_err(|error| error.to_string())?;

        let arrived = std::mem::take(&mut broker.inner().1);
        for (json, trace) in arrived {
            let text = String::from_utf8_lossy(&json);
            let (id, answer) = published_answer(&text).ok_or("what was published can't be read")?;
            self.auditor.published(&id, &answer)?;
            self.auditor.traced(&id, trace)?;
            self.note(|| format!("{id} is published: {answer}"));
            self.counts.add("publications", 1);
        }
        if self.tape.chance(self.weather.publisher_killed) {
            self.note(|| "the publisher dies before it answers".into());
            self.counts.add("publishers killed", 1);
            return Ok(());
        }
        let named = match self.mutant {
            Some(Mutant::AcknowledgeLostPublication) => None,
            Some(_) | None => answer.failures.first(),
        };
        self.outbox.next = match named {
            None => first.saturating_add(records.len()),
            Some(failure) => {
                self.counts.add("publications to repeat", 1);
                let from: usize = failure.sequence_number.parse().map_err(|_| "the publisher names no record")?;
                if !(first..first.saturating_add(records.len())).contains(&from) {
                    return Err(format!("the publisher names record {from}, which it wasn't given"));
                }
                from
            }
        };
        Ok(())
    }

    fn broker_fate(&mut self) -> Fate {
        if self.tape.chance(self.weather.broker) {
            self.tape.pick([Fate::Unacknowledged, Fate::Lost, Fate::Refused])
        } else {
            Fate::Acknowledged
        }
    }
}

/// A payment's item as the table's stream tells of it.
fn record(stored: &Recorded, at: usize) -> Value {
    let outcome = &stored.outcome;
    let request = outcome.request();
    let entry = Entry::of(&request, outcome);
    let image = stream_image(&items::payment::encode(&entry));
    json!({ "eventName": "INSERT", "dynamodb": { "SequenceNumber": at.to_string(), "NewImage": image } })
}
