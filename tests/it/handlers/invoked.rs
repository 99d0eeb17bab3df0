//! What an invocation of a processor is given, and what it reports.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use lambda_runtime::Context;
use serde_json::json;

/// An invocation that has twenty seconds left.
pub(crate) fn context() -> Context {
    let mut context = Context::default();
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(20);
    context.deadline = u64::try_from(deadline.as_millis()).unwrap();
    context
}

/// An event of (partition, offset, value), each with a key and a header.
pub(crate) fn event<V: AsRef<[u8]>>(records: &[(i32, i64, V)]) -> KafkaEvent {
    let mut lists = serde_json::Map::new();
    for (partition, offset, value) in records {
        let list = lists.entry(format!("t-{partition}")).or_insert_with(|| json!([]));
        let header = json!([{ "trace": [1, -1] }]);
        let record = json!({ "topic": "t", "partition": partition, "offset": offset, "key": "a2V5",
            "value": STANDARD.encode(value), "headers": header });
        list.as_array_mut().unwrap().push(record);
    }
    serde_json::from_str(&json!({ "records": lists }).to_string()).unwrap()
}

pub(crate) fn payment(id: &str, debtor: &str, creditor: &str, amount: u64) -> String {
    format!(
        r#"{{"payment_id":"{id}","debtor_account":"{debtor}","creditor_account":"{creditor}","amount":{amount},"currency":"EUR"}}"#
    )
}

pub(crate) fn command(id: &str, command: &str, account: &str) -> String {
    format!(r#"{{"command_id":"{id}","command":"{command}","account_id":"{account}","currency":"EUR"}}"#)
}

/// What a response reports, as `t-partition:offset …`.
pub(crate) fn reported(response: &BatchResponse) -> String {
    let items = response.failures.iter().map(|failure| &failure.item);
    items.map(|item| format!("{}:{}", item.partition, item.offset)).collect::<Vec<_>>().join(" ")
}
