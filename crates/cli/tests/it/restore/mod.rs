//! A restored ledger, computed anew.

mod cases;
mod histories;
mod tables;
mod torn;
mod written;
