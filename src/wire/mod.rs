//! What: Turns bytes into domain values and back: events, payment requests, account commands, outcomes, answers.
//!
//! | module | bytes | domain |
//! |---|---|---|
//! | [`incoming`] | the event of an invocation | an event of the function's kind, or another service's |
//! | [`kafka_event`] | the event of a Kafka topic | records, each decoded by itself |
//! | [`failed_record`] | what a mapping on Kafka gives up | records, byte for byte, and why |
//! | [`instruction`] | a record's value | an instruction of any kind |
//! | [`payment_request`] | a record's value | a payment, or why it is none |
//! | [`legged_request`] | a record's value | a payment with legs, or why it is none |
//! | [`refund_request`] | a record's value | a refund, or why it is none |
//! | [`requested_by`] | a header of a record | who asked |
//! | [`traceparent`] | the same, or of an HTTP request | the trace that it belongs to |
//! | [`account_command`] | a record's value | an account command, or why it is none |
//! | [`json`] | the same | how all are read, and what can be wrong |
//! | `limits` | in commands and answers | the limits of an account |
//! | `base64_text` | a key or value in an event | bytes |
//! | [`outcome`] | a record's value | an outcome |
//! | [`cloud_event`] | the headers of such a record | what names an outcome |
//! | [`kafka_secret`] | a secret of Secrets Manager | a Kafka user, or certificates |
//! | [`stream_event`] | the event of a DynamoDB stream, and its answer | changes, each read by itself |
//! | [`undelivered`] | what a stream's mapping gives up | where the records stand |
//! | [`http`] | the event of an HTTP API, and its answer | a request, a response |
//! | [`problem`] | the body of an HTTP error | what is wrong |
//! | [`resource`] | the bodies of HTTP answers | outcomes, accounts, statements |
//! | [`batch_response`] | the handler's answer | the records that are not finished |
//! | [`scheduled`] | the event of a schedule | that it is time |
//! | [`canary_result`] | the canary's answer | how long its payments took |
//! | [`audit_result`] | the auditor's answer | what an audit of all payments counted |
//! | [`proof_result`] | the same | what an audit of what moved counted |
//! | [`metric`] | what the next modules write | metrics |
//! | [`batch_metrics`] | the same | the figures of a batch |
//! | [`published_metrics`] | the same | the figures of published outcomes |
//! | [`embedded_metric`] | a log line | metrics in the format of CloudWatch |
//! | [`otlp`] | requests to a collector of OpenTelemetry | metrics and spans |
//! | [`xray_header`] | the header of an invocation | the trace that Lambda has begun |
//!
//! Invariants: All serde of the handlers is here. Nothing here does I/O, knows the store, or can panic, whatever bytes
//! come in.

pub mod account_command;
pub mod audit_result;
mod base64_text;
pub mod batch_metrics;
pub mod batch_response;
pub mod canary_result;
pub mod cloud_event;
pub mod embedded_metric;
pub mod failed_record;
pub mod http;
pub mod incoming;
pub mod instruction;
pub mod json;
pub mod kafka_event;
pub mod kafka_secret;
pub mod legged_request;
mod limits;
pub mod metric;
pub mod otlp;
pub mod outcome;
pub mod payment_request;
pub mod problem;
pub mod proof_result;
pub mod published_metrics;
pub mod refund_request;
pub mod requested_by;
pub mod resource;
pub mod scheduled;
pub mod stream_event;
pub mod traceparent;
pub mod undelivered;
pub mod xray_header;
