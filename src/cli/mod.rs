//! The command line: one file a command.
//!
//! In: arguments and environment. Out: results on stdout, progress and complaints on stderr, and an exit code that means
//! something (`failure`).
//!
//! Engines are named by flag, else by environment, else by what a running `giro up` of this folder tells (`engines`,
//! `up_file`). A variable that is set to nothing is unset (`environment`).

/// Prints a line of results, and nothing in it steers a terminal. A reader that has gone away, such as `head`, wants no
/// more: not an error.
macro_rules! say {
    ($($line:tt)*) => {{
        let line = $crate::cli::terminal::Line(format_args!($($line)*));
        let _ = std::io::Write::write_fmt(&mut std::io::stdout().lock(), format_args!("{line}\n"));
    }};
}

mod account_commands;
mod accounts;
mod audit;
mod bench;
mod bytes;
mod dead_letters;
mod demo;
mod detach;
mod down;
mod engines;
mod environment;
mod failed;
mod failure;
mod invoke;
mod outcomes;
mod payments;
mod publish;
mod redriven;
mod simulate;
mod status;
mod template;
mod terminal;
mod topics;
mod up;
mod up_file;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use demo::{check_topic, checks, workload};
use engines::EngineArgs;
pub use environment::variables;
use failure::Failure;

const AFTER_HELP: &str = "\
Engines are found by flag, else by environment, else where `giro up` runs in this folder. AWS's own are used only with --aws,
or where their address is given. A variable that is set to nothing is unset.

Exit codes:
  0  done
  1  the answer is no, or something does not add up
  2  wrong use, or input that is not what it must be
  3  an engine can't be reached";

/// Settles payments that arrive on Kafka: the local stack, and tools for it and for real engines.
#[derive(Debug, Parser)]
#[command(name = "giro", version, after_help = AFTER_HELP)]
struct Cli {
    #[command(flatten)]
    engines: EngineArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Status(status::StatusArgs),
    Down(down::DownArgs),
    Demo(demo::DemoArgs),
    Publish(publish::PublishArgs),
    Invoke(invoke::InvokeArgs),
    /// Open, freeze, close and show accounts.
    #[command(subcommand)]
    Accounts(accounts::AccountsCommand),
    /// Show payments and their outcomes.
    #[command(subcommand)]
    Payments(payments::PaymentsCommand),
    Outcomes(outcomes::OutcomesArgs),
    /// Create and show topics.
    #[command(subcommand)]
    Topics(topics::TopicsCommand),
    /// Show records that were set aside, and publish them again.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Show records that event sources gave up, and put them back on their topic.
    #[command(subcommand)]
    Failed(failed::FailedCommand),
    Audit(audit::AuditArgs),
    Simulate(simulate::SimulateArgs),
    Bench(bench::BenchArgs),
}

/// Runs the command that the process was started with.
pub async fn run() -> ExitCode {
    // Ours only: an embedded engine logs each condition that fails, and failing is what conditions are for.
    let ours = Targets::new().with_target("giro", tracing::Level::WARN);
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_target(false);
    tracing_subscriber::registry().with(log.with_filter(ours)).init();
    if let Err(error) = environment::without_empty_variables() {
        let failure =
            Failure::input(format!("starting again without variables that are set to nothing: {error}; unset them"));
        eprintln!("giro: {failure}");
        return failure.exit_code();
    }
    // Wrong use ends here, with exit code 2.
    let cli = Cli::parse();
    let done = match cli.command {
        Command::Up(args) => up::run(args, &cli.engines).await,
        Command::Status(args) => status::run(&args),
        Command::Down(args) => down::run(args).await,
        Command::Demo(args) => demo::run(args, &cli.engines).await,
        Command::Publish(args) => publish::run(args, &cli.engines).await,
        Command::Invoke(args) => invoke::run(args, &cli.engines).await,
        Command::Accounts(command) => accounts::run(command, &cli.engines).await,
        Command::Payments(command) => payments::run(command, &cli.engines).await,
        Command::Outcomes(args) => outcomes::run(args, &cli.engines).await,
        Command::Topics(command) => topics::run(command, &cli.engines).await,
        Command::DeadLetters(command) => dead_letters::run(command, &cli.engines).await,
        Command::Failed(command) => failed::run(command, &cli.engines).await,
        Command::Audit(args) => audit::run(args, &cli.engines).await,
        Command::Simulate(args) => simulate::run(args),
        Command::Bench(args) => bench::run(args, &cli.engines).await,
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("giro: {}", terminal::Lines(&failure));
            failure.exit_code()
        }
    }
}
