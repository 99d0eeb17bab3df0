//! The tests that decide the rules, and nothing that is slow to build: what `make mutants` asks of each mutant. All of them
//! stand in `tests/it`, and run there.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs,
    reason = "a test stops at the first surprise"
)]

#[path = "it/account_commands.rs"]
mod account_commands;
#[path = "it/grounds.rs"]
mod grounds;
#[path = "it/lanes.rs"]
mod lanes;
#[path = "it/plan.rs"]
mod plan;
#[path = "it/scenarios.rs"]
mod scenarios;
#[path = "it/settling.rs"]
mod settling;
