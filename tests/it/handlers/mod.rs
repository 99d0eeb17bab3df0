//! The handlers: from an event to its answer.

mod account_processor;
mod cargo_lambda;
mod hostile;
mod incoming;
mod invoked;
mod ledger_auditor;
mod observed;
mod outcome_publisher;
mod payment_api;
mod payment_canary;
mod payment_processor;
mod schemathesis;
mod stopped;
