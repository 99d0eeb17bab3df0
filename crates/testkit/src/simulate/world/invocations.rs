//! What: Runs invocations of the real handlers. A delivery starts them, the world polls them, and they end by their
//! answer, their deadline or their death.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use lambda_runtime::LambdaEvent;
use tokio::time::Instant;

use super::World;
use crate::simulate::auditor::Wrong;
use crate::simulate::mapping::Delivery;
use crate::simulate::network::{InvocationId, RemoteLedger};
use crate::simulate::record::Record;
use crate::simulate::topic::{Place, Topic};
use crate::virtual_time::time_of_day;
use giro::domain::Timestamp;
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::payment_processor::PaymentProcessor;
use giro::handlers::unfinished::Unfinished;
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;

/// A deadline long past, as a frozen and thawed sandbox may see it, in milliseconds since 1970.
const LONG_PAST_MS: u64 = 1_700_000_000_000;
/// Time enough for anything, in milliseconds that are left.
const CALM_MS: u64 = 3_600_000;

type Answer = Result<BatchResponse, Unfinished>;

/// A running invocation.
pub(super) struct Invocation {
    id: InvocationId,
    topic: Topic,
    places: Vec<Place>,
    future: Pin<Box<dyn Future<Output = Answer>>>,
    /// When Lambda ends it.
    killed_at: Instant,
}

impl World {
    /// A poller delivers its next batch.
    pub(super) fn deliver(&mut self, topic: Topic, poller: usize) -> Result<(), Wrong> {
        self.invocations_made = self.invocations_made.saturating_add(1);
        let id = self.invocations_made;
        let now_ms = self.now_ms();
        let Delivery { places, given_up } = self.mappings.of_mut(topic).deliver(poller, id, now_ms, &mut self.tape);
        self.give_up(topic, &given_up)?;
        if places.is_empty() {
            return Ok(());
        }
        self.steps = self.steps.saturating_add(1);
        self.counts.add("deliveries", 1);
        let deadline_ms = if self.calm {
            CALM_MS
        } else if self.tape.chance(self.weather.stale_deadline) {
            self.counts.add("stale deadlines", 1);
            self.tape.pick([LONG_PAST_MS, 0, 1, 1_000, 1_050])
        } else {
            u64::from(self.tape.between(3_000, 8_000))
        };
        let name = topic.name();
        self.note(|| format!("poller {poller} delivers {name} {places:?} to invocation {id}, {deadline_ms} ms left"));
        self.auditor.delivered(id, topic, &places, self.now);
        let event = self.event(topic, &places)?;
        let mut context = lambda_runtime::Context::default();
        context.deadline = deadline_ms;
        let ledger = RemoteLedger { network: self.network.clone(), invocation: id };
        let event = LambdaEvent::new(event, context);
        let mapping = self.mappings.of(topic);
        let report_failures = mapping.settings.report_failures;
        let future: Pin<Box<dyn Future<Output = Answer>>> = match topic {
            Topic::Requests => {
                let partitions = u32::try_from(mapping.partitions()).unwrap_or(1);
                let processor = PaymentProcessor::new(ledger, report_failures).with_partitions(partitions);
                let processor = processor.with_clock(clock(self.began, id, self.has_limits));
                Box::pin(async move { processor.handle(event).await })
            }
            Topic::Commands => {
                let partitions = u32::from(self.partitions_told);
                let processor = AccountProcessor::new(ledger, report_failures).with_partitions(partitions);
                let processor = processor.accepting_limits(true);
                Box::pin(async move { processor.handle(event).await })
            }
        };
        let left = Duration::from_millis(deadline_ms.clamp(1_000, CALM_MS));
        let killed_at = Instant::now().checked_add(left).unwrap_or_else(Instant::now);
        self.invocations.push(Invocation { id, topic, places, future, killed_at });
        self.poll(id)
    }

