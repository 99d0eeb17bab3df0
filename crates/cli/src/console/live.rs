//! What: Tells each second what happens now, to every page that listens.
//!
//! Data: Takes samples of a stack, how far its topics have come, and the newest outcomes. Gives two server-sent events:
//! `flow` with counts since the stack began, and `payments` with the newest outcomes.
//!
//! Limits: A page that is slow gets the newest event and not each. Counts are sums, so it misses none.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use futures_util::stream;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use tokio::sync::{Semaphore, mpsc, watch};

use super::newest::Newest;
use super::refusal::Refusal;
use super::settled::{Counted, Wish};
use super::topics::Told;
use crate::local::stack::{ACCOUNT_PROCESSOR, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, REASONS, Sample, Summary};
use giro::domain::Timestamp;
use giro::handlers::clock;

/// How many pages may listen at once. Each holds a connection, and the engines need some too.
const PAGES_MAX: usize = 64;

/// How many of the newest outcomes an event has.
const NEWEST: usize = 20;

/// What pages are told.
#[derive(Debug, Default)]
struct Shown {
    flow: String,
    payments: String,
    seen: u64,
}

/// Tells what happens now.
#[derive(Debug)]
pub(super) struct Live {
    began: Instant,
    newest: Newest,
    reached: Option<watch::Receiver<Told>>,
    /// How many payments were settled, once they were counted.
    counted: watch::Receiver<Option<Counted>>,
    /// To have them counted anew.
    count: mpsc::Sender<Wish>,
    before: Mutex<Before>,
    tell: watch::Sender<Arc<Shown>>,
    /// A seat for each page that listens.
    seats: Arc<Semaphore>,
}

/// What the event before has told.
#[derive(Debug, Default)]
struct Before {
    latencies: Option<Histogram<u64>>,
    invocations: u64,
    records: u64,
    batch: u64,
    /// Since when nothing was under way, and after how many invocations.
    idle_since: Option<(Timestamp, Option<u64>)>,
    /// After how many invocations payments were counted.
    counted_at: Option<u64>,
}

impl Live {
    pub(super) fn new(
        newest: Newest,
        reached: Option<watch::Receiver<Told>>,
        counted: watch::Receiver<Option<Counted>>,
        count: mpsc::Sender<Wish>,
    ) -> Self {
        let (tell, _) = watch::channel(Arc::default());
        Self {
            began: Instant::now(),
            newest,
            reached,
            counted,
            count,
            before: Mutex::default(),
            tell,
            seats: Arc::new(Semaphore::new(PAGES_MAX)),
        }
    }

