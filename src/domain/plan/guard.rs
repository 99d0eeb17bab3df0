//! Turns a group of decided requests into a transaction: the net change of each account, guarded by the conditions that
//! the verdicts rest on.
//!
//! In: the requests of one group, in order. Out: the transaction.
//!
//! The conditions are as weak as the verdicts allow, so that credits from elsewhere don't disturb a debit:
//!
//! | the verdicts | condition on the account |
//! |---|---|
//! | money moves | open, and of the payment's currency |
//! | it is debited | same overdraft limit; balance at least what the worst prefix of its debits needs |
//! | it is credited | balance low enough for the highest prefix to be held |
//! | a decline rests on its balance | exactly the version decided on |
//!
//! An account that this transaction doesn't change gets no condition: a decline that rests on it holds as of the read,
//! and the read came after the request.

use super::{Account, AccountIx, AccountUpdate, Batch, Entry, Timestamp, Touch, Transaction};
use crate::domain::Balance;

/// Builds the transactions of one plan, in their order.
pub(super) struct Guard<'a, 's> {
    batch: &'a Batch,
    accounts: &'s [Option<Account>],
    /// By account: how many transactions of this plan have changed it so far, each raising its version by one.
    changes: Vec<u64>,
    /// By account: where its update stands in the transaction under way.
    slots: Vec<Option<usize>>,
}

/// What the requests of one transaction do to one account, seen so far.
struct Movement {
    account: AccountIx,
    net: i128,
    /// The lowest net after a debit, and the highest after a credit.
    lowest: Option<i128>,
    highest: Option<i128>,
    exact: bool,
}

impl<'a, 's> Guard<'a, 's> {
    pub(super) fn new(batch: &'a Batch, accounts: &'s [Option<Account>]) -> Self {
        Self { batch, accounts, changes: vec![0; accounts.len()], slots: vec![None; accounts.len()] }
    }

    /// The transaction of one group, and the accounts behind its updates.
    pub(super) fn transaction<'t>(
        &mut self,
        members: impl Iterator<Item = &'t Touch> + Clone,
        decided_at: Timestamp,
    ) -> (Transaction<'a>, Vec<AccountIx>) {
        let mut movements: Vec<Movement> = Vec::new();
        for touch in members.clone().filter(|touch| touch.verdict.is_ok()) {
            let amount = i128::from(self.batch.requests()[touch.request].payment.amount.minor_units());
            let debit = self.movement(&mut movements, touch.debtor);
            debit.net = debit.net.saturating_sub(amount);
            debit.lowest = Some(debit.lowest.map_or(debit.net, |lowest| lowest.min(debit.net)));
            let credit = self.movement(&mut movements, touch.creditor);
            credit.net = credit.net.saturating_add(amount);
            credit.highest = Some(credit.highest.map_or(credit.net, |highest| highest.max(credit.net)));
        }
        // Only now is it known which accounts the transaction changes: a decline may come before the change.
        for account in members.clone().flat_map(Touch::rests_on) {
            if let Some(slot) = self.slots[account] {
                movements[slot].exact = true;
            }
        }

        let mut entries = Vec::new();
        for touch in members {
            entries.push(Entry {
                request: &self.batch.requests()[touch.request],
                verdict: touch.verdict,
                creditor_lane: None,
            });
        }
        let updates = movements.iter().map(|movement| self.update(movement)).collect();
        let accounts: Vec<AccountIx> = movements.iter().map(|movement| movement.account).collect();
        for &account in &accounts {
            self.slots[account] = None;
            self.changes[account] = self.changes[account].saturating_add(1);
        }
        (Transaction { entries, updates, decided_at }, accounts)
    }

    fn movement<'m>(&mut self, movements: &'m mut Vec<Movement>, account: AccountIx) -> &'m mut Movement {
        let slot = *self.slots[account].get_or_insert_with(|| {
            movements.push(Movement { account, net: 0, lowest: None, highest: None, exact: false });
            movements.len().saturating_sub(1)
        });
        &mut movements[slot]
    }

    /// The guarded update of one account.
    fn update(&self, movement: &Movement) -> AccountUpdate {
        let Some(account) = &self.accounts[movement.account] else {
            // Leaving the update out would move money on one side only.
            unreachable!("money moves only on accounts that exist: the verdicts were decided on another snapshot");
        };
        // A debit may leave this at the least: the overdraft limit, or without one the lowest balance there is.
        let floor = account.overdraft_limit.lowest_balance().unwrap_or(i128::from(i64::MIN));
        let ceiling = i128::from(Balance::MAX.minor_units());
        AccountUpdate {
            account: account.id.clone(),
            lane: None,
            net: movement.net,
            currency: account.currency,
            overdraft_limit: movement.lowest.map(|_| account.overdraft_limit),
            balance_min: movement.lowest.map(|lowest| floor.saturating_sub(lowest)),
            balance_max: movement.highest.map(|highest| ceiling.saturating_sub(highest)),
            version: movement.exact.then(|| account.version.saturating_add(self.changes[movement.account])),
        }
    }
}
