//! What: Reads what a stream's mapping says about records that it gave up: their place in the stream, and when they
//! came.
//!
//! Data: Takes the JSON that Lambda sends to the mapping's queue. Gives an [`Undelivered`]. The records themselves are
//! not in it.
//!
//! | odd | taken as |
//! |---|---|
//! | unknown fields | ignored |
//! | `streamArn`, `shardId` or a sequence number missing | no stretch of the stream |
//! | an arrival missing or not RFC 3339 | no time |
//! | neither a stretch nor both times | [`InvalidUndelivered`] |
//!
//! Source: AWS Lambda developer guide, "Retaining discarded records for a DynamoDB event source".

use super::json::members::members;
use super::json::raw::Json;
use crate::domain::Timestamp;

/// The place of records that were given up. At least one of the two is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undelivered {
    /// Where in the stream.
    pub stretch: Option<Stretch>,
    /// When the first and the last came into the stream, to the second.
    pub arrivals: Option<(Timestamp, Timestamp)>,
}

/// A stretch of a stream's shard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stretch {
    /// The stream.
    pub stream_arn: String,
    /// The shard.
    pub shard_id: String,
    /// The first record's sequence number.
    pub first: String,
    /// The last record's.
    pub last: String,
    /// How many records, if Lambda says it.
    pub records: Option<i64>,
}

/// Why a text isn't in this format: what was expected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct InvalidUndelivered(&'static str);

/// Reads what a stream's mapping sent to its queue.
///
/// # Errors
/// [`InvalidUndelivered`] if it doesn't say where the records are.
pub fn decode(json: &str) -> Result<Undelivered, InvalidUndelivered> {
    const INFO: [&str; 7] = [
        "streamArn",
        "shardId",
        "startSequenceNumber",
        "endSequenceNumber",
        "batchSize",
        "approximateArrivalOfFirstRecord",
        "approximateArrivalOfLastRecord",
    ];
    let [info] = members(json, &["DDBStreamBatchInfo"])
        .map_err(|_| InvalidUndelivered("expected an object with each field once"))?;
    let info = info.ok_or(InvalidUndelivered("DDBStreamBatchInfo: expected an object, got none"))?;
    let fields = members(info.get(), &INFO);
    let [stream_arn, shard_id, first, last, records, first_arrival, last_arrival] =
        fields.map_err(|_| InvalidUndelivered("DDBStreamBatchInfo: expected an object with each field once"))?;
    let text =
        |json: Option<Json<'_>>| json.and_then(Json::text).map(|text| text.into_owned()).filter(|it| !it.is_empty());
    let stretch = (|| {
        let (first, last) = (text(first)?, text(last)?);
        let records = records.and_then(Json::whole);
        Some(Stretch { stream_arn: text(stream_arn)?, shard_id: text(shard_id)?, first, last, records })
    })();
    let time = |json| text(json).and_then(|text| Timestamp::parse(&text).ok());
    let arrivals = time(first_arrival).zip(time(last_arrival));
    match (&stretch, arrivals) {
        (None, None) => Err(InvalidUndelivered(
            "DDBStreamBatchInfo: expected streamArn, shardId and both sequence numbers, or both approximate arrivals",
        )),
        _ => Ok(Undelivered { stretch, arrivals }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// As Lambda writes it.
    const SAMPLE: &str = r#"{
      "requestContext": {
        "requestId": "316aa6d0-8154-xmpl-9af7-85d5f4a6bc81",
        "functionArn": "arn:aws:lambda:us-east-2:123456789012:function:myfunction",
        "condition": "RetryAttemptsExhausted",
        "approximateInvokeCount": 1
      },
      "responseContext": { "statusCode": 200, "executedVersion": "$LATEST", "functionError": "Unhandled" },
      "version": "1.0",
      "timestamp": "2019-11-14T00:13:49.717Z",
      "DDBStreamBatchInfo": {
        "shardId": "shardId-00000001573689847184-864758bb",
        "startSequenceNumber": "800000000003126276362",
        "endSequenceNumber": "800000000003126276363",
        "approximateArrivalOfFirstRecord": "2019-11-14T00:13:19Z",
        "approximateArrivalOfLastRecord": "2019-11-14T00:13:20Z",
        "batchSize": 2,
        "streamArn": "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388"
      }
    }"#;

    fn stretch() -> Stretch {
        Stretch {
            stream_arn: "arn:aws:dynamodb:us-east-2:123456789012:table/mytable/stream/2019-11-14T00:04:06.388".into(),
            shard_id: "shardId-00000001573689847184-864758bb".into(),
            first: "800000000003126276362".into(),
            last: "800000000003126276363".into(),
            records: Some(2),
        }
    }

    fn arrivals() -> (Timestamp, Timestamp) {
        ["2019-11-14T00:13:19Z", "2019-11-14T00:13:20Z"].map(|text| Timestamp::parse(text).unwrap()).into()
    }

    /// A text in the sample, what replaces it, and what is read.
    #[test]
    fn what_is_told_of_records_is_read_as_far_as_it_is_told() {
        let both = Undelivered { stretch: Some(stretch()), arrivals: Some(arrivals()) };
        let count = |records| Undelivered { stretch: Some(Stretch { records, ..stretch() }), ..both.clone() };
        let by_time = Undelivered { stretch: None, ..both.clone() };
        let by_place = Undelivered { arrivals: None, ..both.clone() };
        for (from, to, expected) in [
            ("\"version\": \"1.0\"", "\"version\": 2, \"new\": [{}]", &both),
            ("\"batchSize\": 2", "\"batchSize\": \"2\"", &both),
            ("\"batchSize\": 2", "\"batchSize\": null", &count(None)),
            ("\"batchSize\": 2", "\"count\": 2", &count(None)),
            ("\"shardId\"", "\"shard\"", &by_time),
            ("\"800000000003126276362\"", "800000000003126276362", &by_time),
            ("\"endSequenceNumber\": \"800000000003126276363\"", "\"endSequenceNumber\": \"\"", &by_time),
            ("\"streamArn\"", "\"eventSourceArn\"", &by_time),
            ("2019-11-14T00:13:20Z", "yesterday", &by_place),
            ("\"approximateArrivalOfFirstRecord\"", "\"arrival\"", &by_place),
        ] {
            assert!(SAMPLE.contains(from), "{from}");
            assert_eq!(decode(&SAMPLE.replacen(from, to, 1)).as_ref(), Ok(expected), "{from} -> {to}");
        }
    }

    #[test]
    fn what_says_nothing_of_them_is_unreadable() {
        for (json, expected) in [
            ("", "expected an object with each field once"),
            ("[]", "expected an object with each field once"),
            ("{}", "DDBStreamBatchInfo: expected an object, got none"),
            (r#"{"KinesisBatchInfo":{}}"#, "DDBStreamBatchInfo: expected an object, got none"),
            (r#"{"DDBStreamBatchInfo":7}"#, "DDBStreamBatchInfo: expected an object with each field once"),
            (
                r#"{"DDBStreamBatchInfo":{"shardId":"s","approximateArrivalOfFirstRecord":"2019-11-14T00:13:19Z"}}"#,
                "DDBStreamBatchInfo: expected streamArn, shardId and both sequence numbers, or both approximate arrivals",
            ),
        ] {
            assert_eq!(decode(json).unwrap_err().to_string(), expected, "{json}");
        }
    }
}
