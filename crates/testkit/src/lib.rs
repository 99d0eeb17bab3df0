//! What: Proves Giro, and is never deployed.
//!
//! | module | what it is |
//! |---|---|
//! | [`memory_store`] | a ledger in memory, with DynamoDB's conditions and faults on demand |
//! | [`hooked`], [`meddled`] | the ledger with somebody at its port, who may write at the worst moment |
//! | [`corruption`] | a clean ledger, and each corruption that a check must find, with what it must name |
//! | [`audited`] | a ledger of any size, and the scheduled audit of it by the minute |
//! | [`charge`] | what DynamoDB charges for a payment's item |
//! | [`memory_topics`] | topics in memory, with faults on demand |
//! | [`given`] | accounts, payments and commands as a test gives them |
//! | [`scenario`] | a ledger, what is asked of it, and what must come of it, as text |
//! | [`dynamodb`], [`tables`], [`engine`] | DynamoDB in this process, the tables of the template on it, and both for a test |
//! | [`stream_image`](mod@stream_image) | an item as a table's stream shows it |
//! | [`golden_items`] | items as golden files hold them |
//! | `sent` | what was sent to the store, kept longer than its batch |
//! | [`open_accounts`] | opens accounts past the account commands |
//! | [`workload`], [`oracle`] | records of every kind, and whether each has its disposition and the ledger adds up |
//! | [`virtual_time`] | the time of day on a clock that stands still until it is moved |
//! | [`simulate`] | the deterministic simulation and its auditor |

pub mod audited;
pub mod charge;
pub mod corruption;
pub mod dynamodb;
pub mod engine;
pub mod given;
pub mod golden_items;
pub mod hooked;
pub mod meddled;
pub mod memory_store;
pub mod memory_topics;
pub mod open_accounts;
pub mod oracle;
pub mod scenario;
mod sent;
pub mod simulate;
pub mod stream_image;
pub mod tables;
pub mod virtual_time;
pub mod workload;
