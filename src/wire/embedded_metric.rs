//! What: A log line from which CloudWatch makes metrics of a function.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".

use serde_json::{Value, json};

use crate::domain::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "Giro";

/// A count as a value of a metric.
pub(super) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// The line for these metrics, each with its name and its unit, and for their values in the same order.
pub(super) fn line<const N: usize>(
    metrics: [(&str, &str); N],
    values: [u64; N],
    function: &str,
    at: Timestamp,
) -> String {
    let named: Vec<Value> = metrics.iter().map(|(name, unit)| json!({ "Name": name, "Unit": unit })).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [["Function"]], "Metrics": named });
    let mut line = json!({
        "_aws": { "Timestamp": at.millis(), "CloudWatchMetrics": [directive] },
        "Function": function,
    });
    for ((name, _), value) in metrics.into_iter().zip(values) {
        line[name] = json!(value);
    }
    line.to_string()
}
