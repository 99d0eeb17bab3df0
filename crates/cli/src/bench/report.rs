//! What: Measures everything, and writes `docs/benchmarks.md` and its plots.
//!
//! Data: Takes a folder. Gives files, and the figures that have goals. The page begins with the worst.
//!
//! | module | its part of the page |
//! |---|---|
//! | `skewed` | skewed load over many partitions, and money that goes round |
//! | `loaded` | latency under offered load |
//! | this one | one partition and several, batch sizes, contenders, the embedded engine |
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "rates and ratios, for people"
)]

mod loaded;
mod skewed;

use std::fmt::Write;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use super::contender::Contender;
use super::engine::{self, OnEngine, Rival};
use super::figures::percentile_ms;
use super::goals::{self, Figure, Size};
use super::load;
use super::modelled::{Measured, Run};
use super::plot::{self, Titles};
use super::skew::{self, Skew, lanes_for};
use super::workload::deliveries::Keys;
use super::workload::{Kind, Workload};
use crate::local::terminal::tell;
use giro::domain::CreditLanes;

/// The text of the page: what is measured and how, and what the figures mean.
const PREFACE: &str = include_str!("preface.md");
const SEED: u64 = 1;
/// Records of a batch on the engine, and batches a run: each contender takes seconds, not minutes.
const ENGINE_BATCH: usize = 1_000;
const ENGINE_BATCHES: usize = 2;
/// How often each contender has its turn on the engine; the median counts.
const ENGINE_TURNS: usize = 3;

/// Measures everything and writes it down.
///
/// # Errors
/// If a run doesn't add up or a file can't be written.
pub fn write(docs: &Path) -> anyhow::Result<Vec<Figure>> {
    let plots = docs.join("benchmarks");
    std::fs::create_dir_all(&plots).with_context(|| format!("creating {}", plots.display()))?;
    let mut page = PREFACE.to_owned();

    tell!("skewed load over many partitions, on the model …");
    let skew = Skew::measure(skew::Size::WHOLE, |run| tell!("{run} …"))?;
    page.push_str(&skewed::table(&skew)?);
    tell!("offered load, on the model …");
    let loads = load::measure(load::Size::WHOLE, |run| tell!("{run} …"))?;
    page.push_str(&loaded::table(&loads, load::Size::WHOLE, &plots)?);
    tell!("the other figures that have goals, on the model …");
    let mut figures = skew.figures();
    figures.extend(load::figures(&loads, load::Size::WHOLE));
    figures.extend(goals::on_the_model(Size::WHOLE)?);
    tell!("workloads on the model …");
    let on_model = workloads(&plots)? + &batches(&plots)? + &partitions(&plots)?;
    tell!("contenders on the embedded engine, in turns …");
    let on_engine = engines(&plots, &mut figures)?;

    page.push_str("\n## Figures and goals\n\n| figure | found | goal | met |\n|---|---|---|---|\n");
    for figure in &figures {
        let met = if figure.is_met() { "yes" } else { "**no**" };
        writeln!(page, "| {} | {:.3} | {} | {met} |", figure.name, figure.found, figure.goal)?;
    }
    page.push_str(&on_model);
    page.push_str(&on_engine);
    std::fs::write(docs.join("benchmarks.md"), page)?;
    Ok(figures)
}

const HEADER: &str = "| contender | workload | partitions | batch | payments/s | p50 a batch, ms | p99 a batch, ms | calls a payment | WCU a payment | RCU a payment | conflicts | throttled |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n";

fn row(run: Run, measured: &Measured) -> String {
    format!(
        "| {} | {} | {} | {} | {:.0} | {:.0} | {:.0} | {:.3} | {:.2} | {:.2} | {} | {} |\n",
        run.contender.name(),
        run.workload.name(),
        run.partitions,
        run.batch,
        measured.payments_a_second(),
        measured.batch_ms(50),
        measured.batch_ms(99),
        measured.calls_a_payment(),
        measured.write_units_a_payment(),
        measured.read_units_a_payment(),
        measured.hindrances.conflicts,
        measured.hindrances.throttled,
    )
}

