//! Whether what a decline for want of money rests on was so at one moment: a moment after the earlier debits of its debtor.
//!
//! In: requests as they were decided. Out: what must be read again first, or which requests must wait for the round to
//! be over.
//!
//! A debit that is settled carries conditions, and they find out what has changed since the read. A decline moves nothing
//! and carries none but those of the items that its transaction changes anyway. So:
//!
//! | the decline rests on | it is right at | because |
//! |---|---|---|
//! | an account that we haven't changed since we read it | the read | nothing of ours comes between |
//! | one that its own or an earlier transaction of the same plan changes | that transaction | the change holds if the version is the one decided on (`plan::guard`) |
//! | one that an earlier round changed | nothing, until it is read again | credits may have come between read and change, and no condition looked at them |
//! | main item and lanes | the read of the main item before the lanes were read, if its version was the same after it, and still is when the decline is written | then no lane was emptied, so none held more at the start than what was read of it |
//! | main item and lanes, after a debit of the same plan | nothing, until the plan is carried out and both are read again | no version tells of a credit on a lane |
//!
//! Invariant: whatever is read again or held, the earlier debit that makes it so is sent, so each round moves.
//!
//! Limits: of an account with lanes, payments settled and declined for want of money by turns take a round each turn.

use std::collections::HashSet;

use super::Work;
use crate::domain::decide::Decisions;
use crate::domain::{Account, AccountIx, Decline, RequestIx};
use crate::store::AccountRead;

/// What stands between decisions and their plan.
#[derive(Debug, Default)]
pub(super) struct Doubts {
    /// Accounts to read again.
    again: Vec<AccountIx>,
    /// Declines that wait for the end of the round.
    hold: Vec<RequestIx>,
}

impl Doubts {
    pub(super) fn is_empty(&self) -> bool {
        self.again.is_empty() && self.hold.is_empty()
    }

    /// Whether an account must be read again.
    pub(super) fn read_again(&self) -> bool {
        !self.again.is_empty()
    }

    /// Notes what is to be read again; once nothing is, what is to be held, since another balance may settle it.
    pub(super) fn note(self, work: &mut Work<'_>) {
        if self.again.is_empty() {
            work.held.extend(self.hold);
        }
        for account in self.again {
            if has_lanes(work, account) {
                // Its main item is read after them anyway.
                work.lanes.remove(&account);
            } else {
                work.forget(account);
            }
        }
    }
}

/// Finds the declines that can't stand as they were decided.
pub(super) fn doubts(work: &Work<'_>, pending: &[RequestIx], decisions: &Decisions) -> Doubts {
    let mut doubts = Doubts::default();
    let short = |verdict| matches!(verdict, Err(Decline::InsufficientFunds | Decline::BalanceOverflow));
    if !decisions.verdicts.iter().copied().any(short) {
        return doubts;
    }
    let mut debited: HashSet<AccountIx> = HashSet::new();
    for (&request, &verdict) in pending.iter().zip(&decisions.verdicts) {
        let (debtor, creditor) = work.batch.parties(request);
        match verdict {
            Ok(()) => {
                debited.insert(debtor);
            }
            Err(Decline::InsufficientFunds) if has_lanes(work, debtor) => {
                if !lanes_agree(work, debtor) {
                    doubts.again.push(debtor);
                } else if debited.contains(&debtor) {
                    doubts.hold.push(request);
                }
            }
            Err(Decline::InsufficientFunds) => doubts.again.extend(work.moved.get(&debtor)),
            Err(Decline::BalanceOverflow) => {
                let parties = [debtor, creditor].into_iter().filter(|&account| !has_lanes(work, account));
                doubts.again.extend(parties.filter(|account| work.moved.contains(account)));
            }
            Err(
                Decline::SameAccount
                | Decline::DebtorNotFound
                | Decline::CreditorNotFound
                | Decline::DebtorClosed
                | Decline::CreditorClosed
                | Decline::DebtorFrozen
                | Decline::CreditorFrozen
                | Decline::CurrencyMismatch,
            ) => {}
        }
    }
    doubts
}

fn has_lanes(work: &Work<'_>, account: AccountIx) -> bool {
    main(work, account).is_some_and(|main| !main.credit_lanes.is_none())
}

/// Whether the main item is the one that it was before the lanes were read.
fn lanes_agree(work: &Work<'_>, account: AccountIx) -> bool {
    main(work, account).is_some_and(|main| work.lanes_since.get(&account) == Some(&main.version))
}

fn main<'w>(work: &'w Work<'_>, account: AccountIx) -> Option<&'w Account> {
    match &work.accounts[account] {
        AccountRead::Found(main) => Some(main),
        AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
    }
}
