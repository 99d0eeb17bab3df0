//! What: Metrics of a batch, as a collector takes them.
//!
//! | measured | told as |
//! |---|---|
//! | counts and request units | a sum, that only grows, of this batch alone (delta) |
//! | the most at once, seconds waited | a gauge |
//! | milliseconds | a histogram of this batch alone |
//!
//! The names are those of `docs/metrics.md`, in OpenTelemetry's way: `ReadCalls` is `giro.read_calls`. Dimensions are
//! attributes: `Kind` is `giro.kind`.

use serde_json::{Value, json};

use super::{Attribute, attributes, resource, scope, told_name};
use crate::wire::metric::{Measured, Metric, Metrics};

/// Sums and histograms hold what was measured since the one before.
const DELTA: u8 = 1;

/// The upper bounds of a histogram's buckets, in milliseconds. A thousandth of them, and OpenTelemetry's advice for
/// durations in seconds, are the same up to the first ten; the rest is for what waited.
const BOUNDS_MS: [u64; 20] = [
    5, 10, 25, 50, 75, 100, 250, 500, 750, 1_000, 2_500, 5_000, 7_500, 10_000, 30_000, 60_000, 300_000, 900_000,
    3_600_000, 86_400_000,
];

const MILLIUNITS: f64 = 1_000.0;

/// The body that tells a collector of metrics of a function. They were measured between two times, in nanoseconds since
/// 1970. `instance` tells processes of the function apart.
#[must_use]
pub fn encode(function: &str, instance: &str, metrics: &[Metrics], between_ns: (u64, u64)) -> String {
    let mut resource = resource(function);
    if let Some(attributes) = resource["attributes"].as_array_mut() {
        attributes.push(super::attribute("service.instance.id", &Attribute::Text(instance.into())));
    }
    let mut told: Vec<Value> = Vec::new();
    for (of, metric) in metrics.iter().flat_map(|of| of.metrics.iter().map(move |metric| (of, metric))) {
        let (kind, mut metric) = metric_json(of, metric, between_ns);
        let before = told.last_mut().filter(|before| before["name"] == metric["name"]);
        let points = |metric: &mut Value| metric[kind]["dataPoints"].as_array_mut().map(std::mem::take);
        match before.and_then(|before| before[kind]["dataPoints"].as_array_mut()) {
            // One metric has the points of all its attributes.
            Some(all) => all.extend(points(&mut metric).unwrap_or_default()),
            None => told.push(metric),
        }
    }
    let told = json!({ "resourceMetrics": [{
        "resource": resource,
        "scopeMetrics": [{ "scope": scope(), "metrics": told }],
    }] });
    told.to_string()
}

/// The kind of a metric, and its JSON.
fn metric_json(
    of: &Metrics,
    Metric { name, measured }: &Metric,
    (began_ns, ended_ns): (u64, u64),
) -> (&'static str, Value) {
    let named = |(name, value): &(&str, &str)| (told_name(name), Attribute::Text((*value).into()));
    let of: Vec<_> = of.dimensions.iter().map(named).collect();
    let point = |value: Value| {
        let mut point = json!({
            "startTimeUnixNano": began_ns.to_string(),
            "timeUnixNano": ended_ns.to_string(),
            "attributes": attributes(&of),
        });
        if let (Some(point), Value::Object(value)) = (point.as_object_mut(), value) {
            point.extend(value);
        }
        json!([point])
    };
    let sum = |value| json!({ "aggregationTemporality": DELTA, "isMonotonic": true, "dataPoints": point(value) });
    let whole = |number: &dyn std::fmt::Display| json!({ "asInt": number.to_string() });
    let histogram = |each: &[u64]| json!({ "aggregationTemporality": DELTA, "dataPoints": point(buckets(each)) });
    let (unit, kind, data) = match measured {
        Measured::Count(count) => ("{count}", "sum", sum(whole(count))),
        #[allow(clippy::as_conversions, clippy::cast_precision_loss, clippy::float_arithmetic, reason = "a metric")]
        Measured::Milliunits(milliunits) => {
            ("{unit}", "sum", sum(json!({ "asDouble": *milliunits as f64 / MILLIUNITS })))
        }
        Measured::Most(most) => ("{count}", "gauge", json!({ "dataPoints": point(whole(most)) })),
        Measured::Seconds(seconds) => ("s", "gauge", json!({ "dataPoints": point(whole(seconds)) })),
        Measured::Milliseconds(ms) => ("ms", "histogram", histogram(&[*ms])),
        Measured::EachMilliseconds(each) => ("ms", "histogram", histogram(each)),
    };
    (kind, json!({ "name": told_name(name), "unit": unit, kind: data }))
}

