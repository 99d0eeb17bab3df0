//! The rules: from requests and commands to decisions, plans and committed batches.

mod account_commands;
pub(crate) mod batches;
mod command_preconditions;
mod declines;
mod lanes;
mod legs;
mod limits;
mod plan;
mod refunds;
mod scenarios;
mod settling;
mod statements;
pub(crate) mod worlds;
