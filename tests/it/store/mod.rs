//! The stores: one contract for all of them, what DynamoDB answers, and the audit of whole tables.

mod answers;
pub(crate) mod auditing;
mod balances;
mod contract;
mod old_account_processor;
