//! What: Writes records of a table's stream as the JSON that Lambda delivers. It is pure.
//!
//! Data: Takes records as the stream tells them. Gives the payload of an invocation, in AWS's shapes.

use aws_sdk_dynamodbstreams::types::{AttributeValue, Record};
use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::delivery::Delivered;

/// A record of a stream.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct StreamRecord {
    pub(super) sequence_number: String,
    timestamp_ms: Option<i64>,
    /// As it is delivered.
    json: String,
}

impl Delivered for StreamRecord {
    // A shard is one sequence.
    fn partition(&self) -> i32 {
        0
    }

    fn timestamp_ms(&self) -> Option<i64> {
        self.timestamp_ms
    }
}

impl StreamRecord {
    /// Reads a record. `None` if it has no sequence number, which no stream sends.
    pub(super) fn read(record: &Record, stream_arn: &str) -> Option<Self> {
        let change = record.dynamodb()?;
        let sequence_number = change.sequence_number()?.to_owned();
        let seconds = change.approximate_creation_date_time().map(aws_sdk_dynamodbstreams::primitives::DateTime::secs);
        let mut dynamodb = Map::new();
        let mut put = |name: &str, value: Option<Value>| value.map(|value| dynamodb.insert(name.to_owned(), value));
        put("ApproximateCreationDateTime", seconds.map(Value::from));
        put("Keys", change.keys().map(image));
        put("NewImage", change.new_image().map(image));
        put("OldImage", change.old_image().map(image));
        put("SequenceNumber", Some(Value::from(sequence_number.as_str())));
        put("SizeBytes", change.size_bytes().map(Value::from));
        put("StreamViewType", change.stream_view_type().map(|view| Value::from(view.as_str())));
        let json = json!({
            "eventID": record.event_id(),
            "eventName": record.event_name().map(aws_sdk_dynamodbstreams::types::OperationType::as_str),
            "eventVersion": record.event_version(),
            "eventSource": "aws:dynamodb",
            "awsRegion": record.aws_region(),
            "dynamodb": dynamodb,
            "eventSourceARN": stream_arn,
        });
        let timestamp_ms = seconds.map(|seconds| seconds.saturating_mul(1000));
        Some(Self { sequence_number, timestamp_ms, json: json.to_string() })
    }

    /// The bytes that it takes in an event.
    pub(super) fn encoded_bytes(&self) -> usize {
        self.json.len().saturating_add(1)
    }
}

/// Writes the event of a batch.
pub(super) fn encode(batch: &[StreamRecord]) -> String {
    let records: Vec<&str> = batch.iter().map(|record| record.json.as_str()).collect();
    format!("{{\"Records\":[{}]}}", records.join(","))
}

fn image(image: &std::collections::HashMap<String, AttributeValue>) -> Value {
    Value::Object(image.iter().map(|(name, value)| (name.clone(), attribute(value))).collect())
}

/// An attribute in DynamoDB's own JSON, bytes in base64.
fn attribute(value: &AttributeValue) -> Value {
    let base64 = |bytes: &aws_sdk_dynamodbstreams::primitives::Blob| STANDARD.encode(bytes);
    if let Ok(text) = value.as_s() {
        json!({ "S": text })
    } else if let Ok(digits) = value.as_n() {
        json!({ "N": digits })
    } else if let Ok(bytes) = value.as_b() {
        json!({ "B": base64(bytes) })
    } else if let Ok(flag) = value.as_bool() {
        json!({ "BOOL": flag })
    } else if let Ok(entries) = value.as_m() {
        json!({ "M": image(entries) })
    } else if let Ok(items) = value.as_l() {
        json!({ "L": items.iter().map(attribute).collect::<Vec<_>>() })
    } else if let Ok(texts) = value.as_ss() {
        json!({ "SS": texts })
    } else if let Ok(numbers) = value.as_ns() {
        json!({ "NS": numbers })
    } else if let Ok(all) = value.as_bs() {
        json!({ "BS": all.iter().map(base64).collect::<Vec<_>>() })
    } else {
        json!({ "NULL": true })
    }
}

