//! What: `giro pay` publishes one payment as a person writes it, and shows what became of it.

use clap::Args;

use super::Failure;
use super::engines::{EngineArgs, given};
use super::payments;
use super::story::Story;
use crate::asked::{Asked, new_id};
use crate::decimal;
use giro::domain::{AccountId, Currency, Outcome, Payment, PaymentId};
use giro::handlers::clock;
use giro::wire::outcome;

/// Pay an amount from one account to another
///
/// Publishes the payment to the topic of payment requests. The amount has the decimals of its currency: 5.00 EUR, 500
/// JPY. The same payment with the same id happens once. Another payment needs another id.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  giro pay --from bank --to alice 5.00 EUR --wait\n  \
                  giro pay --from alice --to bob 12.50 EUR --id order-17 --reference 'Order 17'")]
pub(super) struct PayArgs {
    /// How much, such as 5.00
    amount: String,
    /// Its currency, an ISO 4217 code
    currency: Currency,
    /// The account that pays
    #[arg(long, value_name = "ACCOUNT")]
    from: AccountId,
    /// The account that is paid
    #[arg(long, value_name = "ACCOUNT")]
    to: AccountId,
    /// The payment's id; the default is a new one
    #[arg(long, value_name = "PAYMENT")]
    id: Option<PaymentId>,
    /// What both sides read
    #[arg(long, value_name = "TEXT")]
    reference: Option<String>,
    /// Wait for its outcome, for at most 30 seconds. Exit code 1 if it is declined
    #[arg(long)]
    wait: bool,
    /// As JSON: the request, or with --wait the outcome
    #[arg(long)]
    json: bool,
    /// The topic; else that of payment requests
    #[arg(long, env = "REQUESTS_TOPIC", value_parser = given, value_name = "NAME")]
    topic: Option<String>,
}

/// What is waited for, and how it is shown.
#[derive(Debug, Clone, Copy)]
pub(super) struct Show {
    pub(super) wait: bool,
    pub(super) json: bool,
}

pub(super) async fn run(args: PayArgs, engines: &EngineArgs) -> Result<(), Failure> {
    let id = match args.id {
        Some(id) => id,
        None => PaymentId::try_new(&new_id()).map_err(Failure::input)?,
    };
    let payment = Payment {
        id,
        debtor: args.from,
        creditor: args.to,
        amount: decimal::amount(&args.amount, args.currency).map_err(Failure::input)?,
        currency: args.currency,
        reference: args.reference.map(Into::into),
        requested_at: Some(clock::now()),
    };
    let topic = engines.topic(args.topic, |topics| topics.requests)?;
    pay(payment, &topic, Show { wait: args.wait, json: args.json }, engines).await
}

/// Publishes a payment, and shows what became of it.
pub(super) async fn pay(payment: Payment, topic: &str, show: Show, engines: &EngineArgs) -> Result<(), Failure> {
    let id = payment.id.clone();
    let asked = Asked::of(payment).map_err(Failure::input)?;
    let before = match payments::recorded(&id, false, engines).await {
        Ok(before) => before,
        // If the outcome couldn't be read, that is an error before anything is sent.
        Err(failure) if show.wait => return Err(failure),
        Err(_) => None,
    };
    if let Some(other) =
        before.filter(|before| before.outcome.instruction.fingerprint() != asked.instruction.fingerprint())
    {
        return Err(of_another(&other.outcome));
    }
    let producer = engines.producer_to(topic).await?;
    asked.publish(&producer, topic).await?;
    if !show.wait {
        match show.json {
            true => say!("{}", asked.value),
            false => say!("sent {id}: `giro payments show {id} --wait` waits for its outcome"),
        }
        return Ok(());
    }
    let Some(recorded) = payments::recorded(&id, true, engines).await? else {
        return Err(Failure::no(payments::without_outcome(&id, &engines.ledger().await?).await));
    };
    let outcome = recorded.outcome;
    if outcome.instruction.fingerprint() != asked.instruction.fingerprint() {
        return Err(of_another(&outcome));
    }
    match show.json {
        true => say!("{}", outcome::encode(&outcome)),
        false => say!("{}", Story(&outcome)),
    }
    // The line says why, so an error beside it would say it twice.
    outcome.decision.map_err(|_| Failure::Shown)
}

/// The id has the outcome of another payment.
fn of_another(outcome: &Outcome) -> Failure {
    let id = outcome.instruction.id();
    Failure::no(format!(
        "{id} is the id of another payment: {}. Choose another id, or leave --id out: `giro pay` takes a new one",
        Story(outcome)
    ))
}
