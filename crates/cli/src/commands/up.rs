//! What: `giro up` runs the local stack until it is stopped.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};
use tokio::signal::unix::{SignalKind, signal};
use tokio::time::interval;

use super::Failure;
use super::account_commands::COMMANDS_TOPIC;
use super::detach;
use super::engines::EngineArgs;
use super::looks::LooksArgs;
use super::number::number;
use super::template::{ChosenTemplate, TemplateArgs};
use super::up_file::{Told, UpFile};
use crate::console::{self, Console, Shown};
use crate::local::http::Caller;
use crate::local::stack::{Endpoints, KafkaEngine, Names, Run, Stack, StackOptions, Topics};
use crate::local::terminal::{self, tell};
use giro::config::{OUTCOMES_TOPIC, REQUESTS_TOPIC};
use giro::domain::Principal;
use giro::handlers::clock;
use giro_template::Source;
use giro_testkit::tables::by_variable;

/// Run the whole stack on this machine until Ctrl-C
///
/// Runs Kafka, DynamoDB, Lambda with the real handler binaries, their event sources, and the HTTP API. They are wired
/// as the template says that deploys. Each engine is embedded unless you name a real one.
///
/// Other giro commands in this folder find the stack by themselves. In other folders, set the variables that it prints.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  giro up --detach --data .giro/data\n  giro accounts open alice --currency EUR")]
pub(super) struct UpArgs {
    /// Return when the stack is ready, and let it run on until `giro down`
    #[arg(long)]
    detach: bool,
    /// Which Kafka to start, if none is named by address
    #[arg(long, value_enum, default_value = "embedded")]
    kafka: StartKafka,
    /// Keep the embedded DynamoDB's tables, and how far streams were read, in this folder
    #[arg(long, value_name = "DIR")]
    data: Option<PathBuf>,
    #[command(flatten)]
    template: TemplateArgs,
    /// Partitions of the topic of payment requests, where it is created
    #[arg(long, value_parser = number::<i32>(1..=1000), help_heading = "Instead of what the template says")]
    partitions: Option<i32>,
    /// The most payment requests a batch
    #[arg(long, value_parser = number::<u32>(1..=10_000), help_heading = "Instead of what the template says")]
    batch_records: Option<u32>,
    /// How long a batch of payment requests waits for more after its first, in milliseconds
    #[arg(long, value_parser = number::<u64>(0..=300_000), help_heading = "Instead of what the template says")]
    batch_window_ms: Option<u64>,
    /// How many invocations of a function run at once; a partition has at most one
    #[arg(long, value_parser = number::<u16>(1..=u16::MAX), help_heading = "Instead of what the template says")]
    concurrency: Option<u16>,
    /// How long an invocation of the payment-processor may take, in seconds
    #[arg(long, value_parser = number::<u64>(2..=840), help_heading = "Instead of what the template says")]
    timeout: Option<u64>,
    /// Fail whole batches, as an event source mapping without ReportBatchItemFailures does
    #[arg(long, help_heading = "Instead of what the template says")]
    no_partial_batch_response: bool,
    /// Run only this function; may stand several times
    #[arg(long, value_name = "BINARY")]
    only: Vec<String>,
    /// Call the HTTP API as this principal, who may use its own accounts only; else everybody may do everything
    #[arg(long = "as", value_name = "PRINCIPAL")]
    principal: Option<Principal>,
    /// Give that caller a scope too, such as payments:any or accounts:any; may stand several times
    #[arg(long = "scope", value_name = "SCOPE", requires = "principal")]
    scopes: Vec<String>,
    #[command(flatten)]
    looks: LooksArgs,
    /// Serve no console
    #[arg(long, conflicts_with = "console_port")]
    no_console: bool,
    /// The port of the console, a page that shows the stack at work; else a free one
    #[arg(long, value_name = "PORT", default_value_t = 0, value_parser = number::<u16>(0..=u16::MAX))]
    console_port: u16,
    /// The port of the HTTP API; else a free one
    #[arg(long, value_name = "PORT", value_parser = number::<u16>(0..=u16::MAX))]
    http_port: Option<u16>,
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
    if args.detach {
        return detach::run().await;
    }
    let mut interrupted = signal(SignalKind::interrupt()).map_err(Failure::unreachable)?;
    let mut terminated = signal(SignalKind::terminate()).map_err(Failure::unreachable)?;
    let template = args.template.chosen()?.unwrap_or_default();
    let console_port = (!args.no_console).then_some(args.console_port);
    let options = options(args, &template, engines)?;
    // This comes before anything starts: a second stack in this folder would disturb the first one.
    let file = UpFile::take().await?;
    // Whoever asks for a port that is taken reads that, and no other complaint.
    let listener = match console_port {
        Some(port) => Some(console::listen(port).await?),
        None => None,
    };
    let began = clock::now();
    let stack = Stack::start(options).await?;
    let console = match listener {
        Some(listener) => Some(Console::start(listener, Shown::of_stack(&stack, began).await?)?),
        None => None,
    };
    let told = Told {
        endpoints: stack.endpoints().clone(),
        console: console.as_ref().map(|console| console.address().to_owned()),
        left_out: stack.left_out().to_vec(),
        template,
    };
    file.write(&told)?;
    for line in lines(&stack, &told)? {
        // It goes on even without a reader: a stack that stops now might have payments in its functions.
        let _ = terminal::line(format_args!("{line}"));
    }

