//! What: Compares the exact figures with their goals: counts, units and the model.
//!
//! Data: Takes a size. Gives figures, the same each time. The goals are this project's own.
//!
//! The floor of the write units is what every handler needs. Each payment is written once, and each account once a
//! batch, at two units in a transaction. Each payment is written into two indexes, at one unit each.
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "rates and ratios, for people"
)]

use std::fmt;

use super::contender::Contender;
use super::modelled::{Measured, Run};
use super::workload::deliveries::Keys;
use super::workload::{Kind, Workload};
use giro::domain::CreditLanes;

/// What a figure should be.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Goal {
    /// This or more.
    AtLeast(f64),
    /// This or less.
    AtMost(f64),
}

/// A figure beside its goal.
#[derive(Debug, Clone, PartialEq)]
pub struct Figure {
    /// Of what.
    pub name: String,
    /// What was found.
    pub found: f64,
    /// What it should be.
    pub goal: Goal,
}

impl Figure {
    /// A figure that should be this or more.
    pub fn at_least(name: impl Into<String>, found: f64, goal: f64) -> Self {
        Self { name: name.into(), found, goal: Goal::AtLeast(goal) }
    }

    /// A figure that should be this or less.
    pub fn at_most(name: impl Into<String>, found: f64, goal: f64) -> Self {
        Self { name: name.into(), found, goal: Goal::AtMost(goal) }
    }

    /// Whether it is what it should be.
    #[must_use]
    pub fn is_met(&self) -> bool {
        match self.goal {
            Goal::AtLeast(goal) => self.found >= goal,
            Goal::AtMost(goal) => self.found <= goal,
        }
    }
}

impl fmt::Display for Goal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AtLeast(goal) => write!(f, "≥ {goal}"),
            Self::AtMost(goal) => write!(f, "≤ {goal}"),
        }
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let met = if self.is_met() { "yes" } else { "NO" };
        write!(f, "{:<66} {:>12.3}  {:<9} {met}", self.name, self.found, self.goal.to_string())
    }
}

/// How much is run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Batches of 1,000 a run, where the workload goes over one partition.
    pub batches: usize,
    /// The most partitions that the doublings go up to.
    pub partitions_max: usize,
}

impl Size {
    /// The whole measurement.
    pub const WHOLE: Self = Self { batches: 10, partitions_max: 256 };
    /// What a debug build does in a test.
    pub const SHORT: Self = Self { batches: 1, partitions_max: 32 };
}

/// Records a batch.
const BATCH: usize = 1_000;
/// The lanes of a hot account, and the partitions that they are compared over.
const LANES: u16 = 16;
/// If partitions are doubled, accounts are doubled too. With the same accounts each partition would have the same
/// debtors several times in a batch, write them once, and look faster than it is.
const DEBTORS_A_PARTITION: usize = 1_000;
const SEED: u64 = 1;

/// The runs behind the figures.
struct Runs {
    size: Size,
}

impl Runs {
    fn run(&self, contender: Contender, workload: Workload) -> anyhow::Result<Measured> {
        Run {
            contender,
            workload,
            partitions: 1,
            batch: BATCH,
            batches: self.size.batches,
            keys: Keys::Even,
            seed: SEED,
        }
        .measure()
    }

    /// One merchant with as many lanes as there are partitions, two batches each;
    /// the rate is that of all partitions at work.
    fn scaled(&self, partitions: u16) -> anyhow::Result<Measured> {
        let workload = Workload::with_lanes(Kind::Merchant, CreditLanes::try_new(partitions)?);
        let partitions = usize::from(partitions);
        let workload = workload.among(DEBTORS_A_PARTITION.saturating_mul(partitions));
        let batches = self.size.batches.min(2);
        Run { contender: Contender::Giro, workload, partitions, batch: BATCH, batches, keys: Keys::Even, seed: SEED }
            .measure()
    }
}

