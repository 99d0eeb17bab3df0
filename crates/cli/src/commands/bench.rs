//! What: `giro bench` measures, and writes down the results.

mod latency;
mod model;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use crate::bench::contender::Contender;
use crate::bench::goals::{self, Figure, Size};
use crate::bench::{broker, engine, load, report, skew};
use crate::local::kafka::{self, NewTopic};
use crate::local::terminal::tell;

/// Measure Giro beside what people build today
///
/// benches/README.md says what is measured, and how.
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// Measure everything, and write benchmarks.md and its plots; exits with 1 if a figure misses its goal
    Run {
        /// Where to write
        #[arg(long, value_name = "DIR", default_value = "docs")]
        docs: PathBuf,
    },
    /// Check the exact figures, which are counts, units and the model, against their goals; exits with 1 if one misses
    /// its goal
    Check {
        /// Only as much as a test does; of skew and load, a first look: one seed
        #[arg(long)]
        short: bool,
        /// Which figures
        #[arg(long, value_enum, default_value = "exact")]
        group: Group,
    },
    /// Make one run on the model of DynamoDB, of any size, and show its figures
    #[command(after_long_help = model::figures_told())]
    Model(model::ModelArgs),
    Latency(latency::LatencyArgs),
    /// Measure how fast Kafka acknowledges records, one at a time from each of some producers that linger for 5 ms
    ///
    /// The topic `giro-bench` is created if it doesn't exist.
    Broker {
        /// How many producers, each with a connection of its own
        #[arg(long, default_value = "8", value_parser = number::<u16>(1..=1000))]
        producers: u16,
        /// For how long
        #[arg(long, default_value = "10", value_parser = number::<u64>(1..=3600))]
        seconds: u64,
    },
    /// Run one contender's work on an engine, as a process of its own
    #[command(hide = true)]
    Contend {
        #[arg(long)]
        contender: String,
        #[arg(long)]
        endpoint: String,
        #[arg(required = true)]
        events: Vec<PathBuf>,
    },
}

/// A group of figures that have goals.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Group {
    /// Counts, units and one merchant's partitions: minutes
    Exact,
    /// Skewed load over many partitions, the median of five seeds: much longer
    Skew,
    /// Offered load: what is carried, and latency at half of it, the median of five seeds
    Load,
}

/// The topic that measuring a broker fills.
const TOPIC: &str = "giro-bench";

pub(super) async fn run(args: BenchArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let what = match args.what {
        What::Broker { producers, seconds } => {
            return acknowledged(engines, producers, Duration::from_secs(seconds)).await;
        }
        What::Latency(args) => return latency::run(args, engines).await,
        what @ (What::Run { .. } | What::Check { .. } | What::Model(_) | What::Contend { .. }) => what,
    };
    // The benchmarks have their own runtimes, which can't start inside this one.
    let measured = tokio::task::spawn_blocking(move || match what {
        What::Run { docs } => tell(&report::write(&docs).map_err(Failure::No)?),
        What::Check { short, group } => tell(&checked(short, group).map_err(Failure::No)?),
        What::Model(args) => model::run(&args),
        What::Contend { contender, endpoint, events } => {
            let Some(contender) = Contender::from_name(&contender) else {
                return Err(Failure::input("contender: expected giro, control or control16"));
            };
            let told = engine::work(contender, &endpoint, &events).map_err(Failure::No)?;
            say!("{}", serde_json::to_string(&told).map_err(Failure::no)?);
            Ok(())
        }
        // Answered above.
        What::Broker { .. } | What::Latency(_) => Ok(()),
    });
    measured.await.map_err(Failure::no)?
}

fn checked(short: bool, group: Group) -> anyhow::Result<Vec<Figure>> {
    match group {
        Group::Exact => goals::on_the_model(if short { Size::SHORT } else { Size::WHOLE }),
        Group::Skew => {
            let size = if short { skew::Size::SHORT } else { skew::Size::WHOLE };
            Ok(skew::Skew::measure(size, |run| tell!("{run} …"))?.figures())
        }
        Group::Load => {
            let size = if short { load::Size::SHORT } else { load::Size::WHOLE };
            Ok(load::figures(&load::measure(size, |run| tell!("{run} …"))?, size))
        }
    }
}

/// Prints the figures. It is a failure if one misses its goal.
fn tell(figures: &[Figure]) -> Result<(), Failure> {
    for figure in figures {
        say!("{figure}");
    }
    match figures.iter().filter(|figure| !figure.is_met()).count() {
        0 => Ok(()),
        missed => Err(Failure::no(format!("{missed} of {} figures fall short of their goals", figures.len()))),
    }
}

async fn acknowledged(engines: &EngineArgs, producers: u16, time: Duration) -> Result<(), Failure> {
    let topic = NewTopic { name: TOPIC.into(), partitions: 16, replication: None, config: BTreeMap::new() };
    let address = engines.kafka_that_answers().await?;
    kafka::create_topics(&address, &[topic]).await?;
    let producers = (0..producers).map(|_| kafka::producer(&address)).collect::<Result<Vec<_>, _>>()?;
    let seen = broker::measure(producers, TOPIC, time).await?;
    say!("{:.0} records/s acknowledged, p50 {:.1} ms, p99 {:.1} ms", seen.records_s, seen.p50_ms, seen.p99_ms);
    Ok(())
}
