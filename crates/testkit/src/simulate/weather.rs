//! What: Decides at random, at the start of a world, what may go wrong in it and how often. So worlds differ more than
//! their events do.
//!
//! In each world half of the faults are off. Some bugs need faults in one place and none in another. They show only in
//! such worlds, and hide if every fault happens all the time.

use super::tape::Tape;

/// How often what goes wrong, in thousandths of the times that it could, or as a weight among the world's events.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Weather {
    /// A transaction is cancelled because somebody from outside holds one of its items.
    pub(super) conflict: u32,
    /// A read sees some of its items earlier than others.
    pub(super) torn: u32,
    /// A transaction that is decided isn't seen at one of its items yet.
    pub(super) unseen: u32,
    /// A call is refused.
    pub(super) throttle: u32,
    /// A call never reaches the store.
    pub(super) lost_before: u32,
    /// A call is done, and its answer is lost.
    pub(super) lost_after: u32,
    /// Of lost calls: the caller hears nothing at all, and waits until its own time is up.
    pub(super) silent: u32,
    /// An account is left out of a read's answer.
    pub(super) unread: u32,
    /// An invocation gets a deadline that has passed, or nearly.
    pub(super) stale_deadline: u32,
    /// A batch is delivered again though all of it was acknowledged.
    pub(super) again: u32,
    /// The broker refuses an outcome, loses it, or its acknowledgement.
    pub(super) broker: u32,
    /// A publisher dies before it has said how far it came.
    pub(super) publisher_killed: u32,
    /// Weight: an invocation dies between any two of its calls, or while one is under way.
    pub(super) crash: u32,
    /// Weight: a partition gets another poller while its records are being settled.
    pub(super) rebalance: u32,
    /// Weight: a partition is read again from an earlier offset.
    pub(super) rewind: u32,
    /// Weight: somebody wants an account opened, frozen, unfrozen or closed, or with another limit or more lanes.
    pub(super) order: u32,
    /// Weight: an account's item becomes unreadable, and is mended later.
    pub(super) corrupt: u32,
    /// Weight: an operator creates a topic again.
    pub(super) anew: u32,
    /// Weight: an operator switches a mapping off, for a week.
    pub(super) off: u32,
    /// Weight: an operator redrives a dead letter.
    pub(super) redrive: u32,
    /// An operator's command dies between publishing a record and remembering that.
    pub(super) operator_killed: u32,
}

impl Weather {
    /// The weather of one world.
    pub(super) fn draw(tape: &mut Tape) -> Self {
        let mut upto = |most: u32| if tape.below(2) == 0 { 0 } else { tape.between(1, most) };
        Self {
            conflict: upto(200),
            torn: upto(200),
            unseen: upto(500),
            throttle: upto(100),
            lost_before: upto(150),
            lost_after: upto(200),
            silent: upto(1_000),
            unread: upto(100),
            stale_deadline: upto(200),
            again: upto(200),
            broker: upto(200),
            publisher_killed: upto(300),
            crash: upto(4),
            rebalance: upto(4),
            rewind: upto(2),
            order: upto(16),
            corrupt: upto(2),
            anew: upto(1),
            off: upto(1),
            redrive: upto(6),
            operator_killed: upto(300),
        }
    }
}
