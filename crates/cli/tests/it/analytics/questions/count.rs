//! Naive counts of outcomes, as rows of the queries.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};

use giro::domain::{Instruction, Outcome, Timestamp};
use serde_json::{Value, json};

fn day(outcome: &Outcome) -> String {
    outcome.decided_at.to_string()[..10].to_owned()
}

fn is_refund(outcome: &Outcome) -> bool {
    matches!(outcome.instruction, Instruction::Refund(_))
}

fn with(mut row: Value, name: &str, count: u64) -> Value {
    row[name] = count.into();
    row
}

fn settled(outcomes: &[Outcome]) -> impl Iterator<Item = &Outcome> {
    outcomes.iter().filter(|outcome| outcome.decision.is_ok())
}

pub(super) fn settled_by_day(outcomes: &[Outcome]) -> Vec<Value> {
    #[derive(Default)]
    struct Row {
        ids: [BTreeSet<String>; 2],
        sums: [u64; 2],
    }
    let mut rows = BTreeMap::<(String, String), Row>::new();
    for outcome in settled(outcomes) {
        for transfer in outcome.transfers() {
            let row = rows.entry((day(outcome), transfer.currency.to_string())).or_default();
            let kind = usize::from(is_refund(outcome));
            row.ids[kind].insert(outcome.instruction.id().to_string());
            row.sums[kind] += transfer.amount.minor_units();
        }
    }
    let row = |((day, currency), Row { ids, sums }): ((String, String), Row)| {
        json!({ "day": day, "currency": currency, "payments": ids[0].len(), "paid": sums[0],
            "refunds": ids[1].len(), "refunded": sums[1] })
    };
    rows.into_iter().map(row).collect()
}

pub(super) fn decline_reasons(outcomes: &[Outcome]) -> Vec<Value> {
    let mut counts = BTreeMap::<_, u64>::new();
    for outcome in outcomes {
        let Err(decline) = outcome.decision else { continue };
        let kind = if is_refund(outcome) { "refund" } else { "payment" };
        let period = decline.period().map(|period| period.to_string());
        *counts.entry((day(outcome), kind, decline.name(), period)).or_default() += 1;
    }
    let mut rows: Vec<_> = counts.into_iter().collect();
    rows.sort_by_key(|((day, kind, reason, period), count)| {
        (day.clone(), Reverse(*count), *kind, *reason, period.clone())
    });
    let row = |((day, kind, reason, period), count): ((String, &str, &str, Option<String>), u64)| {
        let of = json!({ "day": day, "kind": kind, "reason": reason, "period": period });
        with(of, "declined", count)
    };
    rows.into_iter().map(row).collect()
}

pub(super) fn top_creditors(outcomes: &[Outcome]) -> Vec<Value> {
    let mut rows = BTreeMap::<String, BTreeMap<String, (BTreeSet<String>, u64)>>::new();
    for outcome in settled(outcomes).filter(|outcome| !is_refund(outcome)) {
        for transfer in outcome.transfers() {
            let of_currency = rows.entry(transfer.currency.to_string()).or_default();
            let (payments, paid) = of_currency.entry(transfer.creditor.to_string()).or_default();
            payments.insert(outcome.instruction.id().to_string());
            *paid += transfer.amount.minor_units();
        }
    }
    let mut all = Vec::new();
    for (currency, creditors) in rows {
        let mut creditors: Vec<_> = creditors.into_iter().collect();
        creditors.sort_by_key(|(creditor, (_, paid))| (Reverse(*paid), creditor.clone()));
        for (ix, (creditor, (payments, paid))) in creditors.into_iter().take(100).enumerate() {
            all.push(json!({ "currency": currency, "place": ix + 1, "creditor": creditor,
                "payments": payments.len(), "paid": paid }));
        }
    }
    all
}

fn requested_at(instruction: &Instruction) -> Option<Timestamp> {
    match instruction {
        Instruction::Payment(payment) => payment.requested_at,
        Instruction::Legged(payment) => payment.requested_at,
        Instruction::Refund(refund) => refund.requested_at,
    }
}

pub(super) fn latency(outcomes: &[Outcome]) -> Vec<Value> {
    let mut waited = BTreeMap::<String, Vec<i64>>::new();
    for outcome in outcomes {
        let Some(asked) = requested_at(&outcome.instruction) else { continue };
        let waits = outcome.decided_at.millis() - asked.millis();
        if waits >= 0 {
            waited.entry(day(outcome)).or_default().push(waits);
        }
    }
    let row = |(day, mut waited): (String, Vec<i64>)| {
        waited.sort_unstable();
        // The nearest rank.
        let percentile = |percent: usize| waited[(waited.len() * percent).div_ceil(100) - 1];
        json!({ "day": day, "payments": waited.len(), "p50": percentile(50), "p95": percentile(95),
            "p99": percentile(99), "longest": waited.last() })
    };
    waited.into_iter().map(row).collect()
}
