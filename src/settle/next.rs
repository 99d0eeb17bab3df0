//! What is to be done next with a batch, on what is known of its accounts and how far its requests are.
//!
//! Invariant: pure but for the clock. A decline that can't stand yet is put off, and then the rest is looked at again.

use std::collections::BTreeSet;

use tokio::time::Instant;

use super::grounds;
use super::knowledge::Knowledge;
use super::progress::Progress;
use super::until::Until;
use crate::domain::decide::{Snapshot, decide_all};
use crate::domain::plan::{Step, plan};
use crate::domain::{AccountIx, Batch, Timestamp};

/// What is to be done next.
pub(super) enum Next<'b> {
    /// A debit needs what the lanes of these accounts hold.
    ReadLanes(Vec<AccountIx>),
    /// A decline for want of money rests on these accounts: each is read as it was at one moment.
    ReadSnapshot(BTreeSet<AccountIx>),
    /// A round: all that is pending is decided and planned.
    Commit(Vec<Step<'b>>),
    /// Nothing can be done at once.
    Wait(For),
    /// Nothing is left to do, or time is up.
    Done,
}

/// What is waited for.
pub(super) enum For {
    /// Somebody else, who is at work on all that is left.
    Others,
    /// A person, who may mend a stored item that can't be read.
    Mending,
}

/// Says what is to be done next. `now` tells the time that outcomes are stamped with.
pub(super) fn next<'b>(
    batch: &'b Batch,
    knowledge: &Knowledge<'_>,
    progress: &mut Progress<'_>,
    until: Until,
    now: impl Fn() -> Timestamp,
) -> Next<'b> {
    loop {
        let pending = progress.pending(knowledge);
        if Instant::now() >= until.done {
            return Next::Done;
        }
        if pending.is_empty() {
            return nothing_pending(knowledge, progress, until);
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

/// Whom to wait for, if for anybody.
fn nothing_pending<'b>(knowledge: &Knowledge<'_>, progress: &Progress<'_>, until: Until) -> Next<'b> {
    if progress.is_hindered() {
        Next::Wait(For::Others)
    } else if progress.is_damaged(knowledge) && Instant::now() < until.mended {
        Next::Wait(For::Mending)
    } else {
        Next::Done
    }
}
