//! What: Applies a batch of account commands from Kafka. It opens, freezes, unfreezes and closes accounts, and sets
//! their limits.
//!
//! Data: Takes a Kafka event. Gives a batch response, once every record has its disposition: a recorded command, a
//! replay, a dead letter, or a reported failure.
//!
//! Invariants: A record is acknowledged only if its command or its bytes are known to be stored. A refusal is an
//! answer, not a failure. An unfinished record is reported late, so that its tries last for days. Commands of one
//! account are applied in the order of the event.

use lambda_runtime::LambdaEvent;

use super::clock::{self, Deadlines};
use super::observed_batch::ObservedBatch;
use super::records::Records;
use super::tally::{Dispositions, Tally};
use super::unfinished::Unfinished;
use crate::account_commands::apply;
use crate::domain::account_command::Policy;
use crate::domain::dead_letter::COMMAND_ID_REUSED;
use crate::domain::{CommandRequest, CreditLanes};
use crate::settle::Backoff;
use crate::store::AccountLedger;
use crate::telemetry::observer::Observer;
use crate::wire::account_command;
use crate::wire::batch_response::BatchResponse;
use crate::wire::kafka_event::KafkaEvent;

/// Why a well-formed command becomes a dead letter: the reason, and what was expected.
const ID_REUSED: (&str, &str) = (COMMAND_ID_REUSED, "command_id: expected an id that names no other command");

/// Applies commands to a ledger's accounts.
#[derive(Debug)]
pub struct AccountProcessor<L> {
    ledger: L,
    partial_batch_response: bool,
    observer: Observer,
    policy: Policy,
}

impl<L: AccountLedger> AccountProcessor<L> {
    /// A processor on this ledger. `partial_batch_response` says whether the event source mapping asks for partial
    /// batch responses. If it doesn't, a list of failures counts as success.
    pub fn new(ledger: L, partial_batch_response: bool) -> Self {
        Self { ledger, partial_batch_response, observer: Observer::default(), policy: Policy::default() }
    }

    /// Sets how many partitions the topic of payment requests has. An account is opened with two lanes for each, or one
    /// past 48 partitions. So no two of 97 partitions credit one item. Without this it is opened with the lanes that
    /// its command asks for.
    #[must_use]
    pub fn with_partitions(self, requests_partitions: u32) -> Self {
        let lanes_min = CreditLanes::of_partitions(requests_partitions);
        Self { policy: Policy { lanes_min, ..self.policy }, ..self }
    }

    /// Tells this observer of each batch. Without this it tells nobody.
    #[must_use]
    pub fn observed(self, observer: Observer) -> Self {
        Self { observer, ..self }
    }

    /// Accepts limits of accounts, or refuses them. It refuses them unless told otherwise.
    #[must_use]
    pub fn accepting_limits(self, accepts_limits: bool) -> Self {
        Self { policy: Policy { accepts_limits, ..self.policy }, ..self }
    }

    /// Applies the commands of one batch.
    ///
    /// # Errors
    /// [`Unfinished`] if records are unfinished and Lambda didn't ask for a partial response, or if an element can't be
    /// named in one. Lambda then delivers the batch again.
    pub async fn handle(&self, event: LambdaEvent<KafkaEvent>) -> Result<BatchResponse, Unfinished> {
        let (event, context) = event.into_parts();
        let deadlines = Deadlines::of(context.deadline);
        let observed = ObservedBatch::begin(&self.observer, &context, &event);
        let tally = Tally::start(&context, &event, self.ledger.usage(), self.observer.wants_metrics());

        let request = |command, source| CommandRequest { command, source };
        let (records, requests) = Records::decode(&event, |record| account_command::decode(&record.value), request);
        let (until, policy) = (deadlines.settle, self.policy);
        let applied = apply(&self.ledger, &requests, policy, until, clock::now, Backoff::new).await;
        let dead_letters =
            records.write_dead_letters(&self.ledger, &applied.dispositions, ID_REUSED, deadlines.dead_letters).await;

        let response = records.report(&applied.dispositions, &dead_letters);
        let dispositions = Dispositions::of_commands(&applied);
        let batch = tally.finish(&dispositions, applied.error.as_ref(), &dead_letters, &response, self.ledger.usage());
        if let Some(observed) = observed {
            observed.end(&batch, deadlines.dead_letters).await;
        }
        records.answer(response, self.partial_batch_response, deadlines.report).await
    }
}