#[cfg(test)]
mod tests {
    use aws_lambda_events::event::dynamodb;
    use aws_sdk_dynamodbstreams::primitives::{Blob, DateTime};
    use aws_sdk_dynamodbstreams::types::{OperationType, StreamRecord as ItemChange, StreamViewType};

    use super::*;

    const GOLDEN: &str = include_str!("../../../../../tests/golden/invocations/outcome-publisher.json");

    fn attributes(image: &Value) -> std::collections::HashMap<String, AttributeValue> {
        let attribute = |value: &Value| match value["S"].as_str() {
            Some(text) => AttributeValue::S(text.to_owned()),
            None => AttributeValue::N(value["N"].as_str().unwrap().to_owned()),
        };
        image.as_object().unwrap().iter().map(|(name, value)| (name.clone(), attribute(value))).collect()
    }

    #[test]
    fn what_an_older_version_delivered_is_delivered_as_it_was() {
        for row in serde_json::from_str::<Vec<Value>>(GOLDEN).unwrap() {
            let before = row["event"].as_str().unwrap();
            let records = serde_json::from_str::<Value>(before).unwrap()["Records"].take();
            let text = |value: &Value| value.as_str().unwrap().to_owned();
            let read = |record: &Value| {
                let told = &record["dynamodb"];
                let change = ItemChange::builder()
                    .approximate_creation_date_time(DateTime::from_secs(
                        told["ApproximateCreationDateTime"].as_i64().unwrap(),
                    ))
                    .set_keys(Some(attributes(&told["Keys"])))
                    .set_new_image(Some(attributes(&told["NewImage"])))
                    .sequence_number(text(&told["SequenceNumber"]))
                    .size_bytes(told["SizeBytes"].as_i64().unwrap())
                    .stream_view_type(StreamViewType::from(text(&told["StreamViewType"]).as_str()));
                let whole = Record::builder()
                    .event_id(text(&record["eventID"]))
                    .event_name(OperationType::from(text(&record["eventName"]).as_str()))
                    .event_version(text(&record["eventVersion"]))
                    .aws_region(text(&record["awsRegion"]))
                    .dynamodb(change.build());
                StreamRecord::read(&whole.build(), record["eventSourceARN"].as_str().unwrap()).unwrap()
            };
            let batch: Vec<StreamRecord> = records.as_array().unwrap().iter().map(read).collect();
            assert_eq!(encode(&batch), before);
        }
    }

