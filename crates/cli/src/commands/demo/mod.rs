//! What: `giro demo` shows the main job in one command, with proof that all adds up.
//!
//! | phase | where |
//! |---|---|
//! | generate accounts and records | [`workload`] |
//! | start the stack, open accounts, fund them, publish, wait | here |
//! | check the disposition of every record, and the ledger | [`checks`] |
//! | check every outcome on its topic, if its publisher runs | `outcomes` |
//! | print | `report`, `bars` |

mod bars;
mod outcomes;
mod report;

use std::collections::HashMap;
use std::io::IsTerminal;
use std::time::{Duration, Instant};

use clap::Args;
use futures_util::stream::{self, StreamExt, TryStreamExt};
use indicatif::{ProgressBar, ProgressStyle};

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use super::up::StartKafka;
use crate::local::kafka;
use crate::local::stack::{OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro::domain::{CreditLanes, Source};
use giro::handlers::clock;
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::oracle::{self, Published};
use giro_testkit::workload::{Record, Workload};
use outcomes::OnTopic;
pub use outcomes::check_topic;
use report::Measured;

/// The most records that are published and not yet acknowledged. The embedded broker keeps few records, and must not
/// drop unread ones.
const BACKLOG_MAX: u64 = 10_000;
/// Records handed to the producer before their places are asked for.
const CHUNK: usize = 1_000;
/// If nothing moves for this long, something is broken.
const STALLED_AFTER: Duration = Duration::from_secs(60);

/// Show the main job: settle generated payments from topic to tables, and prove that all adds up
///
/// Starts the stack, opens accounts and funds them from a settlement account. Then publishes generated payments:
/// settling, declined, duplicated, reusing ids, malformed, many to one merchant. Waits until every record has its
/// disposition. Prints what became of them, what it cost, and the proof that money was conserved. Exit code 1 if
/// anything is missing or does not add up.
///
/// Engines that are named by flag or environment are used as they are, with a topic and accounts of this run's own.
#[derive(Debug, Args)]
pub(super) struct DemoArgs {
    /// Records to publish, beside those that fund the accounts
    #[arg(long, default_value_t = 10_000, value_parser = number::<u32>(1..=10_000_000))]
    payments: u32,
    /// Partitions of the topic
    #[arg(long, default_value_t = 4, value_parser = number::<i32>(1..=1000))]
    partitions: i32,
    /// Makes the same payments again
    #[arg(long, default_value_t = 1, value_parser = number::<u64>(0..=u64::MAX))]
    seed: u64,
    /// Which Kafka to start
    #[arg(long, value_enum, default_value = "embedded")]
    kafka: StartKafka,
    /// Print the table as JSON
    #[arg(long)]
    json: bool,
}

pub(super) async fn run(args: DemoArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let run = run_name(engines);
    let workload = Workload::generate(args.seed, usize::try_from(args.payments).unwrap_or(usize::MAX), &run);
    // As account-processor opens accounts.
    let workload = workload.with_lanes(CreditLanes::of_partitions(u32::try_from(args.partitions).unwrap_or(1)));
    let options = engines.of_stack(StackOptions {
        kafka: engines.kafka(args.kafka),
        dynamodb: engines.dynamodb(None),
        // If one isn't built, that is told at once: else the demo would wait for it, and blame something else.
        run: Run::Only([PAYMENT_PROCESSOR, OUTCOME_PUBLISHER].map(str::to_owned).to_vec()),
        topic_prefix: run.clone(),
        partitions: Some(args.partitions),
        concurrency: usize::try_from(args.partitions).ok().map(|partitions| partitions.min(4)),
        ..StackOptions::default()
    })?;
    // Before the demo itself keeps the machine busy.
    let notes = bars::notes();
    let stack = Stack::start(options).await?;
    let shown = show(&stack, workload, notes, args.json).await;
    // This comes before anything is printed, because the reader may have gone away.
    let stopped = stack.stop().await;
    let (table, failed) = shown?;
    for line in table.lines() {
        say!("{line}");
    }
    stopped.map_err(|error| Failure::unreachable(format!("{error:#}")))?;
    match failed {
        0 => Ok(()),
        count => Err(Failure::no(format!("{count} things are missing or do not add up"))),
    }
}

/// Separates this run's accounts, payments and topic from others on real engines. Empty on new engines.
fn run_name(engines: &EngineArgs) -> String {
    match (&engines.kafka_bootstrap_servers, &engines.dynamodb_endpoint) {
        (None, None) => String::new(),
        _ => format!("demo-{:x}.", clock::now().millis()),
    }
}

/// Runs the workload on the stack. Returns what came of it, and how many checks failed.
async fn show(stack: &Stack, workload: Workload, notes: Vec<String>, json: bool) -> Result<(String, usize), Failure> {
    let names = &stack.endpoints().names;
    let topic = names.topics.requests.as_deref();
    let topic = topic.ok_or_else(|| Failure::input("the template has no topic of payment requests"))?;
    let client = crate::local::aws::dynamodb(Some(&stack.endpoints().dynamodb)).await.map_err(Failure::input)?;
    let ledger = DynamoDb::new(client, names.tables.clone());
    let mut opening = stream::iter(&workload.accounts).map(|account| ledger.open_account(account)).buffer_unordered(16);
    let bar = progress(count(workload.accounts.len()), "opening accounts");
    while let Some(existing) = opening.try_next().await? {
        bar.inc(1);
        if existing.is_some() {
            return Err(Failure::no("an account exists already: the demo wants a ledger of its own"));
        }
    }
    drop(opening);
    bar.finish_and_clear();

    let producer = kafka::producer(stack.kafka())?;
    let mut published = Vec::with_capacity(workload.funding.len().saturating_add(workload.records.len()));
    let mut sent_ms = HashMap::new();
    publish(stack, &producer, topic, workload.funding, "funding", &mut published, &mut sent_ms).await?;
    // What is measured is the payments, not their funding.
    sent_ms.clear();
    let before = (stack.activity(), stack.summary());
    let started = Instant::now();
    publish(stack, &producer, topic, workload.records, "settling", &mut published, &mut sent_ms).await?;
    let elapsed = started.elapsed();

    let after = (stack.activity(), stack.summary());

    let mut checked = oracle::check(&ledger, &published).await?;
    let told = on_topic(stack, &ledger, topic, &sent_ms).await?;
    if let Some(told) = &told {
        checked.findings.extend(told.findings.iter().cloned());
    }
    let measured = Measured { before, after, elapsed, told, notes };
    let table = match json {
        true => report::as_json(&checked, &measured).to_string(),
        false => report::table(&checked, &measured),
    };
    Ok((table, checked.failed()))
}

/// What the topic of outcomes has for this run's payments. `None` if nothing publishes outcomes.
async fn on_topic(
    stack: &Stack,
    ledger: &DynamoDb,
    topic: &str,
    sent_ms: &HashMap<Source, i64>,
) -> Result<Option<OnTopic>, Failure> {
    if stack.blueprint().function(OUTCOME_PUBLISHER).is_none() {
        return Ok(None);
    }
    let Some(outcomes) = &stack.endpoints().names.topics.outcomes else { return Ok(None) };
    let mut payments = ledger.payments().await?;
    payments.retain(|recorded| &*recorded.outcome.source.topic == topic);
    Ok(Some(outcomes::read(stack.kafka(), outcomes, &payments, sent_ms).await?))
}

/// Publishes records, and waits until every one is acknowledged.
async fn publish(
    stack: &Stack,
    producer: &KafkaProducer,
    topic: &str,
    records: Vec<Record>,
    phase: &'static str,
    published: &mut Vec<Published>,
    sent_ms: &mut HashMap<Source, i64>,
) -> Result<(), Failure> {
    let before = count(published.len());
    let total = before.saturating_add(count(records.len()));
    let bar = progress(count(records.len()), phase);
    let mut rest = records.into_iter();
    loop {
        let chunk: Vec<Record> = rest.by_ref().take(CHUNK).collect();
        if chunk.is_empty() {
            break;
        }
        let mut sending = Vec::with_capacity(chunk.len());
        let now_ms = clock::now().millis();
        for record in chunk {
            let sent = producer.send(topic, record.key.as_deref(), record.value.as_deref(), &[]).await?;
            sending.push((sent, record));
        }
        for (sent, record) in sending {
            let placed = sent.placed().await?;
            let source = Source { topic: topic.into(), partition: placed.partition, offset: placed.offset };
            sent_ms.insert(source.clone(), now_ms);
            published.push(Published { source, record });
        }
        let enough = count(published.len()).saturating_sub(BACKLOG_MAX);
        acknowledged(stack, enough, before, &bar).await?;
    }
    acknowledged(stack, total, before, &bar).await?;
    bar.finish_and_clear();
    Ok(())
}

/// Waits until so many records are acknowledged.
async fn acknowledged(stack: &Stack, records: u64, before: u64, bar: &ProgressBar) -> Result<(), Failure> {
    let mut last = (stack.activity().acknowledged, Instant::now());
    loop {
        let activity = stack.activity();
        bar.set_position(activity.acknowledged.saturating_sub(before));
        if activity.acknowledged >= records {
            return Ok(());
        }
        if activity.acknowledged > last.0 {
            last = (activity.acknowledged, Instant::now());
        }
        let failure = activity.last_failure.unwrap_or_else(|| "no invocation failed".into());
        if stack.gave_up() {
            return Err(Failure::unreachable(format!("the poller has given up: {failure}")));
        }
        if last.1.elapsed() > STALLED_AFTER {
            return Err(Failure::no(format!(
                "nothing has moved for a minute, with {} of {records} records acknowledged: {failure}",
                activity.acknowledged
            )));
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// Shows how far a phase is, on a terminal.
fn progress(length: u64, phase: &'static str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let bar = ProgressBar::new(length);
    match ProgressStyle::with_template("{msg:<16} {bar:40} {human_pos} of {human_len}, {per_sec}, {eta} left") {
        Ok(style) => bar.with_style(style).with_message(phase),
        Err(_) => bar,
    }
}
