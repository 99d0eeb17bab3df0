//! `giro payments`: show payments and their outcomes.

use clap::Subcommand;

use super::Failure;
use super::engines::{EngineArgs, unreachable};
use crate::domain::PaymentId;
use crate::store::Inspect;
use crate::wire::outcome;

#[derive(Debug, Subcommand)]
pub(super) enum PaymentsCommand {
    /// Show a payment's outcome, as JSON. Exit code 1 while it has none.
    Show {
        /// The payment
        id: PaymentId,
    },
}

pub(super) async fn run(command: PaymentsCommand, engines: &EngineArgs) -> Result<(), Failure> {
    let PaymentsCommand::Show { id } = command;
    let ledger = engines.ledger().await?;
    let recorded = ledger.payment(&id).await.map_err(|error| unreachable(error.into()))?;
    let recorded = recorded.ok_or_else(|| Failure::no(format!("the payment {id} has no outcome")))?;
    say!("{}", outcome::encode(&recorded.outcome));
    Ok(())
}
