//! What: Proves on a schedule that the ledger adds up, beside payments in flight. It never repairs.
//!
//! Data: Takes any event, of which only the deadline counts. Gives the result as the answer, as a metric, and as a line
//! for each finding. If it keeps checkpoints, it proves what moved since then, and writes the next ones. Otherwise it
//! reads all payments.
//!
//! Invariants: Lines and answer hold no balance, no amount and no reference. Unlike other handlers' lines, those of
//! findings name accounts and payments by their ids. An alarm without ids would make a person read the whole ledger.
//! `giro audit` shows the figures to a person who may read the tables.

use lambda_runtime::{Context, Diagnostic, LambdaEvent};
use tokio::time::Instant;

use super::clock::{self, Deadlines};
use crate::audit::moved::{AuditStore, Proof, Settings, prove};
use crate::audit::{Audited, Pace, READ_UNITS_PER_SECOND, audit};
use crate::domain::Timestamp;
use crate::domain::audit::Finding;
use crate::store::StoreError;
use crate::telemetry;
use crate::wire::audit_result::{AuditAnswer, AuditResult};
use crate::wire::proof_result::ProofResult;
use crate::wire::scheduled::AnyEvent;

/// How many findings get a line of their own. These show what is wrong, and the metric counts the rest.
const LINES_MAX: usize = 100;

/// The store can't be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the ledger can't be audited: {0}")]
pub struct Refused(StoreError);

/// The error type and text that alarms read.
impl From<Refused> for Diagnostic {
    fn from(refused: Refused) -> Self {
        Self { error_type: "Giro.Refused".into(), error_message: refused.to_string() }
    }
}

/// Audits a ledger.
#[derive(Debug)]
pub struct LedgerAuditor<S> {
    ledger: S,
    keeps_checkpoints: bool,
    settings: Settings,
}

impl<S: AuditStore> LedgerAuditor<S> {
    /// An auditor of this ledger, which reads all payments.
    pub fn new(ledger: S) -> Self {
        Self { ledger, keeps_checkpoints: false, settings: Settings::default() }
    }

    /// The same auditor. Says whether it writes checkpoints, and reads what moved since.
    #[must_use]
    pub fn keeping_checkpoints(self, keeps_checkpoints: bool) -> Self {
        Self { keeps_checkpoints, ..self }
    }

    /// Audits once. A finding is an answer, not an error: after an error Lambda would only invoke it again.
    ///
    /// # Errors
    /// [`Refused`] if the store rejects the requests of the audit.
    pub async fn handle(&self, event: LambdaEvent<AnyEvent>) -> Result<AuditAnswer, Refused> {
        let deadline = Deadlines::of(event.context.deadline).settle.done;
        match self.keeps_checkpoints {
            true => Box::pin(self.what_moved(&event.context, deadline)).await.map(AuditAnswer::Moved),
            false => Box::pin(self.all_payments(&event.context, deadline)).await.map(AuditAnswer::All),
        }
    }

    async fn all_payments(&self, context: &Context, deadline: Instant) -> Result<AuditResult, Refused> {
        let pace = Pace::per_second(READ_UNITS_PER_SECOND);
        let audited = audit(&self.ledger, pace, deadline).await.map_err(Refused)?;
        tell(&audited.report.findings, audited.stopped.as_deref());
        let result = result(&audited);
        tracing::info!(
            request_id = context.request_id,
            accounts = result.accounts,
            settled = result.settled,
            dead_letters = result.dead_letters,
            undecided = result.undecided,
            findings = result.findings,
            looks = audited.report.looks,
            complete = result.complete,
            read_milliunits = audited.read_milliunits,
            "audit finished"
        );
        telemetry::metric(&result.metric(&context.env_config.function_name, clock::now()));
        Ok(result)
    }

    async fn what_moved(&self, context: &Context, deadline: Instant) -> Result<ProofResult, Refused> {
        let pace = Pace::per_second(READ_UNITS_PER_SECOND);
        let proof = prove(&self.ledger, clock::now, pace, self.settings, deadline).await.map_err(Refused)?;
        tell(&proof.findings, proof.stopped.as_deref());
        let now = clock::now();
        let result = proved(&proof, now);
        let widest = u64::try_from(proof.widest).unwrap_or(u64::MAX);
        tracing::info!(
            request_id = context.request_id,
            accounts = result.accounts,
            moved = result.moved,
            behind = result.behind,
            oldest_proof_seconds = result.oldest_proof_seconds,
            postings = result.postings,
            dead_letters = result.dead_letters,
            findings = result.findings,
            complete = result.complete,
            widest,
            read_milliunits = proof.read_milliunits,
            "audit finished"
        );
        let read_units = proof.read_milliunits.div_ceil(1_000);
        telemetry::metric(&result.metric(widest, read_units, &context.env_config.function_name, now));
        Ok(result)
    }
}

/// A line for each finding, and one if the audit didn't come to its end.
fn tell(findings: &[Finding], stopped: Option<&str>) {
    for finding in findings.iter().take(LINES_MAX) {
        tracing::error!(finding = finding.name(), at_fault = finding.at_fault(), "the ledger does not add up");
    }
    if let Some(stopped) = stopped {
        tracing::warn!(stopped, "the audit did not come to its end");
    }
}

fn result(audited: &Audited) -> AuditResult {
    AuditResult {
        accounts: audited.report.accounts,
        settled: audited.report.settled,
        dead_letters: audited.letters,
        undecided: audited.report.undecided,
        findings: audited.report.count(),
        complete: audited.stopped.is_none(),
    }
}

fn proved(proof: &Proof, now: Timestamp) -> ProofResult {
    let age_ms = proof.oldest.map_or(0, |oldest| now.millis().saturating_sub(oldest.millis()));
    ProofResult {
        accounts: proof.accounts,
        moved: proof.moved,
        behind: proof.behind,
        oldest_proof_seconds: u64::try_from(age_ms / 1_000).unwrap_or_default(),
        postings: proof.postings,
        dead_letters: proof.letters,
        findings: proof.count(),
        complete: proof.stopped.is_none(),
    }
}
