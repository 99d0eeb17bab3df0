//! What: `giro outcomes republish` publishes again what a consumer missed. It reads the payments table, which keeps
//! outcomes for ever.
//!
//! Invariants: A record is equal, byte for byte, to that of the outcome publisher, because both use the same function.
//! A consumer knows by the payment id which outcomes it has already.

use std::time::Duration;

use clap::Args;
use tokio::time::Instant;

use super::super::Failure;
use super::super::engines::{EngineArgs, given};
use super::super::number::number;
use super::super::stored_id::stored_id;
use super::undelivered;
use giro::audit::{Pace, Stopped, scan};
use giro::domain::{Outcome, PaymentId, Timestamp};
use giro::handlers::outcome_publisher::hand_over;
use giro::publish::kafka::KafkaProducer;
use giro::store::dynamodb::DynamoDb;
use giro::store::{LedgerQueries, ScannedItem, Table};

/// How many are in flight at once.
const WINDOW: usize = 1_000;

/// Publish outcomes again that a consumer missed
///
/// Reads the payments table, and publishes in the order of the decisions, byte for byte as the first time. A time range
/// scans the whole table, because it has no index by time: one read unit for about eight payments.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  giro outcomes republish --payment pay-0001 pay-0002\n  giro outcomes republish --from 2026-11-22T10:00:00Z --to 2026-11-22T11:00:00Z\n  giro outcomes republish --undelivered --aws"
)]
pub(super) struct RepublishArgs {
    /// The outcomes of these payments
    #[arg(long = "payment", value_name = "ID", num_args = 1.., value_parser = stored_id(PaymentId::try_stored))]
    payments: Vec<PaymentId>,
    /// Those decided at this time or later, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, requires = "to", conflicts_with = "payments")]
    from: Option<Timestamp>,
    /// Those decided before this time, RFC 3339
    #[arg(long, value_name = "TIME", value_parser = Timestamp::parse, requires = "from")]
    to: Option<Timestamp>,
    /// For a time range: all but these payments
    #[arg(long, value_name = "ID", num_args = 1.., value_parser = stored_id(PaymentId::try_stored), requires = "from")]
    except: Vec<PaymentId>,
    /// Those that the event source of the outcome publisher gave up; then removes them from its queue
    #[arg(long, conflicts_with_all = ["payments", "from"])]
    undelivered: bool,
    /// The queue that holds them; else the one of the template
    #[arg(long, value_parser = given, value_name = "NAME", requires = "undelivered")]
    queue: Option<String>,
    /// SQS's URL; with --aws it is AWS's own
    #[arg(long, env = "AWS_ENDPOINT_URL_SQS", value_parser = given, value_name = "URL", help_heading = "Engines")]
    sqs_endpoint: Option<String>,
    /// The topic; else that of outcomes
    #[arg(long, env = "OUTCOMES_TOPIC", value_parser = given, value_name = "NAME")]
    topic: Option<String>,
    /// For a time range: read at most this many units a second
    #[arg(long, value_name = "UNITS", default_value_t = 10_000, value_parser = number::<u32>(1..=1_000_000))]
    read_units: u32,
    /// For a time range: stop reading after this many seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 3_600, value_parser = number::<u64>(1..=604_800))]
    timeout: u64,
}

