//! What: Makes one payment between two accounts of its own, and measures how long its outcome takes.
//!
//! Data: Takes any event, of which only the deadline counts. Gives how long the payment took, as the answer and in a
//! log line. It writes `payment-requests` and reads `payment-outcomes`, as every client does.
//!
//! Invariants: Two minutes in a row pay in opposite directions, so that the accounts stay near zero. A payment that is
//! declined, or has no outcome in time, is an error. An alarm rings when no payment was settled for some minutes.
//!
//! Its errors name its payment, which no account holder made.
//!
//! Limits: It reads all partitions of the outcomes' topic while it waits: usually for a second.

use std::time::Duration;

use lambda_runtime::{Diagnostic, LambdaEvent};
use tokio::time::{Instant, timeout_at};

use super::clock::{self, Deadlines};
use crate::domain::id::InvalidId;
use crate::domain::{AccountId, Amount, Currency, Payment, PaymentId};
use crate::publish::{Follow, FollowError, Followed, Publish, PublishError};
use crate::wire::canary_result::CanaryResult;
use crate::wire::scheduled::AnyEvent;
use crate::wire::{outcome, payment_request};

/// How long its request may take before its producer gives it up: a broker may change its leader meanwhile.
pub const DELIVERY_TIMEOUT: Duration = Duration::from_secs(20);

/// Two payments that follow each other are a minute apart, and pay in opposite directions.
const DIRECTION_MS: i64 = 60_000;

/// The topics of the canary, and its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it hands requests over.
    pub requests: String,
    /// Where it reads outcomes.
    pub outcomes: String,
    /// Who pays whom, in turns.
    pub accounts: [AccountId; 2],
}

/// Why the canary's payment was not settled, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanaryError {
    /// The invocation's id is no part of a payment's.
    #[error("the invocation's id can't be part of a payment's: {0}")]
    RequestId(#[from] InvalidId),
    /// Nobody could have read its outcome.
    #[error("the topic of outcomes: {0}")]
    Outcomes(#[from] FollowError),
    /// It was not handed over.
    #[error("the payment {0} was not handed over: {1}")]
    NotHandedOver(PaymentId, PublishError),
    /// It was handed over, and then nothing came.
    #[error("the payment {0} has no outcome in time")]
    NoOutcome(PaymentId),
    /// Its outcome is no, or can't be read.
    #[error("the payment {id} was not settled: {why}")]
    NotSettled {
        /// The payment.
        id: PaymentId,
        /// The reason's name, or what was expected of the outcome.
        why: String,
    },
}

/// The error type and text that alarms read.
impl From<CanaryError> for Diagnostic {
    fn from(error: CanaryError) -> Self {
        Self { error_type: "Giro.Canary".into(), error_message: error.to_string() }
    }
}

/// Makes payments, and waits for their outcomes.
#[derive(Debug)]
pub struct PaymentCanary<P, F> {
    requests: P,
    outcomes: F,
    route: Route,
}

impl<P: Publish, F: Follow> PaymentCanary<P, F> {
    /// A canary on this route.
    pub fn new(requests: P, outcomes: F, route: Route) -> Self {
        Self { requests, outcomes, route }
    }

    /// Makes one payment.
    ///
    /// # Errors
    /// [`CanaryError`] if it isn't settled and told before the invocation ends.
    pub async fn handle(&self, event: LambdaEvent<AnyEvent>) -> Result<CanaryResult, CanaryError> {
        let request_id = event.context.request_id;
        let deadline = Deadlines::of(event.context.deadline).settle.done;
        let late = |_| FollowError("it gave no answer in time".into());
        let mut outcomes = timeout_at(deadline, self.outcomes.follow(&self.route.outcomes)).await.map_err(late)??;
        let payment = self.payment(&request_id)?;
        let id = payment.id.clone();
        let started = Instant::now();
        self.hand_over(&payment, deadline).await?;
        let told = timeout_at(deadline, outcome_of(&mut outcomes, &id)).await;
        let told = told.map_err(|_| CanaryError::NoOutcome(id.clone()))??;
        let seconds = in_milliseconds(started.elapsed()).as_secs_f64();
        let not_settled = |why: String| CanaryError::NotSettled { id: id.clone(), why };
        let told = outcome::decode(&told).map_err(|error| not_settled(error.to_string()))?;
        told.decision.map_err(|decline| not_settled(decline.name().into()))?;
        tracing::info!(request_id, seconds, "canary settled");
        Ok(CanaryResult { payment_id: id, seconds })
    }

    /// The payment of this invocation. Lambda repeats an invocation with its id, so its payment is not made twice.
    fn payment(&self, request_id: &str) -> Result<Payment, InvalidId> {
        let now = clock::now();
        let [mut debtor, mut creditor] = self.route.accounts.clone();
        if now.millis().div_euclid(DIRECTION_MS).rem_euclid(2) == 1 {
            std::mem::swap(&mut debtor, &mut creditor);
        }
        Ok(Payment {
            // Every payment of the canary is known by how its id begins.
            id: PaymentId::try_new(&format!("canary-{request_id}"))?,
            debtor,
            creditor,
            amount: Amount::ONE,
            currency: Currency::TESTING,
            reference: Some("canary".into()),
            requested_at: Some(now),
        })
    }

    async fn hand_over(&self, payment: &Payment, deadline: Instant) -> Result<(), CanaryError> {
        let (key, value) = (payment.debtor.as_str().as_bytes(), payment_request::encode(payment));
        let placed = async {
            let sending = self.requests.send(&self.route.requests, Some(key), Some(value.as_bytes()), &[]).await?;
            sending.placed().await
        };
        let late = |_| PublishError::Unacknowledged("no answer came in time".into());
        let placed = timeout_at(deadline, placed).await.map_err(late).and_then(|placed| placed);
        placed.map(|_| ()).map_err(|error| CanaryError::NotHandedOver(payment.id.clone(), error))
    }
}

/// The duration without what is shorter than a millisecond.
fn in_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Waits for the outcome of a payment: the value of the first record with its key.
async fn outcome_of(outcomes: &mut impl Followed, id: &PaymentId) -> Result<Vec<u8>, FollowError> {
    loop {
        let record = outcomes.next().await?;
        if record.key.as_deref() == Some(id.as_str().as_bytes()) {
            return Ok(record.value.unwrap_or_default());
        }
    }
}
