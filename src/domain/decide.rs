//! Decides payments: all the rules, one payment against the state of its two accounts.
//!
//! In: a payment and a snapshot of accounts. Out: a verdict, and the snapshot after it.
//!
//! Invariants: the reasons are checked in the order of [`Decline::ALL`], and the first that holds is the answer; after
//! the last check the payment must succeed. A batch is decided serially, as if each payment were alone: an overdraft in
//! the middle counts, and netting never hides one. Nothing here can panic or overflow.

use super::{Account, AccountStatus, Balance, Batch, Decline, Payment, RequestIx, Verdict};

/// Decides one payment: the balances of debtor and creditor after it, or why it is declined.
///
/// # Errors
/// The first [`Decline`] that holds, in the order of [`Decline::ALL`].
pub fn decide(
    payment: &Payment,
    debtor: Option<&Account>,
    creditor: Option<&Account>,
) -> Result<(Balance, Balance), Decline> {
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
    let (Some(debited), Some(credited)) =
        (debtor.balance.debited(payment.amount), creditor.balance.credited(payment.amount))
    else {
        return Err(Decline::BalanceOverflow);
    };
    if !debtor.overdraft_limit.allows(debited) {
        return Err(Decline::InsufficientFunds);
    }
    Ok((debited, credited))
}

/// Decides requests of a batch, in the order given, each on the accounts as the ones before it left them.
///
/// `accounts` is the snapshot, by [`AccountIx`](super::AccountIx): `None` where no such account exists.
#[must_use]
pub fn decide_all(batch: &Batch, requests: &[RequestIx], accounts: &[Option<Account>]) -> Vec<Verdict> {
    let mut accounts = accounts.to_vec();
    let settle = |&request: &RequestIx| -> Verdict {
        let (debtor, creditor) = batch.parties(request);
        let payment = &batch.requests()[request].payment;
        let (debited, credited) = decide(payment, accounts[debtor].as_ref(), accounts[creditor].as_ref())?;
        for (ix, balance) in [(debtor, debited), (creditor, credited)] {
            if let Some(account) = &mut accounts[ix] {
                account.balance = balance;
            }
        }
        Ok(())
    };
    requests.iter().map(settle).collect()
}
