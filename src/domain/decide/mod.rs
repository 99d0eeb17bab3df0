//! What: Decides payments: all the rules, for one payment and the state of its two accounts.
//!
//! Data: Takes a payment and a snapshot of accounts and lanes. Gives a decision, and the snapshot after it.
//!
//! | phase | where | what |
//! |---|---|---|
//! | rules | here | the reasons, in their order |
//! | funds | `funds` | what each account holds while the batch is decided, with its lanes and the credits of the batch |
//!
//! Invariants: The reasons are checked in the order of [`Decline::ALL`], and the first that holds is the answer. After
//! the last check the payment must succeed. A batch is decided serially, as if each payment were alone. So an overdraft
//! in the middle counts, and netting never hides one. No payment is declined for insufficient funds before all lanes of
//! its debtor are known. Nothing is conditional on the balance of an account that pays from lanes. Nothing here can
//! panic or overflow.

mod funds;

use std::collections::HashMap;

use super::lane::KnownLanes;
use super::{Account, AccountIx, AccountStatus, Balance, Batch, Decision, Decline, Payment, RequestIx, Slice};
use funds::Funds;

/// What is known of the accounts that a batch names.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot<'s> {
    /// By [`AccountIx`]: the main item. `None` if no such account exists.
    pub accounts: &'s [Option<Account>],
    /// What is known of lanes, by account.
    pub lanes: &'s HashMap<AccountIx, KnownLanes>,
    /// The slice of time in which it is decided.
    pub slice: Slice,
}

impl Snapshot<'_> {
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
    /// Accounts whose lanes must be read first. If there are any, nothing else here counts.
    pub unread: Vec<AccountIx>,
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

/// Checks the reasons that don't look at balances. Returns the two accounts if money may move between them.
fn between<'a>(
    payment: &Payment,
    debtor: Option<&'a Account>,
    creditor: Option<&'a Account>,
) -> Result<(&'a Account, &'a Account), Decline> {
    if payment.debtor == payment.creditor {
        return Err(Decline::SameAccount);
    }
    let debtor = debtor.ok_or(Decline::DebtorNotFound)?;
    let creditor = creditor.ok_or(Decline::CreditorNotFound)?;
    if debtor.status == AccountStatus::Closed {
        return Err(Decline::DebtorClosed);
    }
    if creditor.status == AccountStatus::Closed {
        return Err(Decline::CreditorClosed);
    }
    if debtor.status == AccountStatus::Frozen {
        return Err(Decline::DebtorFrozen);
    }
    if creditor.status == AccountStatus::Frozen {
        return Err(Decline::CreditorFrozen);
    }
    if debtor.currency != payment.currency || creditor.currency != payment.currency {
        return Err(Decline::CurrencyMismatch);
    }
    Ok((debtor, creditor))
}

/// Decides requests of a batch, in the given order. Each finds the accounts as the requests before it left them.
#[must_use]
pub fn decide_all(batch: &Batch, requests: &[RequestIx], snapshot: Snapshot<'_>) -> Decisions {
    let mut funds = Funds::new(batch, snapshot);
    let mut decisions = Vec::with_capacity(requests.len());
    for (position, &request) in requests.iter().enumerate() {
        let (debtor, creditor) = batch.parties(request);
        let payment = &batch.requests()[request].payment;
        let (debtor_account, creditor_account) = (&snapshot.accounts[debtor], &snapshot.accounts[creditor]);
        let decision = between(payment, debtor_account.as_ref(), creditor_account.as_ref())
            .and_then(|parties| funds.pay(position, payment.amount, (debtor, creditor), parties));
        decisions.push(decision);
    }
    funds.finish(decisions)
}
