//! Commits planned transactions: those with no account in common side by side, the others one after the other.
//!
//! In: steps and what each waits for, and how many may be in flight. Out: what became of their requests and accounts,
//! noted in [`Work`].
//!
//! Invariant: a step is sent only when every step that it waits for was applied. Whatever waits for one that wasn't is
//! left for the next round, where it is decided again.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::Instant;

use super::bound::Bound;
use super::until::within;
use super::work::Work;
use crate::domain::plan::Step;
use crate::store::{Commit, Ledger, StoreError};

/// Whether the next round may start at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing stood in the way that waiting would mend.
    Clear,
    /// Something was busy, throttled or out of reach, or nothing moved at all: wait before trying again.
    Hindered,
}

/// Commits the steps, until all are tried or it is `until`.
pub(super) async fn commit<L: Ledger>(
    ledger: &L,
    steps: &[Step<'_>],
    until: Instant,
    bound: &mut Bound,
    work: &mut Work<'_>,
) -> Progress {
    let mut waits_for: Vec<usize> = steps.iter().map(|step| step.after.len()).collect();
    let mut waited_on: Vec<Vec<usize>> = vec![Vec::new(); steps.len()];
    for (ix, step) in steps.iter().enumerate() {
        for &before in &step.after {
            waited_on[before].push(ix);
        }
    }
    let mut ready: VecDeque<usize> = (0..steps.len()).filter(|&ix| waits_for[ix] == 0).collect();
    let mut in_flight = FuturesUnordered::new();
    let mut hindered = false;
    let mut moved = false;
    loop {
        while bound.allows(in_flight.len()) && Instant::now() < until {
            let Some(ix) = ready.pop_front() else { break };
            let (sent, call) = (bound.send(), ledger.commit(&steps[ix].transaction));
            in_flight.push(async move { (ix, sent, within(until, "committing", call).await) });
        }
        let Some((ix, sent, answer)) = in_flight.next().await else { break };
        let step = &steps[ix];
        match answer {
            Ok(Commit::Applied) => {
                bound.went_well();
                moved = true;
                work.applied(step);
                for &next in &waited_on[ix] {
                    waits_for[next] = waits_for[next].saturating_sub(1);
                    if waits_for[next] == 0 {
                        ready.push_back(next);
                    }
                }
            }
            Ok(Commit::Cancelled(cancelled)) => {
                moved |= [cancelled.duplicates.len(), cancelled.accounts.len(), cancelled.lanes.len()] != [0; 3]
                    || cancelled.rejected.is_some();
                hindered |= cancelled.transient.is_some();
                match cancelled.transient {
                    Some(StoreError::Throttled(_)) => bound.was_throttled(sent),
                    Some(
                        StoreError::Conflict
                        | StoreError::Unavailable(_)
                        | StoreError::NoTable(_)
                        | StoreError::Corrupt(_)
                        | StoreError::Rejected(_),
                    )
                    | None => bound.went_well(),
                }
                work.cancelled(step, cancelled);
            }
            Err(error) => {
                hindered |= error.passes();
                if let StoreError::Throttled(_) = error {
                    bound.was_throttled(sent);
                }
                work.refused(step, error);
            }
        }
    }
    if hindered || !moved { Progress::Hindered } else { Progress::Clear }
}
