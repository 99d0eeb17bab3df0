//! What: Looks again at requests that wait. A person may have mended the item that could not be read. An account
//! command, for which payments wait, may have been applied.
//!
//! Invariants: After the look, nothing is decided on what was read before it. If a pause ends while a batch has other
//! things to do, nobody looks: what was read stays, as it does for any other payment.

use tokio::time::Instant;

use super::backoff::Backoff;
use super::knowledge::Knowledge;
use super::prefetch;
use super::progress::Progress;
use crate::domain::Timestamp;
use crate::store::Ledger;

/// Reads again what could not be read.
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
    forget_if_pending(knowledge, progress);
}

/// Reads again the accounts that asked payments to wait.
pub(super) async fn after_pause<L: Ledger>(
    ledger: &L,
    knowledge: &mut Knowledge<'_>,
    progress: &Progress<'_>,
    now: impl Fn() -> Timestamp,
    deadline: Instant,
    backoff: &mut Backoff,
) {
    knowledge.wait_for_paused();
    prefetch::accounts(ledger, knowledge, deadline, backoff).await;
    knowledge.note_paused(now());
    forget_if_pending(knowledge, progress);
}

/// If a request can go on, the accounts of all undecided requests are forgotten: they were read long ago.
fn forget_if_pending(knowledge: &mut Knowledge<'_>, progress: &Progress<'_>) {
    if !progress.pending(knowledge).is_empty() {
        progress.rested_on().into_iter().for_each(|account| knowledge.forget(account));
    }
}
