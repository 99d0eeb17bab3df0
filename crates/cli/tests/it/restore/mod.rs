//! A restored ledger, computed anew.

mod cases;
mod histories;
mod language;
mod tables;
mod torn;
mod written;
