//! Bytes to domain and back: the Kafka event, the payment request, the outcome, the batch response.
//!
//! Architecture invariant: the only serde of the handlers is here. Nothing here does I/O or knows the store.

pub mod batch_response;
pub mod kafka_event;
pub mod outcome;
pub mod payment_request;
