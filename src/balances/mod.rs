//! What: Tells the balance of an account at any time, and the balance after each posting of a statement.
//!
//! | module | tells |
//! |---|---|
//! | `at` | the balance at a time: by the newest checkpoint, and the postings since then |
//! | `running` | the balances of a page of a statement |
//! | `error` | why there is none |
//!
//! Data: Takes the store, an account as it was read, and a time. Gives what the domain sums. The HTTP API and the
//! command line use it.
//!
//! Invariants: It only reads. Each answer reads a bounded number of items, or is an error that says what to do.

mod at;
mod error;
mod running;

pub use at::{Balances, ITEMS_MAX};
pub use error::BalanceError;
