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

use giro::audit::Audited;
use giro::audit::moved::{AuditStore, Proof, Settings};
use giro::domain::Request;
use giro::store::Ledger;
pub(crate) use giro_testkit::audited::minute;
use giro_testkit::audited::{self, settle_within};

use super::Hand;

const MINUTE_MS: i64 = 60_000;

/// Short enough for a real clock.
const SETTINGS: Settings = Settings {
    for_indexes: Duration::from_millis(1),
    before_another_look: [Duration::from_millis(1); 2],
    before_told: Duration::from_millis(1),
    postings_at_once: 100_000,
};

/// A scheduled audit that begins at this minute.
pub(crate) async fn prove_at(store: &impl AuditStore, at: i64) -> Proof {
    audited::prove_at(store, at, SETTINGS).await.unwrap()
}

/// Settles requests at this minute. Says how many postings they make.
pub(crate) async fn settle_at(store: &impl Ledger, requests: Vec<Request>, at: i64) -> u64 {
    settle_within(store, requests, Duration::from_secs(600), || minute(at)).await
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
