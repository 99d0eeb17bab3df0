//! What: Reads items of DynamoDB's own JSON, as golden files hold them.
//!
//! Data: Takes JSON. Gives an item. Bytes are in base64. Bytes that would fill pages are told as what they repeat, with
//! their digest. A wrong file stops the test.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use aws_sdk_dynamodb::primitives::Blob;
use aws_sdk_dynamodb::types::AttributeValue;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::store::items::Item;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// An item.
#[must_use]
pub fn item(json: &Value) -> Item {
    json.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
}

/// An attribute in DynamoDB's own JSON. Bytes that would fill pages are told as what they repeat.
fn attribute(json: &Value) -> AttributeValue {
    let (kind, value) = json.as_object().unwrap().iter().next().unwrap();
    let text = || value.as_str().unwrap().to_owned();
    match kind.as_str() {
        "S" => AttributeValue::S(text()),
        "N" => AttributeValue::N(text()),
        "B" if value.is_object() => AttributeValue::B(Blob::new(repeated(value))),
        "B" => AttributeValue::B(Blob::new(STANDARD.decode(text()).unwrap())),
        "BOOL" => AttributeValue::Bool(value.as_bool().unwrap()),
        "NULL" => AttributeValue::Null(true),
        "L" => AttributeValue::L(value.as_array().unwrap().iter().map(attribute).collect()),
        "M" => AttributeValue::M(item(value)),
        other => panic!("no attribute is of type {other}"),
    }
}

fn repeated(json: &Value) -> Vec<u8> {
    let length = usize::try_from(json["bytes"].as_u64().unwrap()).unwrap();
    let bytes: Vec<u8> = json["repeated"].as_str().unwrap().bytes().cycle().take(length).collect();
    let digest: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(json["sha256"], digest);
    bytes
}
