//! How fast one core decodes, decides and plans: the work of a batch that isn't waiting for DynamoDB.
//!
//! Each figure is for one batch of 1,000 records, from the JSON of the event to the transactions to send. Criterion's
//! elements a second are payments a second.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

use std::hint::black_box;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use giro::domain::{CreditLanes, Trace};
use giro::wire::batch_metrics::{BatchMetrics, Effort};
use giro::wire::otlp;
use giro::wire::otlp::spans::{self, SpanKind, TraceSpan};

#[path = "support/steps.rs"]
mod steps;

use steps::{account, decide_and_plan, decode};

const RECORDS: usize = 1_000;
const ACCOUNTS: usize = 10_000;

fn event(parties: impl Fn(&mut fastrand::Rng) -> (String, String)) -> String {
    let mut random = fastrand::Rng::with_seed(1);
    let record = |offset: usize| {
        let (debtor, creditor) = parties(&mut random);
        let value = format!(
            r#"{{"payment_id":"pay-{offset:08}","debtor_account":"{debtor}","creditor_account":"{creditor}","amount":{},"currency":"EUR","reference":"invoice {offset}","requested_at":"2026-11-22T10:00:00Z"}}"#,
            random.u64(1..=1_000)
        );
        let (key, value) = (STANDARD.encode(&debtor), STANDARD.encode(value));
        format!(
            r#"{{"topic":"payment-requests","partition":3,"offset":{offset},"timestamp":1795341600000,"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#
        )
    };
    let records: Vec<String> = (0..RECORDS).map(record).collect();
    format!(r#"{{"eventSource":"aws:kafka","records":{{"payment-requests-3":[{}]}}}}"#, records.join(","))
}

fn bench(criterion: &mut Criterion) {
    let uniform = event(|random| {
        let debtor = random.usize(0..ACCOUNTS);
        (format!("customer-{debtor:06}"), format!("customer-{:06}", (debtor + random.usize(1..ACCOUNTS)) % ACCOUNTS))
    });
    let merchant = event(|random| (format!("customer-{:06}", random.usize(0..ACCOUNTS)), "merchant".into()));
    let mut group = criterion.benchmark_group("a batch of 1,000");
    group.throughput(Throughput::Elements(RECORDS as u64));
    let lanes = CreditLanes::try_new(16).unwrap();
    for (name, json, merchant_lanes) in [
        ("uniform", &uniform, CreditLanes::NONE),
        ("one merchant", &merchant, CreditLanes::NONE),
        ("one merchant with lanes", &merchant, lanes),
    ] {
        let batch = decode(json);
        let lanes_of = |id: &str| if id == "merchant" { merchant_lanes } else { CreditLanes::NONE };
        let accounts: Vec<_> = batch.accounts().iter().map(|id| Some(account(id, lanes_of(id.as_str())))).collect();
        let all: Vec<usize> = (0..RECORDS).collect();
        group.bench_function(format!("{name}: decode"), |bencher| bencher.iter(|| decode(black_box(json))));
        group.bench_function(format!("{name}: decide and plan"), |bencher| {
            bencher.iter(|| black_box(decide_and_plan(&batch, &all, &accounts)).len());
        });
        group.bench_function(format!("{name}: decode, decide and plan"), |bencher| {
            bencher.iter(|| {
                let batch = decode(black_box(json));
                black_box(decide_and_plan(&batch, &all, &accounts)).len()
            });
        });
    }
    group.finish();
    told(criterion);
}

/// What a collector is told of a batch of 1,000 records that all belong to traces: its span, and its metrics.
fn told(criterion: &mut Criterion) {
    let trace = |span: u64| Trace::parse(&format!("00-{:032x}-{span:016x}-01", 7)).unwrap();
    let batch = BatchMetrics {
        records: RECORDS,
        finished_after_ms: (0..RECORDS as u64).collect(),
        effort: Some(Effort { rounds: 2, conflicts: 3, throttled: 4, in_flight: 5 }),
        decisions: [(("payment", "settled"), 990), (("payment", "declined"), 10)].into(),
        reasons: [("insufficient_funds", 10)].into(),
        ..BatchMetrics::default()
    };
    let metrics = batch.metrics();
    let span = |links: u64| TraceSpan {
        place: trace(1),
        parent: None,
        kind: SpanKind::Consumer,
        name: "process payment-requests".into(),
        began_ns: 1_795_341_600_000_000_000,
        duration_ns: 25_000_000,
        attributes: otlp::figures(&metrics),
        links: (1..=links).map(trace).collect(),
        error: None,
    };
    let mut group = criterion.benchmark_group("a collector is told of a batch of 1,000");
    for links in [RECORDS as u64, 0] {
        let span = span(links);
        group.bench_function(format!("a span with {links} links"), |bencher| {
            bencher.iter(|| spans::encode("payment-processor", black_box(&span)).len());
        });
    }
    group.bench_function("its metrics", |bencher| {
        bencher.iter(|| otlp::metrics::encode("payment-processor", "one", black_box(&metrics), (0, 1)).len());
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
