//! What: Holds the newest outcomes, as they came on their topic.
//!
//! Data: Takes the records of a topic from near its end on. Gives their values, which are JSON, each in one line.
//!
//! Limits: It holds [`NEWEST_MAX`] outcomes. What it has seen is counted, also what was published twice.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};

use rdkafka::Offset;
use serde::de::IgnoredAny;

use crate::local::LocalError;
use crate::local::kafka::partitions;
use crate::local::topic_reader::{Read, TopicReader};

/// How many outcomes are held.
const NEWEST_MAX: usize = 200;

/// The largest outcome that is held. One with sixteen legs takes some 20 KB.
const BYTES_MAX: usize = 64 * 1024;

/// How many outcomes of each partition are read that were there before.
const BEFORE: i64 = 20;

/// The newest outcomes.
#[derive(Debug, Clone, Default)]
pub(super) struct Newest(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    outcomes: VecDeque<String>,
    seen: u64,
}

impl Newest {
    /// At most so many outcomes, newest first, as a JSON list; and how many were seen so far.
    pub(super) fn list(&self, most: usize) -> (String, u64) {
        let held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let outcomes: Vec<&str> = held.outcomes.iter().take(most).map(String::as_str).collect();
        (format!("[{}]", outcomes.join(",")), held.seen)
    }

    /// How many were seen so far.
    pub(super) fn seen(&self) -> u64 {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).seen
    }

    /// Takes the value of a record. What is no JSON object is no outcome.
    fn take(&self, value: Vec<u8>) {
        let Ok(text) = String::from_utf8(value) else { return };
        let is_outcome = text.starts_with('{') && serde_json::from_str::<IgnoredAny>(&text).is_ok();
        if text.len() > BYTES_MAX || !is_outcome {
            return;
        }
        // In JSON, a line end stands between parts only. In an event, it would end the data.
        let text = text.replace(['\r', '\n'], " ");
        let mut held = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        held.outcomes.truncate(NEWEST_MAX.saturating_sub(1));
        held.outcomes.push_front(text);
        held.seen = held.seen.saturating_add(1);
    }
}

/// Reads a topic for as long as the caller runs this.
///
/// # Errors
/// [`LocalError`] if the topic can't be read, or not any more.
pub(super) async fn follow(newest: Newest, bootstrap_servers: &str, topic: &str) -> Result<(), LocalError> {
    let partitions = partitions(bootstrap_servers, topic).await?;
    let starts: BTreeMap<i32, Offset> =
        partitions.into_iter().map(|partition| (partition, Offset::OffsetTail(BEFORE))).collect();
    let mut reader = TopicReader::from(bootstrap_servers, topic, &starts).await?;
    loop {
        if let Read::Record(record) = reader.next().await? {
            newest.take(record.value.unwrap_or_default());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_newest_come_first_and_are_no_more_than_so_many() {
        let newest = Newest::default();
        for ix in 0..NEWEST_MAX + 3 {
            newest.take(format!(r#"{{"payment_id":"p{ix}"}}"#).into_bytes());
        }
        newest.take(b"not json".to_vec());
        newest.take(b"{".to_vec());
        newest.take(format!(r#"{{"reference":"{}"}}"#, "x".repeat(BYTES_MAX)).into_bytes());
        newest.take(b"[1]".to_vec());
        newest.take(vec![0xff]);
        let (list, seen) = newest.list(2);
        assert_eq!((list.as_str(), seen), (r#"[{"payment_id":"p202"},{"payment_id":"p201"}]"#, 203));
        newest.take(b"{\"payment_id\":\r\n\"x\"}".to_vec());
        assert_eq!(newest.list(1).0, r#"[{"payment_id":  "x"}]"#);
        let all: Vec<serde_json::Value> = serde_json::from_str(&newest.list(1_000).0).unwrap();
        assert_eq!(all.len(), NEWEST_MAX);
    }
}
