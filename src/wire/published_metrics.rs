//! What: The figures of published outcomes as metrics.

use super::metric::{Measured, Metric, Metrics, counted, each};

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
    /// The metrics.
    #[must_use]
    pub fn metrics(&self) -> Metrics {
        let mut metrics = vec![
            counted("Published", self.published),
            counted("Unfinished", self.unfinished),
            Metric { name: "BatchDuration", measured: Measured::Milliseconds(self.duration_ms) },
        ];
        metrics.extend(each("PublishedAfter", &self.published_after_ms));
        Metrics { dimensions: Vec::new(), metrics }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::Timestamp;
    use crate::wire::embedded_metric;
    use serde_json::{Value, json};

    fn line_of(metrics: &PublishedMetrics, function: &str) -> String {
        embedded_metric::lines(&[metrics.metrics()], function, Timestamp::EPOCH).concat()
    }

    #[test]
    fn a_line_names_each_of_its_values() {
        let metrics =
            PublishedMetrics { published: 2, unfinished: 1, duration_ms: 9, published_after_ms: vec![80, 40] };
        let line: Value = serde_json::from_str(&line_of(&metrics, "prod-outcome-publisher")).unwrap();
        assert_eq!(
            json!([line["Published"], line["Unfinished"], line["BatchDuration"], line["PublishedAfter"]]),
            json!([2, 1, 9, [40, 80]])
        );
        let directive = &line["_aws"]["CloudWatchMetrics"][0];
        assert_eq!(directive["Dimensions"], json!([["Function"]]));
        assert_eq!(directive["Metrics"].as_array().unwrap().len(), 4);
        assert_eq!(line["Function"], "prod-outcome-publisher");
        let line = line_of(&PublishedMetrics::default(), "f");
        assert!(!line.contains("PublishedAfter"), "{line}");
    }
}
