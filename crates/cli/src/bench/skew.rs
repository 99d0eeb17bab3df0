//! What: The goals of skewed load over many partitions, as data.
//!
//! Data: Takes how much to run. Gives figures beside their goals, each the median of all seeds. The goals are this
//! project's own.
//!
//! Every account has as many lanes as a new account gets ([`lanes_for`]), unless the workload says otherwise.
//!
//! Limits: The whole of it takes many minutes.
#![expect(clippy::float_arithmetic, reason = "rates and ratios, for people")]

use super::contender::Contender;
use super::figures::{
    AGAINST_THE_FLOOR, BATCH_P99, CANCELLED, CONFLICTS, FigureOf, RATE, READ_UNITS, ROUNDS, WRITE_UNITS, median,
};
use super::goals::{Figure, Goal};
use super::modelled::{Measured, Run};
use super::workload::deliveries::Keys;
use super::workload::exponent::Exponent;
use super::workload::{Kind, Workload};
use giro::domain::CreditLanes;

use Goal::{AtLeast, AtMost};

/// Records a batch.
const BATCH: usize = 1_000;

/// The lanes that accounts are opened with for so many partitions.
#[must_use]
pub fn lanes_for(partitions: usize) -> CreditLanes {
    CreditLanes::of_partitions(u32::try_from(partitions).unwrap_or(u32::MAX))
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Seeds, from 1 on.
    pub seeds: u64,
    /// Batches a partition.
    pub batches: usize,
    /// Setups over more partitions than these are left out.
    pub partitions_max: usize,
}

impl Size {
    /// The whole measurement.
    pub const WHOLE: Self = Self { seeds: 5, batches: 20, partitions_max: 128 };
    /// A first look.
    pub const SHORT: Self = Self { seeds: 1, batches: 4, partitions_max: 16 };
}

/// What is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Setup {
    workload: Workload,
    partitions: usize,
    /// Whether all batches are delivered twice, and the second time is measured.
    again: bool,
}

/// A figure, and what it should be.
struct Row {
    setup: Setup,
    figure: FigureOf<Measured>,
    /// The figure is in multiples of what it is there.
    against: Option<Setup>,
    goal: Goal,
}

const ACCOUNTS: usize = 100_000;
const UNIFORM: Workload = Workload::new(Kind::Uniform).among(ACCOUNTS);
const ZIPF: Workload = Workload::new(Kind::Zipf).among(ACCOUNTS);
const ZIPF_MILLION: Workload = Workload::new(Kind::Zipf).among(1_000_000);
const ZIPF_STEEP: Workload = ZIPF.skewed(Exponent::of_thousandths(1_500));
const ROUND: Workload = ZIPF.starting_with(5_000);
const ROUND_TIGHT: Workload = ZIPF.starting_with(1_500);
/// Of one partition, an account gets no lanes by itself. The settlement account is given some.
const SETTLEMENT: Workload = Workload::with_lanes(Kind::Settlement, SETTLEMENT_LANES).among(ACCOUNTS);
const SETTLEMENT_LANES: CreditLanes = match CreditLanes::try_new(16) {
    Ok(lanes) => lanes,
    Err(_) => CreditLanes::NONE,
};
/// As in docs/benchmarks.md.
const DUPLICATES: Workload = Workload::new(Kind::Uniform).repeating(20);
const DECLINES: Workload = UNIFORM.declining(5);

const fn over(partitions: usize, workload: Workload) -> Setup {
    Setup { workload, partitions, again: false }
}

const fn row(setup: Setup, figure: FigureOf<Measured>, goal: Goal) -> Row {
    Row { setup, figure, against: None, goal }
}

/// Payments a second in multiples of another setup's.
const fn times(setup: Setup, against: Setup, goal: f64) -> Row {
    Row { setup, figure: RATE, against: Some(against), goal: AtLeast(goal) }
}

