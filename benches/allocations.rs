//! How much a payment allocates on its way from the JSON of an event to the transactions to send.
//!
//! A profiling allocator counts one batch of 10,000 uniform payments. For each step it shows the allocations and bytes
//! a payment, and the most memory at once.
#![allow(
    clippy::unwrap_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    clippy::float_arithmetic,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

use std::collections::HashMap;

use giro::domain::decide::{Snapshot, decide_all};
use giro::domain::plan::{Capacity, Plan, TRANSACTION_ITEMS_MAX, plan};
use giro::domain::{Batch, CreditLanes, Request, Timestamp};
use giro::wire::instruction;
use giro::wire::kafka_event::KafkaEvent;

#[global_allocator]
static ALLOCATOR: dhat::Alloc = dhat::Alloc;

#[path = "support/event.rs"]
mod event;
#[path = "support/steps.rs"]
#[expect(dead_code, reason = "the steps are taken one at a time here")]
mod steps;

const RECORDS: usize = 10_000;

fn main() {
    let json = event::uniform(RECORDS);
    let _profiler = dhat::Profiler::builder().testing().build();
    let mut before = dhat::HeapStats::get();
    let mut say = |step: &str| {
        let now = dhat::HeapStats::get();
        let each = |now: u64, before: u64| (now - before) as f64 / RECORDS as f64;
        println!(
            "{step:<18} {:>8.2} allocations a payment  {:>8.0} bytes a payment  {:>8.1} MB held at the most",
            each(now.total_blocks, before.total_blocks),
            each(now.total_bytes, before.total_bytes),
            now.max_bytes as f64 / 1_048_576.0
        );
        before = now;
    };
    let event: KafkaEvent = serde_json::from_str(&json).unwrap();
    say("envelope");
    let mut requests = Vec::with_capacity(RECORDS);
    for record in event.partitions.into_iter().flat_map(|partition| partition.records) {
        requests.push(Request::new(instruction::decode(&record.value).unwrap(), record.source));
    }
    say("payments");
    let batch = Batch::new(requests);
    say("index");
    let accounts: Vec<_> = batch.accounts().iter().map(|id| Some(steps::account(id, CreditLanes::NONE))).collect();
    let (all, lanes): (Vec<usize>, _) = ((0..RECORDS).collect(), HashMap::new());
    say("(accounts)");
    let snapshot =
        Snapshot { refund_totals: &HashMap::new(), accounts: &accounts, lanes: &lanes, now: Timestamp::EPOCH };
    let decisions = decide_all(&batch, &all, snapshot);
    say("decide");
    let Plan { steps, .. } = plan(&batch, &all, &decisions, snapshot, &Capacity::of(TRANSACTION_ITEMS_MAX));
    say("plan");
    println!("{} transactions", steps.len());
}
