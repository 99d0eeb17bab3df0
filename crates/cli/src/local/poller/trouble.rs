//! What: Reports errors of reading for a poller: each once, with the place and what to do.
//!
//! | the error is | then |
//! |---|---|
//! | a partition's | the partition is searched, and reported with its offset; the others are read on |
//! | the broker's, or the network's | it is reported; the client goes on trying by itself |
//!
//! The search takes seconds if a broker is slow, so it runs beside the poller.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::Offset;
use rdkafka::error::KafkaError;
use tokio::time::Instant;

use super::Line;
use crate::local::reading::{self, Once, Polled, UNREADABLE};

/// The pause between two searches while errors go on: another partition may be blocked by now.
const LOOK_AGAIN: Duration = Duration::from_secs(10);

/// The errors of one poller.
pub(super) struct Troubles {
    line: Line,
    bootstrap_servers: String,
    topic: String,
    said: Arc<Mutex<Once>>,
    looked: Option<Instant>,
}

impl Troubles {
    pub(super) fn new(line: &Line, bootstrap_servers: &str, topic: &str) -> Self {
        let (bootstrap_servers, topic) = (bootstrap_servers.to_owned(), topic.to_owned());
        Self { line: line.clone(), bootstrap_servers, topic, said: Arc::default(), looked: None }
    }

    /// Takes an error of the client. `next` has the poller's position in each partition.
    pub(super) fn failed(&mut self, error: &KafkaError, next: &BTreeMap<i32, Offset>) {
        let words = reading::words(error);
        if !reading::of_a_partition(error) {
            let Self { line, bootstrap_servers, .. } = self;
            let (function, kafka) = (&line.mapping.function, &*bootstrap_servers);
            let text = format!("Kafka at {kafka} can't be read for {function}: {words}. The poller goes on trying.");
            return say(line, &self.said, &text, &text);
        }
        if self.looked.is_some_and(|looked| looked.elapsed() < LOOK_AGAIN) {
            return;
        }
        self.looked = Some(Instant::now());
        let (line, said, next) = (self.line.clone(), Arc::clone(&self.said), next.clone());
        let (bootstrap_servers, topic) = (self.bootstrap_servers.clone(), self.topic.clone());
        tokio::spawn(async move {
            match reading::blocked(&bootstrap_servers, &topic, &next).await.as_deref() {
                Ok([]) | Err(_) => {
                    let text = format!("topic {topic}: a read failed: {words}. The poller goes on trying.");
                    say(&line, &said, &text, &text);
                }
                Ok(found) => {
                    for text in found.iter().map(ToString::to_string) {
                        say(&line, &said, &text, &text);
                    }
                }
            }
        });
    }

    /// Takes a record that was read.
    pub(super) fn read(&self, record: &Polled) {
        if record.has_unreadable_header() {
            let Polled { topic, partition, offset, .. } = record;
            let text = format!(
                "topic {topic}, partition {partition}: the name of a header is not UTF-8, first at offset {offset}. \
                 {UNREADABLE} without a value stands for such a header."
            );
            // At another offset it is the same error.
            say(&self.line, &self.said, &format!("a header's name in {topic}/{partition}"), &text);
        }
    }
}

fn say(line: &Line, said: &Mutex<Once>, what: &str, text: &str) {
    if said.lock().unwrap_or_else(PoisonError::into_inner).is_news(what, std::time::Instant::now()) {
        line.trouble(text);
    }
}
