//! What: Holds how much of each original is refunded while a batch is decided.
//!
//! Data: Takes what is known of refunds, then refunds one by one, in order. Says how much each gives back.
//!
//! Invariants: The sum of refunds only grows. So a refund that exceeds what is known to be left is declined for ever. A
//! decline for want of money is different. If less is left than is known, another reason comes first. So it needs a
//! sum that was read.

use std::collections::HashMap;

use super::snapshot::{Decisions, Snapshot};
use crate::domain::{Amount, Decision, Decline, LegId, Refund};

/// The refunds of originals, request by request.
pub(super) struct Refunds<'s> {
    snapshot: Snapshot<'s>,
    /// What the requests before give back.
    settled: HashMap<LegId, u64>,
    /// The amounts that are known, by position.
    amounts: Vec<(usize, Amount)>,
    unread: Vec<LegId>,
}

impl<'s> Refunds<'s> {
    pub(super) fn new(snapshot: Snapshot<'s>) -> Self {
        Self { snapshot, settled: HashMap::new(), amounts: Vec::new(), unread: Vec::new() }
    }

    /// A refund asks for this much. So its outcome tells it, whatever is decided.
    pub(super) fn asked(&mut self, position: usize, refund: &Refund) {
        self.amounts.extend(refund.amount.map(|asked| (position, asked)));
    }

    /// How much a refund gives back. `all` was paid.
    ///
    /// # Errors
    /// [`Decline::ExceedsRefundable`].
    pub(super) fn amount(&mut self, position: usize, refund: &Refund, all: Amount) -> Result<Amount, Decline> {
        let total = refund.total();
        let known = self.snapshot.refund_totals.get(&total).copied().unwrap_or_default().at_least;
        let settled = self.settled.get(&total).copied().unwrap_or_default();
        let left = all.minor_units().checked_sub(known).and_then(|left| left.checked_sub(settled)).unwrap_or_default();
        if let Some(asked) = refund.amount {
            return if asked.minor_units() <= left { Ok(asked) } else { Err(Decline::ExceedsRefundable) };
        }
        let amount = Amount::try_new(left).map_err(|_| Decline::ExceedsRefundable)?;
        self.amounts.push((position, amount));
        Ok(amount)
    }

    /// A refund is settled, or declined because of balances.
    pub(super) fn decided(&mut self, refund: &Refund, amount: Amount, decision: Decision) {
        let total = refund.total();
        if decision.is_ok() {
            let settled = self.settled.entry(total).or_default();
            *settled = settled.saturating_add(amount.minor_units());
        } else if !self.snapshot.refund_totals.get(&total).is_some_and(|total| total.is_read)
            && !self.unread.contains(&total)
        {
            self.unread.push(total);
        }
    }

    /// Adds the amounts, and the sums of refunds that must be read first.
    pub(super) fn finish(self, decisions: Decisions) -> Decisions {
        Decisions { repaid: self.amounts, unread_totals: self.unread, ..decisions }
    }
}
