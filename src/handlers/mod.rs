//! One file a Lambda handler, each readable top to bottom; beside them what they share.
//!
//! | module | what |
//! |---|---|
//! | [`payment_processor`] | settles batches of payment requests |
//! | [`ledger_auditor`] | proves on a schedule that the ledger adds up |
//! | [`account_processor`] | applies batches of account commands |
//! | [`incoming`] | refuses events of another service |
//! | [`records`] | reading records, setting aside, the batch response |
//! | [`outcome_publisher`] | publishes outcomes from the stream of payments |
//! | [`payment_api`] | takes payments over HTTP; tells payments, accounts, statements |
//! | [`reading`] | what the HTTP API tells |
//! | [`clock`] | now, and until when |
//! | [`tally`] | the one log line of an invocation |
//! | [`unfinished`] | the error of an invocation that Lambda must repeat |
//!
//! Architecture invariant: handlers know the store's port, never DynamoDB.

pub mod account_processor;
pub mod clock;
pub mod incoming;
pub mod ledger_auditor;
pub mod outcome_publisher;
pub mod payment_api;
pub mod payment_processor;
pub mod reading;
pub mod records;
pub mod tally;
pub mod unfinished;