/// Every goal, those of one setup together.
const ROWS: &[Row] = &[
    row(over(16, ZIPF), RATE, AtLeast(18_000.0)),
    row(over(16, ZIPF), BATCH_P99, AtMost(1_200.0)),
    row(over(16, ZIPF), CONFLICTS, AtMost(0.02)),
    row(over(16, ZIPF), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(64, ZIPF), RATE, AtLeast(67_000.0)),
    row(over(64, ZIPF), BATCH_P99, AtMost(1_200.0)),
    row(over(64, ZIPF), CONFLICTS, AtMost(0.02)),
    row(over(64, ZIPF), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(4, ZIPF), CONFLICTS, AtMost(0.02)),
    row(over(4, ZIPF), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(8, ZIPF), CONFLICTS, AtMost(0.02)),
    row(over(8, ZIPF), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(32, ZIPF), CONFLICTS, AtMost(0.02)),
    row(over(32, ZIPF), AGAINST_THE_FLOOR, AtMost(1.12)),
    times(over(8, ZIPF), over(4, ZIPF), 1.75),
    times(over(16, ZIPF), over(8, ZIPF), 1.75),
    times(over(32, ZIPF), over(16, ZIPF), 1.75),
    times(over(64, ZIPF), over(32, ZIPF), 1.75),
    row(over(16, ZIPF_MILLION), RATE, AtLeast(30_000.0)),
    row(over(16, ZIPF_MILLION), BATCH_P99, AtMost(1_200.0)),
    row(over(16, ZIPF_MILLION), CONFLICTS, AtMost(0.02)),
    row(over(16, ZIPF_MILLION), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(16, UNIFORM), RATE, AtLeast(170_000.0)),
    row(over(16, UNIFORM), WRITE_UNITS, AtMost(8.3)),
    row(over(16, UNIFORM), CONFLICTS, AtMost(0.02)),
    row(over(16, UNIFORM), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(4, UNIFORM), CONFLICTS, AtMost(0.02)),
    row(over(4, UNIFORM), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(8, UNIFORM), CONFLICTS, AtMost(0.02)),
    row(over(8, UNIFORM), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(32, UNIFORM), CONFLICTS, AtMost(0.02)),
    row(over(32, UNIFORM), AGAINST_THE_FLOOR, AtMost(1.12)),
    row(over(64, UNIFORM), CONFLICTS, AtMost(0.02)),
    row(over(64, UNIFORM), AGAINST_THE_FLOOR, AtMost(1.12)),
    times(over(8, UNIFORM), over(4, UNIFORM), 1.85),
    times(over(16, UNIFORM), over(8, UNIFORM), 1.85),
    times(over(32, UNIFORM), over(16, UNIFORM), 1.85),
    times(over(64, UNIFORM), over(32, UNIFORM), 1.85),
    row(over(16, ROUND), RATE, AtLeast(10_000.0)),
    row(over(16, ROUND), BATCH_P99, AtMost(3_000.0)),
    row(over(16, ROUND), ROUNDS, AtMost(5.0)),
    row(over(16, ROUND), CONFLICTS, AtMost(0.05)),
    row(over(16, ROUND_TIGHT), RATE, AtLeast(7_000.0)),
    row(over(16, ROUND_TIGHT), BATCH_P99, AtMost(4_000.0)),
    times(over(16, ZIPF_STEEP), over(1, ZIPF_STEEP), 6.0),
    row(over(1, SETTLEMENT), RATE, AtLeast(8_000.0)),
    row(over(1, DUPLICATES), WRITE_UNITS, AtMost(8.6)),
    row(Setup { again: true, ..over(1, UNIFORM) }, WRITE_UNITS, AtMost(0.0)),
    row(Setup { again: true, ..over(1, UNIFORM) }, CANCELLED, AtMost(0.0)),
    row(over(16, DECLINES), READ_UNITS, AtMost(8.0)),
];

/// Where scaling ends. They have no goals, and are shown beside the others.
const PAST_LINEAR: [Setup; 3] = [over(48, ROUND), over(64, ROUND), over(128, ZIPF)];

impl Setup {
    fn name(self) -> String {
        let Workload { accounts, .. } = self.workload;
        let again = if self.again { ", delivered again" } else { "" };
        format!("{}, {accounts} accounts, {} p.{again}", self.workload.name(), self.partitions)
    }

