//! What: The JSON of a Kafka event, as the event source mapping delivers it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;

use giro::domain::Request;
use giro::wire::instruction;

/// One invocation's event of these requests, which are of one partition.
#[must_use]
pub fn encode(requests: &[Request]) -> String {
    let record = |request: &Request| {
        let source = &request.source;
        json!({
            "topic": &*source.topic, "partition": source.partition, "offset": source.offset,
            "timestamp": 1_795_341_600_000_u64, "timestampType": "CREATE_TIME",
            "key": STANDARD.encode(request.instruction.debtor().as_str()),
            "value": STANDARD.encode(instruction::encode(&request.instruction)), "headers": [],
        })
    };
    let identifier = requests.first().map(|first| format!("{}-{}", first.source.topic, first.source.partition));
    let records: Vec<serde_json::Value> = requests.iter().map(record).collect();
    json!({
        "eventSource": "aws:kafka", "eventSourceArn": "arn:aws:kafka:eu-central-1:0:cluster/local/1",
        "bootstrapServers": "127.0.0.1:9092", "records": { identifier.unwrap_or_default(): records },
    })
    .to_string()
}
