//! What: Reads what a function's response reports. It is pure.
//!
//! Data: Takes what was delivered, and the response. Gives the places of the reported records. If the response can't be
//! used, it says why, and the delivery has failed.

use serde::Deserialize;

use super::delivery::Answer;
use crate::local::reading::Polled;
use giro::wire::batch_response::BatchResponse;

/// An empty response says that all is well.
fn says_nothing(response: &[u8]) -> bool {
    matches!(response.trim_ascii(), b"" | b"null" | b"{}")
}

/// Reads a response to records from Kafka.
pub(super) fn to_kafka(records: &[Polled], response: &[u8]) -> Answer {
    if says_nothing(response) {
        return Answer::Reported(Vec::new());
    }
    let response: BatchResponse = match serde_json::from_slice(response) {
        Ok(response) => response,
        Err(error) => return Answer::Failed(format!("not a batch response: {error}")),
    };
    let mut reported = Vec::with_capacity(response.failures.len());
    for item in response.failures.into_iter().map(|failure| failure.item) {
        let named = |record: &Polled| {
            record.offset == item.offset && format!("{}-{}", record.topic, record.partition) == item.partition
        };
        match records.iter().position(named) {
            Some(place) => reported.push(place),
            None => {
                return Answer::Failed(format!(
                    "reports {} at {}, which was not delivered",
                    item.partition, item.offset
                ));
            }
        }
    }
    Answer::Reported(reported)
}

#[derive(Deserialize)]
struct StreamResponse {
    #[serde(rename = "batchItemFailures", default)]
    failures: Option<Vec<StreamFailure>>,
}

#[derive(Deserialize)]
struct StreamFailure {
    #[serde(rename = "itemIdentifier")]
    sequence_number: Option<String>,
}

/// Reads a response to records of a stream, given their sequence numbers. An identifier that is empty or missing means
/// the whole batch, as Lambda takes it.
pub(super) fn to_stream(sequence_numbers: &[&str], response: &[u8]) -> Answer {
    if says_nothing(response) {
        return Answer::Reported(Vec::new());
    }
    let response: StreamResponse = match serde_json::from_slice(response) {
        Ok(response) => response,
        Err(error) => return Answer::Failed(format!("not a batch response: {error}")),
    };
    let mut reported = Vec::new();
    for failure in response.failures.unwrap_or_default() {
        let number = failure.sequence_number.unwrap_or_default();
        match sequence_numbers.iter().position(|known| *known == number) {
            Some(place) => reported.push(place),
            None => return Answer::Failed(format!("reports \"{number}\", which was not delivered")),
        }
    }
    Answer::Reported(reported)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(response: &str, expected: &expect_test::Expect) {
        let answer = match to_stream(&["100", "200", "300"], response.as_bytes()) {
            Answer::Reported(places) => format!("reported {places:?}"),
            Answer::Failed(why) => format!("failed: {why}"),
        };
        expected.assert_eq(&answer);
    }

    #[test]
    fn a_streams_records_are_reported_by_sequence_number() {
        check("", &expect_test::expect!["reported []"]);
        check(" null ", &expect_test::expect!["reported []"]);
        check(r#"{"batchItemFailures":null}"#, &expect_test::expect!["reported []"]);
        check(r#"{"batchItemFailures":[{"itemIdentifier":"200"}]}"#, &expect_test::expect!["reported [1]"]);
        check(
            r#"{"batchItemFailures":[{"itemIdentifier":"7"}]}"#,
            &expect_test::expect![[r#"failed: reports "7", which was not delivered"#]],
        );
        check(
            r#"{"batchItemFailures":[{"itemIdentifier":""}]}"#,
            &expect_test::expect![[r#"failed: reports "", which was not delivered"#]],
        );
        check(
            r#"{"batchItemFailures":[{}]}"#,
            &expect_test::expect![[r#"failed: reports "", which was not delivered"#]],
        );
    }
}
