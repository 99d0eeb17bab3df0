//! What: Reads and writes what a Kafka mapping's on-failure topic holds: a record that was given up, with its bytes,
//! and why.
//!
//! Data: The JSON that Lambda writes there as a record's value. Its `payload` is the event that was or would have been
//! delivered. [`super::kafka_event`] reads the records in it.
//!
//! | odd | taken as |
//! |---|---|
//! | unknown fields; `requestContext`, `timestamp` missing or of another type | ignored; left out |
//! | `payload` as a text that holds the JSON | that JSON |
//! | several records | all of them, in their order |
//! | no payload, no record in it, a record without a place | [`InvalidFailedRecord`]: a field and what was expected |
//! | a key, a value or a header whose bytes are not certain | the same: a record must be put back byte for byte |
//!
//! Source: AWS Lambda developer guide, "Using a Kafka topic as an on-failure destination", record format.

use std::borrow::Cow;

use serde::Serialize;

use super::json::members::members;
use super::json::raw::Json;
use super::kafka_event::{KafkaEvent, Payload, Record};
use crate::domain::{Header, Source, Timestamp};

/// A record as it stood on its own topic.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FailedRecord {
    /// Where it stood.
    pub source: Source,
    /// When it was produced or appended, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
    /// Its headers, in their order.
    pub headers: Vec<Header>,
}

/// What was given up, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GivenUp {
    /// The records: one, from AWS.
    pub records: Vec<FailedRecord>,
    /// The ARN of the function that they were for.
    pub function_arn: Option<String>,
    /// Why they were given up, such as `RetriesExhausted`.
    pub condition: Option<String>,
    /// About how often they were tried.
    pub invocations: Option<i64>,
    /// When they were given up.
    pub at: Option<Timestamp>,
}

/// Why the bytes are not in this format: the field, and what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidFailedRecord(String);

/// Reads a value of an on-failure topic.
///
/// # Errors
/// [`InvalidFailedRecord`] if it gives no record byte for byte.
pub fn decode(json: &[u8]) -> Result<GivenUp, InvalidFailedRecord> {
    let unreadable = |expected: &str| InvalidFailedRecord(expected.to_owned());
    let text = std::str::from_utf8(json).map_err(|_| unreadable("expected JSON"))?;
    let fields = members(text, &["requestContext", "timestamp", "payload"]);
    let [context, timestamp, payload] = fields.map_err(|_| unreadable("expected an object with each field once"))?;
    let context =
        context.and_then(|json| members(json.get(), &["functionArn", "condition", "approximateInvokeCount"]).ok());
    let [function_arn, condition, invocations] = context.unwrap_or_default();
    let payload =
        payload.filter(|json| !json.is_null()).ok_or_else(|| unreadable("payload: expected an event, got none"))?;
    let event = if payload.get().starts_with('"') { payload.text() } else { Some(Cow::Borrowed(payload.get())) };
    let event = event.and_then(|event| serde_json::from_str::<KafkaEvent>(&event).ok());
    let event = event.ok_or_else(|| unreadable("payload: expected an event with an object of lists as records"))?;
    if let Some(expected) = event.partitions.iter().find_map(|partition| partition.unplaced.first()) {
        return Err(InvalidFailedRecord(format!("payload.{expected}")));
    }
    let records = event.partitions.iter().flat_map(|partition| &partition.records);
    let records = records.map(exactly).collect::<Result<Vec<_>, _>>()?;
    if records.is_empty() {
        return Err(unreadable("payload.records: expected a record, got none"));
    }
    let owned = |json: Option<Json<'_>>| json.and_then(Json::text).map(Cow::into_owned);
    Ok(GivenUp {
        records,
        function_arn: owned(function_arn),
        condition: owned(condition),
        invocations: invocations.and_then(Json::whole),
        at: timestamp.and_then(Json::text).and_then(|text| Timestamp::parse(&text).ok()),
    })
}

/// A record, if all of its bytes are certain.
fn exactly(record: &Record) -> Result<FailedRecord, InvalidFailedRecord> {
    let bytes = |name: &str, payload: &Payload| match payload {
        Payload::Absent => Ok(None),
        Payload::Bytes(bytes) => Ok(Some(bytes.to_vec())),
        Payload::NotBase64(_) => Err(InvalidFailedRecord(format!("{}: {name}: expected base64", record.source))),
    };
    let headers = record.headers_exactly();
    Ok(FailedRecord {
        source: record.source.clone(),
        timestamp: record.timestamp,
        key: bytes("key", &record.key())?,
        value: bytes("value", &record.value)?,
        headers: headers
            .ok_or_else(|| InvalidFailedRecord(format!("{}: headers: expected lists of bytes", record.source)))?,
    })
}

