//! What: Runs contenders on the embedded DynamoDB, over HTTP: wall clock, CPU and memory.
//!
//! Data: Takes a contender, a workload and its sizes. Gives the time, CPU and memory that it took, and its calls.
//!
//! Each run has a new engine, and the contender is a process of its own, so that CPU and memory are its own:
//!
//! ```text
//! giro bench run ── opens accounts, writes events to files ──▶ engine
//!      └─▶ giro bench contend | python contend.py ── batch by batch over HTTP ──▶ engine
//!                 └─▶ one line of JSON: what it took
//! ```
//!
//! Invariants: As on the model, every run is audited from the tables before its figures count.
//!
//! Limits: The engine never conflicts or throttles. It takes far less time for a call than DynamoDB, and shares the
//! cores with the contender. So it measures the work of each contender, on both sides. The model measures what the
//! network costs.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, ensure};
use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{PutRequest, WriteRequest};
use serde::{Deserialize, Serialize};

use super::contender::Contender;
use super::cpu;
use super::event;
use super::modelled::audit;
use super::workload::Workload;
use giro::domain::{Account, PaymentId, Request, Timestamp};
use giro::settle::Disposition;
use giro::store::dynamodb::DynamoDb;
use giro::store::{Ledger, LedgerQueries, Tables, items};
use giro::wire::kafka_event::KafkaEvent;
use giro::wire::payment_request;
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::tables;

/// DynamoDB's `BatchWriteItem` takes this many items.
const WRITE_ITEMS_MAX: usize = 25;

/// A contender, as a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rival {
    /// One of this program's contenders.
    Ours(Contender),
    /// The handler in `benches/powertools`.
    Powertools,
}

impl Rival {
    /// The name as shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ours(contender) => contender.name(),
            Self::Powertools => "powertools",
        }
    }
}

/// The result of a contender's process.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Told {
    /// Of each batch, from its event to its response, in microseconds.
    pub batch_us: Vec<u64>,
    /// Calls to DynamoDB.
    pub calls: u64,
    /// Thousandths of write units.
    pub write_milliunits: u64,
    /// Thousandths of read units.
    pub read_milliunits: u64,
    /// Transactions cancelled by conflicts.
    pub conflicts: u64,
    /// CPU time of the process through its batches, in microseconds.
    pub cpu_us: u64,
    /// The most memory that it held, in KB.
    pub peak_kb: u64,
}

/// A run on the engine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnEngine {
    /// What the process told.
    pub told: Told,
    /// Payments that got their outcome.
    pub payments: u64,
}

/// Runs a contender over one partition's batches.
///
/// # Errors
/// If the engine or the process fails, or the books are wrong.
pub fn measure(rival: Rival, workload: Workload, batch: usize, batches: usize, seed: u64) -> anyhow::Result<OnEngine> {
    let engine = EmbeddedDynamoDb::start(None)?;
    let requests = workload.requests(0, 1, batch.saturating_mul(batches), seed)?;
    let accounts = workload.accounts(1)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let client = runtime.block_on(async {
        let client = crate::local::aws::dynamodb(Some(engine.endpoint())).await?;
        tables::create(&client, &Tables::default(), false).await?;
        open(&client, &accounts).await?;
        anyhow::Ok(client)
    })?;
    let folder = tempfile::tempdir()?;
    let mut events = Vec::with_capacity(batches);
    for (ix, batch) in requests.chunks(batch).enumerate() {
        let file = folder.path().join(format!("event-{ix:03}.json"));
        std::fs::write(&file, event::encode(batch))?;
        events.push(file);
    }
    let told = contend(rival, engine.endpoint(), &events)?;
    let ids: HashSet<&PaymentId> = requests.iter().map(|request| request.instruction.id()).collect();
    let payments = u64::try_from(ids.len())?;
    let opened = accounts.iter().map(|account| (account.id.clone(), account.balance.minor_units().into())).collect();
    let store = DynamoDb::new(client, Tables::default());
    let (holdings, recorded) =
        runtime.block_on(async { anyhow::Ok((store.accounts().await?, store.payments().await?)) })?;
    audit(&holdings, &recorded, opened, payments)?;
    Ok(OnEngine { told, payments })
}

