//! What: The table and the plot of latency under offered load: at parts of the highest rate at which no backlog grows.

use std::fmt::Write;
use std::path::Path;

use crate::bench::figures::OF_AN_OFFER;
use crate::bench::load::{Load, Size};
use crate::bench::plot::{self, Series, Titles};

const HEADER: &str = "\n## Latency under offered load\n\n![p99 by rate](benchmarks/offered.svg)\n\n\
    | load | carries, records/s | part of it, % | p50, ms | p99, ms | p99.9, ms | records open at the end | partitions with growing backlog |\n\
    |---|---|---|---|---|---|---|---|\n";

/// The table; draws the plot.
pub(super) fn table(loads: &[Load], size: Size, plots: &Path) -> anyhow::Result<String> {
    let mut table = String::from(HEADER);
    let mut series: Vec<Series> = Vec::new();
    for load in loads {
        let name = load.name(size);
        let Some(carried) = load.of_the_median() else { continue };
        let mut points = Vec::new();
        for part in &carried.parts {
            write!(table, "| {name} | {} | {} |", carried.records_s, part.percent)?;
            for figure in &OF_AN_OFFER {
                write!(table, " {} |", figure.shown(&part.offered))?;
            }
            table.push('\n');
            points.push((part.percent.to_string().parse()?, OF_AN_OFFER[1].of(&part.offered)));
        }
        if points.len() > 1 {
            series.push((name, points));
        }
    }
    let titles =
        Titles { chart: "On the model, keys as drawn", x: "rate, % of what it carries", y: "p99 of latency, ms" };
    plot::lines(&plots.join("offered.svg"), titles, &series)?;
    Ok(table)
}