/// Every workload, by every contender, in batches of 1,000 over one partition.
fn workloads(plots: &Path) -> anyhow::Result<String> {
    let lanes = CreditLanes::try_new(16)?;
    let laned = [Kind::Zipf, Kind::Merchant].map(|kind| Workload::with_lanes(kind, lanes));
    let all: Vec<Workload> = Workload::SHOWN.into_iter().chain(laned).collect();
    let mut table =
        format!("\n## On the model: workloads\n\n![payments a second](benchmarks/workloads.svg)\n\n{HEADER}");
    let mut series = Vec::new();
    for contender in Contender::ALL {
        let mut heights = Vec::new();
        for &workload in &all {
            // The controls know no lanes.
            let theirs =
                if contender == Contender::Giro { workload } else { Workload { lanes: CreditLanes::NONE, ..workload } };
            let run = Run {
                contender,
                workload: theirs,
                partitions: 1,
                batch: 1_000,
                batches: 5,
                keys: Keys::Even,
                seed: SEED,
            };
            let measured = run.measure()?;
            heights.push(measured.payments_a_second());
            if theirs == workload {
                table.push_str(&row(run, &measured));
            }
        }
        series.push((contender.name().to_owned(), heights));
    }
    let groups: Vec<String> = all.into_iter().map(Workload::name).collect();
    let titles = Titles { chart: "On the model, one partition, batches of 1,000", x: "", y: "payments/s" };
    plot::bars(&plots.join("workloads.svg"), titles, &groups, &series)?;
    Ok(table)
}

/// Giro by the size of a batch.
fn batches(plots: &Path) -> anyhow::Result<String> {
    let lanes = CreditLanes::try_new(16)?;
    let mut table =
        format!("\n## On the model: batch sizes\n\n![payments a second](benchmarks/batches.svg)\n\n{HEADER}");
    let mut series = Vec::new();
    for workload in
        [Workload::new(Kind::Uniform), Workload::new(Kind::Zipf), Workload::with_lanes(Kind::Merchant, lanes)]
    {
        let mut points = Vec::new();
        for batch in [100, 500, 1_000, 10_000_usize] {
            let batches = 10_000_usize.div_euclid(batch).max(2);
            let run = Run {
                contender: Contender::Giro,
                workload,
                partitions: 1,
                batch,
                batches,
                keys: Keys::Even,
                seed: SEED,
            };
            let measured = run.measure()?;
            points.push((batch as f64, measured.payments_a_second()));
            table.push_str(&row(run, &measured));
        }
        series.push((workload.name(), points));
    }
    let titles = Titles { chart: "On the model, one partition", x: "records a batch", y: "payments/s" };
    plot::lines(&plots.join("batches.svg"), titles, &series)?;
    Ok(table)
}

/// By the number of partitions.
fn partitions(plots: &Path) -> anyhow::Result<String> {
    let mut table =
        format!("\n## On the model: partitions\n\n![payments a second](benchmarks/partitions.svg)\n\n{HEADER}");
    let mut series = Vec::new();
    // The control knows no lanes.
    let rows = [
        ("control, one merchant", Contender::Control, Kind::Merchant),
        ("giro, one merchant", Contender::Giro, Kind::Merchant),
        ("giro, uniform", Contender::Giro, Kind::Uniform),
    ];
    for (name, contender, kind) in rows {
        let mut points = Vec::new();
        for partitions in [1, 4, 16_u16] {
            let workload = match contender {
                Contender::Giro => Workload::new(kind).with_lanes_everywhere(lanes_for(partitions.into())),
                Contender::Control | Contender::Control16 => Workload::new(kind),
            };
            let run = Run {
                contender,
                workload,
                partitions: partitions.into(),
                batch: 1_000,
                batches: 2,
                keys: Keys::Even,
                seed: SEED,
            };
            let measured = run.measure()?;
            points.push((f64::from(partitions), measured.payments_a_second()));
            table.push_str(&row(run, &measured));
        }
        series.push((name.to_owned(), points));
    }
    let titles = Titles { chart: "On the model, batches of 1,000", x: "partitions", y: "payments/s" };
    plot::lines(&plots.join("partitions.svg"), titles, &series)?;
    Ok(table)
}

