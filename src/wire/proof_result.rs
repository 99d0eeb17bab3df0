//! What: The answer of `ledger-auditor` if it keeps checkpoints: its counts, as JSON and as CloudWatch metrics.

use serde::{Deserialize, Serialize};

use super::embedded_metric::{self, count};
use crate::domain::Timestamp;

/// The metrics of an audit of what moved, by their names and their units.
const METRICS: [(&str, &str); 6] = [
    ("Findings", "Count"),
    ("Complete", "Count"),
    ("AccountsBehind", "Count"),
    ("OldestProof", "Seconds"),
    ("WidestBounds", "None"),
    ("ReadUnits", "Count"),
];

/// The result of an audit of what moved, in counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProofResult {
    /// Accounts seen.
    pub accounts: usize,
    /// Accounts that had moved since their checkpoints.
    pub moved: usize,
    /// Accounts that are not proved up to the closed time.
    pub behind: usize,
    /// How long ago the time is up to which all accounts are proved, in seconds.
    pub oldest_proof_seconds: u64,
    /// Postings read.
    pub postings: u64,
    /// Dead letters that are whole.
    pub dead_letters: usize,
    /// What doesn't add up.
    pub findings: usize,
    /// Whether it finished before its deadline.
    pub complete: bool,
}

impl ProofResult {
    /// The log line from which CloudWatch makes metrics. `widest` is in minor units.
    #[must_use]
    pub fn metric(&self, widest: u64, read_units: u64, function: &str, at: Timestamp) -> String {
        let (findings, behind) = (count(self.findings), count(self.behind));
        let values = [findings, self.complete.into(), behind, self.oldest_proof_seconds, widest, read_units];
        embedded_metric::line(METRICS, values, function, at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_metric_names_each_of_its_values() {
        let result = ProofResult {
            accounts: 9,
            moved: 4,
            behind: 2,
            oldest_proof_seconds: 4_800,
            postings: 70,
            dead_letters: 1,
            findings: 3,
            complete: true,
        };
        let line = result.metric(250, 17, "prod-ledger-auditor", Timestamp::EPOCH);
        assert!(!line.contains('\n'));
        let line: serde_json::Value = serde_json::from_str(&line).unwrap();
        for ((name, _), value) in METRICS.iter().zip([3, 1, 2, 4_800, 250, 17]) {
            assert_eq!(line[name], value, "{name}");
        }
        assert_eq!(line["_aws"]["CloudWatchMetrics"][0]["Dimensions"], serde_json::json!([["Function"]]));
        assert_eq!(line["Function"], "prod-ledger-auditor");
    }
}