pub(super) async fn run(args: RepublishArgs, engines: &EngineArgs) -> Result<(), Failure> {
    if args.payments.is_empty() && args.from.is_none() && !args.undelivered {
        return Err(Failure::input(
            "which outcomes? Name payments by --payment, or a time range by --from and --to, or say --undelivered. That \
             takes those in the queue of undelivered outcomes; --queue names another queue",
        ));
    }
    if let (Some(from), Some(to)) = (args.from, args.to)
        && from >= to
    {
        return Err(Failure::input(format!("--from {from} --to {to}: expected a time range that is not empty")));
    }
    let topic = engines.topic(args.topic, |topics| topics.outcomes)?;
    let republisher = Republisher {
        ledger: engines.ledger().await?,
        producer: engines.producer_to(&topic).await?,
        topic,
        read_units: args.read_units,
        timeout: Duration::from_secs(args.timeout),
    };
    if args.undelivered {
        let queue = undelivered::Queue::find(args.queue, args.sqs_endpoint.as_deref(), engines).await?;
        return undelivered::republish(&queue, &republisher, engines).await;
    }
    let outcomes = match (args.from, args.to) {
        (Some(from), Some(to)) => {
            let mut outcomes = republisher.decided(&[(from, to)]).await?;
            outcomes.retain(|outcome| !args.except.contains(outcome.instruction.id()));
            outcomes
        }
        _ => republisher.of(&args.payments).await?,
    };
    let count = republisher.publish(outcomes).await?;
    say!("published {count} outcomes to {}", republisher.topic);
    Ok(())
}

/// Reads outcomes and publishes them.
pub(super) struct Republisher {
    ledger: DynamoDb,
    producer: KafkaProducer,
    topic: String,
    read_units: u32,
    timeout: Duration,
}

impl Republisher {
    /// The outcomes of these payments, all of them.
    pub(super) async fn of(&self, payments: &[PaymentId]) -> Result<Vec<Outcome>, Failure> {
        let mut outcomes = Vec::with_capacity(payments.len());
        for id in payments {
            let recorded = self.ledger.payment(id).await?;
            let missing = || Failure::no(format!("the payment '{id}' has no outcome, and nothing was published"));
            outcomes.push(recorded.ok_or_else(missing)?.outcome);
        }
        Ok(outcomes)
    }

    /// The outcomes that were decided in one of these times, each from the first on and before the second.
    pub(super) async fn decided(&self, times: &[(Timestamp, Timestamp)]) -> Result<Vec<Outcome>, Failure> {
        let now = Instant::now();
        let until = now.checked_add(self.timeout).unwrap_or(now);
        let (mut outcomes, mut unreadable) = (Vec::new(), None);
        let take = |item| match item {
            ScannedItem::Payment(recorded) => {
                let at = recorded.outcome.decided_at;
                if times.iter().any(|&(from, to)| from <= at && at < to) {
                    outcomes.push(recorded.outcome);
                }
            }
            ScannedItem::Unreadable { key, expected } => {
                unreadable.get_or_insert(format!("the payment {key} can't be read: {expected}"));
            }
            ScannedItem::Account(_)
            | ScannedItem::Lane(_)
            | ScannedItem::Leg(_)
            | ScannedItem::RefundSum(..)
            | ScannedItem::DeadLetterPart { .. } => {}
        };
        let mut pace = Pace::per_second(self.read_units);
        match scan(&self.ledger, Table::Payments, &mut pace, until, take).await {
            Ok(()) => {}
            Err(Stopped::Refused(error)) => return Err(error.into()),
            Err(Stopped::Deadline(text)) => {
                return Err(Failure::no(format!(
                    "reading stopped {text}, and nothing was published; --timeout gives it longer"
                )));
            }
        }
        match unreadable {
            // It may be one of those that were asked for.
            Some(unreadable) => Err(Failure::no(format!("{unreadable}, and nothing was published"))),
            None => Ok(outcomes),
        }
    }

    /// Publishes outcomes in the order of their decisions. Returns how many, once the broker has acknowledged all.
    pub(super) async fn publish(&self, mut outcomes: Vec<Outcome>) -> Result<usize, Failure> {
        outcomes.sort_by(|a, b| (a.decided_at, a.instruction.id()).cmp(&(b.decided_at, b.instruction.id())));
        outcomes.dedup_by(|a, b| a.instruction.id() == b.instruction.id());
        for window in outcomes.chunks(WINDOW) {
            let mut sending = Vec::with_capacity(window.len());
            for outcome in window {
                let sent = hand_over(&self.producer, &self.topic, outcome).await;
                sending.push(sent?);
            }
            for sending in sending {
                sending.placed().await?;
            }
        }
        Ok(outcomes.len())
    }
}
