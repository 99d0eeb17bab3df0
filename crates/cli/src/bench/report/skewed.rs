//! What: The table of skewed load over many partitions, and of money that goes round.

use std::fmt::Write;

use crate::bench::figures::{
    AGAINST_THE_FLOOR, BATCH_MAX, BATCH_P50, BATCH_P99, CONFLICTS, RATE, READ_UNITS, ROUNDS, WRITE_UNITS,
};
use crate::bench::skew::{MedianRun, Skew};

const HEADER: &str = "\n## Skewed load over many partitions, and money that goes round\n\n\
    The run of the median rate of five seeds, 20 batches of 1,000 a partition, the worst first.\n\n\
    | load | payments/s | p50 a batch, ms | p99 a batch, ms | longest batch, ms | WCU a payment | WCU against the floor | RCU a payment | rounds a batch | conflicts a transaction |\n\
    |---|---|---|---|---|---|---|---|---|---|\n";

/// The table.
pub(super) fn table(skew: &Skew) -> anyhow::Result<String> {
    let mut table = String::from(HEADER);
    for MedianRun { name, measured, .. } in skew.worst_first() {
        write!(table, "| {name} |")?;
        for figure in [
            &RATE,
            &BATCH_P50,
            &BATCH_P99,
            &BATCH_MAX,
            &WRITE_UNITS,
            &AGAINST_THE_FLOOR,
            &READ_UNITS,
            &ROUNDS,
            &CONFLICTS,
        ] {
            write!(table, " {} |", figure.shown(measured))?;
        }
        table.push('\n');
    }
    Ok(table)
}
