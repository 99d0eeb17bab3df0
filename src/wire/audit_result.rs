//! What: The answer of `ledger-auditor`: its counts, as JSON and as CloudWatch metrics.

use serde::{Deserialize, Serialize};

use super::embedded_metric::{self, count};
use super::proof_result::ProofResult;
use crate::domain::Timestamp;

/// The metrics of an audit, by their names in [`AuditResult`] and their units.
const METRICS: [(&str, &str); 4] =
    [("Findings", "Count"), ("Undecided", "Count"), ("Complete", "Count"), ("Settled", "Count")];

/// The result of an audit, in counts.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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

/// The answer of `ledger-auditor`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(untagged)]
pub enum AuditAnswer {
    /// It has read all payments.
    All(AuditResult),
    /// It has proved what moved since the checkpoints.
    Moved(ProofResult),
}

impl AuditResult {
    /// The log line from which CloudWatch makes metrics.
    #[must_use]
    pub fn metric(&self, function: &str, at: Timestamp) -> String {
        let values = [count(self.findings), count(self.undecided), self.complete.into(), count(self.settled)];
        embedded_metric::line(METRICS, values, function, at)
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
}
