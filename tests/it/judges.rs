//! The tests that judge mutants first: the rules, the stores and the formats. They are a target of the test kit as well
//! (`crates/testkit/Cargo.toml`), because cargo links every handler for a test of the root package.
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

mod rules;
mod store;
mod wire;
