//! Commits planned transactions: those with no account in common side by side, the others one after the other.
//!
//! In: steps and what each waits for. Out: what became of their requests and accounts, noted in [`Work`].
//!
//! Invariant: a step is sent only when every step that it waits for was applied. Whatever waits for one that wasn't is
//! left for the next round, where it is decided again.

use std::collections::VecDeque;

use futures_util::stream::{FuturesUnordered, StreamExt};
use tokio::time::{Instant, timeout_at};

use super::{End, Work};
use crate::domain::plan::Step;
use crate::domain::{Account, Balance};
use crate::store::{AccountRead, Cancelled, Commit, Ledger, StoreError};

/// Transactions in flight: a batch of 1,000 payments is about 30 transactions, so two rounds of calls. More would only
/// queue at DynamoDB's partitions, and hold more of the batch in memory.
const TRANSACTIONS_IN_FLIGHT_MAX: usize = 16;

/// Whether the next round may start at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Progress {
    /// Nothing stood in the way that waiting would mend.
    Clear,
    /// Something was busy, throttled or out of reach, or nothing moved at all: wait before trying again.
    Hindered,
}

/// Commits the steps, until all are tried or it is `until`.
pub(super) async fn commit<L: Ledger>(ledger: &L, steps: &[Step<'_>], until: Instant, work: &mut Work<'_>) -> Progress {
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
        while in_flight.len() < TRANSACTIONS_IN_FLIGHT_MAX && Instant::now() < until {
            let Some(ix) = ready.pop_front() else { break };
            let call = ledger.commit(&steps[ix].transaction);
            in_flight.push(async move { (ix, timeout_at(until, call).await) });
        }
        let Some((ix, answer)) = in_flight.next().await else { break };
        let step = &steps[ix];
        match answer.unwrap_or_else(|_| Err(StoreError::Unavailable("committing: time is up".into()))) {
            Ok(Commit::Applied) => {
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
                moved |= !cancelled.duplicates.is_empty() || !cancelled.accounts.is_empty();
                hindered |= cancelled.transient.is_some();
                work.cancelled(step, cancelled);
            }
            Err(error) => {
                hindered = true;
                work.refused(step, error);
            }
        }
    }
    if hindered || !moved { Progress::Hindered } else { Progress::Clear }
}

impl Work<'_> {
    /// All of a step happened: its requests have their outcomes, and its accounts changed as planned.
    fn applied(&mut self, step: &Step<'_>) {
        for (&request, entry) in step.requests.iter().zip(&step.transaction.entries) {
            self.found[request] = Some(End::Decided(entry.verdict));
        }
        for (&account, update) in step.accounts.iter().zip(&step.transaction.updates) {
            if let AccountRead::Found(known) = &mut self.accounts[account] {
                advance(known, update.net);
            }
        }
    }

    /// None of a step happened, and here is why.
    fn cancelled(&mut self, step: &Step<'_>, cancelled: Cancelled) {
        for (entry, stored) in cancelled.duplicates {
            let request = step.requests[entry];
            match stored {
                Ok(recorded) => {
                    let same = self.batch.requests()[request].payment.fingerprint() == recorded.fingerprint;
                    self.found[request] = Some(if same { End::Replayed } else { End::IdReused });
                    self.recorded.insert(request, recorded.fingerprint);
                    self.stale.extend(<[usize; 2]>::from(self.batch.parties(request)));
                }
                Err(expected) => {
                    self.unreadable.insert(request);
                    self.fault = Some(StoreError::Corrupt(expected));
                }
            }
        }
        for (update, read) in cancelled.accounts {
            if let AccountRead::Corrupt(expected) = &read {
                self.fault = Some(StoreError::Corrupt(expected.clone()));
            }
            self.accounts[step.accounts[update]] = read;
        }
        if let Some(fault) = cancelled.transient {
            self.fault = Some(fault);
        }
    }

    /// Nobody knows whether a step happened, or the store would not take it.
    fn refused(&mut self, step: &Step<'_>, error: StoreError) {
        match &error {
            // Trying again won't help: stop where the first of these requests stands.
            StoreError::Corrupt(_) => self.unreadable.extend(step.requests.iter().copied()),
            StoreError::Conflict | StoreError::Throttled(_) | StoreError::Unavailable(_) => {}
        }
        self.fault = Some(error);
    }
}

/// An account as one update of ours leaves it. Others may have changed it meanwhile where the conditions allow it: the
/// next condition that this matters to finds out.
fn advance(account: &mut Account, net: i128) {
    let balance = i128::from(account.balance.minor_units()).saturating_add(net);
    // The update's own conditions keep the stored balance in range.
    account.balance = Balance::new(i64::try_from(balance).unwrap_or(account.balance.minor_units()));
    account.version = account.version.saturating_add(1);
}
