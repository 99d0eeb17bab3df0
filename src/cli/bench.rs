//! `giro bench`: measures, and writes down what it found.

use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::Failure;
use crate::bench::contender::Contender;
use crate::bench::goals::{self, Figure, Size};
use crate::bench::{engine, report};

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
    /// Everything: writes benchmarks.md and its plots; exits with 1 if a figure falls short of its goal
    Run {
        /// Where to write
        #[arg(long, value_name = "DIR", default_value = "docs")]
        docs: PathBuf,
    },
    /// What is exact: counts, units and the model, each figure beside its goal; exits with 1 if one falls short
    Check {
        /// Only as much as a test does
        #[arg(long)]
        short: bool,
    },
    /// One contender's work on an engine, as a process of its own
    #[command(hide = true)]
    Contend {
        #[arg(long)]
        contender: String,
        #[arg(long)]
        endpoint: String,
        events: Vec<PathBuf>,
    },
}

pub(super) async fn run(args: BenchArgs) -> Result<(), Failure> {
    // Measuring brings runtimes of its own, which may not start within this one.
    let measured = tokio::task::spawn_blocking(move || match args.what {
        What::Run { docs } => tell(&report::write(&docs).map_err(Failure::No)?),
        What::Check { short } => {
            tell(&goals::on_the_model(if short { Size::SHORT } else { Size::WHOLE }).map_err(Failure::No)?)
        }
        What::Contend { contender, endpoint, events } => {
            let Some(contender) = Contender::from_name(&contender) else {
                return Err(Failure::input("contender: expected giro, control or control16"));
            };
            let told = engine::work(contender, &endpoint, &events).map_err(Failure::No)?;
            say!("{}", serde_json::to_string(&told).map_err(Failure::no)?);
            Ok(())
        }
    });
    measured.await.map_err(Failure::no)?
}

/// Prints the figures; a failure if one falls short.
fn tell(figures: &[Figure]) -> Result<(), Failure> {
    for figure in figures {
        say!("{figure}");
    }
    match figures.iter().filter(|figure| !figure.is_met()).count() {
        0 => Ok(()),
        missed => Err(Failure::no(format!("{missed} of {} figures fall short of their goals", figures.len()))),
    }
}
