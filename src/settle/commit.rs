//! What: Commits planned transactions. Those with no account in common run side by side, the others one after the
//! other.
//!
//! Data: Takes steps, what each waits for, and the concurrency limit. Notes what became of requests in [`Progress`],
//! and of accounts in [`Knowledge`].
//!
//! Invariants: A step is sent only when every step that it waits for was applied. If one was not applied, the step is
//! left for the next round, which decides it again. So is a step that sweeps lanes which are no longer free.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::concurrency_limit::{Call, ConcurrencyLimit};
use super::deadline::within;
use super::knowledge::Knowledge;
use super::learn;
use super::progress::Progress;
use crate::domain::plan::Step;
use crate::domain::{Slice, Timestamp};
use crate::store::{Cancelled, Commit, Ledger, StoreError};

/// Whether the next round may start at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    /// Nothing stood in the way that passes with time.
    Clear,
    /// Something was busy, throttled or out of reach, or no answer told anything new. Wait before the next round.
    Blocked,
}

/// Commits the steps, until all were tried or the deadline has come.
pub(super) async fn commit<L: Ledger>(
    ledger: &L,
    steps: Vec<Step<'_>>,
    now: impl Fn() -> Timestamp,
    deadline: Instant,
    limit: &mut ConcurrencyLimit,
    knowledge: &mut Knowledge<'_>,
    progress: &mut Progress<'_>,
) -> Way {
    let mut queue = Queue::of(&steps);
    let mut steps: Vec<Option<Step<'_>>> = steps.into_iter().map(Some).collect();
    let mut in_flight = FuturesUnordered::new();
    let mut hindered = false;
    // A round without steps only waits for free lanes, and nothing stands in its way.
    let mut moved = steps.is_empty();
    let mut late = false;
    loop {
        while limit.allows(in_flight.len()) && Instant::now() < deadline {
            let Some(ix) = queue.ready.pop_front() else { break };
            let Some(mut step) = steps[ix].take() else { continue };
            let slice = Slice::at(now());
            if step.is_late(slice) {
                late = true;
                continue;
            }
            step.credit_in(progress.batch(), slice);
            let sent = limit.send(in_flight.len());
            in_flight.push(async move {
                let answer = within(deadline, "committing", ledger.commit(&step.transaction)).await;
                (ix, step, sent, answer)
            });
        }
        let Some((ix, step, sent, answer)) = in_flight.next().await else { break };
        let step = &step;
        match answer {
            Ok(Commit::Applied) => {
                limit.went_well();
                moved = true;
                learn::applied(step, knowledge, progress);
                queue.applied(ix);
            }
            Ok(Commit::Cancelled(cancelled)) => {
                moved |= says_more(&cancelled);
                hindered |= cancelled.transient.is_some();
                pace(limit, sent, cancelled.transient.as_ref());
                learn::cancelled(step, cancelled, knowledge, progress);
            }
            Err(error) => {
                hindered |= error.passes();
                if let StoreError::Throttled(_) = error {
                    limit.was_throttled(sent);
                }
                learn::refused(step, error, knowledge, progress);
            }
        }
    }
    if hindered || !(moved || late) { Way::Blocked } else { Way::Clear }
}

/// Whether a cancelled transaction told something new, so that the next round differs from this one.
fn says_more(cancelled: &Cancelled) -> bool {
    [cancelled.duplicates.len(), cancelled.accounts.len(), cancelled.lanes.len(), cancelled.totals.len()] != [0; 4]
        || cancelled.rejected.is_some()
}

/// Notes whether the store had time for a transaction that it cancelled.
fn pace(limit: &mut ConcurrencyLimit, sent: Call, transient: Option<&StoreError>) {
    match transient {
        Some(StoreError::Throttled(_)) => limit.was_throttled(sent),
        Some(
            StoreError::Conflict
            | StoreError::Unavailable(_)
            | StoreError::NoTable(_)
            | StoreError::Corrupt(_)
            | StoreError::Rejected(_),
        )
        | None => limit.went_well(),
    }
}

/// Which steps may be sent.
struct Queue {
    /// By step: how many it still waits for.
    waits_for: Vec<usize>,
    /// By step: which wait for it.
    waited_on: Vec<Vec<usize>>,
    ready: VecDeque<usize>,
}

impl Queue {
    fn of(steps: &[Step<'_>]) -> Self {
        let waits_for: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
        let mut waited_on: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
        for (ix, step) in steps.iter().enumerate() {
            for &before in &step.after {
                waited_on[before].push(ix);
            }
        }
        let ready = (0..steps.len()).filter(|&ix| waits_for[ix] == 0).collect();
        Self { waits_for, waited_on, ready }
    }

    /// A step was applied: those that waited for nothing else are ready.
    fn applied(&mut self, ix: usize) {
        for &next in &self.waited_on[ix] {
            self.waits_for[next] = self.waits_for[next].saturating_sub(1);
            if self.waits_for[next] == 0 {
                self.ready.push_back(next);
            }
        }
    }
}
