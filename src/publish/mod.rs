//! Handing records to Kafka: the port, and the adapter behind it.
//!
//! In: a topic and a record. Out: a [`Sending`], and from it where the broker put the record, once it has acknowledged
//! it.
//!
//! [`kafka`] is the adapter, on librdkafka; `crates/testkit` keeps records in memory, with seeded faults. [`broker`] says
//! which broker and how to log in there.
//!
//! Invariants: a record counts as published only when the broker has acknowledged it on all in-sync replicas. One that
//! was not acknowledged may still have arrived: who publishes again must be safe to repeat.

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

/// Why a record is not known to be published.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PublishError {
    /// The client won't take the record, whoever asks again: it is larger than the broker allows.
    #[error("the record is larger than the broker takes")]
    TooLarge,
    /// The broker did not acknowledge the record in time. It may have arrived nevertheless.
    #[error("the broker did not acknowledge a record: {0}")]
    Unacknowledged(String),
}

/// A record on its way.
pub struct Sending(Pin<Box<dyn Future<Output = Result<Placed, PublishError>> + Send>>);

impl Sending {
    /// A record whose answer `placed` will give.
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

/// Publishes records: in the order in which they were handed over, each acknowledged by itself.
pub trait Publish: Sync {
    /// Hands a record over; waits only while the queue is full. Records of one key keep their order.
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
