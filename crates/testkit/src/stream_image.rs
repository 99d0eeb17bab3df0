//! What: An item as a table's stream shows it, as an export holds it, and as golden files do.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::store::items::Item;
use serde_json::{Map, Value, json};

/// The image of an item, in DynamoDB's JSON.
#[must_use]
pub fn stream_image(item: &Item) -> Value {
    let shown: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    shown.into()
}

fn attribute(value: &AttributeValue) -> Value {
    if let Ok(bytes) = value.as_b() {
        return json!({ "B": STANDARD.encode(bytes) });
    }
    if let Ok(truth) = value.as_bool() {
        return json!({ "BOOL": truth });
    }
    if value.is_null() {
        return json!({ "NULL": true });
    }
    // No item of the project holds a set. A damaged one may.
    if let Ok(texts) = value.as_ss() {
        return json!({ "SS": texts });
    }
    if let Ok(numbers) = value.as_ns() {
        return json!({ "NS": numbers });
    }
    if let Ok(blobs) = value.as_bs() {
        return json!({ "BS": blobs.iter().map(|bytes| STANDARD.encode(bytes)).collect::<Vec<_>>() });
    }
    match (value.as_s(), value.as_l(), value.as_m()) {
        (Ok(text), ..) => json!({ "S": text }),
        (_, Ok(list), _) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        (.., Ok(map)) => json!({ "M": stream_image(map) }),
        _ => json!({ "N": value.as_n().ok() }),
    }
}
