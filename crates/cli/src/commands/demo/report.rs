//! What: Writes what the demo prints.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::outcomes::OnTopic;
use crate::local::poller::Activity;
use crate::local::stack::Summary;
use giro_testkit::oracle::Checked;

/// How many findings a person is shown.
const SHOWN_MAX: usize = 10;

/// What was measured while the payments ran: the state before and after.
pub(super) struct Measured {
    pub(super) before: (Activity, Summary),
    pub(super) after: (Activity, Summary),
    pub(super) elapsed: Duration,
    /// What the topic of outcomes tells, where its publisher runs.
    pub(super) told: Option<OnTopic>,
}

impl Measured {
    fn since(&self, field: &str) -> u64 {
        let of = |summary: &Summary| summary.get(field).copied().unwrap_or_default();
        of(&self.after.1).saturating_sub(of(&self.before.1))
    }

    fn records(&self) -> u64 {
        self.after.0.acknowledged.saturating_sub(self.before.0.acknowledged)
    }

    fn batches(&self) -> u64 {
        self.after.0.invocations.saturating_sub(self.before.0.invocations)
    }

    fn calls(&self) -> u64 {
        ["read_calls", "transactions", "puts"].into_iter().map(|field| self.since(field)).sum()
    }

    fn per_second(&self) -> u64 {
        let ms = u64::try_from(self.elapsed.as_millis()).unwrap_or(u64::MAX).max(1);
        self.records().saturating_mul(1_000).checked_div(ms).unwrap_or_default()
    }

    /// To the record of the outcome, where outcomes are published; else to the acknowledgement of the request.
    fn latency(&self) -> Histogram<u64> {
        if let Some(told) = &self.told {
            return told.latency_ms.clone();
        }
        let mut latency = self.after.0.latency_ms.clone();
        // What was there before is in what is there now.
        let _ = latency.subtract(&self.before.0.latency_ms);
        latency
    }
}

/// `part / whole` with three decimals.
fn ratio(part: u64, whole: u64) -> String {
    let thousandths = part.saturating_mul(1_000).checked_div(whole).unwrap_or_default();
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

/// Thousandths of a unit a record, with three decimals.
fn milli_ratio(part_milli: u64, whole: u64) -> String {
    let thousandths = part_milli.checked_div(whole).unwrap_or_default();
    format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000)
}

fn row(name: &str, value: &dyn std::fmt::Display) -> String {
    format!("  {name:<34} {value:>12}")
}

/// The table for a person.
pub(super) fn table(checked: &Checked, measured: &Measured) -> String {
    let mut lines: Vec<String> = Vec::new();
    let mut put = |line: String| lines.push(line);
    let latency = measured.latency();
    put("What came in, and what became of it".into());
    put(row("records", &checked.records));
    put(row("settled", &checked.settled));
    put(row("declined", &checked.declined.values().sum::<usize>()));
    for (reason, count) in &checked.declined {
        put(row(&format!("    {reason}"), count));
    }
    put(row("replayed", &checked.replayed));
    put(row("dead letters", &checked.dead_letters.values().sum::<usize>()));
    for (reason, count) in &checked.dead_letters {
        put(row(&format!("    {reason}"), count));
    }
    put(format!("What it took, without the funding of the {} accounts", checked.accounts));
    put(row("records", &measured.records()));
    put(row("batches", &measured.batches()));
    // Only local workers say how often they called DynamoDB.
    if measured.since("records") > 0 {
        put(row("transactions", &measured.since("transactions")));
        put(row("DynamoDB calls a payment", &ratio(measured.calls(), measured.records())));
        put(row("write units a payment", &milli_ratio(measured.since("write_milliunits"), measured.records())));
    }
    put(row("payments/s", &measured.per_second()));
    put(row("publish to outcome, p50 (ms)", &latency.value_at_quantile(0.50)));
    put(row("publish to outcome, p99 (ms)", &latency.value_at_quantile(0.99)));
    if let Some(told) = &measured.told {
        put(row("records on the topic of outcomes", &told.records));
    }
    put("Whether it adds up".into());
    let ends = [
        checked.settled,
        checked.declined.values().sum::<usize>(),
        checked.replayed,
        checked.dead_letters.values().sum::<usize>(),
    ];
    put(row("settled + declined + replayed + dead", &ends.iter().sum::<usize>()));
    let verdict = |holds: bool| if holds { "yes" } else { "NO" };
    put(row("every record has its one end", &verdict(checked.findings.is_empty())));
    if let Some(told) = &measured.told {
        put(row("every outcome is on its topic", &verdict(told.findings.is_empty())));
    }
    put(row("every balance equals its payments", &verdict(checked.ledger.is_empty())));
    let findings = checked.findings.iter().cloned().chain(checked.ledger.iter().map(ToString::to_string));
    for finding in findings.take(SHOWN_MAX) {
        put(format!("  {finding}"));
    }
    lines.join("\n")
}

/// The same for a program.
pub(super) fn as_json(checked: &Checked, measured: &Measured) -> Value {
    let latency = measured.latency();
    json!({
        "records": checked.records,
        "settled": checked.settled,
        "declined": checked.declined,
        "replayed": checked.replayed,
        "dead_letters": checked.dead_letters,
        "measured": {
            "records": measured.records(),
            "batches": measured.batches(),
            "read_calls": measured.since("read_calls"),
            "transactions": measured.since("transactions"),
            "cancelled": measured.since("cancelled"),
            "puts": measured.since("puts"),
            "read_milliunits": measured.since("read_milliunits"),
            "write_milliunits": measured.since("write_milliunits"),
            "elapsed_ms": u64::try_from(measured.elapsed.as_millis()).unwrap_or(u64::MAX),
            "payments_per_second": measured.per_second(),
            "latency_ms": { "p50": latency.value_at_quantile(0.50), "p99": latency.value_at_quantile(0.99) },
        },
        "outcomes_on_topic": measured.told.as_ref().map(|told| told.records),
        "findings": checked.findings,
        "ledger": checked.ledger.iter().map(ToString::to_string).collect::<Vec<_>>(),
    })
}
