//! What: `giro payments` shows payments and their outcomes.

use std::time::Duration;

use clap::Subcommand;
use tokio::time::{Instant, sleep};

use super::Failure;
use super::engines::EngineArgs;
use super::stored_id::stored_id;
use giro::domain::PaymentId;
use giro::store::LedgerQueries;
use giro::wire::outcome;

/// How long to wait for an outcome.
const WAIT_MAX: Duration = Duration::from_secs(30);
/// How often to look for it.
const LOOK: Duration = Duration::from_millis(100);

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// Show a payment's outcome, as JSON. Exit code 1 while it has none.
    Show {
        /// The payment
        #[arg(value_parser = stored_id(PaymentId::try_stored))]
        id: PaymentId,
        /// Wait until it has one, for at most 30 seconds
        #[arg(long)]
        wait: bool,
    },
}

pub(super) async fn run(command: PaymentsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    let PaymentsCommand::Show { id, wait } = command;
    let ledger = engines.ledger().await?;
    let deadline = Instant::now().checked_add(WAIT_MAX).filter(|_| wait);
    let recorded = loop {
        let recorded = ledger.payment(&id).await?;
        if recorded.is_some() || deadline.is_none_or(|deadline| Instant::now() > deadline) {
            break recorded;
        }
        sleep(LOOK).await;
    };
    let recorded = recorded.ok_or_else(|| {
        Failure::no(format!(
            "the payment '{id}' has no outcome: it is on its way, became a dead letter, was given up, or never came. \
             --wait waits for it; `giro dead-letters list` shows dead letters, and `giro failed list` what was given up"
        ))
    })?;
    say!("{}", outcome::encode(&recorded.outcome));
    Ok(())
}
