//! The scheduled audit: it proves what moved since the checkpoints, finds each planted corruption in it, and accuses no
//! clean ledger.

mod corruptions;
mod costs;
mod in_flight;
mod killed;
mod late;
mod runs;
mod slices;

use std::time::Duration;

use giro::audit::moved::{AuditStore, Proof, Waits, prove};
use giro::audit::{Audited, Pace};
use giro::domain::{Request, Timestamp};
use giro::settle::{Backoff, Disposition, settle_requests};
use giro::store::Ledger;
use tokio::time::Instant;

use super::Hand;

const MINUTE_MS: i64 = 60_000;

pub(crate) fn minute(minute: i64) -> Timestamp {
    Timestamp::try_from_millis(minute * MINUTE_MS).unwrap()
}

/// Short enough for a real clock.
const WAITS: Waits = Waits {
    for_indexes: Duration::from_millis(1),
    before_another_look: [Duration::from_millis(1); 2],
    before_told: Duration::from_millis(1),
    postings_at_once: 100_000,
};

/// A scheduled audit that begins at this minute.
pub(crate) async fn prove_at(store: &impl AuditStore, at: i64) -> Proof {
    let until = Instant::now() + Duration::from_secs(600);
    prove(store, || minute(at), Pace::per_second(1_000_000), WAITS, until).await.unwrap()
}

/// Settles requests at this minute. Says how many postings they make.
pub(crate) async fn settle_at(store: &impl Ledger, requests: Vec<Request>, at: i64) -> u64 {
    let until = Instant::now() + Duration::from_secs(600);
    let postings: Vec<u64> =
        requests.iter().map(|request| 2 * request.instruction.legs().len().max(1) as u64).collect();
    let settled = settle_requests(store, requests, 1, until, || minute(at), Backoff::with_seed(1)).await;
    assert_eq!(settled.dispositions.len(), postings.len());
    let settled = settled.dispositions.iter().zip(postings).filter(|(end, _)| **end == Disposition::Decided(Ok(())));
    settled.map(|(_, postings)| postings).sum()
}

/// The findings, one a line: the name, and what it is about.
pub(crate) fn found(proof: &Proof) -> String {
    let mut lines: Vec<String> =
        proof.findings.iter().map(|finding| format!("{} {}", finding.name(), finding.at_fault())).collect();
    lines.sort();
    lines.join("\n")
}

/// The findings of an audit of all payments.
fn found_in_all(audited: &Audited) -> String {
    super::found(audited)
}