/// Every figure that the model and the counts give.
///
/// # Errors
/// If a run doesn't add up.
pub fn on_the_model(size: Size) -> anyhow::Result<Vec<Figure>> {
    let runs = Runs { size };
    let lanes = CreditLanes::try_new(LANES)?;
    let [uniform, zipf, merchant] = [Kind::Uniform, Kind::Zipf, Kind::Merchant].map(Workload::new);
    let (zipf_lanes, merchant_lanes) =
        (Workload::with_lanes(Kind::Zipf, lanes), Workload::with_lanes(Kind::Merchant, lanes));

    let giro = |workload| runs.run(Contender::Giro, workload);
    let (on_uniform, on_zipf, on_merchant) = (giro(uniform)?, giro(zipf)?, giro(merchant)?);
    let (on_zipf_lanes, on_merchant_lanes) = (giro(zipf_lanes)?, giro(merchant_lanes)?);
    let mut figures = Vec::new();

    for (name, run, goal) in [
        ("uniform", &on_uniform, 1.10),
        ("one merchant", &on_merchant, 1.10),
        ("one merchant, 16 lanes", &on_merchant_lanes, 1.10),
        ("zipf 0.99", &on_zipf, 1.25),
        ("zipf 0.99, 16 lanes", &on_zipf_lanes, 1.25),
    ] {
        figures.push(Figure::at_most(format!("write units against the floor: {name}"), run.against_the_floor(), goal));
    }
    for (name, run, goal) in [
        ("uniform", &on_uniform, 0.055),
        ("one merchant", &on_merchant, 0.035),
        ("one merchant, 16 lanes", &on_merchant_lanes, 0.035),
    ] {
        figures.push(Figure::at_most(format!("DynamoDB calls a payment: {name}"), run.calls_a_payment(), goal));
    }

    let control = |workload| runs.run(Contender::Control, workload);
    let control16 = |workload| runs.run(Contender::Control16, workload);
    let times = |ours: &Measured, theirs: &Measured| ours.payments_a_second() / theirs.payments_a_second();
    let (b_uniform, b_zipf, b_merchant) = (control(uniform)?, control(zipf)?, control(merchant)?);
    for (name, ours, theirs, goal) in [
        ("uniform", &on_uniform, &b_uniform, 60.0),
        ("zipf 0.99", &on_zipf, &b_zipf, 15.0),
        ("zipf 0.99, 16 lanes", &on_zipf_lanes, &b_zipf, 40.0),
        ("one merchant, 16 lanes", &on_merchant_lanes, &b_merchant, 60.0),
    ] {
        figures.push(Figure::at_least(format!("payments/s against the control: {name}"), times(ours, theirs), goal));
    }
    let (b16_uniform, b16_merchant) = (control16(uniform)?, control16(merchant)?);
    for (name, ours, theirs, goal) in [
        ("uniform", &on_uniform, &b16_uniform, 8.0),
        ("one merchant, 16 lanes", &on_merchant_lanes, &b16_merchant, 30.0),
    ] {
        figures.push(Figure::at_least(format!("payments/s against 16 at a time: {name}"), times(ours, theirs), goal));
    }

    let mut before = runs.scaled(LANES)?;
    let one = runs.scaled(1)?;
    figures.push(Figure::at_least("one merchant: 16 partitions and lanes against 1 and 1", times(&before, &one), 14.0));
    figures.push(Figure::at_most("the same: conflicts", before.hindrances.conflicts as f64, 0.0));
    let mut partitions = LANES;
    while let Some(doubled) = partitions.checked_mul(2).filter(|&doubled| usize::from(doubled) <= size.partitions_max) {
        let run = runs.scaled(doubled)?;
        figures.push(Figure::at_least(format!("doubled to {doubled} partitions and lanes"), times(&run, &before), 1.9));
        figures.push(Figure::at_most("the same: conflicts", run.hindrances.conflicts as f64, 0.0));
        (before, partitions) = (run, doubled);
    }
    Ok(figures)
}
