//! What: Learns from what became of a step. [`Progress`] gets what it says of requests, [`Knowledge`] what it says of
//! accounts.

use std::collections::BTreeSet;

use super::knowledge::Knowledge;
use super::progress::Progress;
use crate::domain::plan::Step;
use crate::domain::{AccountIx, RequestIx};
use crate::store::{Cancelled, PaymentRead, Rejected, StoreError, TotalRead};

/// All of a step happened.
pub(super) fn applied(step: &Step<'_>, knowledge: &mut Knowledge<'_>, progress: &mut Progress<'_>) {
    progress.applied(step);
    knowledge.applied(step);
}

/// A read or a cancelled transaction found this payment under the id of a request.
pub(super) fn payment(
    request: RequestIx,
    read: PaymentRead,
    knowledge: &mut Knowledge<'_>,
    progress: &mut Progress<'_>,
) {
    match read {
        PaymentRead::Found(recorded) => knowledge.doubt(progress.has_outcome(request, recorded.fingerprint)),
        PaymentRead::Corrupt(expected) => {
            progress.cannot_read([request]);
            knowledge.note(StoreError::Corrupt(expected));
        }
        PaymentRead::Missing | PaymentRead::Unread => {}
    }
}

/// None of a step happened, for these reasons.
pub(super) fn cancelled(
    step: &Step<'_>,
    cancelled: Cancelled,
    knowledge: &mut Knowledge<'_>,
    progress: &mut Progress<'_>,
) {
    for (entry, stored) in cancelled.duplicates {
        let read = stored.map_or_else(PaymentRead::Corrupt, PaymentRead::Found);
        payment(step.requests[entry], read, knowledge, progress);
    }
    for (update, read) in cancelled.accounts {
        let account = step.accounts[update];
        knowledge.learn_account(account, read);
        // The lanes were read before this main item. What was swept in between would count twice.
        knowledge.forget_lanes(account);
    }
    for (update, read) in cancelled.lanes {
        knowledge.learn_lane(step.accounts[update], &step.transaction.updates[update], read);
    }
    for (total, read) in cancelled.totals {
        let id = &step.transaction.totals[total].id;
        if let TotalRead::Corrupt(_) = read {
            progress.cannot_read(step.adding_to(id));
        }
        knowledge.learn_total(id, read);
    }
    if let Some(Rejected { entries, updates, totals, why }) = cancelled.rejected {
        let accounts: BTreeSet<AccountIx> = updates.into_iter().map(|update| step.accounts[update]).collect();
        progress.rejects_accounts(step, &accounts);
        progress.rejects(entries.into_iter().map(|entry| step.requests[entry]));
        let ids = totals.into_iter().map(|total| &step.transaction.totals[total].id);
        progress.rejects(ids.flat_map(|id| step.adding_to(id)));
        knowledge.note(StoreError::Rejected(why));
    }
    if cancelled.transient == Some(StoreError::Conflict) {
        match cancelled.busy.is_empty() {
            true => knowledge.contend(step.accounts.iter().copied()),
            false => knowledge.contend(cancelled.busy.iter().map(|&update| step.accounts[update])),
        }
    }
    if let Some(error) = cancelled.transient {
        knowledge.note(error);
    }
}

/// It is not known whether a step happened, or the store rejected it.
pub(super) fn refused(step: &Step<'_>, error: StoreError, knowledge: &mut Knowledge<'_>, progress: &mut Progress<'_>) {
    match &error {
        // Another try won't help soon. Stop at the first of these requests.
        StoreError::Corrupt(_) => progress.cannot_read(step.requests.iter().copied()),
        StoreError::Rejected(_) => progress.rejects(step.requests.iter().copied()),
        StoreError::Conflict => knowledge.contend(step.accounts.iter().copied()),
        StoreError::Throttled(_) | StoreError::NoTable(_) => {}
        StoreError::Unavailable(_) => step.accounts.iter().for_each(|&account| knowledge.forget(account)),
    }
    knowledge.note(error);
}