    let (mut watch, mut seconds) = (interval(Duration::from_millis(250)), interval(console::EACH));
    loop {
        tokio::select! {
            _ = interrupted.recv() => break,
            _ = terminated.recv() => break,
            _ = watch.tick() => if stack.gave_up() || file.asked_to_stop() {
                break;
            },
            _ = seconds.tick() => if let Some(console) = &console {
                console.show(Some(&stack.samples()));
            },
        }
    }
    tell!("stopping …");
    if let Some(console) = console {
        console.stop();
    }
    stack.stop().await.map_err(|error| Failure::unreachable(format!("{error:#}")))
}

/// The stack that the arguments ask for.
fn options(args: UpArgs, template: &ChosenTemplate, engines: &EngineArgs) -> Result<StackOptions, Failure> {
    engines.of_stack(StackOptions {
        kafka: engines.kafka(args.kafka),
        dynamodb: engines.dynamodb(args.data.clone()),
        checkpoints: args.data,
        templates: template.templates(),
        parameters: template.parameters.clone(),
        partitions: args.partitions,
        batch_records_max: args.batch_records.and_then(|records| usize::try_from(records).ok()),
        batch_window: args.batch_window_ms.map(Duration::from_millis),
        concurrency: args.concurrency.map(usize::from),
        function_timeout: args.timeout.map(Duration::from_secs),
        partial_batch_response: args.no_partial_batch_response.then_some(false),
        http_port: args.http_port,
        caller: args.principal.map(|principal| Caller { principal, scopes: args.scopes }),
        run: if args.only.is_empty() { Run::default() } else { Run::Only(args.only) },
        log: args.looks.on_stderr(),
        ..StackOptions::default()
    })
}

/// What runs where: addresses as shell variables, the rest as comments.
fn lines(stack: &Stack, told: &Told) -> Result<Vec<String>, Failure> {
    let endpoints = &told.endpoints;
    let mut lines = exports(endpoints)?;
    for mapping in &stack.blueprint().mappings {
        let source = match &mapping.source {
            Source::Kafka { topic, .. } => format!("topic {topic}"),
            Source::Stream { table } => format!("stream of {table}"),
        };
        lines.push(format!("# {source} -> {}, {} records a batch", mapping.function, mapping.batch_records_max));
    }
    if let Some(http) = &endpoints.http {
        for route in &stack.blueprint().routes {
            let (method, path) = route.key.split_once(' ').unwrap_or(("ANY", &route.key));
            lines.push(format!("# {method} {http}{path} -> {}", route.function));
        }
        lines.push(match stack.caller() {
            Some(caller) => format!("# Every caller is {caller}, and may use its own accounts"),
            None => "# Every caller may pay from every account and read it; --as PRINCIPAL lets it use its own".into(),
        });
    }
    if let Some(console) = &told.console {
        lines.push(format!("# console {console}"));
    }
    lines.extend(told.left_out_lines());
    lines.push("# Other giro commands in this folder find the stack. Ctrl-C or `giro down` stops everything.".into());
    Ok(lines)
}

/// What a command in another folder needs to find everything. Usual names are left out.
pub(super) fn exports(endpoints: &Endpoints) -> Result<Vec<String>, Failure> {
    let mut lines = vec![
        format!("export KAFKA_BOOTSTRAP_SERVERS={}", endpoints.kafka_bootstrap_servers),
        format!("export AWS_ENDPOINT_URL_DYNAMODB={}", endpoints.dynamodb),
        format!("export AWS_ENDPOINT_URL_LAMBDA={}", endpoints.lambda),
    ];
    let (names, usual) = (&endpoints.names, Names::usual().map_err(Failure::input)?);
    let topics = |topics: &Topics| {
        let names = [&topics.requests, &topics.commands, &topics.outcomes].map(Clone::clone);
        [REQUESTS_TOPIC, COMMANDS_TOPIC, OUTCOMES_TOPIC].into_iter().zip(names)
    };
    for ((variable, name), (_, usual)) in topics(&names.topics).zip(topics(&usual.topics)) {
        if let Some(name) = name.filter(|name| Some(name) != usual.as_ref()) {
            lines.push(format!("export {variable}={name}"));
        }
    }
    for ((variable, name), (_, usual)) in by_variable(&names.tables).into_iter().zip(by_variable(&usual.tables)) {
        if name != usual {
            lines.push(format!("export {variable}={name}"));
        }
    }
    Ok(lines)
}
