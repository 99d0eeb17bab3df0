//! `giro bench`: measures, and writes down what it found.

use clap::{Args, Subcommand};

use super::Failure;
use crate::bench::goals::{self, Size};

/// Measure Giro beside what people build today
#[derive(Debug, Args)]
pub(super) struct BenchArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// What is exact: counts, units and the model, each figure beside its goal; exits with 1 if one falls short
    Check {
        /// Only as much as a test does
        #[arg(long)]
        short: bool,
    },
}

pub(super) fn run(args: BenchArgs) -> Result<(), Failure> {
    match args.what {
        What::Check { short } => check(if short { Size::SHORT } else { Size::WHOLE }),
    }
}

fn check(size: Size) -> Result<(), Failure> {
    let figures = goals::on_the_model(size).map_err(Failure::No)?;
    for figure in &figures {
        say!("{figure}");
    }
    match figures.iter().filter(|figure| !figure.is_met()).count() {
        0 => Ok(()),
        missed => Err(Failure::no(format!("{missed} of {} figures fall short of their goals", figures.len()))),
    }
}
