//! What: Starts a stack as processes of its own: Kafka, and `giro up` in a folder of its own.
//!
//! Data: Takes what differs from the template. Gives the stack's addresses, and the last lines that it wrote.
//!
//! Invariants: The stack gets no engine from this process's environment. It ends with this value.

use std::fs::File;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::Context;
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::{Instant, sleep, timeout};

use super::super::super::up::StartKafka;
use super::super::super::{Failure, up_file, variables};
use crate::local::apache_kafka::ApacheKafka;
use crate::local::stack::{Endpoints, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR};

/// What the stack writes, in its folder.
const LOG_FILE: &str = "up.log";
/// How many of its last lines are shown.
const LAST_LINES: usize = 5;
/// How often to look whether it is ready.
const LOOK: Duration = Duration::from_millis(50);
/// How long it may take to start, and to stop.
const PATIENCE: Duration = Duration::from_secs(60);
/// How variables begin that name engines, or logins to them.
const OF_ENGINES: [&str; 2] = ["AWS_", "KAFKA_"];

/// What differs from the template.
#[derive(Debug, Clone, Copy)]
pub(super) struct Wanted {
    pub(super) kafka: StartKafka,
    pub(super) partitions: u16,
    /// How long a batch of payment requests waits for more.
    pub(super) window: Duration,
}

/// A stack that runs.
pub(super) struct StackProcess {
    endpoints: Endpoints,
    up: Child,
    /// The broker that is no part of `up`.
    kafka: Option<ApacheKafka>,
    folder: TempDir,
}

impl StackProcess {
    /// Starts it. It takes records when this returns.
    pub(super) async fn start(wanted: Wanted) -> Result<Self, Failure> {
        let folder = tempfile::tempdir().context("making a folder for the stack").map_err(Failure::Input)?;
        let kafka = match wanted.kafka {
            StartKafka::Embedded => None,
            StartKafka::Apache => Some(ApacheKafka::start(1).await.map_err(|error| unreachable(&error))?),
        };
        let up = command(folder.path(), wanted, kafka.as_ref()).and_then(|mut up| Ok(up.spawn()?));
        let mut up = up.context("starting giro up").map_err(Failure::No)?;
        let deadline = Instant::now().checked_add(PATIENCE);
        let endpoints = loop {
            if let Some(told) = up_file::told_in(folder.path()) {
                break told.endpoints;
            }
            let has_ended = up.try_wait().context("waiting for giro up").map_err(Failure::No)?.is_some();
            if has_ended || deadline.is_none_or(|deadline| Instant::now() > deadline) {
                let log = last_lines(folder.path());
                return Err(Failure::unreachable(format!("giro up did not start; its last lines:\n{log}")));
            }
            sleep(LOOK).await;
        };
        Ok(Self { endpoints, up, kafka, folder })
    }

    pub(super) fn endpoints(&self) -> &Endpoints {
        &self.endpoints
    }

    /// Stops it. Gives the last lines that it wrote.
    pub(super) async fn stop(mut self) -> String {
        let asked = up_file::ask_to_stop_in(self.folder.path());
        if asked.is_err() || timeout(PATIENCE, self.up.wait()).await.is_err() {
            let _ = self.up.kill().await;
        }
        if let Some(kafka) = self.kafka {
            kafka.stop().await;
        }
        last_lines(self.folder.path())
    }
}

/// `giro up` in this folder, with the functions on the way of a payment.
fn command(folder: &Path, wanted: Wanted, kafka: Option<&ApacheKafka>) -> anyhow::Result<Command> {
    let log = File::create(folder.join(LOG_FILE))?;
    let mut up = Command::new(std::env::current_exe()?);
    up.arg("up").args(["--only", PAYMENT_PROCESSOR, "--only", OUTCOME_PUBLISHER]);
    up.args(["--partitions", &wanted.partitions.to_string()]);
    up.args(["--parameter", &format!("OutcomesPartitions={}", wanted.partitions)]);
    up.args(["--batch-window-ms", &wanted.window.as_millis().to_string()]);
    if let Some(kafka) = kafka {
        up.args(["--kafka-bootstrap-servers", kafka.bootstrap_servers()]);
    }
    for name in std::env::vars_os().filter_map(|(name, _)| name.into_string().ok()) {
        if OF_ENGINES.iter().any(|begin| name.starts_with(begin)) || variables().contains(&name) {
            up.env_remove(name);
        }
    }
    up.current_dir(folder).stdin(Stdio::null()).stdout(log.try_clone()?).stderr(log).kill_on_drop(true);
    Ok(up)
}

fn unreachable(error: &anyhow::Error) -> Failure {
    Failure::unreachable(format!("{error:#}"))
}

fn last_lines(folder: &Path) -> String {
    let log = std::fs::read_to_string(folder.join(LOG_FILE)).unwrap_or_default();
    let lines: Vec<&str> = log.lines().collect();
    lines.get(lines.len().saturating_sub(LAST_LINES)..).unwrap_or_default().join("\n")
}
