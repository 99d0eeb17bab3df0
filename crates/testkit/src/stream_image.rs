//! What: An item as a table's stream shows it, and as golden files hold it.

use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::store::items::Item;
use serde_json::{Map, Value, json};

/// The image of an item, in the JSON of a stream's event. Its attributes are text, numbers, bytes, lists, maps, and
/// what is true, false or null.
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
    match (value.as_s(), value.as_l(), value.as_m()) {
        (Ok(text), ..) => json!({ "S": text }),
        (_, Ok(list), _) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        (.., Ok(map)) => json!({ "M": stream_image(map) }),
        _ => json!({ "N": value.as_n().ok() }),
    }
}
