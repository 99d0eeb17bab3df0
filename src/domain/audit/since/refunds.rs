//! What: Checks the sums of the refunds that one account gave since its checkpoint.
//!
//! Data: Takes its settled refunds, the sums that are stored, and what was proved of each before. Gives findings, and
//! what is proved now.
//!
//! Why one account is enough: All refunds of an original have the same debtor, so all of them are in its lists.

use std::collections::BTreeMap;

use crate::domain::audit::Finding;
use crate::domain::audit::times::{Part, Times};
use crate::domain::{LegId, Timestamp};

/// How much of a payment or leg was refunded up to a closed time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RefundBase {
    /// The sum, in minor units.
    pub sum: u64,
    /// The closed time. Later refunds are not in the sum.
    pub as_of: Timestamp,
}

impl RefundBase {
    /// What is proved of a sum before its first refund.
    pub const NONE: Self = Self { sum: 0, as_of: Timestamp::MIN };
}

/// The refunds of an account since its checkpoint, by the sum that they add to.
#[derive(Debug, Default)]
pub(super) struct RefundsSince(BTreeMap<LegId, Vec<(Timestamp, u64)>>);

impl RefundsSince {
    /// Takes a settled refund.
    pub(super) fn refunded(&mut self, total: LegId, decided_at: Timestamp, amount: u64) {
        self.0.entry(total).or_default().push((decided_at, amount));
    }

    /// How many refunds are kept.
    pub(super) fn kept(&self) -> usize {
        self.0.values().map(Vec::len).sum()
    }

    pub(super) fn totals(&self) -> impl Iterator<Item = &LegId> {
        self.0.keys()
    }

    /// Judges a sum. Gives what is proved now, if there are closed refunds that weren't proved before.
    pub(super) fn judge(
        &self,
        total: &LegId,
        sum: u64,
        base: RefundBase,
        paid: u64,
        times: Times,
    ) -> (Vec<Finding>, Option<RefundBase>) {
        let mut parts = [0_u64; 3];
        let mut is_new = false;
        for (decided_at, amount) in self.0.get(total).into_iter().flatten() {
            // What an interrupted audit has proved is in the base.
            if *decided_at > base.as_of {
                let part = times.part(*decided_at);
                is_new |= part == Part::Closed;
                let place = match part {
                    Part::Closed => 0,
                    Part::Firm => 1,
                    Part::Open => 2,
                };
                parts[place] = parts[place].saturating_add(*amount);
            }
        }
        let [closed, firm, open] = parts;
        let closed = base.sum.saturating_add(closed);
        let lowest = closed.saturating_add(firm);
        let mut findings = Vec::new();
        if !(lowest..=lowest.saturating_add(open)).contains(&sum) {
            findings.push(Finding::Refunded { total: total.clone(), expected: lowest, found: sum });
        }
        if sum > paid {
            findings.push(Finding::OverRefunded { total: total.clone(), paid, found: sum });
        }
        (findings, is_new.then_some(RefundBase { sum: closed, as_of: times.closed }))
    }
}
