//! `giro audit`: proves that every balance equals its payments.

use clap::Args;
use serde_json::json;

use super::Failure;
use super::engines::{EngineArgs, unreachable};
use crate::domain::audit::{Audit, Report};
use crate::store::{Inspect, StoreError};

/// How many findings a person is shown.
const SHOWN_MAX: usize = 20;

/// Prove that every balance equals its payments
///
/// Reads all accounts and payments, and proves that per currency the balances sum to zero, that every balance equals its
/// settled payments, and that none is below its limit. Run it while nothing is being settled. Exit code 1 if it finds
/// anything.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: AuditArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let report = audit(&engines.ledger().await?).await.map_err(|error| unreachable(error.into()))?;
    let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
    if args.json {
        let accounts = report.accounts;
        say!("{}", json!({ "accounts": accounts, "settled": report.settled, "findings": findings }));
    } else {
        say!("{} accounts, {} settled payments", report.accounts, report.settled);
        for (currency, circulation) in &report.circulation {
            say!("{currency}: {circulation} minor units in circulation");
        }
        for finding in findings.iter().take(SHOWN_MAX) {
            say!("{finding}");
        }
    }
    match findings.len() {
        0 => Ok(()),
        count => Err(Failure::no(format!("{count} findings: the ledger does not add up"))),
    }
}

/// Audits a whole ledger at rest.
pub(super) async fn audit(ledger: &impl Inspect) -> Result<Report, StoreError> {
    let mut audit = Audit::default();
    ledger.accounts().await?.iter().for_each(|holding| audit.account(holding));
    ledger.stray_lanes().await?.iter().for_each(|lane| audit.stray_lane(lane));
    ledger.payments().await?.iter().for_each(|recorded| audit.outcome(&recorded.outcome));
    Ok(audit.finish())
}
