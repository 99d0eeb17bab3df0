//! What: The command line, with one file for each command.
//!
//! Data: Takes arguments and environment. Gives results on stdout, progress and errors on stderr, and an exit code
//! (`failure`).
//!
//! Engines are named by flag, else by environment, else by a running `giro up` of this folder, else by a `giro.toml`
//! (`engines`, `up_file`, `giro_toml`).
//! An empty variable counts as unset (`environment`).

/// Prints a line of results with control characters escaped. Returns from the command if the reader, such as `head`,
/// has gone away.
macro_rules! say {
    ($($line:tt)*) => {{
        $crate::local::terminal::line(format_args!("{}", $crate::local::escaped::Line(format_args!($($line)*))))
            .map_err(|error| $crate::commands::Failure::unwritten(&error))?
    }};
}

mod account_commands;
mod accounts;
mod arguments;
mod audit;
mod balances;
mod bench;
mod bytes;
mod completions;
mod console;
mod dead_letters;
mod demo;
mod detach;
mod doctor;
mod down;
mod engines;
mod env;
mod environment;
mod export;
mod failed;
mod failure;
mod giro_toml;
mod invoke;
mod lanes;
mod limits;
mod logs;
mod looks;
mod number;
mod open_many;
mod outcomes;
mod own_fault;
mod owners;
mod pages;
mod pay;
mod payments;
mod publish;
mod reset;
mod restore;
mod results;
mod simulate;
mod status;
mod stored_id;
mod story;
mod template;
mod topics;
mod up;
mod up_file;

use std::process::ExitCode;

use clap::{Parser, Subcommand};
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;

pub use demo::check_topic;

use crate::local::escaped::Lines;
use crate::local::terminal::tell;
use engines::EngineArgs;
pub use environment::variables;
use failure::{Failure, Which};
use giro::publish::kafka::CLIENT_LOG;

const AFTER_HELP: &str = "\
Engines: by flag, by variable, the `giro up` of this folder, or giro.toml; see `giro help engines`

Exit codes:
  0  done
  1  the answer is no, or something does not add up
  2  wrong use, or input that is not what it must be
  3  an engine can't be reached

Beside them, a shell tells 141 of a command whose results nobody reads to their end (`giro … | head`).";

/// Settles payments that arrive on Kafka: the local stack, and tools for it and for real engines.
#[derive(Debug, Parser)]
#[command(name = "giro", version, after_help = AFTER_HELP)]
struct Cli {
    /// Show what the Kafka client says, on stderr
    #[arg(long, global = true, display_order = 900)]
    verbose: bool,
    #[command(flatten)]
    engines: EngineArgs,
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Up(up::UpArgs),
    Status(status::StatusArgs),
    Env(env::EnvArgs),
    Logs(logs::LogsArgs),
    Down(down::DownArgs),
    Reset(reset::ResetArgs),
    Console(console::ConsoleArgs),
    Demo(demo::DemoArgs),
    Pay(pay::PayArgs),
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
    /// Show dead letters, and publish their records again.
    #[command(subcommand)]
    DeadLetters(dead_letters::DeadLettersCommand),
    /// Show records that event sources gave up, and put them back on their topic.
    #[command(subcommand)]
    Failed(failed::FailedCommand),
    Audit(audit::AuditArgs),
    Export(export::ExportArgs),
    /// Bring a ledger back that was restored to a point in time.
    #[command(subcommand)]
    Restore(restore::RestoreCommand),
    Doctor(doctor::DoctorArgs),
    Simulate(simulate::SimulateArgs),
    Bench(bench::BenchArgs),
    Completions(completions::CompletionsArgs),
    /// How commands find Kafka, DynamoDB and Lambda: `giro help engines`.
    #[command(hide = true)]
    Engines,
}

