//! Tests of what deploys: one binary, one folder a subject.
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

mod handlers;
mod rules;
mod simulation;
mod small_worlds;
mod store;
mod tidy;
mod wire;
