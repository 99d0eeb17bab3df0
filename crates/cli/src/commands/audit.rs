//! What: `giro audit` proves that every balance equals its payments.

use std::time::Duration;

use clap::Args;
use serde_json::json;
use tokio::time::Instant;

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use crate::audited::as_json;
use crate::decimal;
use crate::local::key_order::KeyOrder;
use crate::recount::{Recount, Tapped};
use giro::audit::{Audited, Pace, audit};
use giro::domain::audit::Finding;
use giro::store::dynamodb::DynamoDb;
use giro::store::{Segment, Table, TableScan};

/// How many findings a person is shown.
const SHOWN_MAX: usize = 20;

/// Prove that every balance equals its payments
///
/// Reads all accounts, payments and dead letters, and changes nothing. Proves that per currency the balances sum to
/// zero, and that every balance equals its settled payments. Proves that no balance is below its limit, and that every
/// dead letter is whole. Payments may go on meanwhile: an account that never comes to rest is counted as undecided.
/// Exit code 1 if it finds anything, or doesn't finish.
///
/// With --full it also checks what ledger-auditor has proved. The newest checkpoint of each account must be what all
/// postings up to its time make. Each checkpoint must hold the chain of the one before.
#[derive(Debug, Args)]
pub(super) struct AuditArgs {
    /// As JSON
    #[arg(long)]
    json: bool,
    /// Check the checkpoints too, by all payments
    #[arg(long)]
    full: bool,
    /// Read at most this many units a second; the function of the same name reads 1,000
    #[arg(long, value_name = "UNITS", default_value_t = 10_000, value_parser = number::<u32>(1..=1_000_000))]
    read_units: u32,
    /// Stop after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = number::<u64>(1..=604_800))]
    timeout: u64,
}

/// What the check of checkpoints has shown.
struct Checked {
    accounts: usize,
    checkpoints: u64,
    findings: Vec<Finding>,
}

/// Audits all payments, and judges all checkpoints by them. If the payments weren't read to their end, no checkpoint
/// can be judged.
async fn full(
    ledger: &DynamoDb,
    ordered: &KeyOrder<'_, DynamoDb>,
    pace: Pace,
    until: Instant,
) -> Result<(Audited, Option<Checked>), Failure> {
    let tapped = Tapped::new(ordered, Recount::begin(ledger, until).await?);
    let audited = audit(&tapped, pace, until).await?;
    if audited.report.looks == 0 {
        return Ok((audited, None));
    }
    let recount = tapped.counted();
    let accounts = recount.accounts();
    let (findings, checkpoints) = recount.end(ledger, until).await?;
    Ok((audited, Some(Checked { accounts, checkpoints, findings })))
}

pub(super) async fn run(args: AuditArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let now = Instant::now();
    let until = now.checked_add(Duration::from_secs(args.timeout)).unwrap_or(now);
    let ledger = engines.ledger().await?;
    // The audit tries again as long as it may. An engine that can't be reached at all is reported at once.
    let first = Segment { number: 0, of: 1 };
    ledger.page(Table::Accounts, first, None).await?;
    let pace = Pace::per_second(args.read_units);
    let url = engines.dynamodb_url()?;
    let ordered = KeyOrder::of(&ledger, url.as_deref());
    let (audited, checked) = match args.full {
        false => (audit(&ordered, pace, until).await?, None),
        true => full(&ledger, &ordered, pace, until).await?,
    };
    let report = &audited.report;
    let of_checkpoints = checked.iter().flat_map(|checked| &checked.findings);
    let findings: Vec<String> = report.findings.iter().chain(of_checkpoints).map(ToString::to_string).collect();
    if args.json {
        let mut told = as_json(&audited, &findings);
        if let Some(checked) = &checked {
            told["checkpoints"] = json!(checked.checkpoints);
        }
        say!("{told}");
    } else {
        say!("{} accounts, {} settled payments", report.accounts, report.settled);
        if let Some(checked) = &checked {
            say!("{} checkpoints of {} accounts", checked.checkpoints, checked.accounts);
        }
        for (currency, circulation) in &report.circulation {
            say!("{} {currency} in circulation", decimal::shown(*circulation, *currency));
        }
        if report.undecided > 0 {
            say!("{} accounts never came to rest: nothing found against them, nothing proved", report.undecided);
        }
        for finding in findings.iter().take(SHOWN_MAX) {
            say!("{finding}");
        }
        if audited.stopped.is_none() && findings.is_empty() {
            match report.undecided {
                0 => say!("the ledger adds up"),
                undecided => say!("the ledger adds up, as far as it was proved: {undecided} accounts are undecided"),
            }
        }
    }
    if let Some(stopped) = audited.stopped {
        return Err(Failure::no(format!("the audit stopped {stopped}")));
    }
    match report.count().saturating_add(checked.map_or(0, |checked| checked.findings.len())) {
        0 => Ok(()),
        count => Err(Failure::no(format!("{count} findings: the ledger does not add up"))),
    }
}
