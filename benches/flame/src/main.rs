//! Where a core's time goes in a batch of 10,000 uniform payments, from the JSON of the event to the transactions to
//! send.
//!
//! Out: a flame graph, sampled, in the file that is named: `flame docs/benchmarks/flame.svg`.

use std::fs::File;
use std::hint::black_box;
use std::time::{Duration, Instant};

use giro::domain::CreditLanes;

#[path = "../../support/event.rs"]
mod event;
#[path = "../../support/steps.rs"]
mod steps;

const RECORDS: usize = 10_000;
/// Samples a second. It divides nothing that happens at a regular rate.
const SAMPLES_A_SECOND: i32 = 997;
const LASTS: Duration = Duration::from_secs(10);

fn main() {
    let path = std::env::args().nth(1).expect("the file to draw to");
    let json = event::uniform(RECORDS);
    let batch = steps::decode(&json);
    let accounts: Vec<_> = batch.accounts().iter().map(|id| Some(steps::account(id, CreditLanes::NONE))).collect();
    let all: Vec<usize> = (0..RECORDS).collect();

    let profiler = pprof::ProfilerGuard::new(SAMPLES_A_SECOND).unwrap();
    let began = Instant::now();
    let mut batches = 0;
    while began.elapsed() < LASTS {
        let batch = steps::decode(black_box(&json));
        black_box(steps::decide_and_plan(&batch, &all, &accounts));
        batches += 1;
    }
    let report = profiler.report().build().unwrap();

    let mut options = pprof::flamegraph::Options::default();
    options.title = "A batch of 10,000 payments: decode, decide and plan".into();
    // Nobody can read narrower frames, and there are thousands.
    options.min_width = 0.3;
    report.flamegraph_with_options(File::create(&path).unwrap(), &mut options).unwrap();
    println!("{path}: {} samples of {batches} batches", report.data.values().sum::<isize>());
}
