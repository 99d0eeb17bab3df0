//! What: Writes what the demo prints.

use std::time::Duration;

use hdrhistogram::Histogram;
use serde_json::{Value, json};

use super::bars;
use super::outcomes::OnTopic;
use crate::local::escaped::Line;
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
    /// What made the figures small.
    pub(super) notes: Vec<String>,
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
    put(row("  refunds", &checked.refunds));
    put(row("  payments with legs", &checked.with_legs));
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
    for note in &measured.notes {
        put(format!("  {note}"));
    }
    put("How many payments took how long, from publish to outcome, without the funding".into());
    bars::of(&latency).into_iter().for_each(&mut put);
    put("Whether it adds up".into());
    let ends = [
        checked.settled,
        checked.declined.values().sum::<usize>(),
        checked.replayed,
        checked.dead_letters.values().sum::<usize>(),
    ];
    put(row("settled + declined + replayed + dead", &ends.iter().sum::<usize>()));
    let yes_or_no = |holds: bool| if holds { "yes" } else { "NO" };
    put(row("every record has its disposition", &yes_or_no(checked.findings.is_empty())));
    if let Some(told) = &measured.told {
        put(row("every outcome is on its topic", &yes_or_no(told.findings.is_empty())));
    }
    put(row("every balance equals its payments", &yes_or_no(checked.ledger.is_empty())));
    let findings = checked.findings.iter().cloned().chain(checked.ledger.iter().map(ToString::to_string));
    for finding in findings.take(SHOWN_MAX) {
        put(format!("  {}", Line(finding)));
    }
    lines.join("\n")
}

