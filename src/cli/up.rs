//! `giro up`: the local stack, until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};

use super::Failure;
use super::engines::{EngineArgs, UpFile};
use crate::local::kafka::{COMMANDS_TOPIC, REQUESTS_TOPIC};
use crate::local::stack::{KafkaEngine, LogLines, Stack, StackOptions};

/// Run the whole stack on this machine until Ctrl-C
///
/// Kafka, DynamoDB, Lambda over the real handler binaries, and the poller between them. Each engine is embedded unless
/// you name a real one.
///
/// Other giro commands in this folder find the stack by themselves; others by the lines that it prints.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro up --data .giro/data &\n  giro accounts open alice --currency EUR")]
pub(super) struct UpArgs {
    /// Which Kafka to start, where none is named by address
    #[arg(long, value_enum, default_value = "embedded")]
    kafka: StartKafka,
    /// Keep the embedded DynamoDB's tables in this folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    /// Partitions of the topic, where it is created
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: i32,
    /// The most records a batch
    #[arg(long, default_value_t = 1000, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    batch_records: u32,
    /// How long a batch waits for more records after its first, in milliseconds
    #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u64).range(0..=300_000))]
    batch_window_ms: u64,
    /// How many invocations run at once, one a partition at the most
    #[arg(long, default_value_t = 4, value_parser = clap::value_parser!(u16).range(1..))]
    concurrency: u16,
    /// How long an invocation may take, in seconds
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u64).range(2..=840))]
    timeout: u64,
    /// Fail whole batches, as an event source mapping without ReportBatchItemFailures does
    #[arg(long)]
    no_partial_batch_response: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum StartKafka {
    /// librdkafka's mock cluster, in this process
    Embedded,
    /// Apache Kafka, fetched with Maven once (needs Java and Maven)
    Apache,
}

impl From<StartKafka> for KafkaEngine {
    fn from(kafka: StartKafka) -> Self {
        match kafka {
            StartKafka::Embedded => Self::Embedded,
            StartKafka::Apache => Self::Apache,
        }
    }
}

pub(super) async fn run(args: UpArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let mut interrupted = signal(SignalKind::interrupt()).map_err(anyhow::Error::from)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(anyhow::Error::from)?;
    let stack = Stack::start(StackOptions {
        kafka: engines.kafka(args.kafka),
        dynamodb: engines.dynamodb(args.data),
        lambda_endpoint: engines.lambda_endpoint.clone(),
        tables: engines.tables(),
        topic: REQUESTS_TOPIC.into(),
        commands_topic: Some(COMMANDS_TOPIC.into()),
        partitions: args.partitions,
        batch_records_max: usize::try_from(args.batch_records).unwrap_or(usize::MAX),
        batch_window: Duration::from_millis(args.batch_window_ms),
        concurrency: usize::from(args.concurrency),
        function_timeout: Duration::from_secs(args.timeout),
        partial_batch_response: !args.no_partial_batch_response,
        processor: None,
        log: LogLines::Show,
    })
    .await?;
    let endpoints = stack.endpoints();
    let _file = UpFile::write(endpoints)?;
    say!("export KAFKA_BOOTSTRAP_SERVERS={}", endpoints.kafka_bootstrap_servers);
    say!("export AWS_ENDPOINT_URL_DYNAMODB={}", endpoints.dynamodb);
    say!("export AWS_ENDPOINT_URL_LAMBDA={}", endpoints.lambda);
    say!("# payment-processor takes batches from payment-requests, account-processor from account-commands.");
    say!("# Other giro commands in this folder find them.");
    say!("# Ctrl-C stops everything.");

    let mut watch = tokio::time::interval(Duration::from_millis(500));
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = watch.tick() => if stack.gave_up() {
                break;
            },
        }
    }
    eprintln!("stopping …");
    Ok(stack.stop().await?)
}
