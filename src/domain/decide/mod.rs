//! What: Decides payments: all the rules, for one payment and the state of its two accounts.
//!
//! Data: Takes a payment and a snapshot of accounts and lanes. Gives a decision, and the snapshot after it.
//!
//! | phase | where | what |
//! |---|---|---|
//! | rules | here | the reasons, in their order |
//! | snapshot | `snapshot` | what is decided on, and what is decided |
//! | funds | `funds` | what each account holds while the batch is decided, with its lanes and the credits of the batch |
//!
//! Invariants: The reasons are checked in the order of [`Decline::ALL`], and the first that holds is the answer. After
//! the last check the payment must succeed. A batch is decided serially, as if each payment were alone. So an overdraft
//! in the middle counts, and netting never hides one. No payment is declined for insufficient funds before all lanes of
//! its debtor are known. Nothing is conditional on the balance of an account that pays from lanes. Nothing here can
//! panic or overflow.

mod funds;
mod snapshot;

use super::{Account, AccountStatus, Batch, Decline, RequestIx, Transfer};
use funds::Funds;

pub use snapshot::{Decisions, Snapshot, Sweep};

/// Checks the reasons that don't look at balances. Returns the two accounts if money may move between them.
fn between<'a>(
    transfer: Transfer<'_>,
    debtor: Option<&'a Account>,
    creditor: Option<&'a Account>,
) -> Result<(&'a Account, &'a Account), Decline> {
    if transfer.debtor == transfer.creditor {
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
    if debtor.currency != transfer.currency || creditor.currency != transfer.currency {
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
        let transfer = batch.requests()[request].instruction.transfer();
        let (debtor_account, creditor_account) = (&snapshot.accounts[debtor], &snapshot.accounts[creditor]);
        let decision = between(transfer, debtor_account.as_ref(), creditor_account.as_ref())
            .and_then(|parties| funds.pay(position, transfer.amount, (debtor, creditor), parties));
        decisions.push(decision);
    }
    funds.finish(decisions)
}
