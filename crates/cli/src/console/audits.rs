//! What: Tells what audits have proved, and audits all payments when a person asks for it.
//!
//! Limits: One audit at a time, and of this process. It reads, and writes nothing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use serde_json::{Value, json};
use tokio::time::Instant;

use super::refusal::Refusal;
use giro::audit::{Pace, audit};
use giro::domain::audit::Seen;
use giro::handlers::clock;
use giro::store::dynamodb::DynamoDb;
use giro::store::{Checkpoints, LedgerQueries, Read, ScannedHead, Segment, StoreError};

/// The read units a second of an audit. `giro audit` takes the same.
const READ_UNITS: u32 = 10_000;

/// How long an audit may take.
const PATIENCE: Duration = Duration::from_secs(600);

/// How many findings are told.
const FINDINGS_MAX: usize = 50;

/// The audits that were asked for here.
#[derive(Debug, Clone, Default)]
pub(super) struct Audits(Arc<Mutex<State>>);

#[derive(Debug, Default)]
struct State {
    is_running: bool,
    last: Option<Value>,
}

impl Audits {
    fn state(&self) -> std::sync::MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What the scheduled audit has proved, and the last audit from here.
    pub(super) async fn told(&self, ledger: &DynamoDb, has_checkpoints: bool) -> Result<Value, Refusal> {
        let proved = if has_checkpoints { proved(ledger).await } else { Ok(None) };
        let mut told = match proved {
            Ok(Some(told)) => told,
            // A stack that was deployed without these tables has proved nothing.
            Ok(None) | Err(StoreError::NoTable(_)) => json!({}),
            Err(error) => return Err(error.into()),
        };
        let state = self.state();
        (told["running"], told["last"]) = (json!(state.is_running), json!(state.last));
        Ok(told)
    }

    /// Begins an audit of all payments, unless one runs.
    pub(super) fn begin(&self, ledger: Arc<DynamoDb>) {
        if std::mem::replace(&mut self.state().is_running, true) {
            return;
        }
        let audits = self.clone();
        tokio::spawn(async move {
            let last = run(&ledger).await;
            let mut state = audits.state();
            (state.is_running, state.last) = (false, Some(last));
        });
    }
}

async fn run(ledger: &DynamoDb) -> Value {
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
    let circulation: BTreeMap<String, String> =
        report.circulation.iter().map(|(currency, sum)| (currency.to_string(), sum.to_string())).collect();
    let mut findings: Vec<String> = report.findings.iter().take(FINDINGS_MAX).map(ToString::to_string).collect();
    findings.extend(audited.stopped.iter().map(|stopped| format!("the audit stopped {stopped}")));
    json!({
        "at": at,
        "seconds": began.elapsed().as_secs_f64(),
        "accounts": report.accounts,
        "settled": report.settled,
        "dead_letters": audited.letters,
        "undecided": report.undecided,
        "complete": audited.stopped.is_none(),
        "findings": findings,
        "circulation": circulation,
    })
}

/// How far the scheduled audit has come. An account is behind if it holds something else than its head has seen.
async fn proved(ledger: &DynamoDb) -> Result<Option<Value>, StoreError> {
    let mut heads = BTreeMap::new();
    let (mut mark, mut unreadable) = (None, 0_u64);
    loop {
        let page = ledger.heads(Segment { number: 0, of: 1 }, mark).await?;
        for head in page.items {
            match head {
                ScannedHead::Head(head) => {
                    heads.insert(head.checkpoint.account.clone(), head.seen);
                }
                ScannedHead::Unreadable { .. } => unreadable = unreadable.saturating_add(1),
            }
        }
        mark = page.next;
        if mark.is_none() {
            break;
        }
    }
    let accounts = ledger.accounts().await?;
    let is_proved = |held: &&giro::domain::Holding| heads.get(&held.account.id) == Some(&Seen::of(held));
    let proved = accounts.iter().filter(is_proved).count();
    let oldest = match ledger.run().await? {
        Read::Found(run) => run.proved_at.map(|at| clock::now().millis().saturating_sub(at.millis()) / 1_000),
        Read::Missing | Read::Corrupt(_) | Read::Unread => None,
    };
    Ok(Some(json!({
        "accounts": accounts.len(),
        "proved": proved,
        "behind": accounts.len().saturating_sub(proved),
        "unreadable": unreadable,
        "oldest_proof_s": oldest,
    })))
}
