//! A handler's answer to a Kafka batch: which records are not finished.
//!
//! In: a partition's records, and the first of them that is not finished. Out: the JSON that Lambda reads where the
//! event source mapping has `ReportBatchItemFailures`.
//!
//! No source settles whether Lambda delivers again only the records that are named, or all from the lowest offset. Both
//! are right if the first unfinished record of a partition is named *and every later one*.
//!
//! Invariant: only records of the event can be named, because Lambda fails the whole batch for one that wasn't.

use serde::{Deserialize, Serialize};

use super::kafka_event::PartitionRecords;

/// The answer. Empty: all well.
///
/// Source: AWS Lambda developer guide, "Implementing partial batch responses with Apache Kafka".
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct BatchResponse {
    /// The records that are not finished.
    #[serde(rename = "batchItemFailures")]
    pub failures: Vec<BatchItemFailure>,
}

/// One record that is not finished.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BatchItemFailure {
    /// Which.
    #[serde(rename = "itemIdentifier")]
    pub item: ItemIdentifier,
}

/// Names a record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ItemIdentifier {
    /// The event's own name for the partition: `topic-partition`.
    pub partition: String,
    /// The record's offset.
    pub offset: i64,
}

impl BatchResponse {
    /// Reports the records of a partition from the position `first` on.
    pub fn report_from(&mut self, partition: &PartitionRecords, first: usize) {
        let failure =
            |offset| BatchItemFailure { item: ItemIdentifier { partition: partition.identifier.clone(), offset } };
        let unfinished = partition.records.iter().skip(first);
        self.failures.extend(unfinished.map(|record| failure(record.source.offset)));
    }
}
