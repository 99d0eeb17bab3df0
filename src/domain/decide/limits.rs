//! What: Holds what payments have used of their debtors' limits while a batch is decided.
//!
//! Data: Takes a snapshot, then payments one by one, in order. Says whether each is within the limits of its debtor.
//!
//! Invariants: A payment counts once it is settled, in the period of its own time ([`Account::decided_at`]). So what is
//! used of a window is what the journal says of that period.

use std::collections::HashMap;

use super::snapshot::Snapshot;
use crate::domain::limits::{Period, Used, Window};
use crate::domain::{Account, AccountIx, AccountLimits, Decline};

/// What is used, payment by payment.
pub(super) struct Spent<'s> {
    snapshot: Snapshot<'s>,
    /// What the payments of this batch have used so far, by debtor: the sum of their amounts, and how many they are.
    settled: HashMap<AccountIx, Used>,
}

impl<'s> Spent<'s> {
    pub(super) fn new(snapshot: Snapshot<'s>) -> Self {
        Self { snapshot, settled: HashMap::new() }
    }

    /// Checks a payment of this amount, in minor units, against the limits of its debtor.
    ///
    /// # Errors
    /// [`Decline::PaymentLimit`], then [`Decline::VelocityLimit`] with the first window that doesn't allow it.
    pub(super) fn check(&self, amount: u64, debtor: AccountIx, account: &Account) -> Result<(), Decline> {
        let Some(limits) = &account.limits else { return Ok(()) };
        if limits.max_payment.is_some_and(|most| amount > most.minor_units()) {
            return Err(Decline::PaymentLimit);
        }
        let allows = |(period, window): &(Period, Window)| {
            let used = self.used(limits, *period, window, debtor).and(amount);
            window.limit.allows(used)
        };
        match limits.windows().find(|window| !allows(window)) {
            Some((period, _)) => Err(Decline::VelocityLimit(period)),
            None => Ok(()),
        }
    }

    /// A payment of this amount is settled.
    pub(super) fn settled(&mut self, amount: u64, debtor: AccountIx, account: &Account) {
        if account.limits.is_some() {
            let used = Used { start: self.snapshot.now, amount: 0, count: 0 };
            let settled = self.settled.entry(debtor).or_insert(used);
            *settled = settled.and(amount);
        }
    }

    fn used(&self, limits: &AccountLimits, period: Period, window: &Window, debtor: AccountIx) -> Used {
        let start = period.start_of(limits.decided_at(self.snapshot.now));
        let stored = Used::of(window.used, start);
        self.settled.get(&debtor).map_or(stored, |batch| Used {
            amount: stored.amount.saturating_add(batch.amount),
            count: stored.count.saturating_add(batch.count),
            ..stored
        })
    }
}
