//! Bytes to domain and back.

pub(crate) mod account_command;
mod cloud_event;
mod contract;
pub(crate) mod formats;
mod fuzz;
mod golden;
mod http;
mod kafka_event;
mod legged_request;
mod oracle;
mod refund_request;
