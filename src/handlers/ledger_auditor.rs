//! What: Proves on a schedule that the ledger adds up, beside payments in flight. It never repairs.
//!
//! Data: Takes any event, of which only the deadline counts. Gives the result as the answer, as a metric, and as a line
//! for each finding.
//!
//! Invariants: Lines and answer hold no balance, no amount and no reference. Unlike other handlers' lines, those of
//! findings name accounts and payments by their ids. An alarm without ids would make a person read the whole ledger.
//! `giro audit` shows the figures to a person who may read the tables.

use lambda_runtime::{Diagnostic, LambdaEvent};

use super::clock::{self, Deadlines};
use crate::audit::{Audited, Pace, READ_UNITS_PER_SECOND, audit};
use crate::store::{StoreError, TableScan};
use crate::telemetry;
use crate::wire::audit_result::AuditResult;
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
}

impl<S: TableScan> LedgerAuditor<S> {
    /// An auditor of this ledger.
    pub fn new(ledger: S) -> Self {
        Self { ledger }
    }

    /// Audits once. A finding is an answer, not an error: after an error Lambda would only invoke it again.
    ///
    /// # Errors
    /// [`Refused`] if the store rejects the requests of the audit.
    pub async fn handle(&self, event: LambdaEvent<AnyEvent>) -> Result<AuditResult, Refused> {
        let deadlines = Deadlines::of(event.context.deadline);
        let audited = audit(&self.ledger, Pace::per_second(READ_UNITS_PER_SECOND), deadlines.settle.done)
            .await
            .map_err(Refused)?;
        let report = &audited.report;
        for finding in report.findings.iter().take(LINES_MAX) {
            tracing::error!(finding = finding.name(), at_fault = finding.at_fault(), "the ledger does not add up");
        }
        let result = result(&audited);
        if let Some(stopped) = &audited.stopped {
            tracing::warn!(stopped, "the audit did not come to its end");
        }
        tracing::info!(
            request_id = event.context.request_id,
            accounts = result.accounts,
            settled = result.settled,
            dead_letters = result.dead_letters,
            undecided = result.undecided,
            findings = result.findings,
            looks = report.looks,
            complete = result.complete,
            read_milliunits = audited.read_milliunits,
            "audit finished"
        );
        telemetry::metric(&result.metric(&event.context.env_config.function_name, clock::now()));
        Ok(result)
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
