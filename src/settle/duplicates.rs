//! What: Finds payments that already have their outcome, before anything is sent.
//!
//! Data: Takes a batch. Gives the requests whose ids have an outcome, and that outcome.
//!
//! A batch that is delivered again would have each of its transactions cancelled, and pay for that. So a sample of its
//! payment ids is read beside its accounts: one call, at the same time. If the sample finds an outcome, all other ids
//! are read too, and what they find is known before the first transaction.
//!
//! Invariants: It saves calls and units only. Whatever it misses, the condition of the payment's own Put finds.
//!
//! Limits: A tenth of the ids is read, at most a hundred. So duplicates that are rarer than that may be missed.

use tokio::time::Instant;

use super::reads;
use crate::domain::{Batch, PaymentId, RequestIx};
use crate::store::{Ledger, PaymentRead, READ_ITEMS_MAX, Read};

/// One id of so many is in the sample.
const SAMPLE_ONE_OF: usize = 10;

/// A request, and what a read found of its payment.
pub(super) type Found = (RequestIx, PaymentRead);

/// Reads a sample of the ids. Gives the requests whose payments are there.
pub(super) async fn sample<L: Ledger>(ledger: &L, batch: &Batch, deadline: Instant) -> Vec<Found> {
    read(ledger, batch, &sampled(&leaders(batch)), deadline).await
}

/// Reads all ids that were not in the sample. Gives the requests whose payments are there.
pub(super) async fn rest<L: Ledger>(ledger: &L, batch: &Batch, deadline: Instant) -> Vec<Found> {
    let leaders = leaders(batch);
    let sampled = sampled(&leaders);
    let left: Vec<RequestIx> = leaders.into_iter().filter(|ix| sampled.binary_search(ix).is_err()).collect();
    read(ledger, batch, &left, deadline).await
}

/// The first request of each payment id.
fn leaders(batch: &Batch) -> Vec<RequestIx> {
    (0..batch.requests().len()).filter(|&ix| batch.leader(ix) == ix).collect()
}

/// The sample: requests at equal distances.
fn sampled(leaders: &[RequestIx]) -> Vec<RequestIx> {
    let count = leaders.len().div_ceil(SAMPLE_ONE_OF).min(READ_ITEMS_MAX);
    let step = leaders.len().checked_div(count).unwrap_or(1).max(1);
    leaders.iter().copied().step_by(step).take(count).collect()
}

/// Reads payments. A call that fails finds nothing.
async fn read<L: Ledger>(ledger: &L, batch: &Batch, asked: &[RequestIx], deadline: Instant) -> Vec<Found> {
    let id = |&ix: &RequestIx| (ix, batch.requests()[ix].instruction.id());
    let asked: Vec<(RequestIx, &PaymentId)> = asked.iter().map(id).collect();
    let (mut found, _) = reads::payments(ledger, &asked, deadline).await;
    found.retain(|(_, read)| matches!(read, Read::Found(_) | Read::Corrupt(_)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tenth_is_sampled_from_end_to_end() {
        for (ids, expected) in [(0, 0), (1, 1), (9, 1), (10, 1), (11, 2), (1_000, 100), (5_000, 100), (1_099, 100)] {
            let leaders: Vec<RequestIx> = (0..ids).collect();
            let sampled = sampled(&leaders);
            assert_eq!(sampled.len(), expected, "{ids}");
            assert!(sampled.is_sorted_by(|a, b| a < b), "each once");
            assert!(sampled.last().is_none_or(|last| last + ids.div_ceil(5) >= ids || ids < 20), "{ids}: {sampled:?}");
        }
    }
}