    /// Tells what the functions of a stack have done so far. `None`: nobody sees them.
    pub(super) fn show(&self, samples: Option<&[Sample]>) {
        let mut flow = json!({ "at_ms": clock::now().millis(), "up_s": self.began.elapsed().as_secs_f64() });
        let reached = self.reached.as_ref().map(|reached| reached.borrow().clone()).unwrap_or_default();
        for (place, name) in ["requests", "commands", "outcomes"].into_iter().enumerate() {
            flow[name] = json!(reached.get(place).copied().flatten());
        }
        flow["functions"] = samples.map_or(Value::Null, functions);
        if let Some(samples) = samples {
            self.add_counts(&mut flow, samples);
        }
        let seen = self.newest.seen();
        let before = Arc::clone(&self.tell.borrow());
        let payments = match before.seen == seen && !before.payments.is_empty() {
            true => before.payments.clone(),
            false => format!(r#"{{"newest":{},"seen":{seen}}}"#, self.newest.list(NEWEST).0),
        };
        // It is stored also if no page listens: a page that comes gets it at once.
        self.tell.send_replace(Arc::new(Shown { flow: flow.to_string(), payments, seen }));
    }

    /// What became of records, by the summary lines of functions.
    fn add_counts(&self, flow: &mut Value, samples: &[Sample]) {
        let of = |binary: &str| samples.iter().find(|sample| sample.binary == binary);
        let none = Summary::new();
        let summary = |binary: &str| of(binary).map_or(&none, |sample| &sample.summary);
        let counts = |summary: &Summary, names: &[&str]| {
            let count = |name: &&str| ((*name).to_owned(), json!(summary.get(*name).copied().unwrap_or_default()));
            Value::Object(names.iter().map(count).collect::<Map<_, _>>())
        };
        let payments = summary(PAYMENT_PROCESSOR);
        let names = ["settled", "declined", "replayed", "dead_letters", "unfinished"];
        flow["payments"] = counts(payments, &names);
        let reasons = payments.iter().filter_map(|(name, count)| Some((name.strip_prefix(REASONS)?, count)));
        flow["reasons"] = json!(reasons.collect::<BTreeMap<_, _>>());
        flow["commands_done"] = counts(summary(ACCOUNT_PROCESSOR), &["applied", "refused"]);
        flow["published"] = json!(summary(OUTCOME_PUBLISHER).get("published"));
        let settled = payments.get("settled").copied().unwrap_or_default();
        flow["total"] = json!(self.counted.borrow().map(|counted| json!({ "settled": counted.with(settled) })));
        if let Some(sample) = of(PAYMENT_PROCESSOR) {
            let is_empty = flow["requests"]["lag"].as_i64() == Some(0);
            self.count_at_rest(sample, settled, is_empty);
        }
        self.add_latencies(flow, of(PAYMENT_PROCESSOR));
    }

    /// Has payments counted anew, if nothing was under way since the sample before, but something since the last count.
    fn count_at_rest(&self, sample: &Sample, reported: u64, is_empty: bool) {
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let (invocations, now) = (sample.activity.as_ref().map(|activity| activity.invocations), clock::now());
        let is_idle = is_empty && sample.in_flight == 0;
        let since = before.idle_since.filter(|(_, known)| is_idle && *known == invocations).map(|(since, _)| since);
        if let Some(since) = since
            && before.counted_at != invocations
            && self.count.try_send(Wish { before: since, reported }).is_ok()
        {
            before.counted_at = invocations;
        }
        before.idle_since = is_idle.then_some((since.unwrap_or(now), invocations));
    }

    /// How long records took that were finished since the event before, and how large the batches were.
    fn add_latencies(&self, flow: &mut Value, sample: Option<&Sample>) {
        (flow["batch"], flow["latency_ms"]) = (Value::Null, Value::Null);
        let Some(activity) = sample.and_then(|sample| sample.activity.as_ref()) else { return };
        let mut before = self.before.lock().unwrap_or_else(PoisonError::into_inner);
        let records = activity.acknowledged.saturating_add(activity.redelivered);
        let invocations = activity.invocations.saturating_sub(before.invocations);
        if let Some(mean) = records.saturating_sub(before.records).checked_div(invocations) {
            before.batch = mean;
        }
        (before.invocations, before.records) = (activity.invocations, records);
        flow["batch"] = json!({ "last": before.batch, "largest": activity.batch_records_max });
        let mut now = activity.latency_ms.clone();
        if let Some(before) = &before.latencies {
            // The counts of a histogram only grow, so none becomes negative.
            let _ = now.subtract(before);
        }
        before.latencies = Some(activity.latency_ms.clone());
        if !now.is_empty() {
            let [p50, p90, p99] = [0.5, 0.9, 0.99].map(|quantile| now.value_at_quantile(quantile));
            flow["latency_ms"] = json!({ "count": now.len(), "p50": p50, "p90": p90, "p99": p99, "max": now.max() });
        }
    }

    /// Answers a page that listens.
    pub(super) fn events(&self) -> Result<Response<Body>, Refusal> {
        let too_many = |_| Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "Too many pages listen. Close some.");
        let seat = Arc::clone(&self.seats).try_acquire_owned().map_err(too_many)?;
        let mut told = self.tell.subscribe();
        // What was told last is told at once.
        told.mark_changed();
        let events = stream::unfold((told, None, seat), |(mut told, seen, seat)| async move {
            told.changed().await.ok()?;
            let shown = Arc::clone(&told.borrow_and_update());
            if shown.flow.is_empty() {
                return Some((Ok(Bytes::from_static(b": nothing yet\n\n")), (told, None, seat)));
            }
            let mut text = format!("event: flow\ndata: {}\n\n", shown.flow);
            if seen != Some(shown.seen) {
                text = format!("{text}event: payments\ndata: {}\n\n", shown.payments);
            }
            Some((Ok::<_, Infallible>(Bytes::from(text)), (told, Some(shown.seen), seat)))
        });
        let mut response = Response::new(Body::from_stream(events));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        Ok(response)
    }
}

/// What each function does, by its binary.
fn functions(samples: &[Sample]) -> Value {
    let function = |sample: &Sample| {
        let mut told = json!({ "in_flight": sample.in_flight });
        if let Some(activity) = &sample.activity {
            told["invocations"] = json!(activity.invocations);
            told["records"] = json!(activity.acknowledged);
            told["failed"] = json!(activity.failed);
            told["redelivered"] = json!(activity.redelivered);
            told["given_up"] = json!(activity.given_up);
        }
        (sample.binary.clone(), told)
    };
    Value::Object(samples.iter().map(function).collect::<Map<_, _>>())
}