/// Contenders on the embedded engine over HTTP, in turns; for each the run of its median rate.
fn engines(plots: &Path, figures: &mut Vec<Figure>) -> anyhow::Result<String> {
    let mut rivals: Vec<Rival> = Contender::ALL.map(Rival::Ours).into();
    let mut table = String::from(
        "\n## On the embedded engine, over HTTP\n\n![payments a second](benchmarks/engine.svg)\n\n\
         | contender | workload | batch | payments/s | p50 a batch, ms | p99 a batch, ms | calls a payment | WCU a payment | RCU a payment | conflicts | CPU ms a 1,000 payments | peak memory, MB |\n\
         |---|---|---|---|---|---|---|---|---|---|---|---|\n",
    );
    if engine::powertools().is_some() {
        rivals.push(Rival::Powertools);
    } else {
        tell!("skipped: powertools, which is not installed (`make tools-bench`)");
    }
    let workloads = [Workload::new(Kind::Uniform), Workload::new(Kind::Merchant)];
    let mut heights: Vec<Vec<f64>> = vec![Vec::new(); rivals.len()];
    for workload in workloads {
        let mut turns: Vec<Vec<OnEngine>> = vec![Vec::new(); rivals.len()];
        for _ in 0..ENGINE_TURNS {
            for (rival, turns) in rivals.iter().zip(&mut turns) {
                turns.push(engine::measure(*rival, workload, ENGINE_BATCH, ENGINE_BATCHES, SEED)?);
            }
        }
        for ((rival, mut turns), heights) in rivals.iter().zip(turns).zip(&mut heights) {
            turns.sort_by(|one, other| one.payments_a_second().total_cmp(&other.payments_a_second()));
            let median = &turns[turns.len() / 2];
            heights.push(median.payments_a_second());
            table.push_str(&median.row(*rival, workload));
        }
    }
    // The second workload is the merchant's.
    let rate = |rival: usize| heights.get(rival).and_then(|heights| heights.get(1)).copied().unwrap_or(f64::NAN);
    figures.push(Figure::at_least("on the engine against the control: one merchant", rate(0) / rate(1), 2.5));
    if rivals.contains(&Rival::Powertools) {
        figures.push(Figure::at_least("on the engine against powertools: one merchant", rate(0) / rate(3), 12.0));
    }
    let series: Vec<(String, Vec<f64>)> = rivals.iter().map(|rival| rival.name().to_owned()).zip(heights).collect();
    let groups = workloads.map(Workload::name);
    let titles = Titles { chart: "On the embedded engine, batches of 1,000", x: "", y: "payments/s" };
    plot::bars(&plots.join("engine.svg"), titles, &groups, &series)?;
    Ok(table)
}

impl OnEngine {
    fn payments_a_second(&self) -> f64 {
        self.payments as f64 / (self.told.batch_us.iter().sum::<u64>() as f64 / 1e6)
    }

    fn row(&self, rival: Rival, workload: Workload) -> String {
        let (told, payments) = (&self.told, self.payments as f64);
        let mut times: Vec<Duration> = told.batch_us.iter().map(|&us| Duration::from_micros(us)).collect();
        times.sort_unstable();
        format!(
            "| {} | {} | {ENGINE_BATCH} | {:.0} | {:.0} | {:.0} | {:.3} | {:.2} | {:.2} | {} | {:.0} | {:.1} |\n",
            rival.name(),
            workload.name(),
            self.payments_a_second(),
            percentile_ms(&times, 50),
            percentile_ms(&times, 99),
            told.calls as f64 / payments,
            told.write_milliunits as f64 / 1_000.0 / payments,
            told.read_milliunits as f64 / 1_000.0 / payments,
            told.conflicts,
            told.cpu_us as f64 / payments,
            told.peak_kb as f64 / 1_024.0,
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The rows of the only table of a text, by their cells.
    fn rows(text: &str) -> Vec<Vec<&str>> {
        let lines = text.lines().filter(|line| line.starts_with('|')).skip(2);
        lines.map(|line| line.trim_matches('|').split('|').map(str::trim).collect()).collect()
    }

    #[test]
    fn the_page_begins_with_the_worst_load() {
        let size = skew::Size { seeds: 1, batches: 1, partitions_max: 4 };
        let table = skewed::table(&Skew::measure(size, |_| ()).unwrap()).unwrap();
        let rows = rows(&table);
        let of_a_partition = |row: &Vec<&str>| -> f64 {
            let partitions = row[0].split(' ').rev().nth(1).unwrap().parse::<f64>().unwrap();
            row[1].parse::<f64>().unwrap() / partitions
        };
        let rates: Vec<f64> = rows.iter().map(of_a_partition).collect();
        assert_eq!(rows.len(), 5, "{table}");
        assert!(rates.is_sorted() && rates[0] > 0.0, "{table}");
        assert!(rows.iter().all(|row| row.len() == 10), "{table}");
    }

    #[test]
    fn every_part_of_a_load_is_a_row() {
        let size = load::Size { seeds: 1, batches: 2, batch: 20, accounts: 100, partitions_max: 16 };
        let loads = load::measure(size, |_| ()).unwrap();
        let plots = tempfile::tempdir().unwrap();
        let table = loaded::table(&loads, size, plots.path()).unwrap();
        let parts: Vec<&str> = rows(&table).iter().map(|row| row[2]).collect();
        assert_eq!(parts, ["100", "90", "50", "10"].repeat(4), "{table}");
        let plot = std::fs::read_to_string(plots.path().join("offered.svg")).unwrap();
        assert!(loads.iter().all(|load| plot.contains(&load.name(size))));
    }
}
