//! What: Computes a restored ledger anew from its journal. `docs/restore.md` says when, and what it can't do.
//!
//! A table that is restored to a point in time may have a part of a transaction, and another table another part. So
//! balances, sums of refunds and windows are computed from the payments alone. Outcomes that the topic told stand for
//! ever, so their payments are written again if they are missing.
//!
//! | module | what it is |
//! |---|---|
//! | [`terms`] | what account commands say of accounts |
//! | [`told`] | the outcomes that the topic told |
//! | [`stands`] | the items that stand because a person said so |
//! | [`legs`] | further legs, and their items |
//! | [`money`] | the sums of settled payments |
//! | [`journal`] | all payments: those of the table, and those that only the topic tells |
//! | [`gap`] | records that their topic has lost, and that the tables may lack |
//! | [`mod@changes`] | what must be written |
//! | [`shown`] | the same for a person |
//! | [`point_in_time`] | restores tables to a point in time |
//! | [`tables`] | reads restored tables, and writes what must change |
//! | [`topics`] | reads what topics still tell |
//! | [`groups`] | asks for the members of consumer groups, and where they have read before |
//!
//! Invariants: All is pure but the last four modules.

pub mod changes;
pub mod gap;
pub mod groups;
pub mod journal;
pub mod legs;
pub mod money;
pub mod point_in_time;
pub mod shown;
pub mod stands;
pub mod tables;
pub mod terms;
pub mod told;
pub mod topics;
