//! What: A log line from which CloudWatch makes metrics of a function.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".

use serde_json::{Value, json};

use crate::domain::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "Giro";

/// The dimension that each metric has.
pub(super) const FUNCTION: &str = "Function";

/// A count as a value of a metric.
pub(super) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// A metric: its name, its unit and its value, which is a number or up to [`VALUES_MAX`] numbers.
pub(super) type Metric = (&'static str, &'static str, Value);

/// CloudWatch takes so many values of a metric from a line.
pub(super) const VALUES_MAX: usize = 100;

/// The line for these metrics. Dimensions are names with their values; the first is the function.
pub(super) fn line_of(dimensions: &[(&str, &str)], metrics: &[Metric], at: Timestamp) -> String {
    let named: Vec<Value> = metrics.iter().map(|(name, unit, _)| json!({ "Name": name, "Unit": unit })).collect();
    let names: Vec<&str> = dimensions.iter().map(|(name, _)| *name).collect();
    let directive = json!({ "Namespace": NAMESPACE, "Dimensions": [names], "Metrics": named });
    let mut line = json!({ "_aws": { "Timestamp": at.millis(), "CloudWatchMetrics": [directive] } });
    for (name, value) in dimensions {
        line[*name] = json!(value);
    }
    for (name, _, value) in metrics {
        line[*name] = value.clone();
    }
    line.to_string()
}

/// The line for these metrics of a function, each with its name and its unit, and for their values in the same order.
pub(super) fn line<const N: usize>(
    metrics: [(&'static str, &'static str); N],
    values: [u64; N],
    function: &str,
    at: Timestamp,
) -> String {
    let metrics = metrics.into_iter().zip(values).map(|((name, unit), value)| (name, unit, json!(value)));
    line_of(&[(FUNCTION, function)], &metrics.collect::<Vec<_>>(), at)
}
