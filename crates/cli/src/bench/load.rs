//! What: Measures offered load on the model: what is carried, and the latency at parts of it. Some figures have goals.
//!
//! Data: Takes a size. Gives each run, and the figures that have goals, the same each time.
//!
//! Keys reach partitions as Kafka's clients place them. So partitions are unequal, and the one with the busiest debtor
//! bounds the rate.

use std::time::Duration;

use super::contender::Contender;
use super::figures::{OF_AN_OFFER, median};
use super::goals::Figure;
use super::modelled::Run;
use super::offered::{Offer, Offered, carries};
use super::skew::lanes_for;
use super::workload::deliveries::Keys;
use super::workload::{Kind, Workload};

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// How many seeds, from 1 on. The median counts.
    pub seeds: u64,
    /// Batches a partition: a backlog shows within so many.
    pub batches: usize,
    /// Records a batch, at most.
    pub batch: usize,
    /// Accounts that pay and are paid.
    pub accounts: usize,
    /// The most partitions.
    pub partitions_max: usize,
}

impl Size {
    /// The whole measurement.
    pub const WHOLE: Self = Self { seeds: 5, batches: 10, batch: 1_000, accounts: 100_000, partitions_max: 64 };
    /// A first look: the same with one seed.
    pub const SHORT: Self = Self { seeds: 1, ..Self::WHOLE };
}

/// The parts of the highest rate, in percent. The highest comes first, because it is the worst.
pub const PARTS: [u64; 3] = [90, 50, 10];
/// What one debtor takes bounds what a topic carries. The busiest of 100,000 accounts under Zipf 0.99 asks for 7.8 % of
/// all payments. Its debits are some 1,030 a second, so all debtors together reach 13,200 payments/s.
const CEILING: f64 = 13_200.0;
const CARRIED_MIN: f64 = 0.8 * CEILING;

/// What is offered: who pays whom, over how many partitions, in which batch window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setup {
    kind: Kind,
    partitions: usize,
    window: Duration,
    /// Whether the parts of what is carried are offered as well.
    in_parts: bool,
}

const fn over(partitions: usize, kind: Kind, window_ms: u64) -> Setup {
    Setup { kind, partitions, window: Duration::from_millis(window_ms), in_parts: true }
}

/// The worst first.
const SETUPS: [Setup; 5] = [
    Setup { in_parts: false, ..over(64, Kind::Zipf, 500) },
    over(16, Kind::Zipf, 500),
    over(16, Kind::Zipf, 0),
    over(16, Kind::Uniform, 500),
    over(16, Kind::Uniform, 0),
];

/// A part of what is carried, and what became of it.
#[derive(Debug)]
pub struct Part {
    /// In percent of what is carried.
    pub percent: u64,
    /// What became of it.
    pub offered: Offered,
}

/// What was carried with one seed.
#[derive(Debug)]
pub struct Carried {
    /// The highest rate at which no backlog grew, in records a second.
    pub records_s: u64,
    /// That rate, and parts of it.
    pub parts: Vec<Part>,
}

/// What was carried of one load.
#[derive(Debug)]
pub struct Load {
    setup: Setup,
    by_seed: Vec<Carried>,
}

impl Setup {
    fn name(self, size: Size) -> String {
        let Self { partitions, window, .. } = self;
        let (kind, accounts) = (Workload::new(self.kind).name(), size.accounts);
        format!("{kind}, {accounts} accounts, {partitions} p., window {} ms", window.as_millis())
    }

    fn measure(self, size: Size, seed: u64) -> anyhow::Result<Carried> {
        let workload = Workload::new(self.kind).among(size.accounts).with_lanes_everywhere(lanes_for(self.partitions));
        let run = Run {
            contender: Contender::Giro,
            workload,
            partitions: self.partitions,
            batch: size.batch,
            batches: size.batches,
            keys: Keys::Drawn,
            seed,
        };
        let (records_s, offered) = carries(run, self.window, |_, _| ())?;
        let mut parts = vec![Part { percent: 100, offered }];
        for percent in PARTS.into_iter().filter(|_| self.in_parts) {
            let records_s = records_s.saturating_mul(percent).div_euclid(100).max(1);
            let offered = run.measure_offered(Offer { records_s, window: self.window })?;
            parts.push(Part { percent, offered });
        }
        Ok(Carried { records_s, parts })
    }
}

/// Measures every load. `told` hears of each before it begins.
///
/// # Errors
/// If a run doesn't add up, or if a backlog grows at any rate.
pub fn measure(size: Size, mut told: impl FnMut(&str)) -> anyhow::Result<Vec<Load>> {
    let mut loads = Vec::new();
    for setup in SETUPS.into_iter().filter(|setup| setup.partitions <= size.partitions_max) {
        let mut by_seed = Vec::new();
        for seed in 1..=size.seeds {
            told(&format!("{}, seed {seed}", setup.name(size)));
            by_seed.push(setup.measure(size, seed)?);
        }
        loads.push(Load { setup, by_seed });
    }
    Ok(loads)
}

impl Load {
    /// Who pays whom, over how many partitions, and the window.
    #[must_use]
    pub fn name(&self, size: Size) -> String {
        self.setup.name(size)
    }

    /// What was carried with the seed whose highest rate is the median.
    #[must_use]
    pub fn of_the_median(&self) -> Option<&Carried> {
        let mut by_rate: Vec<&Carried> = self.by_seed.iter().collect();
        by_rate.sort_by_key(|carried| carried.records_s);
        by_rate.get(by_rate.len() / 2).copied()
    }

    /// The figures of this load that have goals.
    fn figures(&self, size: Size) -> Vec<Figure> {
        let name = self.name(size);
        let half = |carried: &Carried| {
            let half = carried.parts.iter().find(|part| part.percent == 50);
            half.map_or(f64::INFINITY, |half| OF_AN_OFFER[1].of(&half.offered))
        };
        let latency = median(self.by_seed.iter().map(half));
        match self.setup {
            Setup { kind: Kind::Zipf, partitions: 64, .. } => {
                let rate = median(self.by_seed.iter().map(|carried| rate(carried.records_s)));
                vec![Figure::at_least(format!("{name}: carries, records/s"), rate, CARRIED_MIN)]
            }
            Setup { kind, window: Duration::ZERO, .. } => {
                let goal = if kind == Kind::Zipf { 1_000.0 } else { 300.0 };
                vec![Figure::at_most(format!("{name}: half of what it carries, p99 in ms"), latency, goal)]
            }
            Setup { .. } => Vec::new(),
        }
    }
}

/// Every figure that has a goal.
#[must_use]
pub fn figures(loads: &[Load], size: Size) -> Vec<Figure> {
    loads.iter().flat_map(|load| load.figures(size)).collect()
}

#[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a rate, for people")]
fn rate(records_s: u64) -> f64 {
    records_s as f64
}