/// What is written beside an event of one record.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The ARN of the function that it was for.
    pub function_arn: &'a str,
    /// Why it was given up.
    pub condition: &'a str,
    /// How often it was tried.
    pub invocations: u32,
    /// When it was given up.
    pub at: Timestamp,
    /// Kafka's address.
    pub bootstrap_servers: &'a str,
    /// The record's offset.
    pub offset: i64,
    /// The record's own time.
    pub timestamp: Option<Timestamp>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Envelope<'a> {
    request_context: RequestContext<'a>,
    response_context: Option<()>,
    version: &'static str,
    timestamp: String,
    #[serde(rename = "KafkaBatchInfo")]
    batch_info: BatchInfo<'a>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct RequestContext<'a> {
    request_id: Option<()>,
    function_arn: &'a str,
    condition: &'a str,
    approximate_invoke_count: u32,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct BatchInfo<'a> {
    batch_size: u32,
    bootstrap_servers: &'a str,
    payload_size: usize,
    record_info: RecordInfo,
}

#[derive(Serialize)]
struct RecordInfo {
    offset: String,
    timestamp: Option<String>,
}

/// Writes a value of an on-failure topic. `event` is the JSON of an event with the one record.
///
/// The id and the answer of the invocation are null: they are no longer known when a record is given up.
#[must_use]
pub fn encode(failure: &Failure<'_>, event: &str) -> String {
    let envelope = Envelope {
        request_context: RequestContext {
            request_id: None,
            function_arn: failure.function_arn,
            condition: failure.condition,
            approximate_invoke_count: failure.invocations,
        },
        response_context: None,
        version: "1.0",
        timestamp: failure.at.to_string(),
        batch_info: BatchInfo {
            batch_size: 1,
            bootstrap_servers: failure.bootstrap_servers,
            payload_size: event.len(),
            record_info: RecordInfo {
                offset: failure.offset.to_string(),
                timestamp: failure.timestamp.map(|timestamp| timestamp.to_string()),
            },
        },
    };
    // Strings and integers always serialise.
    let mut json = serde_json::to_string(&envelope).unwrap_or_default();
    json.truncate(json.len().saturating_sub(1));
    format!("{json},\"payload\":{event}}}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(key: Option<&[u8]>, value: Option<&[u8]>, headers: &[(&str, Option<&[u8]>)]) -> FailedRecord {
        let header =
            |(name, value): &(&str, Option<&[u8]>)| Header { name: (*name).into(), value: value.map(Into::into) };
        FailedRecord {
            source: Source { topic: "my-topic".into(), partition: 0, offset: 100 },
            timestamp: Some(1_749_116_692_330),
            key: key.map(Into::into),
            value: value.map(Into::into),
            headers: headers.iter().map(header).collect(),
        }
    }

    /// The whole sample from AWS's page on the format.
    #[test]
    fn what_aws_writes_is_read() {
        let read = decode(
            br#"{
              "requestContext": {
                "requestId": "e4b46cbf-b738-xmpl-8880-a18cdf61200e",
                "functionArn": "arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST",
                "condition": "RetriesExhausted",
                "approximateInvokeCount": 3
              },
              "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
              "version": "1.0",
              "timestamp": "2019-11-14T18:16:05.568Z",
              "KafkaBatchInfo": {
                "batchSize": 1,
                "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123",
                "bootstrapServers": "b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098",
                "payloadSize": 1162,
                "recordInfo": { "offset": "49601189658422359378836298521827638475320189012309704722", "timestamp": "2019-11-14T18:16:04.835Z" }
              },
              "payload": {
                "bootstrapServers": "b-1.mycluster.abc123.kafka.us-east-1.amazonaws.com:9098",
                "eventSource": "aws:kafka",
                "eventSourceArn": "arn:aws:kafka:us-east-1:123456789012:cluster/my-cluster/abc123",
                "records": {
                  "my-topic-0": [
                    { "headers": [], "key": "dGVzdC1rZXk=", "offset": 100, "partition": 0, "timestamp": 1749116692330,
                      "timestampType": "CREATE_TIME", "topic": "my-topic", "value": "dGVzdC12YWx1ZQ==" }
                  ]
                }
              }
            }"#,
        );
        let expected = GivenUp {
            records: vec![record(Some(b"test-key"), Some(b"test-value"), &[])],
            function_arn: Some("arn:aws:lambda:us-east-1:123456789012:function:my-function:$LATEST".into()),
            condition: Some("RetriesExhausted".into()),
            invocations: Some(3),
            at: Some(Timestamp::parse("2019-11-14T18:16:05.568Z").unwrap()),
        };
        assert_eq!(read, Ok(expected));
    }

    /// The fields of a record beside its place, and the record that is put back.
    #[test]
    fn every_byte_of_a_record_survives() {
        for (fields, expected) in [
            ("", record(None, None, &[])),
            (r#","key":null,"value":null,"headers":null"#, record(None, None, &[])),
            (r#","key":"","value":"","headers":[]"#, record(Some(b""), Some(b""), &[])),
            (r#","value":"//4A""#, record(None, Some(&[255, 254, 0]), &[])),
            (
                r#","headers":[{"h":[-128,-1,0,127]},{"h":[128,255]},{"h":{}},{"h":null},{"h":[]},{"":[1]},{"\u0000ü":[1]}]"#,
                record(
                    None,
                    None,
                    &[
                        ("h", Some(&[128, 255, 0, 127])),
                        ("h", Some(&[128, 255])),
                        ("h", None),
                        ("h", None),
                        ("h", Some(&[])),
                        ("", Some(&[1])),
                        ("\0ü", Some(&[1])),
                    ],
                ),
            ),
        ] {
            let record =
                format!(r#"{{"topic":"my-topic","partition":0,"offset":100,"timestamp":1749116692330{fields}}}"#);
            let event = format!(r#"{{"records":{{"my-topic-0":[{record}]}}}}"#);
            let escaped = serde_json::to_string(&event).unwrap();
            for payload in [event, escaped] {
                let read = decode(format!(r#"{{"payload":{payload}}}"#).as_bytes()).unwrap();
                assert_eq!(read.records, std::slice::from_ref(&expected), "{payload}");
                assert_eq!((read.function_arn, read.condition, read.invocations, read.at), (None, None, None, None));
            }
        }
    }

    #[test]
    fn what_is_not_certain_is_unreadable_and_says_where() {
        let records = |records: &str| format!(r#"{{"payload":{{"records":{{"t-0":[{records}]}}}}}}"#);
        for (json, expected) in [
            ("\u{fffd}".to_owned(), "expected an object with each field once"),
            ("[]".into(), "expected an object with each field once"),
            (r#"{"payload":{},"payload":{}}"#.into(), "expected an object with each field once"),
            ("{}".into(), "payload: expected an event, got none"),
            (r#"{"payload":null}"#.into(), "payload: expected an event, got none"),
            (r#"{"payload":7}"#.into(), "payload: expected an event with an object of lists as records"),
            (r#"{"payload":"{"}"#.into(), "payload: expected an event with an object of lists as records"),
            (r#"{"payload":{"records":[]}}"#.into(), "payload: expected an event with an object of lists as records"),
            (r#"{"payload":{}}"#.into(), "payload: expected an event with an object of lists as records"),
            (r#"{"payload":{"records":{}}}"#.into(), "payload.records: expected a record, got none"),
            (records(""), "payload.records: expected a record, got none"),
            (records(r#"{"offset":-1}"#), "payload.records[\"t-0\"][0].offset: expected a whole number, 0 or more"),
            (records(r#"{"offset":1,"key":"%"}"#), "t/0/1: key: expected base64"),
            (records(r#"{"offset":1,"value":7}"#), "t/0/1: value: expected base64"),
            (records(r#"{"offset":1,"headers":[{"h":[256]}]}"#), "t/0/1: headers: expected lists of bytes"),
            (records(r#"{"offset":1,"headers":[{"h":"x"}]}"#), "t/0/1: headers: expected lists of bytes"),
            (records(r#"{"offset":1,"headers":{"h":[1]}}"#), "t/0/1: headers: expected lists of bytes"),
        ] {
            assert_eq!(decode(json.as_bytes()).unwrap_err().to_string(), expected, "{json}");
        }
        assert_eq!(decode(&[0xff]).unwrap_err().to_string(), "expected JSON");
    }

    #[test]
    fn what_is_odd_beside_the_record_does_not_hide_it() {
        for odd in [
            r#""requestContext":7,"timestamp":7,"#,
            r#""requestContext":{"functionArn":7,"condition":null,"approximateInvokeCount":"x"},"timestamp":"yesterday","#,
            r#""requestContext":{"condition":"a","condition":"b"},"new":[{}],"#,
        ] {
            let json = format!(r#"{{{odd}"payload":{{"records":{{"t-0":[{{"offset":1}}]}}}}}}"#);
            let read = decode(json.as_bytes()).unwrap();
            assert_eq!((read.records.len(), read.condition, read.invocations, read.at), (1, None, None, None), "{odd}");
        }
    }

    #[test]
    fn what_is_written_has_the_shape_that_aws_writes() {
        let failure = Failure {
            function_arn: "arn:f",
            condition: "RetriesExhausted",
            invocations: 3,
            at: Timestamp::EPOCH,
            bootstrap_servers: "127.0.0.1:9092",
            offset: 7,
            timestamp: None,
        };
        let event = r#"{"records":{"t-0":[{"topic":"t","partition":0,"offset":7,"value":"AA=="}]}}"#;
        let written = encode(&failure, event);
        expect_test::expect![[r#"{"requestContext":{"requestId":null,"functionArn":"arn:f","condition":"RetriesExhausted","approximateInvokeCount":3},"responseContext":null,"version":"1.0","timestamp":"1970-01-01T00:00:00.000Z","KafkaBatchInfo":{"batchSize":1,"bootstrapServers":"127.0.0.1:9092","payloadSize":75,"recordInfo":{"offset":"7","timestamp":null}},"payload":{"records":{"t-0":[{"topic":"t","partition":0,"offset":7,"value":"AA=="}]}}}"#]]
        .assert_eq(&written);
        let read = decode(written.as_bytes()).unwrap();
        assert_eq!((read.invocations, read.at), (Some(3), Some(Timestamp::EPOCH)));
        assert_eq!(read.records[0].value.as_deref(), Some(&[0][..]));
    }
}
