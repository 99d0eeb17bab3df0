//! What `giro up` runs: the engines in the middle, embedded or real, and around them what AWS does between Kafka and a
//! handler.
//!
//! Architecture invariant: a development tool. Nothing here is compiled into a Lambda (feature `local`).

pub mod apache_kafka;
pub mod aws;
pub mod dynamodb;
pub mod failed_topic;
pub mod filter;
pub mod http;
mod invoke;
pub mod kafka;
pub mod lambda;
pub mod poller;
mod reading;
pub mod stack;
pub mod tables;
pub mod template;
pub mod topic_reader;
