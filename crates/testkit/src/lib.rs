//! What proves Giro, and is never deployed.
//!
//! | module | what it is |
//! |---|---|
//! | [`memory_store`] | a ledger in memory, with DynamoDB's conditions and faults on demand |
//! | [`memory_topics`] | topics in memory, with faults on demand |
//! | [`dynamodb`], [`tables`], [`engine`] | DynamoDB in this process, the tables of the template on it, and both for a test |
//! | [`open_accounts`] | opens accounts past the account commands |
//! | [`workload`], [`oracle`] | records of every kind, and whether each has its end and the ledger adds up |
//! | [`simulate`] | the deterministic simulation and its auditor |

pub mod dynamodb;
pub mod engine;
pub mod memory_store;
pub mod memory_topics;
pub mod open_accounts;
pub mod oracle;
mod sent;
pub mod simulate;
pub mod tables;
pub mod workload;
