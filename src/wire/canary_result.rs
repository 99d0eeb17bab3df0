//! What: The answer of `payment-canary`: how long its payment took.

use serde::Serialize;

use crate::domain::PaymentId;

/// A payment of the canary that was settled, and told.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct CanaryResult {
    /// The payment.
    #[serde(serialize_with = "text")]
    pub payment_id: PaymentId,
    /// The time from handing the request over to reading its outcome, in seconds with milliseconds.
    pub seconds: f64,
}

fn text<S: serde::Serializer>(id: &PaymentId, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(id.as_str())
}
