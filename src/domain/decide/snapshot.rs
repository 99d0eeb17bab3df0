//! What: What is known before a batch is decided, and what is decided on it.
//!
//! Data: A snapshot of accounts and lanes. Decisions, each with the lanes that it sweeps.

use std::collections::HashMap;

use crate::domain::lane::KnownLanes;
use crate::domain::refund::RefundTotal;
use crate::domain::{Account, AccountIx, Amount, Balance, Batch, Decision, LegId, LegNumber, Slice, Timestamp};

/// What is known of the accounts that a batch names.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'s> {
    /// By [`AccountIx`]: the main item. `None` if no such account exists.
    pub accounts: &'s [Option<Account>],
    /// What is known of lanes, by account.
    pub lanes: &'s HashMap<AccountIx, KnownLanes>,
    /// What is known of sums of refunds. Nothing is known of those that are not here.
    pub refund_totals: &'s HashMap<LegId, RefundTotal>,
    /// When it is decided.
    pub now: Timestamp,
}

impl Snapshot<'_> {
    /// The slice of time in which it is decided.
    #[must_use]
    pub fn slice(&self) -> Slice {
        Slice::at(self.now)
    }

    /// The lanes of an account from which this batch pays, in order. There are none if the account doesn't [pay from
    /// lanes](Account::pays_from_lanes), or if no lane that the batch owns takes both debits and credits. Then the
    /// account pays from its main item.
    #[must_use]
    pub fn paying_lanes(&self, batch: &Batch, account: AccountIx) -> Vec<u16> {
        let pays = self.accounts[account].as_ref().filter(|account| account.pays_from_lanes());
        let Some(lanes) = pays.map(|account| account.credit_lanes) else { return Vec::new() };
        let mut owned = batch.owned_lanes(lanes);
        if let Some(known) = self.lanes.get(&account) {
            owned.retain(|&lane| known.takes_debit(lane) && known.takes_credit(lane));
        }
        owned
    }
}

/// The decisions on requests of a batch, and what they rest on beside the main items.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Decisions {
    /// The decision on each request, in their order.
    pub decisions: Vec<Decision>,
    /// Lanes to sweep into the main item, because a debit needs their money. In the order of the debits.
    pub sweeps: Vec<Sweep>,
    /// Accounts with lanes whose credits must go to the main item, because debits of this batch spend them. In order,
    /// each once.
    pub gathered: Vec<AccountIx>,
    /// The amounts of refunds, as far as they are known, each with the position of its refund. In order.
    pub repaid: Vec<(usize, Amount)>,
    /// Legs that credits of their own payment cover, each the position of its payment and its place there. In order.
    pub covered: Vec<(usize, usize)>,
    /// The legs that payments are declined for, each with the position of its payment. In order.
    pub declined_legs: Vec<(usize, LegNumber)>,
    /// Accounts whose lanes must be read first. If there are any, nothing else here counts.
    pub unread: Vec<AccountIx>,
    /// Sums of refunds that must be read first. If there are any, nothing else here counts.
    pub unread_totals: Vec<LegId>,
}

impl Decisions {
    /// The amount of the refund at this position. `None` if it is not known, and for a payment.
    #[must_use]
    pub fn repaid(&self, position: usize) -> Option<Amount> {
        let found = self.repaid.binary_search_by_key(&position, |&(position, _)| position).ok()?;
        self.repaid.get(found).map(|&(_, amount)| amount)
    }

    /// The leg that the payment at this position is declined for. `None` if it isn't declined, or has no legs.
    #[must_use]
    pub fn declined_leg(&self, position: usize) -> Option<LegNumber> {
        let found = self.declined_legs.binary_search_by_key(&position, |&(position, _)| position).ok()?;
        self.declined_legs.get(found).map(|&(_, leg)| leg)
    }

    /// Whether credits of its own payment cover the leg at this place.
    #[must_use]
    pub fn is_covered(&self, position: usize, place: usize) -> bool {
        self.covered.binary_search(&(position, place)).is_ok()
    }
}

/// A lane that is swept into its main item for a debit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sweep {
    /// The position, among the requests decided, of the debit that sweeps it: the one that needs it, or an earlier one
    /// of the same debtor.
    pub position: usize,
    /// The account.
    pub account: AccountIx,
    /// Its lane.
    pub lane: u16,
    /// What the lane is known to hold, in minor units. It may hold more when it is swept.
    pub amount: Balance,
}
