//! What: The command line `giro`, the local stack and the benchmarks. None of it deploys.
//!
//! | module | what it is |
//! |---|---|
//! | [`commands`] | one file a command |
//! | [`local`] | what `giro up` runs: the engines, and around them what AWS does between Kafka and a handler |
//! | [`console`] | the page that `giro up` and `giro console` serve |
//! | `letters` | dead letters as JSON, and whose payment they were to be |
//! | `again` | a call to a store, made again after an error that may pass |
//! | `asked` | a payment as a client asks for it |
//! | `audited` | the result of an audit, as JSON |
//! | [`decimal`] | amounts as people write them |
//! | [`doctor`] | compares what a stack has deployed with its template |
//! | [`recount`] | checks checkpoints by all payments |
//! | [`export`] | writes tables as DynamoDB's export to S3 writes them |
//! | `redriven` | publishes the record of a dead letter again |
//! | [`restore`] | computes a restored ledger anew from its journal |
//! | [`mod@bench`] | what `giro bench` measures, and a model of DynamoDB in virtual time |

mod again;
mod asked;
mod audited;
pub mod bench;
pub mod commands;
pub mod console;
pub mod decimal;
pub mod doctor;
pub mod export;
pub(crate) mod letters;
pub mod local;
pub mod recount;
mod redriven;
pub mod restore;
