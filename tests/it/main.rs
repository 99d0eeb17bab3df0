//! Giro's integration tests: one binary, one module a subject.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    clippy::float_arithmetic,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

mod account_commands;
mod account_processor;
mod answers;
mod auditing;
mod cargo_lambda;
mod cli;
mod command_grounds;
mod complaints;
mod crash;
mod deployment;
mod e2e;
mod engine;
mod failed;
mod fuzz;
mod grounds;
mod hostile;
mod incoming;
mod invoke_call;
mod lanes;
mod model;
mod names;
mod outcome_publisher;
mod pasted;
mod payment_api;
mod payment_processor;
mod plan;
mod readers;
mod redrive;
mod scenarios;
mod schemathesis;
mod settling;
mod simulation;
mod stack;
mod statements;
mod stopped;
mod store_contract;
mod template;
mod tidy;
mod topic_bytes;
mod triggers;
mod wire;
mod worlds;
