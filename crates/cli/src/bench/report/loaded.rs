//! What: The table and the plot of latency under offered load: at parts of the highest rate at which no backlog grows.
//!
//! Keys reach partitions as Kafka's clients place them. So partitions are unequal, and the one with the busiest debtor
//! bounds the rate.

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use crate::bench::contender::Contender;
use crate::bench::figures::OF_AN_OFFER;
use crate::bench::modelled::Run;
use crate::bench::offered::{Offer, carries};
use crate::bench::plot::{self, Titles};
use crate::bench::skew::lanes_for;
use crate::bench::workload::deliveries::Keys;
use crate::bench::workload::{Kind, Workload};
use crate::local::terminal::tell;

const PARTITIONS: usize = 16;
const ACCOUNTS: usize = 100_000;
/// Batches a partition: a backlog shows within so many.
const BATCHES: usize = 10;
/// The parts of the highest rate, in percent. The highest comes first, because it is the worst.
const PARTS: [u64; 3] = [90, 50, 10];

const HEADER: &str = "\n## Latency under offered load\n\n![p99 by rate](benchmarks/offered.svg)\n\n\
    | load | window, ms | carries, records/s | part of it, % | p50, ms | p99, ms | p99.9, ms | records open at the end | partitions with growing backlog |\n\
    |---|---|---|---|---|---|---|---|---|\n";

/// The table; draws the plot.
pub(super) fn table(plots: &Path) -> anyhow::Result<String> {
    let mut table = String::from(HEADER);
    let mut series = Vec::new();
    for kind in [Kind::Zipf, Kind::Uniform] {
        let workload = Workload::new(kind).among(ACCOUNTS).with_lanes_everywhere(lanes_for(PARTITIONS));
        let run = Run {
            contender: Contender::Giro,
            workload,
            partitions: PARTITIONS,
            batch: 1_000,
            batches: BATCHES,
            keys: Keys::Drawn,
            seed: super::SEED,
        };
        for window_ms in [500, 0] {
            let window = Duration::from_millis(window_ms);
            let name = format!("{}, window {window_ms} ms", workload.name());
            let (highest, _) = carries(run, window, |rate, grew| tell!("{name}: {rate} records/s, grew: {grew} …"))?;
            let mut points = Vec::new();
            for part in PARTS {
                let records_s = highest.saturating_mul(part).div_euclid(100).max(1);
                let offered = run.measure_offered(Offer { records_s, window })?;
                write!(table, "| {} | {window_ms} | {highest} | {part} |", workload.name())?;
                for figure in &OF_AN_OFFER {
                    write!(table, " {} |", figure.shown(&offered))?;
                }
                table.push('\n');
                points.push((part.to_string().parse()?, OF_AN_OFFER[1].of(&offered)));
            }
            series.push((name, points));
        }
    }
    let titles = Titles {
        chart: "On the model, 16 partitions, 100,000 accounts",
        x: "rate, % of what it carries",
        y: "p99 of latency, ms",
    };
    plot::lines(&plots.join("offered.svg"), titles, &series)?;
    Ok(table)
}
