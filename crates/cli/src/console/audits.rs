//! What: Tells what audits have proved, and audits all payments when a person asks for it.
//!
//! Limits: One audit at a time, and of this process. It reads, and writes nothing.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::proofs::{Proofs, proved};
use super::refusal::Refusal;
use crate::audited::as_json;
use crate::local::key_order::KeyOrder;
use giro::audit::{Pace, audit};
use giro::handlers::clock;
use giro::store::TableScan;
use giro::store::dynamodb::DynamoDb;

/// The read units a second of an audit. `giro audit` takes the same.
const READ_UNITS: u32 = 10_000;

/// How long an audit may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many findings are told.
const FINDINGS_MAX: usize = 50;

/// The audits that were asked for here.
#[derive(Debug, Clone, Default)]
pub(super) struct Audits {
    state: Arc<Mutex<State>>,
    proofs: Arc<Proofs>,
}

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    last: Option<Value>,
}

impl Audits {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scheduled audit has proved, and the last audit from here.
    pub(super) async fn told(&self, ledger: &DynamoDb, has_checkpoints: bool) -> Result<Value, Refusal> {
        let is_running = self.state().is_running;
        let mut told = match has_checkpoints {
            true => self.proofs.told(is_running, proved(ledger)).await?,
            false => json!({}),
        };
        let state = self.state();
        (told["running"], told["last"]) = (json!(state.is_running), json!(state.last));
        Ok(told)
    }

    /// Begins an audit of all payments, unless one runs.
    pub(super) fn begin(&self, ledger: Arc<DynamoDb>, url: Option<String>) {
        if std::mem::replace(&mut self.state().is_running, true) {
            return;
        }
        let audits = self.clone();
        tokio::spawn(async move {
            let last = run(&KeyOrder::of(&*ledger, url.as_deref())).await;
            let mut state = audits.state();
            (state.is_running, state.last) = (false, Some(last));
        });
    }
}

async fn run(ledger: &impl TableScan) -> Value {
    let (at, began) = (clock::now().to_string(), Instant::now());
    let until = began.checked_add(PATIENCE).unwrap_or(began);
    let audited = match audit(ledger, Pace::per_second(READ_UNITS), until).await {
        Ok(audited) => audited,
        Err(error) => {
            let text = format!("the audit did not run: {error}");
            return json!({ "at": at, "complete": false, "findings": [text] });
        }
    };
    let report = &audited.report;
    let mut findings: Vec<String> = report.findings.iter().take(FINDINGS_MAX).map(ToString::to_string).collect();
    findings.extend(audited.stopped.iter().map(|stopped| format!("the audit stopped {stopped}")));
    let mut told = as_json(&audited, &findings);
    (told["at"], told["seconds"]) = (json!(at), json!(began.elapsed().as_secs_f64()));
    told
}
