//! What: Adds up settled payments: what accounts hold, what was refunded, and what is used of windows.
//!
//! Data: Takes settled outcomes, in any order, each id once. Gives sums, and what contradicts the accounts.
//!
//! Invariants: Balances begin at zero and change only by settled payments, so these sums are exact. The audit adds up
//! the same by code of its own.

use std::collections::BTreeMap;

use giro::domain::limits::{Period, Used};
use giro::domain::{Account, AccountId, Currency, Instruction, LegId, Outcome};

/// The sums of settled payments.
#[derive(Debug, Clone, Default)]
pub struct Money {
    /// By account: its currency, and what its postings make, in minor units.
    net: BTreeMap<AccountId, (Currency, i128)>,
    refunded: BTreeMap<LegId, u64>,
    /// What is used of the newest period of each window.
    used: BTreeMap<(AccountId, Period), Used>,
    /// The highest version of limits that payments of an account counted under.
    versions: BTreeMap<AccountId, u64>,
}

impl Money {
    /// Adds a settled payment. `account` gives the terms of an account. The answer is what contradicts others.
    pub fn settled<'a>(
        &mut self,
        outcome: &Outcome,
        account: impl Fn(&AccountId) -> Option<&'a Account>,
    ) -> Option<String> {
        let mut contradiction = None;
        let mut other = |id: &AccountId, of: Currency, is: Currency| {
            contradiction = Some(format!(
                "payment {}: it is settled in {of}, and its account {id} is in {is}",
                outcome.instruction.id()
            ));
        };
        for transfer in outcome.transfers() {
            let amount = i128::from(transfer.amount.minor_units());
            for (id, amount) in [(transfer.debtor, amount.saturating_neg()), (transfer.creditor, amount)] {
                let known = account(id).map_or(transfer.currency, |account| account.currency);
                let (currency, net) = self.net.entry(id.clone()).or_insert((known, 0));
                *net = net.saturating_add(amount);
                if *currency != transfer.currency {
                    other(id, transfer.currency, *currency);
                }
            }
            if let Some(total) = outcome.instruction.total() {
                let sum = self.refunded.entry(total).or_default();
                *sum = sum.saturating_add(transfer.amount.minor_units());
            }
        }
        self.count(outcome, account(outcome.instruction.debtor()));
        contradiction
    }

    /// Counts a payment in the windows of its debtor. A refund counts in none.
    fn count(&mut self, outcome: &Outcome, debtor: Option<&Account>) {
        let Some(version) = outcome.limits_version else { return };
        match outcome.instruction {
            Instruction::Payment(_) | Instruction::Legged(_) => {}
            Instruction::Refund(_) => return,
        }
        let id = outcome.instruction.debtor();
        let highest = self.versions.entry(id.clone()).or_default();
        *highest = version.max(*highest);
        let own = outcome.transfers().filter(|transfer| transfer.debtor == id);
        let taken = own.map(|transfer| transfer.amount.minor_units()).fold(0, u64::saturating_add);
        for (period, window) in debtor.iter().filter_map(|it| it.limits.as_deref()).flat_map(|limits| limits.windows())
        {
            if version < window.since {
                continue;
            }
            let start = period.start_of(outcome.decided_at);
            let used = self.used.entry((id.clone(), period)).or_insert(Used { start, amount: 0, count: 0 });
            if start >= used.start {
                *used = Used::of(Some(*used), start).and(taken);
            }
        }
    }

    /// Every account that has a posting, and its currency.
    pub fn accounts(&self) -> impl Iterator<Item = &AccountId> {
        self.net.keys()
    }

    /// What the postings of an account make, in minor units.
    #[must_use]
    pub fn net(&self, id: &AccountId) -> i128 {
        self.net.get(id).map_or(0, |(_, net)| *net)
    }

    /// By original, or by leg of it: what settled refunds gave back, in minor units.
    #[must_use]
    pub const fn refunded(&self) -> &BTreeMap<LegId, u64> {
        &self.refunded
    }

    /// What is used of a window.
    #[must_use]
    pub fn used(&self, id: &AccountId, period: Period) -> Option<Used> {
        self.used.get(&(id.clone(), period)).copied()
    }

    /// The highest version of limits that payments of an account counted under; 0 if there was none.
    #[must_use]
    pub fn limits_version(&self, id: &AccountId) -> u64 {
        self.versions.get(id).copied().unwrap_or_default()
    }
}
