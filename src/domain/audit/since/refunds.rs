//! What: Checks the sums of the refunds that one account gave since its checkpoint.
//!
//! Data: Takes its settled refunds, the sums that are stored, and what was proved of each before. Gives findings, and
//! what is proved now.
//!
//! A slice holds only a part of an account's refunds. A sum that is just what they make has no later refund, and is
//! proved. A sum that is larger is carried to the next slice. The last one judges it.
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

/// The refunds of an account since its checkpoint or draft, by the sum that they add to.
#[derive(Debug, Default)]
pub(super) struct RefundsSince {
    since: BTreeMap<LegId, Vec<(Timestamp, u64)>>,
    /// What a draft has of sums that were larger than their refunds up to its time.
    drafted: BTreeMap<LegId, RefundBase>,
    /// The same of those up to the closed time.
    larger: BTreeMap<LegId, RefundBase>,
}

impl RefundsSince {
    /// Begins with what a draft has. Each of these sums is judged, also without a refund since then.
    pub(super) fn drafted(drafted: &BTreeMap<LegId, RefundBase>) -> Self {
        let since = drafted.keys().map(|total| (total.clone(), Vec::new())).collect();
        Self { since, drafted: drafted.clone(), larger: BTreeMap::new() }
    }

    /// Takes a settled refund.
    pub(super) fn refunded(&mut self, total: LegId, decided_at: Timestamp, amount: u64) {
        self.since.entry(total).or_default().push((decided_at, amount));
    }

    /// How many refunds are kept.
    pub(super) fn kept(&self) -> usize {
        self.since.values().map(|refunds| refunds.len().max(1)).sum()
    }

    pub(super) fn totals(&self) -> impl Iterator<Item = &LegId> {
        self.since.keys()
    }

    /// What is known of a sum before: what is proved, or what a draft has of it, whichever is later.
    pub(super) fn base(&self, total: &LegId, proved: RefundBase) -> RefundBase {
        self.drafted.get(total).copied().filter(|drafted| drafted.as_of >= proved.as_of).unwrap_or(proved)
    }

    /// The sums that are larger than their refunds up to the end of the slice.
    pub(super) const fn larger(&self) -> &BTreeMap<LegId, RefundBase> {
        &self.larger
    }

    /// Judges a sum. Gives what is proved now, if there are closed refunds that weren't proved before. Beside a slice
    /// later refunds may have made the sum larger. Then the next slices judge it.
    pub(super) fn judge(
        &mut self,
        total: &LegId,
        sum: u64,
        base: RefundBase,
        paid: u64,
        times: Times,
    ) -> (Vec<Finding>, Option<RefundBase>) {
        let mut parts = [0_u64; 3];
        let mut is_new = self.drafted.contains_key(total);
        for (decided_at, amount) in self.since.get(total).into_iter().flatten() {
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
        let highest = if times.is_slice { u64::MAX } else { lowest.saturating_add(open) };
        if !(lowest..=highest).contains(&sum) {
            findings.push(Finding::Refunded { total: total.clone(), expected: lowest, found: sum });
        }
        if sum > paid {
            findings.push(Finding::OverRefunded { total: total.clone(), paid, found: sum });
        }
        let next = RefundBase { sum: closed, as_of: times.closed.max(base.as_of) };
        if times.is_slice && sum > closed {
            self.larger.insert(total.clone(), next);
            return (findings, None);
        }
        (findings, is_new.then_some(next))
    }
}
