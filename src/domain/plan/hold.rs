//! What: Says which requests wait, because their debits need lanes that other batches may credit at this time.
//!
//! Data: Takes what each request touches, in order. Gives what is committed now, and whether anything waits.
//!
//! A sweep of such a lane would conflict with the credits. So the debit waits until the lane is free
//! ([`slice`](crate::domain::slice)), and all requests that must stay in order behind it wait too. Its lanes that are
//! free are swept at once, so that it waits once for each parity at most.
//!
//! Only popular debtors wait: those that this batch credits too, and those that others held before. The lanes of other
//! debtors are seldom credited, so they are swept at any time. Lanes that are never free are too.

use std::collections::HashSet;

use super::{Capacity, Touch};
use crate::domain::decide::{Snapshot, Sweep};
use crate::domain::{AccountIx, Batch};

/// Leaves out the touches that wait. Also returns whether there are any.
pub(super) fn hold<'d>(
    touches: Vec<Touch<'d>>,
    batch: &Batch,
    snapshot: Snapshot<'_>,
    capacity: &Capacity,
) -> (Vec<Touch<'d>>, bool) {
    if !capacity.may_hold() || touches.iter().all(|touch| touch.sweeps.is_empty()) {
        return (touches, false);
    }
    let moves = touches.iter().filter(|touch| touch.moves());
    let credited: HashSet<AccountIx> = moves.flat_map(|touch| touch.legs).map(|leg| leg.creditor).collect();
    let lanes = |account: AccountIx| {
        snapshot.accounts[account].as_ref().map(|account| account.payment_lanes()).unwrap_or_default()
    };
    let is_free = |sweep: &Sweep| batch.is_free(sweep.lane, lanes(sweep.account), snapshot.slice());
    let takes_turns =
        |sweep: &Sweep| !batch.owns(sweep.lane) && batch.parity(sweep.lane, lanes(sweep.account)).is_some();
    let mut held: HashSet<AccountIx> = HashSet::new();
    let mut now = Vec::with_capacity(touches.len());
    for touch in touches {
        let waits = touch.ordered_by().any(|account| held.contains(&account));
        let popular = credited.contains(&touch.debtor) || capacity.rounds([touch.debtor]) > 0;
        let free = touch.sweeps.iter().take_while(|sweep| is_free(sweep)).count();
        let (free, busy) = touch.sweeps.split_at(free);
        if waits || (popular && busy.iter().any(takes_turns)) {
            held.extend(touch.ordered_by());
            if !waits && !free.is_empty() {
                now.push(touch.sweeping(free).while_free());
            }
        } else if popular && free.iter().any(takes_turns) {
            now.push(touch.while_free());
        } else {
            now.push(touch);
        }
    }
    (now, !held.is_empty())
}
