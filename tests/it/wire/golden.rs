//! What an older version stored, published and answered is read and written by this one, byte for byte.
//!
//! | part | where |
//! |---|---|
//! | items of the tables | `stored` |
//! | records of the topics | `published` |
//! | events of the functions, and their answers | `answered` |
//! | what an older version made of what this one writes | `older` |
//! | no kind is without its golden file | `complete` |
//!
//! The files stand in `tests/golden/`. Nothing rewrites them: where this version writes other bytes, it breaks what is
//! stored and what others read.

mod answered;
mod complete;
mod older;
mod published;
mod stored;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::{Header, Source};
use giro::store::items::Item;
use giro_testkit::golden_items::item;
use lambda_runtime::{Context, LambdaEvent};
use serde_json::Value;

fn folder() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/golden")
}

/// The rows of a golden file.
fn rows(file: &str) -> Vec<Value> {
    let text = std::fs::read_to_string(folder().join(file)).unwrap_or_else(|error| panic!("{file}: {error}"));
    let rows: Vec<Value> = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{file}: {error}"));
    assert!(!rows.is_empty(), "{file} holds nothing");
    rows
}

/// The items of a table.
fn items(table: &str) -> Vec<Item> {
    rows(&format!("tables/{table}.json")).iter().map(item).collect()
}

/// A record of a topic.
#[derive(Debug)]
struct Record {
    source: Source,
    timestamp: i64,
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
    is_ours: bool,
}

/// The records of a topic.
fn records(topic: &str) -> Vec<Record> {
    let record = |row: &Value| Record {
        source: Source {
            topic: topic.into(),
            partition: i32::try_from(row["partition"].as_i64().unwrap()).unwrap(),
            offset: row["offset"].as_i64().unwrap(),
        },
        timestamp: row["timestamp"].as_i64().unwrap(),
        key: bytes(&row["key"]),
        value: bytes(&row["value"]),
        headers: headers(row),
        is_ours: row["written_by"] == "giro",
    };
    rows(&format!("topics/{topic}.json")).iter().map(record).collect()
}

/// The headers of a row.
fn headers(row: &Value) -> Vec<Header> {
    let header = |pair: &Value| Header { name: pair[0].as_str().unwrap().into(), value: bytes(&pair[1]) };
    row["headers"].as_array().unwrap().iter().map(header).collect()
}

/// The headers that make CloudEvents of the outcomes, by the keys of their records.
fn headers_of_events() -> BTreeMap<Vec<u8>, Vec<Header>> {
    let rows = rows("headers/payment-outcomes.json");
    rows.iter().map(|row| (bytes(&row["key"]).unwrap(), headers(row))).collect()
}

/// Bytes as text, or in base64 where they are none.
fn bytes(json: &Value) -> Option<Vec<u8>> {
    let decoded = |text: &Value| STANDARD.decode(text.as_str().unwrap()).unwrap();
    (!json.is_null()).then(|| json.as_str().map_or_else(|| decoded(&json["base64"]), |text| text.as_bytes().to_vec()))
}

/// The events that a function was given, and its answers.
fn invocations(function: &str) -> Vec<(String, String)> {
    let text = |json: &Value| json.as_str().unwrap().to_owned();
    let rows = rows(&format!("invocations/{function}.json"));
    rows.iter().map(|row| (text(&row["event"]), text(&row["response"]))).collect()
}

/// An event as its handler gets it, with time to answer.
fn given<E: serde::de::DeserializeOwned>(event: &str) -> LambdaEvent<E> {
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(60);
    let mut context = Context::default();
    context.deadline = u64::try_from(deadline.as_millis()).unwrap();
    LambdaEvent::new(serde_json::from_str(event).unwrap(), context)
}
