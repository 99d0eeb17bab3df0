//! Bytes to domain and back: the Kafka event, the payment request, the outcome, the batch response.
//!
//! | module | bytes | domain |
//! |---|---|---|
//! | [`kafka_event`] | the event that Lambda delivers | records, each decoded by itself |
//! | [`payment_request`] | a record's value | a payment, or why it is none |
//! | [`outcome`] | a record's value | an outcome |
//! | [`kafka_secret`] | a secret of Secrets Manager | a Kafka user |
//! | [`batch_response`] | the handler's answer | the records that are not finished |
//!
//! Architecture invariant: the only serde of the handlers is here. Nothing here does I/O, knows the store, or can panic,
//! whatever bytes come in.

pub mod batch_response;
pub mod kafka_event;
pub mod kafka_secret;
pub mod outcome;
pub mod payment_request;
mod raw;
