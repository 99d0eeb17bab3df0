//! What: Dead letters, for people and programs: as JSON, and whose payment they were to be.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};

use giro::domain::{DeadLetter, PaymentId};

/// A dead letter as JSON, its bytes in base64.
pub(crate) fn as_json(letter: &DeadLetter) -> Value {
    let bytes = |bytes: &Option<Vec<u8>>| bytes.as_ref().map(|bytes| STANDARD.encode(bytes));
    let headers: Vec<Value> =
        letter.headers.iter().map(|header| json!({ "name": header.name, "value": bytes(&header.value) })).collect();
    json!({
        "source": letter.id().to_string(),
        "status": letter.status.name(),
        "reason": letter.reason,
        "detail": letter.detail,
        "received_at": letter.received_at.to_string(),
        "key": bytes(&letter.key),
        "headers": headers,
        "value": bytes(&letter.value),
    })
}

/// Whether the record of a dead letter has this id, as far as its value is JSON.
pub(crate) fn names(letter: &DeadLetter, id: &PaymentId) -> bool {
    let value = letter.value.as_deref().and_then(|value| serde_json::from_slice::<Value>(value).ok());
    let named = |field: &str| value.as_ref().and_then(|value| value.get(field)?.as_str()) == Some(id.as_str());
    named("payment_id") || named("refund_id")
}
