//! Giro settles payments that arrive on Kafka.
//!
//! One Cargo package, this library and the binaries of `src/bin`. Modules in reading order:
//!
//! | module | what it is |
//! |---|---|
//! | [`domain`] | the rules: pure, no I/O |
//! | [`wire`] | bytes to domain and back; the only serde |
//! | [`store`] | the port to the ledger, DynamoDB and memory behind it |
//! | [`publish`] | the port to Kafka's producing side, librdkafka and memory behind it |
//! | [`settle`] | the commit loop: prefetch, decide, plan, commit, until done or the deadline |
//! | [`audit`] | reads whole tables, and has the domain judge them |
//! | [`handlers`] | one file a Lambda handler |
//! | [`config`], [`aws`], [`telemetry`] | environment in, the SDK configured, logs out |
//! | `local`, `cli` | the local stack and the `giro` command line (feature `local`) |
//! | `simulate` | the deterministic simulation and its auditor (feature `local`) |
//! | `bench` | what `giro bench` measures, and a model of DynamoDB in virtual time (feature `local`) |
//!
//! Arrows: `bin → handlers → {wire, settle} → domain`, `settle → store port → domain`. The domain knows nobody; wire
//! and store don't know each other; handlers know the port, never DynamoDB; only bins, `local`, `cli` and tests name an
//! adapter. `tests/it/tidy.rs` holds this.
//!
//! Invariants (each is tested, under faults too):
//!
//! 1. A payment id has at most one outcome, for ever, whatever is delivered again, in whatever batch, to how many
//!    workers.
//! 2. A settled payment moved its amount exactly once from debtor to creditor; a declined one moved nothing.
//! 3. No balance goes below its overdraft limit, at any moment.
//! 4. Per currency, all balances sum to zero; every balance equals the sum of its settled postings.
//! 5. Payments of one debtor on one partition are decided in offset order.
//! 6. Each record ends as an outcome, a replay, a dead letter with its bytes, or a reported failure. Nothing else; and
//!    however old it is, and whatever its place was used for before, it is tried.

pub mod audit;
pub mod aws;
#[cfg(feature = "local")]
pub mod bench;
#[cfg(feature = "local")]
pub mod cli;
pub mod config;
pub mod domain;
pub mod handlers;
#[cfg(feature = "local")]
pub mod local;
pub mod publish;
pub mod settle;
#[cfg(feature = "local")]
pub mod simulate;
pub mod store;
pub mod telemetry;
pub mod wire;
