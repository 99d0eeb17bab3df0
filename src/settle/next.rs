//! What: Says what a batch needs next, from what is known of its accounts and how far its requests are.
//!
//! Invariants: It is pure, except for the clock. All that is pending is decided and planned together, so a batch takes
//! one round if nobody else stands in its way.

use std::time::Duration;

use tokio::time::Instant;

use super::deadline::Deadline;
use super::knowledge::Knowledge;
use super::progress::Progress;
use crate::domain::decide::{Snapshot, decide_all};
use crate::domain::plan::{Plan, Step, plan};
use crate::domain::{AccountIx, Batch, LegId, Timestamp};

/// What a batch needs next.
pub(super) enum Next<'b> {
    /// A debit needs what the lanes of these accounts hold.
    ReadLanes(Vec<AccountIx>),
    /// A decline needs these sums of refunds.
    ReadTotals(Vec<LegId>),
    /// A round of transactions.
    Commit(Round<'b>),
    /// Nothing can be done before accounts let payments go on.
    Pause,
    /// Nothing can be done before a person mends a stored item that can't be read.
    Wait,
    /// Nothing is left to do, or the deadline has come.
    Done,
}

/// A round.
pub(super) struct Round<'b> {
    /// All that is pending and needn't wait, decided and planned.
    pub(super) steps: Vec<Step<'b>>,
    /// If something waits for lanes to become free: when they are.
    pub(super) free_at: Option<Instant>,
}

/// Says what a batch needs next. `now` gives the time that is written into outcomes.
pub(super) fn next<'b>(
    batch: &'b Batch,
    knowledge: &Knowledge<'_>,
    progress: &Progress<'_>,
    deadline: Deadline,
    now: impl Fn() -> Timestamp,
) -> Next<'b> {
    if Instant::now() >= deadline.done {
        return Next::Done;
    }
    let pending = progress.pending(knowledge);
    if pending.is_empty() {
        if progress.would_go_on(knowledge) {
            return Next::Pause;
        }
        let may_be_mended = progress.is_damaged(knowledge) && Instant::now() < deadline.mended;
        return if may_be_mended { Next::Wait } else { Next::Done };
    }
    let accounts = knowledge.mains();
    let now = now();
    let snapshot = Snapshot { accounts: &accounts, lanes: knowledge.lanes(), refund_totals: knowledge.totals(), now };
    let decisions = decide_all(batch, &pending, snapshot);
    if !decisions.unread.is_empty() {
        return Next::ReadLanes(decisions.unread);
    }
    if !decisions.unread_totals.is_empty() {
        return Next::ReadTotals(decisions.unread_totals);
    }
    let Plan { steps, holds } = plan(batch, &pending, &decisions, snapshot, knowledge.capacity());
    let wait = Duration::from_millis(snapshot.slice().until_others_are_free_ms().unsigned_abs());
    let free_at = Instant::now().checked_add(wait).unwrap_or(deadline.done);
    Next::Commit(Round { steps, free_at: holds.then_some(free_at) })
}