/// Opens accounts in an empty table.
pub(super) async fn open(client: &Client, accounts: &[Account]) -> anyhow::Result<()> {
    let items: Vec<items::Item> = accounts.iter().map(items::account::encode).collect();
    for chunk in items.chunks(WRITE_ITEMS_MAX) {
        let mut writes = Vec::with_capacity(chunk.len());
        for item in chunk {
            let put = PutRequest::builder().set_item(Some(item.clone())).build()?;
            writes.push(WriteRequest::builder().put_request(put).build());
        }
        client.batch_write_item().request_items(Tables::default().accounts, writes).send().await?;
    }
    Ok(())
}

fn contend(rival: Rival, endpoint: &str, events: &[PathBuf]) -> anyhow::Result<Told> {
    let mut command = match rival {
        Rival::Ours(contender) => {
            let mut command = Command::new(std::env::current_exe()?);
            command.args(["bench", "contend", "--contender", contender.name()]);
            command
        }
        Rival::Powertools => {
            let python = powertools().context("Powertools is not installed: run `make tools-bench`")?;
            let mut command = Command::new(python);
            command.arg("benches/powertools/contend.py");
            command
        }
    };
    let output = command.args(["--endpoint", endpoint]).args(events).stderr(Stdio::inherit()).output()?;
    ensure!(output.status.success(), "{} failed: {}", rival.name(), output.status);
    serde_json::from_slice(&output.stdout).with_context(|| format!("what {} told", rival.name()))
}

/// The Python that has Powertools installed, if there is one.
#[must_use]
pub fn powertools() -> Option<PathBuf> {
    let python = Path::new(".tools/powertools/bin/python");
    python.is_file().then(|| python.to_owned())
}

/// Does a contender's work: each file is an event, one after the other, on one thread as in Lambda.
///
/// # Errors
/// If an event can't be read, or a record stays unfinished.
pub fn work(contender: Contender, endpoint: &str, events: &[PathBuf]) -> anyhow::Result<Told> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let client = crate::local::aws::dynamodb(Some(endpoint)).await?;
        let ledger = DynamoDb::new(client, Tables::default());
        let cpu = cpu::of_this_process();
        let mut batch_us = Vec::with_capacity(events.len());
        let mut conflicts: u64 = 0;
        for file in events {
            let json = std::fs::read_to_string(file)?;
            let started = Instant::now();
            let event: KafkaEvent = serde_json::from_str(&json)?;
            let mut requests = Vec::new();
            for record in event.partitions.into_iter().flat_map(|partition| partition.records) {
                requests.push(Request::new(payment_request::decode(&record.value)?.into(), record.source));
            }
            let ended = contender.settle(&ledger, requests, 1, 1, || Timestamp::EPOCH).await;
            batch_us.push(us(started.elapsed()));
            let unfinished =
                ended.dispositions.iter().any(|end| matches!(end, Disposition::Unfinished | Disposition::IdReused));
            ensure!(!unfinished, "a record has no end");
            conflicts = ledger.usage().cancelled;
        }
        let usage = ledger.usage();
        Ok(Told {
            batch_us,
            calls: usage.calls(),
            write_milliunits: usage.write_milliunits,
            read_milliunits: usage.read_milliunits,
            conflicts,
            cpu_us: us(cpu::of_this_process().saturating_sub(cpu)),
            peak_kb: peak_kb(),
        })
    })
}

fn us(time: Duration) -> u64 {
    u64::try_from(time.as_micros()).unwrap_or(u64::MAX)
}

/// The most memory that this process held, in KB. It is 0 if the kernel doesn't show it as Linux does.
fn peak_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}
