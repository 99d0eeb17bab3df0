//! What: Draws who pays whom, and how much.
//!
//! Data: Takes a workload, the debtors to draw from, and a seed. Gives payments by the numbers of their accounts, so
//! that a million of them take little memory.
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the weights of a skewed draw are floats; what is drawn is an index"
)]

use super::exponent::Exponent;
use super::load::{BALANCE, Kind, Workload};

/// Amounts are 1 ..= this, in minor units.
pub(super) const AMOUNT_MAX: u64 = 1_000;

/// A payment, by the numbers of its accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Drawn {
    /// Names the payment among those of its partition. A duplicate has the number of an earlier one.
    pub number: usize,
    /// Who pays.
    pub debtor: usize,
    /// Who is paid.
    pub creditor: usize,
    /// How much.
    pub minor_units: u64,
}

/// Draws payments.
pub(super) struct Draw<'w> {
    random: fastrand::Rng,
    workload: Workload,
    debtors: Weights,
    creditors: &'w Weights,
}

impl<'w> Draw<'w> {
    /// Among these debtors. The same seed draws the same.
    pub(super) fn new(workload: Workload, debtors: Weights, creditors: &'w Weights, seed: u64) -> Self {
        Self { random: fastrand::Rng::with_seed(seed), workload, debtors, creditors }
    }

    /// The next payment, after so many earlier ones.
    pub(super) fn next(&mut self, earlier: &[Drawn]) -> Drawn {
        if !earlier.is_empty() && self.percent(self.workload.duplicates_percent) {
            return earlier[self.random.usize(0..earlier.len())];
        }
        let debtor = self.debtors.draw(&mut self.random);
        let creditor = match self.workload.kind {
            Kind::Merchant => self.workload.accounts,
            Kind::Uniform | Kind::Zipf | Kind::Payer | Kind::Settlement => {
                let mut creditor = self.creditors.draw(&mut self.random);
                while creditor == debtor {
                    creditor = self.creditors.draw(&mut self.random);
                }
                creditor
            }
        };
        let minor_units = if self.percent(self.workload.declines_percent) {
            // More than anybody can have.
            self.workload.balance.max(BALANCE).unsigned_abs().saturating_mul(2)
        } else {
            self.random.u64(1..=AMOUNT_MAX)
        };
        Drawn { number: earlier.len(), debtor, creditor, minor_units }
    }

    /// True in so many of a hundred cases. Nothing is drawn for none.
    fn percent(&mut self, percent: u32) -> bool {
        percent > 0 && self.random.u32(0..100) < percent
    }
}

/// Numbers of accounts, and how often each is drawn.
pub(super) struct Weights {
    numbers: Vec<usize>,
    /// The sum of the weights up to each number; empty where all weigh the same.
    sums: Vec<f64>,
}

impl Weights {
    /// Of the accounts that pay, or are paid, in a workload.
    pub(super) fn new(workload: Workload, numbers: impl Iterator<Item = usize>) -> Self {
        match workload.kind {
            Kind::Zipf => Self::skewed(numbers, workload.exponent),
            Kind::Uniform | Kind::Merchant | Kind::Payer | Kind::Settlement => Self::even(numbers),
        }
    }

    /// All weigh the same.
    pub(super) fn even(numbers: impl Iterator<Item = usize>) -> Self {
        Self { numbers: numbers.collect(), sums: Vec::new() }
    }

    /// The k-th account of all weighs k^−exponent.
    fn skewed(numbers: impl Iterator<Item = usize>, exponent: Exponent) -> Self {
        let numbers: Vec<usize> = numbers.collect();
        let power = -f64::from(exponent.thousandths()) / 1_000.0;
        let mut sum = 0.0;
        let weigh = |&number: &usize| {
            sum += (number.saturating_add(1) as f64).powf(power);
            sum
        };
        let sums = numbers.iter().map(weigh).collect();
        Self { numbers, sums }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let position = match self.sums.last() {
            None => random.usize(0..self.numbers.len()),
            Some(all) => {
                let point = random.f64() * all;
                self.sums.partition_point(|&sum| sum <= point).min(self.numbers.len().saturating_sub(1))
            }
        };
        self.numbers[position]
    }
}
