//! What: Everything that `giro up` runs: the engines, embedded or real, and what AWS does between Kafka and a handler.
//!
//! Invariants: This is a development tool. Nothing here is compiled into a Lambda.

pub mod apache_kafka;
pub mod aws;
pub(crate) mod credentials;
mod error;
pub(crate) mod escaped;
pub mod failed_topic;
pub mod http;
pub mod invoke;
pub mod kafka;
pub(crate) mod key_order;
pub mod lambda;
mod lambda_listens;
pub(crate) mod log_line;
pub mod poller;
mod reading;
pub(crate) mod region;
pub(crate) mod signed;
pub mod stack;
pub(crate) mod terminal;
pub mod topic_reader;

pub use error::LocalError;
pub(crate) use error::OrLocalError;
