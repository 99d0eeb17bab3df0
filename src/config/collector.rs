//! What: Reads where spans and metrics are told.

use super::Reader;
use crate::telemetry::collector::{CollectorConfig, METRICS_ENDPOINT, TRACES_ENDPOINT, is_url};

/// What is read here, in its order.
pub(super) const VARIABLES: [&str; 2] = [TRACES_ENDPOINT, METRICS_ENDPOINT];

/// What a function reads here that has no metrics.
pub(super) const OF_TRACES: [&str; 1] = [TRACES_ENDPOINT];

impl Reader<'_> {
    /// The URLs of a collector.
    pub(super) fn collector(&mut self) -> CollectorConfig {
        CollectorConfig { traces: self.url(TRACES_ENDPOINT), metrics: self.url(METRICS_ENDPOINT) }
    }

    /// The URL of traces alone.
    pub(super) fn collector_of_traces(&mut self) -> CollectorConfig {
        CollectorConfig { traces: self.url(TRACES_ENDPOINT), metrics: None }
    }

    fn url(&mut self, name: &str) -> Option<String> {
        let url = self.given(name)?;
        if !is_url(&url) {
            let expected = "expected a URL, such as http://127.0.0.1:4318/v1/traces";
            self.faults.push(format!("{name} is not understood: {expected}"));
        }
        Some(url)
    }
}
