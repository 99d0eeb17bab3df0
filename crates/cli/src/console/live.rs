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
use axum::http::{HeaderValue, Response, header};
use futures_util::stream;
use hdrhistogram::Histogram;
use serde_json::{Map, Value, json};
use tokio::sync::watch;

use super::newest::Newest;
use super::topics::Told;
use crate::local::stack::{ACCOUNT_PROCESSOR, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, REASONS, Sample, Summary};
use giro::handlers::clock;

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
    /// How many payments had been settled before, once they were counted.
    settled_before: watch::Receiver<Option<u64>>,
    before: Mutex<Before>,
    tell: watch::Sender<Arc<Shown>>,
}

/// What the event before has told.
#[derive(Debug, Default)]
struct Before {
    latencies: Option<Histogram<u64>>,
    invocations: u64,
    records: u64,
    batch: u64,
}

impl Live {
    pub(super) fn new(
        newest: Newest,
        reached: Option<watch::Receiver<Told>>,
        settled_before: watch::Receiver<Option<u64>>,
    ) -> Self {
        let (tell, _) = watch::channel(Arc::default());
        Self { began: Instant::now(), newest, reached, settled_before, before: Mutex::default(), tell }
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
        let ever = self.settled_before.borrow().map(|before| json!({ "settled": before.saturating_add(settled) }));
        flow["total"] = json!(ever);
        self.add_latencies(flow, of(PAYMENT_PROCESSOR));
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
    pub(super) fn events(&self) -> Response<Body> {
        let mut told = self.tell.subscribe();
        // What was told last is told at once.
        told.mark_changed();
        let events = stream::unfold((told, None), |(mut told, seen)| async move {
            told.changed().await.ok()?;
            let shown = Arc::clone(&told.borrow_and_update());
            if shown.flow.is_empty() {
                return Some((Ok(Bytes::from_static(b": nothing yet\n\n")), (told, None)));
            }
            let mut text = format!("event: flow\ndata: {}\n\n", shown.flow);
            if seen != Some(shown.seen) {
                text = format!("{text}event: payments\ndata: {}\n\n", shown.payments);
            }
            Some((Ok::<_, Infallible>(Bytes::from(text)), (told, Some(shown.seen))))
        });
        let mut response = Response::new(Body::from_stream(events));
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
        response
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

    use super::*;

    /// The events that a page gets that comes now, as names and JSON.
    async fn told(live: &Live) -> Vec<(String, Value)> {
        let mut events = live.events().into_body().into_data_stream();
        let text = String::from_utf8(events.next().await.unwrap().unwrap().to_vec()).unwrap();
        let lines: Vec<&str> = text.lines().filter(|line| !line.is_empty() && !line.starts_with(':')).collect();
        let event = |pair: &[&str]| {
            let data = serde_json::from_str(pair[1].strip_prefix("data: ").unwrap()).unwrap();
            (pair[0].strip_prefix("event: ").unwrap().to_owned(), data)
        };
        lines.chunks(2).map(event).collect()
    }

    #[tokio::test]
    async fn a_page_that_comes_is_told_all_at_once() {
        let (count, settled_before) = watch::channel(None);
        let live = Live::new(Newest::default(), None, settled_before);
        assert_eq!(told(&live).await, [], "nothing was told yet");
        for settled in [0, 3] {
            let summary = Summary::from([("settled".to_owned(), settled), (format!("{REASONS}x"), 2)]);
            let sample = Sample { binary: PAYMENT_PROCESSOR.into(), in_flight: 1, activity: None, summary };
            live.show(Some(&[sample]));
            let events = told(&live).await;
            let [(flow, counts), (payments, newest)] = events.as_slice() else { panic!("{events:?}") };
            assert_eq!((flow.as_str(), payments.as_str()), ("flow", "payments"));
            assert_eq!(*newest, json!({ "newest": [], "seen": 0 }));
            assert_eq!(counts["payments"]["settled"], json!(settled));
            assert_eq!((&counts["reasons"]["x"], &counts["requests"]), (&json!(2), &Value::Null));
            assert_eq!(counts["functions"][PAYMENT_PROCESSOR], json!({ "in_flight": 1 }));
            let ever = if settled == 0 { Value::Null } else { json!({ "settled": 10 }) };
            assert_eq!(counts["total"], ever, "not before the earlier ones were counted");
            count.send(Some(7)).unwrap();
        }
        live.show(None);
        assert_eq!(told(&live).await[0].1["functions"], Value::Null);
    }
}
