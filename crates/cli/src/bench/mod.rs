//! What: Measures Giro beside what people build today. `giro bench` runs it.
//!
//! | module | what it is |
//! |---|---|
//! | [`model`] | DynamoDB's behaviour in virtual time: latencies, conflicts, throttles, units |
//! | [`workload`] | accounts and requests: uniform, skewed, one hot account, duplicates, declines |
//! | [`contender`] | Giro, and the controls that commit one record a transaction |
//! | [`figures`] | the figures of a run, by name |
//! | [`goals`] | the figures that are exact, beside their goals |
//! | [`skew`] | the goals of skewed load over many partitions, which take longer |
//! | [`load`] | offered load: what is carried, and latency at parts of it, beside their goals |
//! | [`modelled`] | sets a run on the model, and audits it |
//! | [`closed`], [`offered`] | run it as fast as it can, or as records arrive |
//! | [`engine`], [`event`] | run a contender, as a process, on the embedded DynamoDB |
//! | [`latency`] | publishes payments at a fixed rate to a running stack, and waits for their outcomes |
//! | [`broker`] | what a broker acknowledges |
//! | [`cpu`] | the CPU time of processes |
//! | [`report`], [`plot`] | the results as Markdown and SVG |
//!
//! Invariants: A run on the model is the same for the same seed, to the microsecond. Every run is audited before its
//! figures count: each record has its disposition, and every balance equals its payments.

pub mod broker;
pub mod closed;
pub mod contender;
pub mod cpu;
pub mod engine;
pub mod event;
pub mod figures;
pub mod goals;
pub mod latency;
pub mod load;
pub mod model;
pub mod modelled;
pub mod offered;
pub mod plot;
pub mod report;
pub mod skew;
pub mod workload;
