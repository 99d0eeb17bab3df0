//! What: Checks that every payment's outcome is on the topic of outcomes, and how long it took.
//!
//! Data: Takes the payments in the table, and where the topic is. Gives what is missing or differs, and latencies.

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use hdrhistogram::Histogram;

use crate::local::topic_reader::{Polled, Read, TopicReader};
use crate::local::{LocalError, OrLocalError};
use giro::domain::{PaymentId, Recorded, Source};
use giro::wire::outcome;

/// If no outcome comes for this long, what is missing will not come.
const STALLED_AFTER: Duration = Duration::from_secs(20);

/// What was found on the topic.
#[derive(Debug)]
pub(super) struct OnTopic {
    /// Records that belong to these payments.
    pub(super) records: usize,
    /// What is missing or differs.
    pub(super) findings: Vec<String>,
    /// From publishing a request to the record of its outcome, in milliseconds.
    pub(super) latency_ms: Histogram<u64>,
}

/// Reads the topic until every payment's outcome was there, or no more records come. `sent_ms` says when requests were
/// published.
pub(super) async fn read(
    bootstrap_servers: &str,
    topic: &str,
    payments: &[Recorded],
    sent_ms: &HashMap<Source, i64>,
) -> Result<OnTopic, LocalError> {
    let mut missing: BTreeSet<&str> = payments.iter().map(|it| it.outcome.instruction.id().as_str()).collect();
    let mut reader = TopicReader::from_start(bootstrap_servers, topic).await?;
    let mut records = Vec::new();
    while !missing.is_empty() {
        let Ok(read) = tokio::time::timeout(STALLED_AFTER, reader.next()).await else { break };
        match read? {
            Read::Record(record) => {
                let key = record.key.as_deref().and_then(|key| std::str::from_utf8(key).ok()).unwrap_or_default();
                missing.remove(key);
                records.push(record);
            }
            Read::End => {}
        }
    }
    let mut latency_ms = Histogram::new(3).or_engine()?;
    for record in &records {
        let outcome = record.value.as_deref().and_then(|value| outcome::decode(value).ok());
        let sent = outcome.and_then(|outcome| sent_ms.get(&outcome.source).copied());
        if let (Some(sent), Some(arrived)) = (sent, record.timestamp) {
            // It grows as it must.
            let _ = latency_ms.record(u64::try_from(arrived.saturating_sub(sent)).unwrap_or_default());
        }
    }
    Ok(OnTopic { findings: check_topic(payments, &records), records: records.len(), latency_ms })
}

/// Each payment must have at least one record, and each record of a payment must equal its outcome. Pure.
#[must_use]
pub fn check_topic(payments: &[Recorded], records: &[Polled]) -> Vec<String> {
    let mut findings = Vec::new();
    let mut told: HashMap<&PaymentId, usize> = HashMap::new();
    let known: HashMap<&[u8], &Recorded> =
        payments.iter().map(|recorded| (recorded.outcome.instruction.id().as_str().as_bytes(), recorded)).collect();
    for record in records {
        let Some(recorded) = record.key.as_deref().and_then(|key| known.get(key)) else { continue };
        let id = recorded.outcome.instruction.id();
        match outcome::decode(record.value.as_deref().unwrap_or_default()) {
            // The topic doesn't tell whether all that was left was asked for, or just as much.
            Ok(outcome) if outcome::encode(&outcome) == outcome::encode(&recorded.outcome) => {
                let count = told.entry(id).or_default();
                *count = count.saturating_add(1);
            }
            Ok(_) => findings.push(format!("payment {id}: its record on the topic differs from its outcome")),
            Err(error) => findings.push(format!("payment {id}: its record on the topic is {error}")),
        }
    }
    for recorded in payments {
        let id = recorded.outcome.instruction.id();
        if !told.contains_key(id) {
            findings.push(format!("payment {id}: its outcome is not on the topic"));
        }
    }
    findings
}
