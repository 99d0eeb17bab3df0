//! What: The answer of a handler to a Kafka batch: the records that are not finished.
//!
//! Data: Takes a partition's records, and the first of them that is not finished. Gives the JSON that Lambda reads if
//! the event source mapping has `ReportBatchItemFailures`.
//!
//! No source says whether Lambda delivers again only the named records, or all from the lowest offset. To be right in
//! both cases, the answer names the first unfinished record of a partition *and every later one*.
//!
//! Invariants: Only records of the event can be named, because Lambda fails the whole batch for any other.

use serde::{Deserialize, Serialize};

use super::kafka_event::PartitionRecords;

/// The answer. If it is empty, everything is finished.
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
    /// The name of the partition in the event: `topic-partition`.
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
