//! What: Looks again at stopped requests: a person may have mended the item that could not be read.
//!
//! Invariants: After the look, nothing is decided on what was read before it.

use tokio::time::Instant;

use super::backoff::Backoff;
use super::knowledge::Knowledge;
use super::prefetch;
use super::progress::Progress;
use crate::store::Ledger;

/// Reads again what could not be read. If a request can then go on, its accounts are forgotten, because they were read
/// long ago.
pub(super) async fn look_again<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    progress: &mut Progress<'_>,
    deadline: Instant,
    backoff: &mut Backoff,
) {
    knowledge.look_again();
    progress.look_again();
    prefetch::accounts(ledger, knowledge, deadline, backoff).await;
    if !progress.pending(knowledge).is_empty() {
        progress.rested_on().into_iter().for_each(|account| knowledge.forget(account));
    }
}