/// What a point of a histogram holds.
#[allow(clippy::as_conversions, clippy::cast_precision_loss, reason = "a metric")]
fn buckets(each: &[u64]) -> Value {
    let mut counts = [0_u64; BOUNDS_MS.len() + 1];
    for ms in each {
        let bucket = BOUNDS_MS.partition_point(|bound| bound < ms);
        if let Some(count) = counts.get_mut(bucket) {
            *count = count.saturating_add(1);
        }
    }
    let sum = each.iter().fold(0_u64, |sum, ms| sum.saturating_add(*ms));
    json!({
        "count": each.len().to_string(),
        "sum": sum as f64,
        "min": each.iter().min().map(|ms| *ms as f64),
        "max": each.iter().max().map(|ms| *ms as f64),
        "bucketCounts": counts.map(|count| count.to_string()),
        "explicitBounds": BOUNDS_MS.map(|bound| bound as f64),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(metrics: &[Metrics]) -> Value {
        let body = encode("prod-payment-processor", "2026/11/30/[$LATEST]ab", metrics, (1_000, 2_000));
        serde_json::from_str(&body).unwrap()
    }

    fn one(metric: Metric) -> Value {
        let metrics =
            [Metrics { dimensions: vec![("Kind", "payment"), ("Decision", "settled")], metrics: vec![metric] }];
        told(&metrics)["resourceMetrics"][0]["scopeMetrics"][0]["metrics"][0].clone()
    }

    #[test]
    fn each_measure_is_told_as_the_protocol_writes_it() {
        let attributes = json!([
            { "key": "giro.kind", "value": { "stringValue": "payment" } },
            { "key": "giro.decision", "value": { "stringValue": "settled" } },
        ]);
        for (measured, unit, kind, value) in [
            (Measured::Count(7), "{count}", "sum", json!({ "asInt": "7" })),
            (Measured::Milliunits(1_500), "{unit}", "sum", json!({ "asDouble": 1.5 })),
            (Measured::Most(13), "{count}", "gauge", json!({ "asInt": "13" })),
            (Measured::Seconds(-1), "s", "gauge", json!({ "asInt": "-1" })),
        ] {
            let mut point = json!({
                "startTimeUnixNano": "1000", "timeUnixNano": "2000", "attributes": attributes,
            });
            point.as_object_mut().unwrap().extend(value.as_object().unwrap().clone());
            let mut data = json!({ "dataPoints": [point] });
            if kind == "sum" {
                (data["aggregationTemporality"], data["isMonotonic"]) = (json!(1), json!(true));
            }
            let expected = json!({ "name": "giro.dead_letters", "unit": unit, kind: data });
            assert_eq!(one(Metric { name: "DeadLetters", measured }), expected);
        }
    }

    /// A value on a bound is in the bucket below it.
    #[test]
    fn milliseconds_are_a_histogram() {
        let metric =
            one(Metric { name: "FinishedAfter", measured: Measured::EachMilliseconds(vec![5, 6, 1_000, 90_000_000]) });
        assert_eq!((&metric["name"], &metric["unit"]), (&json!("giro.finished_after"), &json!("ms")));
        let point = &metric["histogram"]["dataPoints"][0];
        let counts: Vec<u64> = point["bucketCounts"]
            .as_array()
            .unwrap()
            .iter()
            .map(|count| count.as_str().unwrap().parse().unwrap())
            .collect();
        assert_eq!(counts.len(), point["explicitBounds"].as_array().unwrap().len() + 1);
        let filled: Vec<_> = (0..counts.len()).filter(|bucket| counts[*bucket] == 1).collect();
        assert_eq!(filled, [0, 1, 9, BOUNDS_MS.len()]);
        assert_eq!((&point["count"], &point["sum"]), (&json!("4"), &json!(90_001_011.0)));
        assert_eq!((&point["min"], &point["max"]), (&json!(5.0), &json!(90_000_000.0)));
        let one = one(Metric { name: "BatchDuration", measured: Measured::Milliseconds(25) });
        assert_eq!(one["histogram"]["dataPoints"][0]["count"], "1");
    }

    #[test]
    fn a_metric_has_a_point_for_each_of_its_dimensions() {
        let of = |kind, count| Metrics {
            dimensions: vec![("Kind", kind)],
            metrics: vec![Metric { name: "Decisions", measured: Measured::Count(count) }],
        };
        let told = told(&[of("payment", 3), of("refund", 4)]);
        let metrics = told["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().unwrap();
        let [decisions] = &metrics[..] else { panic!("{metrics:?}") };
        let points = decisions["sum"]["dataPoints"].as_array().unwrap();
        let said = points.iter().map(|point| (&point["attributes"][0]["value"]["stringValue"], &point["asInt"]));
        assert_eq!(said.collect::<Vec<_>>(), [(&json!("payment"), &json!("3")), (&json!("refund"), &json!("4"))]);
    }

    #[test]
    fn processes_of_a_function_are_told_apart() {
        let told = told(&[]);
        let attributes = told["resourceMetrics"][0]["resource"]["attributes"].as_array().unwrap().clone();
        let instance = json!({ "key": "service.instance.id", "value": { "stringValue": "2026/11/30/[$LATEST]ab" } });
        assert!(attributes.contains(&instance), "{attributes:?}");
    }
}
