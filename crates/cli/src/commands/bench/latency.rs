//! What: `giro bench latency` measures from publishing a payment request to its outcome, on a stack of its own.
//!
//! | part | where |
//! |---|---|
//! | the stack, as processes of their own | `processes` |
//! | the arguments, and what is shown | here |

mod processes;

use std::time::Duration;

use clap::Args;
use serde_json::{Map, Value, json};

use super::super::Failure;
use super::super::engines::EngineArgs;
use super::super::number::number;
use super::super::up::StartKafka;
use crate::bench::cpu::EMBEDDED_DYNAMODB;
use crate::bench::latency::{self, Measured, Pace};
use crate::bench::skew::lanes_for;
use crate::bench::workload::{Kind, Workload};
use crate::local::stack::{OUTCOME_PUBLISHER, PAYMENT_PROCESSOR};
use processes::{StackProcess, Wanted};

/// Lambda's own window on Kafka.
const WINDOW_MS: u64 = 500;
/// How many of the settings stand in a row of a table.
const ROW_SETTINGS: usize = 3;
/// The programs of the stack and of Apache Kafka, by which their CPU time is told.
const STACK: &str = "giro";
const JAVA: &str = "java";

/// Measure from publishing a payment request to its outcome on the topic, at a fixed rate
///
/// Starts Kafka and a stack on this machine, as processes of their own. Publishes a request whenever one is due,
/// whether or not earlier ones have their outcomes. Reads the outcomes, and checks the tables. Exit code 1 if anything
/// is lost.
#[derive(Debug, Args)]
pub(super) struct LatencyArgs {
    /// Payments a second, by accounts that pay each other at random
    #[arg(long, value_name = "R", default_value_t = 1_000, value_parser = number::<u32>(1..=1_000_000))]
    rate: u32,
    /// For how long
    #[arg(long, default_value_t = 60, value_parser = number::<u32>(1..=3_600))]
    seconds: u32,
    /// For how long before, without counting, while the rate rises from none to the whole
    #[arg(long, value_name = "SECONDS", default_value_t = 10, value_parser = number::<u32>(0..=3_600))]
    warm_up: u32,
    /// How long a batch of payment requests waits for more after its first, in milliseconds
    #[arg(long, value_name = "W", default_value_t = WINDOW_MS, value_parser = number::<u64>(0..=300_000))]
    window_ms: u64,
    /// Partitions of the topics of requests and of outcomes; so many batches are settled side by side, at most four
    #[arg(long, value_name = "P", default_value_t = 2, value_parser = number::<u16>(1..=256))]
    partitions: u16,
    /// How many accounts pay each other
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = number::<u32>(2..=1_000_000))]
    accounts: u32,
    /// The same seed makes the same payments
    #[arg(long, value_name = "S", default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Which Kafka to start
    #[arg(long, value_enum, default_value = "apache")]
    kafka: StartKafka,
    /// Print the figures as JSON; each name holds its unit
    #[arg(long, conflicts_with = "markdown")]
    json: bool,
    /// Print a table of one row
    #[arg(long)]
    markdown: bool,
}

pub(super) async fn run(args: LatencyArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if engines.aws || engines.kafka_bootstrap_servers.is_some() || engines.dynamodb_endpoint.is_some() {
        return Err(Failure::input("bench latency starts engines of its own: name none by flag or environment"));
    }
    let pace = Pace { requests_s: args.rate, warm_up_s: args.warm_up, seconds: args.seconds };
    let accounts = usize::try_from(args.accounts).unwrap_or(usize::MAX);
    // As account-processor opens accounts.
    let lanes = lanes_for(args.partitions.into());
    let workload = Workload::new(Kind::Uniform).among(accounts).with_lanes_everywhere(lanes);
    let wanted =
        Wanted { kafka: args.kafka, partitions: args.partitions, window: Duration::from_millis(args.window_ms) };
    let stack = StackProcess::start(wanted).await?;
    let measured = latency::measure(stack.endpoints(), workload, pace, args.seed).await;
    let log = stack.stop().await;
    let measured = measured.map_err(|error| Failure::no(format!("{error:#}; the stack's last lines:\n{log}")))?;
    show(&args, &measured)?;
    match measured.latencies.lost {
        0 => Ok(()),
        lost => Err(Failure::no(format!("{lost} payments have no outcome; the stack's last lines:\n{log}"))),
    }
}

/// Names and values, in order.
type Shown = Vec<(&'static str, Value)>;

fn show(args: &LatencyArgs, measured: &Measured) -> Result<(), Failure> {
    let (settings, figures) = (settings(args), figures(measured));
    if args.json {
        let all = settings.into_iter().chain(figures);
        let object: Map<String, Value> = all.map(|(name, value)| (name.to_owned(), value)).collect();
        say!("{}", serde_json::to_string(&object).map_err(Failure::no)?);
        return Ok(());
    }
    if !args.markdown {
        for (name, value) in settings.into_iter().chain(figures) {
            say!("{name:<32} {value}");
        }
        return Ok(());
    }
    let cells: Shown = settings.into_iter().take(ROW_SETTINGS).chain(figures).collect();
    let row = |cells: Vec<String>| format!("| {} |", cells.join(" | "));
    say!("{}", row(cells.iter().map(|(name, _)| format!("`{name}`")).collect()));
    say!("{}", row(cells.iter().map(|_| "---".to_owned()).collect()).replace(' ', ""));
    say!("{}", row(cells.iter().map(|(_, value)| value.to_string()).collect()));
    Ok(())
}

fn settings(args: &LatencyArgs) -> Shown {
    vec![
        ("payments_per_s", json!(args.rate)),
        ("window_ms", json!(args.window_ms)),
        ("partitions", json!(args.partitions)),
        ("seconds", json!(args.seconds)),
        ("warm_up_seconds", json!(args.warm_up)),
        ("accounts", json!(args.accounts)),
        ("seed", json!(args.seed)),
    ]
}

/// CPU time is from the end of the warm-up to the last outcome.
fn figures(measured: &Measured) -> Shown {
    let Measured { latencies, cpu, client_cpu } = measured;
    let ms = |thousandths| json!(u64::try_from(latencies.at(thousandths).as_millis()).unwrap_or(u64::MAX));
    let used = |program: &str| seconds(cpu.get(program).copied().unwrap_or_default());
    vec![
        ("payments", json!(latencies.ascending.len())),
        ("lost", json!(latencies.lost)),
        ("again", json!(latencies.again)),
        ("open_at_end", json!(latencies.open)),
        ("p50_ms", ms(500)),
        ("p99_ms", ms(990)),
        ("p99_9_ms", ms(999)),
        ("max_ms", ms(1_000)),
        ("cpu_dynamodb_s", used(EMBEDDED_DYNAMODB)),
        ("cpu_stack_s", used(STACK)),
        ("cpu_processor_s", used(PAYMENT_PROCESSOR)),
        ("cpu_publisher_s", used(OUTCOME_PUBLISHER)),
        ("cpu_kafka_s", used(JAVA)),
        ("cpu_client_s", seconds(*client_cpu)),
    ]
}

/// Seconds with one decimal.
fn seconds(time: Duration) -> Value {
    json!(format!("{:.1}", time.as_secs_f64()).parse::<f64>().ok())
}
