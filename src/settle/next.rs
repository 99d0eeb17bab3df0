//! What: Says what a batch needs next, from what is known of its accounts and how far its requests are.
//!
//! Invariants: It is pure, except for the clock. A decline that can't be committed yet is put off, and the rest is
//! decided again.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::grounds;
use super::knowledge::Knowledge;
use super::progress::Progress;
use crate::domain::decide::{Snapshot, decide_all};
use crate::domain::plan::{Step, plan};
use crate::domain::{AccountIx, Batch, Timestamp};

/// What a batch needs next.
pub(super) enum Next<'b> {
    /// A debit needs what the lanes of these accounts hold.
    ReadLanes(Vec<AccountIx>),
    /// Snapshot reads of these accounts: a decline rests on their balances.
    ReadSnapshot(BTreeSet<AccountIx>),
    /// A round: these steps are all that is pending, decided and planned.
    Commit(Vec<Step<'b>>),
    /// Nothing can be done now.
    Wait(For),
    /// Nothing is left to do, or the deadline has come.
    Done,
}

/// Who must act before the batch can go on.
pub(super) enum For {
    /// Other workers, who hold the accounts of all that is left.
    Others,
    /// A person, who may mend a stored item that can't be read.
    Mending,
}

/// Says what a batch needs next. `now` gives the time that is written into outcomes.
pub(super) fn next<'b>(
    batch: &'b Batch,
    knowledge: &Knowledge<'_>,
    progress: &mut Progress<'_>,
    deadline: Deadline,
    now: impl Fn() -> Timestamp,
) -> Next<'b> {
    loop {
        let pending = progress.pending(knowledge);
        if Instant::now() >= deadline.done {
            return Next::Done;
        }
        if pending.is_empty() {
            return nothing_pending(knowledge, progress, deadline);
        }
        let accounts = knowledge.mains();
        let snapshot = Snapshot { accounts: &accounts, lanes: knowledge.lanes() };
        let decisions = decide_all(batch, &pending, snapshot);
        if !decisions.unread.is_empty() {
            return Next::ReadLanes(decisions.unread);
        }
        let doubts = grounds::doubts(batch, knowledge, &pending, &decisions);
        if !doubts.confirm.is_empty() {
            return Next::ReadSnapshot(doubts.confirm);
        }
        if doubts.hold.is_empty() && doubts.hindered.is_empty() {
            return Next::Commit(plan(batch, &pending, &decisions, snapshot, now(), knowledge.limits()));
        }
        progress.put_off(doubts.hold, doubts.hindered);
    }
}

/// What a batch without pending requests needs.
fn nothing_pending<'b>(knowledge: &Knowledge<'_>, progress: &Progress<'_>, deadline: Deadline) -> Next<'b> {
    if progress.is_hindered() {
        Next::Wait(For::Others)
    } else if progress.is_damaged(knowledge) && Instant::now() < deadline.mended {
        Next::Wait(For::Mending)
    } else {
        Next::Done
    }
}
