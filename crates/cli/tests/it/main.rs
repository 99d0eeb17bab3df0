//! Tests of the local stack and the command line: one binary, one folder a subject.
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

mod analytics;
mod bench;
mod doctor;
mod local;
mod processes;
mod recount;
mod restore;

use processes::cli::binary;

/// The project's folder.
pub(crate) const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