/// The same for a program.
pub(super) fn as_json(checked: &Checked, measured: &Measured) -> Value {
    let latency = measured.latency();
    json!({
        "records": checked.records,
        "settled": checked.settled,
        "refunds": checked.refunds,
        "with_legs": checked.with_legs,
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

#[cfg(test)]
mod tests {
    use expect_test::{Expect, expect};
    use giro::domain::Currency;
    use giro::domain::audit::Finding;

    use super::*;

    fn activity(acknowledged: u64, invocations: u64, latencies_ms: &[u64]) -> Activity {
        let mut activity = Activity { acknowledged, invocations, ..Activity::none().unwrap() };
        latencies_ms.iter().for_each(|ms| activity.latency_ms.record(*ms).unwrap());
        activity
    }

    fn summary(numbers: [u64; 5]) -> Summary {
        let names = ["records", "read_calls", "transactions", "puts", "write_milliunits"];
        names.into_iter().map(str::to_owned).zip(numbers).collect()
    }

    /// A run of 1,000 records after 20 that funded its accounts, in 250 ms.
    fn measured(told: Option<OnTopic>) -> Measured {
        Measured {
            before: (activity(20, 2, &[900; 20]), summary([20, 2, 3, 0, 80_000])),
            after: (
                activity(1_020, 7, &[&[900; 20][..], &[5; 980], &[70; 20]].concat()),
                summary([1_020, 12, 38, 5, 2_330_500]),
            ),
            elapsed: Duration::from_millis(250),
            told,
            notes: vec!["a note".into()],
        }
    }

    fn told(findings: &[&str]) -> OnTopic {
        let mut latency_ms = Histogram::new(3).unwrap();
        latency_ms.record_n(12, 99).unwrap();
        latency_ms.record(340).unwrap();
        OnTopic { records: 913, findings: findings.iter().map(ToString::to_string).collect(), latency_ms }
    }

    fn checked() -> Checked {
        Checked {
            records: 1_020,
            settled: 900,
            refunds: 30,
            with_legs: 50,
            declined: [("insufficient_funds", 7), ("same_account", 5)].into(),
            replayed: 100,
            dead_letters: [("not_json".to_owned(), 6), ("invalid_field".to_owned(), 2)].into(),
            accounts: 20,
            ..Checked::default()
        }
    }

    fn check(checked: &Checked, measured: &Measured, expected: &Expect) {
        expected.assert_eq(&table(checked, measured));
    }

    #[test]
    fn a_run_that_adds_up_is_told_line_by_line() {
        check(
            &checked(),
            &measured(Some(told(&[]))),
            &expect![[r#"
                What came in, and what became of it
                  records                                    1020
                  settled                                     900
                    refunds                                    30
                    payments with legs                         50
                  declined                                     12
                      insufficient_funds                        7
                      same_account                              5
                  replayed                                    100
                  dead letters                                  8
                      invalid_field                             2
                      not_json                                  6
                What it took, without the funding of the 20 accounts
                  records                                    1000
                  batches                                       5
                  transactions                                 35
                  DynamoDB calls a payment                  0.050
                  write units a payment                     2.250
                  payments/s                                 4000
                  publish to outcome, p50 (ms)                 12
                  publish to outcome, p99 (ms)                 12
                  records on the topic of outcomes            913
                  a note
                How many payments took how long, from publish to outcome, without the funding
                  up to     20 ms        99  ########################################
                  up to     30 ms         0
                  up to     50 ms         0
                  up to     75 ms         0
                  up to    100 ms         0
                  up to    150 ms         0
                  up to    200 ms         0
                  up to    300 ms         0
                  up to    400 ms         1  #
                Whether it adds up
                  settled + declined + replayed + dead         1020
                  every record has its disposition            yes
                  every outcome is on its topic               yes
                  every balance equals its payments           yes"#]],
        );
    }

    /// Somebody else's Lambda tells nothing of its calls, and nobody publishes outcomes.
    #[test]
    fn what_nobody_told_has_no_line() {
        let mut measured = measured(None);
        measured.after.1 = Summary::new();
        measured.before.1 = Summary::new();
        check(
            &checked(),
            &measured,
            &expect![[r#"
                What came in, and what became of it
                  records                                    1020
                  settled                                     900
                    refunds                                    30
                    payments with legs                         50
                  declined                                     12
                      insufficient_funds                        7
                      same_account                              5
                  replayed                                    100
                  dead letters                                  8
                      invalid_field                             2
                      not_json                                  6
                What it took, without the funding of the 20 accounts
                  records                                    1000
                  batches                                       5
                  payments/s                                 4000
                  publish to outcome, p50 (ms)                  5
                  publish to outcome, p99 (ms)                 70
                  a note
                How many payments took how long, from publish to outcome, without the funding
                  up to      5 ms       980  ########################################
                  up to     10 ms         0
                  up to     20 ms         0
                  up to     30 ms         0
                  up to     50 ms         0
                  up to     75 ms        20  #
                Whether it adds up
                  settled + declined + replayed + dead         1020
                  every record has its disposition            yes
                  every balance equals its payments           yes"#]],
        );
    }

    /// Ten findings at the most are for a person; each of the three answers is its own.
    #[test]
    fn what_does_not_add_up_is_told_with_its_findings() {
        let missing = "payment k7: its outcome is not on the topic";
        let ledger = vec![Finding::NotZero { currency: Currency::try_new("EUR").unwrap(), sum: -5 }];
        let findings = (0..11).map(|ix| format!("payment-requests/0/{ix}: payment k{ix} has no outcome")).collect();
        let checked = Checked { findings, ledger, settled: 889, ..checked() };
        check(
            &checked,
            &measured(Some(told(&[missing]))),
            &expect![[r#"
                What came in, and what became of it
                  records                                    1020
                  settled                                     889
                    refunds                                    30
                    payments with legs                         50
                  declined                                     12
                      insufficient_funds                        7
                      same_account                              5
                  replayed                                    100
                  dead letters                                  8
                      invalid_field                             2
                      not_json                                  6
                What it took, without the funding of the 20 accounts
                  records                                    1000
                  batches                                       5
                  transactions                                 35
                  DynamoDB calls a payment                  0.050
                  write units a payment                     2.250
                  payments/s                                 4000
                  publish to outcome, p50 (ms)                 12
                  publish to outcome, p99 (ms)                 12
                  records on the topic of outcomes            913
                  a note
                How many payments took how long, from publish to outcome, without the funding
                  up to     20 ms        99  ########################################
                  up to     30 ms         0
                  up to     50 ms         0
                  up to     75 ms         0
                  up to    100 ms         0
                  up to    150 ms         0
                  up to    200 ms         0
                  up to    300 ms         0
                  up to    400 ms         1  #
                Whether it adds up
                  settled + declined + replayed + dead         1009
                  every record has its disposition             NO
                  every outcome is on its topic                NO
                  every balance equals its payments            NO
                  payment-requests/0/0: payment k0 has no outcome
                  payment-requests/0/1: payment k1 has no outcome
                  payment-requests/0/2: payment k2 has no outcome
                  payment-requests/0/3: payment k3 has no outcome
                  payment-requests/0/4: payment k4 has no outcome
                  payment-requests/0/5: payment k5 has no outcome
                  payment-requests/0/6: payment k6 has no outcome
                  payment-requests/0/7: payment k7 has no outcome
                  payment-requests/0/8: payment k8 has no outcome
                  payment-requests/0/9: payment k9 has no outcome"#]],
        );
    }
}
