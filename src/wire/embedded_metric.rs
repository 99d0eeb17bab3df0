//! What: A log line from which CloudWatch makes metrics of a function.
//!
//! Source: Amazon CloudWatch user guide, "Specification: Embedded metric format".

use serde_json::{Value, json};

use super::metric::{Measured, Metrics};
use crate::domain::Timestamp;

/// The metrics' namespace.
const NAMESPACE: &str = "Giro";

/// The dimension that each metric has.
const FUNCTION: &str = "Function";

/// A count as a value of a metric.
pub(super) fn count(things: usize) -> u64 {
    u64::try_from(things).unwrap_or(u64::MAX)
}

/// A metric: its name, its unit and its value, which is a number or up to [`VALUES_MAX`] numbers.
type Written = (&'static str, &'static str, Value);

/// CloudWatch takes so many values of a metric from a line.
const VALUES_MAX: usize = 100;

const MILLIUNITS: f64 = 1_000.0;

/// The lines for these metrics of a function: one for each.
#[must_use]
pub fn lines(metrics: &[Metrics], function: &str, at: Timestamp) -> Vec<String> {
    let line = |Metrics { dimensions, metrics }: &Metrics| {
        let mut of = vec![(FUNCTION, function)];
        of.extend(dimensions);
        let written = metrics.iter().map(|metric| written(metric.name, &metric.measured));
        line_of(&of, &written.collect::<Vec<_>>(), at)
    };
    metrics.iter().map(line).collect()
}

fn written(name: &'static str, measured: &Measured) -> Written {
    match measured {
        Measured::Count(count) | Measured::Most(count) => (name, "Count", json!(count)),
        #[allow(clippy::as_conversions, clippy::cast_precision_loss, clippy::float_arithmetic, reason = "a metric")]
        Measured::Milliunits(milliunits) => (name, "Count", json!(*milliunits as f64 / MILLIUNITS)),
        Measured::Seconds(seconds) => (name, "Seconds", json!(seconds)),
        Measured::Milliseconds(ms) => (name, "Milliseconds", json!(ms)),
        Measured::EachMilliseconds(each) => (name, "Milliseconds", json!(quantiles(each))),
    }
}

/// As many values as a line may have, evenly from the lowest to the highest. So the percentiles of a batch stay right.
fn quantiles(values: &[u64]) -> Vec<u64> {
    let mut values = values.to_vec();
    values.sort_unstable();
    let (most, last) = (VALUES_MAX.min(values.len()), values.len().saturating_sub(1));
    let steps = most.saturating_sub(1).max(1);
    let place = |step: usize| step.saturating_mul(last).checked_div(steps).unwrap_or_default();
    (0..most).filter_map(|step| values.get(place(step)).copied()).collect()
}

/// The line for these metrics. Dimensions are names with their values; the first is the function.
fn line_of(dimensions: &[(&str, &str)], metrics: &[Written], at: Timestamp) -> String {
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_holds_a_hundred_values_from_the_lowest_to_the_highest() {
        for (count, expected) in [(0, 0), (1, 1), (2, 2), (100, 100), (101, 100), (5_000, 100)] {
            let quantiles = quantiles(&(0..count).rev().collect::<Vec<_>>());
            assert_eq!(quantiles.len(), expected, "{count}");
            assert!(quantiles.is_sorted());
            assert_eq!(
                (quantiles.first(), quantiles.last()),
                ((count > 0).then_some(&0), count.checked_sub(1).as_ref())
            );
        }
        let middle = quantiles(&(0..10_000).collect::<Vec<_>>())[50];
        assert!((5_000..=5_100).contains(&middle), "{middle}");
    }
}
