//! One file a Lambda handler, each readable top to bottom; beside them what they share.
//!
//! | module | what |
//! |---|---|
//! | [`payment_processor`] | settles batches of payment requests |
//! | [`ledger_auditor`] | proves on a schedule that the ledger adds up |
//! | [`clock`] | now, and until when |
//! | [`tally`] | the one log line of an invocation |
//! | [`unfinished`] | the error of an invocation that Lambda must repeat |
//!
//! Architecture invariant: handlers know the store's port, never DynamoDB.

pub mod clock;
pub mod ledger_auditor;
pub mod payment_processor;
pub mod tally;
pub mod unfinished;
