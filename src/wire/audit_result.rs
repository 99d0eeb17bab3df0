//! What: The event and the answer of `ledger-auditor`. The event only says that it is time. The answer is its counts,
//! as JSON and as a CloudWatch metric.
//!
//! EventBridge's type of `aws_lambda_events` requires a source and a detail, which nobody reads here. A person may
//! start an audit with `null` or `{}`.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".

use serde::de::{Deserialize, Deserializer};
use serde::{Deserialize as FromJson, Serialize};
use serde_json::value::RawValue;

use super::incoming::{self, Event, Fields, Foreign, Service};
use crate::domain::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "Giro";

/// The metrics of an audit, by their names in [`AuditResult`] and their units.
const METRICS: [(&str, &str); 4] =
    [("Findings", "Count"), ("Undecided", "Count"), ("Complete", "Count"), ("Settled", "Count")];

/// An event that only says that it is time. An event with records or a request is refused: its sender would take the
/// audit's answer as its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AnyEvent;

impl<'de> Deserialize<'de> for AnyEvent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        incoming::of_its_kind(deserializer)
    }
}

impl Event for AnyEvent {
    fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Result<Self, Foreign>, D::Error> {
        let foreign = |got| Err(Foreign { expected: "a schedule's event, or any that brings no records", got });
        // A text, null and other values bring nothing.
        let fields = Fields::of(<&RawValue>::deserialize(deserializer)?).unwrap_or_default();
        let brings = |name: &str| fields.get(name).is_some();
        Ok(match fields.service() {
            None if brings("Records") || brings("records") => foreign("an object with records"),
            None | Some(Service::EventBridge) => Ok(Self),
            Some(other) => foreign(other.event()),
        })
    }
}

/// The result of an audit, in counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, FromJson)]
pub struct AuditResult {
    /// Accounts read.
    pub accounts: usize,
    /// Settled payments read.
    pub settled: usize,
    /// Dead letters that are whole.
    pub dead_letters: usize,
    /// Accounts about which nothing was found and nothing is proved.
    pub undecided: usize,
    /// What doesn't add up.
    pub findings: usize,
    /// Whether it finished before its deadline.
    pub complete: bool,
}

impl AuditResult {
    /// The log line from which CloudWatch makes metrics.
    #[must_use]
    pub fn metric(&self, function: &str, at: Timestamp) -> String {
        let metrics: Vec<serde_json::Value> =
            METRICS.iter().map(|(name, unit)| serde_json::json!({ "Name": name, "Unit": unit })).collect();
        let directive = serde_json::json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": metrics });
        serde_json::json!({
            "_aws": { "Timestamp": at.millis(), "CloudWatchMetrics": [directive] },
            "Function": function,
            "Findings": self.findings,
            "Undecided": self.undecided,
            "Complete": u8::from(self.complete),
            "Settled": self.settled,
        })
        .to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_names_each_of_its_values() {
        let result =
            AuditResult { accounts: 2, settled: 7, dead_letters: 0, undecided: 1, findings: 3, complete: true };
        let line = result.metric("prod-ledger-auditor", Timestamp::try_from_millis(17).unwrap());
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        for (name, _) in METRICS {
            assert!(line[name].is_u64(), "{name}");
        }
        assert_eq!((&line["_aws"]["Timestamp"], &line["Findings"]), (&17.into(), &3.into()));
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Namespace"], "Giro");
        // Another stack of the account has a metric of its own.
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], serde_json::json!([["Function"]]));
        assert_eq!(line["Function"], "prod-ledger-auditor");
    }

    #[test]
    fn any_json_is_an_event() {
        for event in ["null", "{}", "[1,2]", r#"{"source":"aws.events","detail":{}}"#] {
            assert_eq!(serde_json::from_str::<AnyEvent>(event).unwrap(), AnyEvent, "{event}");
        }
    }
}
