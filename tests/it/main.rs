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

mod cargo_lambda;
mod cli;
mod lanes;
mod model;
mod payment_processor;
mod plan;
mod scenarios;
mod settling;
mod stack;
mod store_contract;
mod tidy;
mod wire;