    fn measure(self, batches: usize, seed: u64) -> anyhow::Result<Measured> {
        let Self { workload, partitions, again } = self;
        let workload = match workload.lanes.is_none() {
            true => workload.with_lanes_everywhere(lanes_for(partitions)),
            false => workload,
        };
        let run =
            Run { contender: Contender::Giro, workload, partitions, batch: BATCH, batches, keys: Keys::Even, seed };
        if again { run.measure_again() } else { run.measure() }
    }
}

/// Every setup that the rows need, each once, in their order. Then those past linear scaling.
fn setups(size: Size) -> Vec<Setup> {
    let mut setups: Vec<Setup> = Vec::new();
    for setup in ROWS.iter().flat_map(|row| row.against.into_iter().chain([row.setup])).chain(PAST_LINEAR) {
        if setup.partitions <= size.partitions_max && !setups.contains(&setup) {
            setups.push(setup);
        }
    }
    setups
}

/// What was measured, by setup and seed.
#[derive(Debug)]
pub struct Skew {
    measured: Vec<(Setup, Vec<Measured>)>,
}

/// The run of a setup whose rate is the median of all seeds.
#[derive(Debug)]
pub struct MedianRun<'s> {
    /// Who pays whom, over how many partitions.
    pub name: String,
    /// Over so many.
    pub partitions: usize,
    /// Its time and its calls.
    pub measured: &'s Measured,
}

impl Skew {
    /// Runs every setup. `told` hears of each run before it begins.
    ///
    /// # Errors
    /// If a run doesn't add up.
    pub fn measure(size: Size, mut told: impl FnMut(&str)) -> anyhow::Result<Self> {
        let mut measured: Vec<(Setup, Vec<Measured>)> = Vec::new();
        for setup in setups(size) {
            let mut by_seed = Vec::new();
            for seed in 1..=size.seeds {
                told(&format!("{}, seed {seed}", setup.name()));
                by_seed.push(setup.measure(size.batches, seed)?);
            }
            measured.push((setup, by_seed));
        }
        Ok(Self { measured })
    }

    /// Every figure that has a goal.
    #[must_use]
    pub fn figures(&self) -> Vec<Figure> {
        ROWS.iter().filter_map(|row| figure(row, &self.measured)).collect()
    }

    /// One run of each setup, the worst first: the one with the fewest payments/s a partition. Batches that were
    /// delivered again are left out, because they write nothing.
    #[must_use]
    pub fn worst_first(&self) -> Vec<MedianRun<'_>> {
        let mut runs: Vec<MedianRun<'_>> = self
            .measured
            .iter()
            .filter_map(|(setup, by_seed)| {
                let mut by_rate: Vec<&Measured> = by_seed.iter().collect();
                by_rate.sort_by(|one, other| one.payments_a_second().total_cmp(&other.payments_a_second()));
                let measured = by_rate.get(by_rate.len() / 2).copied().filter(|_| !setup.again)?;
                Some(MedianRun { name: setup.name(), partitions: setup.partitions, measured })
            })
            .collect();
        runs.sort_by(|one, other| one.of_a_partition().total_cmp(&other.of_a_partition()));
        runs
    }
}

impl MedianRun<'_> {
    /// Payments/s of each partition.
    #[expect(clippy::as_conversions, clippy::cast_precision_loss, reason = "a ratio, for people")]
    fn of_a_partition(&self) -> f64 {
        self.measured.payments_a_second() / self.partitions as f64
    }
}

/// The figures of a row, if it was run.
fn figure(row: &Row, measured: &[(Setup, Vec<Measured>)]) -> Option<Figure> {
    let of = |setup: Setup| measured.iter().find(|(known, _)| *known == setup).map(|(_, by_seed)| by_seed);
    let mut found: Vec<f64> = of(row.setup)?.iter().map(|measured| row.figure.of(measured)).collect();
    let mut name = format!("{}: {}", row.setup.name(), row.figure.name);
    if let Some(against) = row.against {
        for (found, than) in found.iter_mut().zip(of(against)?) {
            *found /= row.figure.of(than);
        }
        name.push_str(&format!(", times that of {} p.", against.partitions));
    }
    Some(Figure { name, found: median(found.into_iter()), goal: row.goal })
}
