//! What: An item as a table's stream shows it.

use aws_sdk_dynamodb::types::AttributeValue;
use giro::store::items::Item;
use serde_json::{Map, Value, json};

/// The image of an item, in the JSON of a stream's event. Its attributes are text, numbers, lists and maps.
#[must_use]
pub fn stream_image(item: &Item) -> Value {
    let shown: Map<String, Value> = item.iter().map(|(name, value)| (name.clone(), attribute(value))).collect();
    shown.into()
}

fn attribute(value: &AttributeValue) -> Value {
    match (value.as_s(), value.as_l(), value.as_m()) {
        (Ok(text), ..) => json!({ "S": text }),
        (_, Ok(list), _) => json!({ "L": list.iter().map(attribute).collect::<Vec<_>>() }),
        (.., Ok(map)) => json!({ "M": stream_image(map) }),
        _ => json!({ "N": value.as_n().ok() }),
    }
}