#[cfg(test)]
mod tests {
    use futures_util::StreamExt;

    use super::super::topics::Reached;
    use super::*;
    use crate::local::poller::Activity;

    /// The events that a page gets that comes now, as names and JSON.
    async fn told(live: &Live) -> Vec<(String, Value)> {
        let mut events = live.events().unwrap().into_body().into_data_stream();
        let text = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).collect();
        let event = |pair: &[&str]| {
            let data = serde_json::from_str(pair[1].strip_prefix("data: ").unwrap()).unwrap();
            (pair[0].strip_prefix("event: ").unwrap().to_owned(), data)
        };
        lines.chunks(2).map(event).collect()
    }

    fn settled(settled: u64) -> Sample {
        let summary = Summary::from([("settled".to_owned(), settled), (format!("{REASONS}x"), 2)]);
        Sample { binary: PAYMENT_PROCESSOR.into(), in_flight: 0, activity: None, summary }
    }

    #[tokio::test]
    async fn a_page_that_comes_is_told_all_at_once() {
        let (count, counted) = watch::channel(None);
        let live = Live::new(Newest::default(), None, counted, mpsc::channel(1).0);
        assert_eq!(told(&live).await, [], "nothing was told yet");
        for reported in [0, 3] {
            live.show(Some(&[settled(reported)]));
            let events = told(&live).await;
            let [(flow, counts), (payments, newest)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!((flow.as_str(), payments.as_str()), ("flow", "payments"));
            assert_eq!(*newest, json!({ "newest": [], "seen": 0 }));
            assert_eq!(counts["payments"]["settled"], json!(reported));
            assert_eq!((&counts["reasons"]["x"], &counts["requests"]), (&json!(2), &Value::Null));
            assert_eq!(counts["functions"][PAYMENT_PROCESSOR], json!({ "in_flight": 0 }));
            let ever = if reported == 0 { Value::Null } else { json!({ "settled": 9 }) };
            assert_eq!(counts["total"], ever, "not before payments were counted");
            count.send(Some(Counted { settled: 7, reported: 1 })).unwrap();
        }
        live.show(None);
        assert_eq!(told(&live).await[0].1["functions"], Value::Null);
    }

    #[tokio::test]
    async fn only_so_many_pages_listen_at_once() {
        let live = Live::new(Newest::default(), None, watch::channel(None).1, mpsc::channel(1).0);
        let mut listening: Vec<_> = (0..PAGES_MAX).map(|_| live.events().unwrap()).collect();
        assert_eq!(live.events().unwrap_err().status, StatusCode::SERVICE_UNAVAILABLE);
        listening.pop();
        assert!(live.events().is_ok(), "one has gone");
    }

    /// Nothing is under way when a count is wished. So no payment is both counted and reported later.
    #[tokio::test]
    async fn payments_are_counted_anew_once_the_stack_rests() {
        let (wish, mut wishes) = mpsc::channel(1);
        let reached = |lag| vec![Some(Reached { end: 9, lag: Some(lag) }), None, None];
        let (reach, reached_now) = watch::channel(reached(0));
        let live = Live::new(Newest::default(), Some(reached_now), watch::channel(None).1, wish);
        let mut activity = Activity::none().unwrap();
        let mut show = |invocations, in_flight, lag, reported| {
            activity.invocations = invocations;
            reach.send(reached(lag)).unwrap();
            live.show(Some(&[Sample { in_flight, activity: Some(activity.clone()), ..settled(reported) }]));
            wishes.try_recv().ok().map(|wish| wish.reported)
        };
        for (invocations, in_flight, lag, reported, wished) in [
            (0, 0, 0, 0, None),
            (0, 0, 0, 0, Some(0)),
            (0, 0, 0, 0, None),
            (1, 1, 0, 0, None),
            (1, 0, 5, 3, None),
            (2, 0, 0, 3, None),
            (3, 0, 0, 4, None),
            (3, 0, 0, 4, Some(4)),
            (3, 0, 0, 4, None),
        ] {
            let seen = show(invocations, in_flight, lag, reported);
            assert_eq!(seen, wished, "{invocations} invocations, {in_flight} in flight, lag {lag}");
        }
    }
}
