//! What must hold after a storm, by every witness there is: the topics, the tables, the audit, the processes.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::ensure;
use giro::domain::{DeadLetter, Source};
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro_cli::local::topic_reader::Polled;
use giro_testkit::oracle::{self, Checked, Published};
use serde_json::Value;

use super::anew::Gone;
use super::process::{log_of, outlived};
use super::{Engines, PATIENCE, Round, Sent, lost, requests};
use crate::processes::cli;

/// What `giro audit` says, as a process: no finding, and no account left undecided.
fn audit(folder: &Path, dynamodb: &str) -> anyhow::Result<Value> {
    let arguments = ["audit", "--json", "--read-units", "1000000", "--dynamodb-endpoint", dynamodb];
    let output = cli::run(&mut cli::command(&arguments, folder), b"");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    ensure!(output.status.success(), "giro audit: {text} {}", String::from_utf8_lossy(&output.stderr));
    let report: Value = serde_json::from_str(&text)?;
    ensure!(report["undecided"] == 0 && report["complete"] == true, "giro audit: {report}");
    Ok(report)
}

/// The sum of a field in the summary lines of the payment-processor.
fn logged(folder: &Path, field: &str) -> u64 {
    let text = std::fs::read_to_string(log_of(folder)).unwrap_or_default();
    let lines = text.lines().filter_map(|line| serde_json::from_str::<Value>(line.split_once(' ')?.1).ok());
    lines.filter(|line| line["message"] == "batch finished").filter_map(|line| line[field].as_u64()).sum()
}

/// Looks at the tables until each record has its disposition, on the current topic and on deleted ones.
async fn ends(ledger: &DynamoDb, there: &[Published], gone: Vec<Gone>) -> anyhow::Result<Checked> {
    let began = Instant::now();
    loop {
        let letters = ledger.dead_letters().await?;
        let mut published = there.to_vec();
        gone.iter().for_each(|gone| published.extend(gone.ended(&letters)));
        let checked = oracle::check(ledger, &published).await?;
        if checked.failed() == 0 || began.elapsed() > PATIENCE {
            return Ok(checked);
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
}

/// Dead letters that have the same place as another one.
fn at_places_used_before(letters: &[DeadLetter]) -> u64 {
    let places: BTreeSet<&Source> = letters.iter().map(|letter| &letter.source).collect();
    (letters.len() - places.len()) as u64
}

/// What the ledger holds after the storm.
pub(super) struct Held {
    checked: Checked,
    payments: usize,
    audited: Value,
}

/// Checks all that must hold after a storm, by every witness: the topics, the tables, the audit, the processes.
pub(super) async fn nothing_is_missing(
    round: &Round,
    engines: &Engines,
    sent: Sent,
    told: &[Polled],
) -> anyhow::Result<Held> {
    let there = requests(&round.kafka).await?;
    let lost = lost(&sent.there, &there);
    let ledger = engines.ledger().await?;
    let mut checked = ends(&ledger, &there, sent.gone).await?;
    round.count("dead letters at places used before", at_places_used_before(&ledger.dead_letters().await?));
    let recorded = ledger.payments().await?;
    let mut findings = std::mem::take(&mut checked.findings);
    findings.extend(checked.ledger.iter().map(ToString::to_string));
    findings.extend(giro_cli::commands::check_topic(&recorded, told));
    if lost > 0 {
        findings.push(format!("{lost} acknowledged requests are not on the topic"));
    }
    let audited = audit(&round.folder, &engines.dynamodb.endpoints().dynamodb)?;
    let left_behind = round.left_behind.lock().unwrap().clone();
    for name in outlived(&left_behind)? {
        findings.push(format!("a process of {name} outlived its poller and the round"));
    }
    ensure!(findings.is_empty(), "{} findings: {:#?}", findings.len(), findings.iter().take(20).collect::<Vec<_>>());
    Ok(Held { checked, payments: recorded.len(), audited })
}

/// What came of a round, in a line.
pub(super) fn summary(round: &Round, held: &Held, told: usize) -> String {
    let Held { checked, payments, audited } = held;
    let counts: Vec<String> =
        round.counts.lock().unwrap().iter().map(|(what, count)| format!("{count} {what}")).collect();
    format!(
        "{} records on topics: {} settled, {} declined, {} dead letters; {}; calls: {}; {} transactions cancelled, {} \
         records replayed for {} duplicates; {told} records for {payments} outcomes; {} accounts and {} payments audited",
        checked.records,
        checked.settled,
        checked.declined.values().sum::<usize>(),
        checked.dead_letters.values().sum::<usize>(),
        counts.join(", "),
        round.proxy.fates(),
        logged(&round.folder, "cancelled"),
        logged(&round.folder, "replayed"),
        checked.replayed,
        audited["accounts"],
        audited["settled"],
    )
}
