//! What: Publishes records to Kafka: the port, and the adapter behind it.
//!
//! Data: Takes a topic and a record. Gives a [`Sending`], and from it the place of the record, once the broker has
//! acknowledged it.
//!
//! [`kafka`] is the adapter, with librdkafka. `crates/testkit` has an adapter in memory, which can inject errors.
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
