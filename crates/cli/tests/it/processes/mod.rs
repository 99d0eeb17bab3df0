//! The whole as processes, on real engines.

mod account_processor;
mod balances;
mod canary;
pub(crate) mod cli;
mod clients;
mod complaints;
mod console;
mod crash;
mod demo_checks;
pub(crate) mod e2e;
mod export;
pub(crate) mod failed;
mod first_minutes;
mod foreign_event;
mod frozen;
mod giro_toml;
mod hostile;
mod latency;
mod ledger_auditor;
mod logins;
mod names;
mod older;
mod pasted;
mod readers;
mod redrive;
mod restored;
pub(crate) mod stack;
