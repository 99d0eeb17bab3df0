//! What: The headers that make an outcome's record a CloudEvent: binary mode of the Kafka protocol binding.
//!
//! Data: Takes what names an outcome: its id, its kind, its status and when it was decided. Gives the headers.
//!
//! | header | value |
//! |---|---|
//! | `ce_specversion` | `1.0` |
//! | `ce_id` | the id of the payment or refund, which is the record's key too |
//! | `ce_source` | `/giro/payments` |
//! | `ce_type` | `giro.<kind>.<status>.v1`, such as `giro.payment.settled.v1` |
//! | `ce_time` | `decided_at`, as the value has it |
//! | `content-type` | `application/json` |
//!
//! Invariants: The headers rest on the outcome alone. So an outcome that is published again has the same source and id,
//! by which consumers of CloudEvents know it. The source names no stack, topic or account: each of them may change, and
//! the same outcome would then be another event. The value stays as it is.
//!
//! Source: CloudEvents 1.0, "Kafka Protocol Binding", 3.2.

use crate::domain::{Header, PaymentId, Timestamp};

/// The source of all outcomes.
pub const SOURCE: &str = "/giro/payments";

/// The kind that a payment has in the type of its event. No outcome names this kind in its value.
const PAYMENT: &str = "payment";

/// The headers of an outcome. Without a `kind` it is that of a payment, with legs or without.
#[must_use]
pub fn headers(id: &PaymentId, kind: Option<&str>, status: &str, decided_at: Timestamp) -> [Header; 6] {
    let header = |name: &str, value: String| Header { name: name.into(), value: Some(value.into_bytes()) };
    [
        header("ce_specversion", "1.0".into()),
        header("ce_id", id.to_string()),
        header("ce_source", SOURCE.into()),
        header("ce_type", format!("giro.{}.{status}.v1", kind.unwrap_or(PAYMENT))),
        header("ce_time", decided_at.to_string()),
        header("content-type", "application/json".into()),
    ]
}
