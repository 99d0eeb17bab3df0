//! What: One file for each Lambda handler, and what they share.
//!
//! | module | what |
//! |---|---|
//! | [`payment_processor`] | settles batches of payment requests |
//! | [`ledger_auditor`] | proves on a schedule that the ledger adds up |
//! | [`payment_canary`] | makes two payments, and measures how long their outcomes take |
//! | [`account_processor`] | applies batches of account commands |
//! | [`incoming`] | refuses events of another service |
//! | [`records`] | reads records, stores dead letters, makes the batch response |
//! | [`outcome_publisher`] | publishes outcomes from the stream of payments |
//! | [`payment_api`] | takes payments over HTTP; shows payments, accounts, statements |
//! | [`authorization`] | who may do what over HTTP |
//! | [`queries`] | the queries of the HTTP API |
//! | `answers` | the answers that several routes of the HTTP API give |
//! | [`clock`] | the time now, and the deadlines of an invocation |
//! | `observed_batch` | what observers are told of a batch |
//! | [`tally`] | the one log line of an invocation |
//! | [`unfinished`] | the error of an invocation that Lambda must repeat |
//!
//! Invariants: Handlers know the store's ports, never DynamoDB.

pub mod account_processor;
mod answers;
pub mod authorization;
pub mod clock;
pub mod incoming;
pub mod ledger_auditor;
mod observed_batch;
pub mod outcome_publisher;
pub mod payment_api;
pub mod payment_canary;
pub mod payment_processor;
pub mod queries;
pub mod records;
pub mod tally;
pub mod unfinished;
