//! What: The answer of `payment-canary`: how long its payments took.

use serde::Serialize;

/// Payments of the canary that were settled, and told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryResult {
    /// The time from handing the requests over to reading the last outcome, in seconds with milliseconds.
    pub seconds: f64,
}