    /// The records at these places as Lambda delivers them.
    fn event(&self, topic: Topic, places: &[Place]) -> Result<KafkaEvent, Wrong> {
        let name = topic.name();
        let mut json = String::from(r#"{"eventSource":"aws:kafka","records":{"#);
        let mut partition = None;
        for place in places {
            let Some(record) = self.mappings.of(topic).record(*place) else { continue };
            match partition.replace(place.partition) {
                Some(before) if before == place.partition => json.push(','),
                Some(_) => json.push_str(&format!(r#"],"{name}-{}":["#, place.partition)),
                None => json.push_str(&format!(r#""{name}-{}":["#, place.partition)),
            }
            json.push_str(&record_json(name, *place, record));
        }
        json.push_str("]}}");
        serde_json::from_str(&json).map_err(|error| format!("the event can't be read: {error}"))
    }

    /// The clock of a machine that isn't ahead.
    pub(super) fn clock(&self) -> impl Fn() -> Timestamp + Copy + use<> {
        time_of_day(self.began, since_midnight(self.has_limits))
    }

    /// When the world began, by that clock.
    pub(super) fn clock_began(&self) -> Timestamp {
        time_of_day(Instant::now(), since_midnight(self.has_limits))()
    }

    pub(super) fn poll_all(&mut self) -> Result<(), Wrong> {
        for id in self.invocations.iter().map(|invocation| invocation.id).collect::<Vec<_>>() {
            self.poll(id)?;
        }
        Ok(())
    }

    /// Lets an invocation go on until it waits for something.
    pub(super) fn poll(&mut self, id: InvocationId) -> Result<(), Wrong> {
        let Some(ix) = self.invocations.iter().position(|invocation| invocation.id == id) else { return Ok(()) };
        let mut context = Context::from_waker(Waker::noop());
        // Without tokio's budget: its timers would pretend to wait once it is used up.
        let mut future = tokio::task::unconstrained(&mut self.invocations[ix].future);
        let polled = catch_unwind(AssertUnwindSafe(|| Pin::new(&mut future).poll(&mut context)));
        match polled.map_err(|_| "the handler panicked")? {
            Poll::Pending => Ok(()),
            Poll::Ready(answer) => {
                let invocation = self.invocations.remove(ix);
                self.answered(invocation, answer)
            }
        }
    }

    fn answered(&mut self, invocation: Invocation, answer: Answer) -> Result<(), Wrong> {
        let again = self.tape.chance(self.weather.again);
        let Invocation { id, topic, places, .. } = invocation;
        let reported: Option<Vec<Place>> = match answer {
            Ok(response) => {
                let response = match self.mutant {
                    Some(mutant) => mutant.response(response),
                    None => response,
                };
                let place = |failure: &giro::wire::batch_response::BatchItemFailure| {
                    let partition =
                        failure.item.partition.strip_prefix(topic.name())?.strip_prefix('-')?.parse().ok()?;
                    places.iter().copied().find(|place| place.stands() == (partition, failure.item.offset))
                };
                let reported: Option<Vec<Place>> = response.failures.iter().map(place).collect();
                let reported = reported.ok_or("a response names a record that was not delivered")?;
                self.note(|| format!("invocation {id} answers, and reports {reported:?}"));
                if !reported.is_empty() {
                    self.counts.add("batches reported in part", 1);
                    if !self.mappings.of(topic).settings.report_failures {
                        return Err("failures are listed for a mapping that takes any list for success".into());
                    }
                }
                self.auditor.answered(id, &reported)?;
                Some(reported)
            }
            Err(error) => {
                self.note(|| format!("invocation {id} fails: {error}"));
                self.counts.add("batches failed", 1);
                None
            }
        };
        if again {
            self.counts.add("batches delivered again", 1);
        }
        self.mapping_answered(id, reported.as_deref(), again)
    }

    fn mapping_answered(&mut self, id: InvocationId, reported: Option<&[Place]>, again: bool) -> Result<(), Wrong> {
        for topic in Topic::ALL {
            let given_up = self.mappings.of_mut(topic).answered(id, reported, again, !self.calm);
            self.give_up(topic, &given_up)?;
        }
        Ok(())
    }

    /// An invocation dies, between two calls or in the middle of some.
    pub(super) fn crash(&mut self, ix: usize, how: &str) -> Result<(), Wrong> {
        if ix >= self.invocations.len() {
            return Ok(());
        }
        let Invocation { id, .. } = self.invocations.remove(ix);
        self.note(|| format!("invocation {id}: {how}"));
        self.counts.add("crashes", 1);
        self.mapping_answered(id, None, false)
    }

    /// The mapping gets no answer and goes on, while the invocation still runs.
    pub(super) fn forget(&mut self, ix: usize) -> Result<(), Wrong> {
        let Some(id) = self.invocations.get(ix).map(|invocation| invocation.id) else { return Ok(()) };
        self.note(|| format!("the mapping hears nothing of invocation {id}, which goes on"));
        self.counts.add("invocations forgotten", 1);
        self.mapping_answered(id, None, false)
    }

    /// Lambda ends what is past its time.
    pub(super) fn kill_overdue(&mut self) -> Result<(), Wrong> {
        // An invocation that finished in time, but wasn't polled yet, is polled first.
        let grace = Duration::from_millis(900);
        while let Some(ix) = self
            .invocations
            .iter()
            .position(|invocation| invocation.killed_at.checked_add(grace).is_some_and(|at| Instant::now() > at))
        {
            self.crash(ix, "Lambda ends it, past its time")?;
        }
        Ok(())
    }
}

fn record_json(topic: &str, place: Place, record: &Record) -> String {
    let text = |bytes: &Option<Vec<u8>>| match bytes {
        Some(bytes) => format!("\"{}\"", STANDARD.encode(bytes)),
        None => "null".into(),
    };
    // As Java sends them: signed.
    let header = |(name, value): &(String, Vec<u8>)| {
        format!(r#"{{"{name}":{:?}}}"#, value.iter().map(|byte| byte.cast_signed()).collect::<Vec<_>>())
    };
    let headers = record.headers.iter().map(header).collect::<Vec<_>>().join(",");
    let ((partition, offset), timestamp) = (place.stands(), record.timestamp_ms);
    let (key, value) = (text(&record.key), text(&record.value));
    format!(
        r#"{{"topic":"{topic}","partition":{partition},"offset":{offset},"timestamp":{timestamp},"timestampType":"CREATE_TIME","key":{key},"value":{value},"headers":[{headers}]}}"#
    )
}

/// Three seconds before midnight.
const BEFORE_MIDNIGHT: Duration = Duration::from_secs(24 * 3_600 - 3);

/// The clock of an invocation's machine. Clocks differ, and some by more than a slice of time.
fn clock(began: Instant, id: InvocationId, near_midnight: bool) -> impl Fn() -> Timestamp + Send + Sync + 'static {
    const AHEAD_MS: [u64; 4] = [0, 0, 30, 500];
    let nth = usize::try_from(id).unwrap_or_default().checked_rem(AHEAD_MS.len());
    let ahead = nth.and_then(|nth| AHEAD_MS.get(nth)).copied().unwrap_or_default();
    time_of_day(began, since_midnight(near_midnight).saturating_add(Duration::from_millis(ahead)))
}

/// The time of the day at which a world begins.
const fn since_midnight(near_midnight: bool) -> Duration {
    if near_midnight { BEFORE_MIDNIGHT } else { Duration::ZERO }
}
