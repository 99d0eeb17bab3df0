//! What: Publishes records to Kafka, and reads those that a topic gets: the ports, and the adapters behind them.
//!
//! Data: Takes a topic and a record. Gives a [`Sending`], and from it the place of the record, once the broker has
//! acknowledged it. [`Follow`] takes a topic, and gives the records that it gets from then on.
//!
//! [`kafka`] has the adapters, with librdkafka. `crates/testkit` has one in memory, which can inject errors.
//! [`broker`] names the broker and the login.
//!
//! Invariants: A record counts as published only when the broker has acknowledged it on all in-sync replicas. A record
//! that was not acknowledged may still have arrived, so publishing it again must be safe.

pub mod broker;
pub mod kafka;

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use crate::domain::Header;

/// Where a record was put.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Placed {
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
}

/// Why it isn't known whether a record is published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The record is larger than the broker allows, so another try won't help.
    #[error("the record is larger than the broker takes")]
    TooLarge,
    /// The broker did not acknowledge the record in time. It may have arrived nevertheless.
    #[error("the broker did not acknowledge a record: {0}")]
    Unacknowledged(String),
}

/// A record on its way.
pub struct Sending(Pin<Box<dyn Future<Output = Result<Placed, PublishError>> + Send>>);

impl Sending {
    /// A record on its way; `placed` gives its answer.
    pub fn new(placed: impl Future<Output = Result<Placed, PublishError>> + Send + 'static) -> Self {
        Self(Box::pin(placed))
    }

    /// Waits until the broker has acknowledged the record.
    ///
    /// # Errors
    /// [`PublishError`] if it didn't.
    pub async fn placed(self) -> Result<Placed, PublishError> {
        self.0.await
    }
}

impl fmt::Debug for Sending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sending")
    }
}

/// Publishes records in the order in which they are handed over, until one is not acknowledged. Each has its own
/// acknowledgement.
pub trait Publish: Sync {
    /// Hands over a record, and waits only while the queue is full. Records of one key keep their order, until one is
    /// not acknowledged.
    ///
    /// # Errors
    /// [`PublishError`] if the record was not taken.
    fn send(
        &self,
        topic: &str,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: &[Header],
    ) -> impl Future<Output = Result<Sending, PublishError>> + Send;
}

/// Why a topic can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the topic can't be read: {0}")]
pub struct FollowError(pub String);

/// A record that a topic got.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Arrived {
    /// Its key.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// Reads the records that a topic gets.
pub trait Follow: Sync {
    /// A topic that is being read.
    type Followed: Followed;

    /// Begins to read a topic. What is published after this returns will be read.
    ///
    /// # Errors
    /// [`FollowError`] if the broker can't be reached, or has no such topic.
    fn follow(&self, topic: &str) -> impl Future<Output = Result<Self::Followed, FollowError>> + Send;
}

/// A topic that is being read.
pub trait Followed: Send {
    /// Waits for the next record, in order within each partition.
    ///
    /// # Errors
    /// [`FollowError`] if no more records can come. A broker that is away isn't an error.
    fn next(&mut self) -> impl Future<Output = Result<Arrived, FollowError>> + Send;
}
