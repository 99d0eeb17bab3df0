//! What: The figures of published outcomes as CloudWatch metrics, in its embedded metric format.

use serde_json::json;

use super::batch_metrics::quantiles;
use super::embedded_metric::{FUNCTION, count, line_of};
use crate::domain::Timestamp;

/// The figures of a batch of the stream.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct PublishedMetrics {
    /// Outcomes that the broker has acknowledged.
    pub published: usize,
    /// Records that are to be delivered again.
    pub unfinished: usize,
    /// How long the invocation took.
    pub duration_ms: u64,
    /// How long after its decision each outcome was published.
    pub published_after_ms: Vec<u64>,
}

impl PublishedMetrics {
    /// The line.
    #[must_use]
    pub fn line(&self, function: &str, at: Timestamp) -> String {
        let mut metrics = vec![
            ("Published", "Count", json!(count(self.published))),
            ("Unfinished", "Count", json!(count(self.unfinished))),
            ("BatchDuration", "Milliseconds", json!(self.duration_ms)),
        ];
        if !self.published_after_ms.is_empty() {
            metrics.push(("PublishedAfter", "Milliseconds", json!(quantiles(&self.published_after_ms))));
        }
        line_of(&[(FUNCTION, function)], &metrics, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::Value;

    #[test]
    fn a_line_names_each_of_its_values() {
        let metrics =
            PublishedMetrics { published: 2, unfinished: 1, duration_ms: 9, published_after_ms: vec![80, 40] };
        let line: Value = serde_json::from_str(&metrics.line("prod-outcome-publisher", Timestamp::EPOCH)).unwrap();
        assert_eq!(
            json!([line["Published"], line["Unfinished"], line["BatchDuration"], line["PublishedAfter"]]),
            json!([2, 1, 9, [40, 80]])
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Function"]]));
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 4);
        assert_eq!(line["Function"], "prod-outcome-publisher");
        let line = PublishedMetrics::default().line("f", Timestamp::EPOCH);
        assert!(!line.contains("PublishedAfter"), "{line}");
    }
}