    #[test]
    fn a_record_has_the_shape_that_lambda_delivers() {
        let list = AttributeValue::L(vec![AttributeValue::Bool(true), AttributeValue::Null(true)]);
        let change = ItemChange::builder()
            .approximate_creation_date_time(DateTime::from_secs(1_700_000_000))
            .keys("payment_id", AttributeValue::S("p1".into()))
            .new_image("amount", AttributeValue::N("5".into()))
            .new_image("b", AttributeValue::B(Blob::new(*b"ab")))
            .new_image("l", list)
            .sequence_number("100000000000000000001")
            .size_bytes(26)
            .stream_view_type(StreamViewType::NewImage)
            .build();
        let record = Record::builder().event_id("e1").event_name(OperationType::Insert).dynamodb(change).build();
        let record = StreamRecord::read(&record, "arn:s").unwrap();
        assert_eq!(record.timestamp_ms(), Some(1_700_000_000_000));
        let event: Value = serde_json::from_str(&encode(&[record.clone(), record])).unwrap();
        assert_eq!(event["Records"].as_array().unwrap().len(), 2);
        expect_test::expect![[r#"{"awsRegion":null,"dynamodb":{"ApproximateCreationDateTime":1700000000,"Keys":{"payment_id":{"S":"p1"}},"NewImage":{"amount":{"N":"5"},"b":{"B":"YWI="},"l":{"L":[{"BOOL":true},{"NULL":true}]}},"SequenceNumber":"100000000000000000001","SizeBytes":26,"StreamViewType":"NEW_IMAGE"},"eventID":"e1","eventName":"INSERT","eventSource":"aws:dynamodb","eventSourceARN":"arn:s","eventVersion":null}"#]]
        .assert_eq(&event["Records"][1].to_string());
    }
    /// By the types that handlers in Rust read events with.
    #[test]
    fn an_event_tells_the_changes_of_a_stream() {
        let image = [
            ("s", AttributeValue::S("ü\"".into()), json!({ "S": "ü\"" })),
            ("n", AttributeValue::N("-1.5".into()), json!({ "N": "-1.5" })),
            ("b", AttributeValue::B(Blob::new(*b"ab")), json!({ "B": "YWI=" })),
            ("bool", AttributeValue::Bool(true), json!({ "BOOL": true })),
            ("null", AttributeValue::Null(true), json!({ "NULL": true })),
            ("l", AttributeValue::L(vec![AttributeValue::N("1".into())]), json!({ "L": [{ "N": "1" }] })),
            (
                "m",
                AttributeValue::M([("k".into(), AttributeValue::S("v".into()))].into()),
                json!({ "M": { "k": { "S": "v" } } }),
            ),
            ("ss", AttributeValue::Ss(vec!["x".into()]), json!({ "SS": ["x"] })),
            ("ns", AttributeValue::Ns(vec!["2".into()]), json!({ "NS": ["2"] })),
            ("bs", AttributeValue::Bs(vec![Blob::new(*b"ab")]), json!({ "BS": ["YWI="] })),
        ];
        let record = |operation: OperationType, number: &str| {
            let mut change = ItemChange::builder()
                .approximate_creation_date_time(DateTime::from_secs(1_700_000_000))
                .keys("payment_id", AttributeValue::S("p1".into()))
                .sequence_number(number)
                .size_bytes(26)
                .stream_view_type(StreamViewType::NewAndOldImages);
            for (name, value, _) in &image {
                change = change.new_image(*name, value.clone()).old_image(*name, value.clone());
            }
            let record = Record::builder().event_id("e1").event_name(operation).aws_region("eu-central-1");
            let record = record.event_version("1.1").event_source("aws:dynamodb").dynamodb(change.build()).build();
            StreamRecord::read(&record, "arn:s").unwrap()
        };
        let batch = [
            record(OperationType::Insert, "1"),
            record(OperationType::Modify, "2"),
            record(OperationType::Remove, "3"),
        ];
        let event: dynamodb::Event = serde_json::from_str(&encode(&batch)).unwrap();
        let expected = Value::Object(image.iter().map(|(name, _, json)| ((*name).into(), json.clone())).collect());
        assert_eq!(event.records.len(), 3);
        for (record, (name, number)) in event.records.iter().zip([("INSERT", "1"), ("MODIFY", "2"), ("REMOVE", "3")]) {
            let change = &record.change;
            assert_eq!((record.event_name.as_str(), change.sequence_number.as_deref()), (name, Some(number)));
            assert_eq!((record.event_id.as_str(), record.aws_region.as_str()), ("e1", "eu-central-1"));
            assert_eq!(
                (record.event_source.as_deref(), record.event_version.as_deref()),
                (Some("aws:dynamodb"), Some("1.1"))
            );
            assert_eq!(record.event_source_arn.as_deref(), Some("arn:s"));
            assert_eq!((change.approximate_creation_date_time.timestamp(), change.size_bytes), (1_700_000_000, 26));
            assert_eq!(change.stream_view_type, Some(dynamodb::StreamViewType::NewAndOldImages));
            assert_eq!(serde_json::to_value(&change.keys).unwrap(), json!({ "payment_id": { "S": "p1" } }));
            assert_eq!(serde_json::to_value(&change.new_image).unwrap(), expected);
            assert_eq!(serde_json::to_value(&change.old_image).unwrap(), expected);
        }
    }
}