impl Command {
    /// Whether `giro.toml` counts. What uses no engine needs none, and `giro down` works beside a wrong one. A load
    /// test and what looks at a deployment go only where the command itself leads them.
    fn reads_giro_toml(&self) -> bool {
        match self {
            Self::Up(_)
            | Self::Console(_)
            | Self::Pay(_)
            | Self::Publish(_)
            | Self::Invoke(_)
            | Self::Accounts(_)
            | Self::Payments(_)
            | Self::Outcomes(_)
            | Self::Topics(_)
            | Self::DeadLetters(_)
            | Self::Failed(_)
            | Self::Audit(_)
            | Self::Export(_)
            | Self::Restore(_) => true,
            Self::Status(_)
            | Self::Env(_)
            | Self::Logs(_)
            | Self::Down(_)
            | Self::Reset(_)
            | Self::Demo(_)
            | Self::Bench(_)
            | Self::Doctor(_)
            | Self::Simulate(_)
            | Self::Completions(_)
            | Self::Engines => false,
        }
    }
}

/// Runs the command that the process was started with.
pub async fn run() -> ExitCode {
    own_fault::tell_of_panics();
    if let Err(error) = environment::without_empty_variables() {
        tell!("giro: starting again without variables that are set to nothing: {error}; unset them");
        return Failure::input(error).exit_code();
    }
    // Wrong use ends here, with exit code 2.
    let Cli { engines, verbose, command } = match arguments::read() {
        Ok(cli) => cli,
        Err(failure) => {
            tell!("giro: {}", Lines(&failure));
            return failure.exit_code();
        }
    };
    log(verbose);
    let Err(failure) = obey(command, &engines).await else { return ExitCode::SUCCESS };
    let failure = engines.explained(failure).await;
    match &failure {
        Failure::Unread | Failure::Shown => {}
        Failure::Unreachable(which, error) => tell!("giro: {}", Lines(engines.unreachable(*which, error))),
        Failure::No(_) | Failure::Input(_) => tell!("giro: {}", Lines(&failure)),
    }
    failure.exit_code()
}

async fn obey(command: Command, engines: &EngineArgs) -> Result<(), Failure> {
    engines.check_region()?;
    match command {
        Command::Up(args) => up::run(args, engines).await,
        Command::Status(args) => status::run(&args),
        Command::Env(args) => env::run(&args),
        Command::Logs(args) => logs::run(args).await,
        Command::Down(args) => down::run(args).await,
        Command::Reset(args) => reset::run(args).await,
        Command::Console(args) => console::run(args, engines).await,
        Command::Demo(args) => demo::run(args, engines).await,
        Command::Pay(args) => pay::run(args, engines).await,
        Command::Publish(args) => publish::run(args, engines).await,
        Command::Invoke(args) => invoke::run(args, engines).await,
        Command::Accounts(command) => accounts::run(command, engines).await,
        Command::Payments(command) => payments::run(command, engines).await,
        Command::Outcomes(args) => outcomes::run(args, engines).await,
        Command::Topics(command) => topics::run(command, engines).await,
        Command::DeadLetters(command) => dead_letters::run(command, engines).await,
        Command::Failed(command) => failed::run(command, engines).await,
        Command::Audit(args) => audit::run(args, engines).await,
        Command::Export(args) => export::run(args, engines).await,
        Command::Restore(command) => restore::run(command, engines).await,
        Command::Doctor(args) => doctor::run(args, engines).await,
        Command::Simulate(args) => simulate::run(args),
        Command::Bench(args) => bench::run(args, engines).await,
        Command::Completions(args) => completions::run(&args),
        Command::Engines => pages::run(),
    }
}

/// Starts the log, on stderr.
fn log(verbose: bool) {
    // Only Giro's own logs: an embedded engine logs each failed condition, and failed conditions are normal.
    let mut shown = Targets::new().with_target("giro", tracing::Level::WARN);
    if verbose {
        shown = shown.with_target(CLIENT_LOG, tracing::Level::DEBUG);
    }
    let log = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).without_time().with_target(false);
    // An error on a closed stderr would be a panic.
    tracing_subscriber::registry().with(log.log_internal_errors(false).with_filter(shown)).init();
}
