//! What: `giro payments` shows payments and their outcomes.

use std::collections::BTreeMap;
use std::time::Duration;

use clap::{Args, Subcommand, ValueEnum};
use tokio::time::{Instant, sleep};

use super::Failure;
use super::engines::EngineArgs;
use super::number::number;
use super::results::ResultArgs;
use super::stored_id::stored_id;
use super::story::Story;
use crate::letters::names;
use crate::local::terminal::tell;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{AccountId, DeadLetter, Outcome, PaymentId, Recorded, Timestamp};
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, ScannedItem, Segment, Table, TableScan};
use giro::wire::outcome;

/// How long to wait for an outcome.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often to look for it.
const LOOK: Duration = Duration::from_millis(100);
/// How long after the first search dead letters are searched again; then twice as long each time. A search reads the
/// whole table, so there are few.
const SEARCH: Duration = Duration::from_millis(500);

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// Show a payment's outcome, as JSON. Exit code 1 while it has none.
    ///
    /// If it has none, all dead letters are searched for one whose value has this id.
    Show {
        /// The payment
        #[arg(value_parser = stored_id(PaymentId::try_stored))]
        id: PaymentId,
        /// Wait until it has one, for at most 30 seconds. A dead letter that has this id and waits for a person ends it
        #[arg(long)]
        wait: bool,
        /// As JSON, which it prints without this too
        #[arg(long, conflicts_with = "text")]
        json: bool,
        /// As a line for a person
        #[arg(long)]
        text: bool,
    },
    /// Show the newest payments and refunds. It reads the whole table.
    List(ListArgs),
}

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro payments list --limit 5\n  giro payments list --account alice --status declined"
)]
pub(super) struct ListArgs {
    /// Only those that this account pays or is paid by
    #[arg(long, value_name = "ID", value_parser = stored_id(AccountId::try_stored))]
    account: Option<AccountId>,
    /// Only those with this outcome
    #[arg(long, value_enum)]
    status: Option<Status>,
    /// At most this many
    #[arg(long, default_value_t = 20, value_parser = number::<u32>(1..=100_000))]
    limit: u32,
    #[command(flatten)]
    results: ResultArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Status {
    /// Its money has moved
    Settled,
    /// It was decided, and no money moved
    Declined,
}

pub(super) async fn run(command: PaymentsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    match command {
        PaymentsCommand::Show { id, wait, json: _, text } => match shown(&id, wait, engines).await? {
            Some(Recorded { outcome, .. }) => {
                ResultArgs { json: !text }.print(|| outcome::encode(&outcome), || Story(&outcome))?;
            }
            None => return Err(Failure::no(without_outcome(&id, &engines.ledger().await?).await)),
        },
        PaymentsCommand::List(args) => list(&args, &engines.ledger().await?).await?,
    }
    Ok(())
}

/// As [`recorded`]. But it doesn't wait for a request that became a dead letter.
async fn shown(id: &PaymentId, wait: bool, engines: &EngineArgs) -> Result<Option<Recorded>, Failure> {
    if !wait {
        return recorded(id, false, engines).await;
    }
    let ledger = engines.ledger().await?;
    let searched = async {
        let mut pause = SEARCH;
        // What was redriven is on its way again.
        let is_lost = |letter: &DeadLetter| letter.status == DeadLetterStatus::Parked && names(letter, id);
        // Who may read payments may lack the right to read dead letters.
        while !ledger.dead_letters().await.unwrap_or_default().iter().any(is_lost) {
            sleep(pause).await;
            pause = pause.saturating_mul(2);
        }
    };
    tokio::select! {
        recorded = recorded(id, true, engines) => recorded,
        // An outcome comes before a dead letter that another request with its id became.
        () = searched => Ok(ledger.payment(id).await?),
    }
}

/// A payment's item, if it has one; or once it has one, if `wait` says so.
pub(super) async fn recorded(id: &PaymentId, wait: bool, engines: &EngineArgs) -> Result<Option<Recorded>, Failure> {
    let ledger = engines.ledger().await?;
    let deadline = Instant::now().checked_add(WAIT_MAX).filter(|_| wait);
    loop {
        let recorded = ledger.payment(id).await?;
        if recorded.is_some() || deadline.is_none_or(|deadline| Instant::now() > deadline) {
            return Ok(recorded);
        }
        sleep(LOOK).await;
    }
}

/// Says what is known of a payment without an outcome.
pub(super) async fn without_outcome(id: &PaymentId, ledger: &DynamoDb) -> String {
    // Who may read payments may lack the right to read dead letters.
    let letters = ledger.dead_letters().await.unwrap_or_default();
    match letters.iter().find(|letter| names(letter, id)) {
        Some(letter) => {
            let (name, DeadLetter { reason, detail, .. }) = (letter.id(), letter);
            format!(
                "the payment '{id}' became a dead letter: {reason}: {detail}. `giro dead-letters show {name}` shows it, \
                 and `giro dead-letters redrive` publishes it again"
            )
        }
        None => format!(
            "the payment '{id}' has no outcome: it is on its way, became a dead letter, was given up, or never came. \
             --wait waits for it; `giro dead-letters list` shows dead letters, and `giro failed list` what was given up"
        ),
    }
}

async fn list(args: &ListArgs, ledger: &DynamoDb) -> Result<(), Failure> {
    let limit = usize::try_from(args.limit).unwrap_or(usize::MAX);
    let mut newest: BTreeMap<(Timestamp, PaymentId), Outcome> = BTreeMap::new();
    let mut mark = None;
    loop {
        let page = ledger.page(Table::Payments, Segment { number: 0, of: 1 }, mark).await?;
        for item in page.items {
            let ScannedItem::Payment(recorded) = item else { continue };
            let outcome = recorded.outcome;
            if is_asked(args, &outcome) {
                newest.insert((outcome.decided_at, outcome.instruction.id().clone()), outcome);
            }
            if newest.len() > limit {
                newest.pop_first();
            }
        }
        match page.next {
            Some(next) => mark = Some(next),
            None => break,
        }
    }
    if newest.is_empty() {
        tell!("no payment");
    }
    for ((decided_at, _), outcome) in newest.iter().rev() {
        args.results.print(|| outcome::encode(outcome), || format!("{decided_at}  {}", Story(outcome)))?;
    }
    Ok(())
}

fn is_asked(args: &ListArgs, outcome: &Outcome) -> bool {
    let of_account = |account: &AccountId| {
        outcome.instruction.debtor() == account
            || outcome.transfers().any(|transfer| [transfer.debtor, transfer.creditor].contains(&account))
    };
    let of_status = |status| outcome.decision.is_ok() == (status == Status::Settled);
    args.account.as_ref().is_none_or(of_account) && args.status.is_none_or(of_status)
}
