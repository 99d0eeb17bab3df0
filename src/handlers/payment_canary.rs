//! What: Makes a payment each way between two accounts of its own, and measures how long their outcomes take.
//!
//! Data: Takes any event, of which only the deadline counts. Gives how long the slower payment took, as the answer and
//! in a log line. It writes `payment-requests` and reads `payment-outcomes`, as every client does.
//!
//! Invariants: A payment that is declined, or has no outcome in time, is an error. Both must be settled, because they
//! go through two partitions: if one stands still, no time is told. Together they leave both balances as they were.
//!
//! Limits: It reads all partitions of the outcomes' topic while it waits: usually for a second.

use std::fmt;
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

/// Which way a payment goes between the two accounts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// From the first to the second.
    Out,
    /// From the second to the first.
    Back,
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Out => "out",
            Self::Back => "back",
        })
    }
}

/// The topics of the canary, and its accounts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it hands requests over.
    pub requests: String,
    /// Where it reads outcomes.
    pub outcomes: String,
    /// The accounts that pay each other.
    pub accounts: [AccountId; 2],
}

/// Why the canary's payments were not both settled, as far as anybody knows.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CanaryError {
    /// The invocation's id is no part of a payment's.
    #[error("the invocation's id can't be part of a payment's: {0}")]
    RequestId(#[from] InvalidId),
    /// Nobody could have read their outcomes.
    #[error("the topic of outcomes: {0}")]
    Outcomes(#[from] FollowError),
    /// One was not handed over.
    #[error("the payment {0} was not handed over: {1}")]
    NotHandedOver(Way, PublishError),
    /// It was handed over, and then nothing came.
    #[error("the payment {0} has no outcome in time")]
    NoOutcome(Way),
    /// Its outcome is no, or can't be read. The text is the reason's name, or what was expected of the outcome.
    #[error("the payment {0} was not settled: {1}")]
    NotSettled(Way, String),
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

    /// Makes a payment each way.
    ///
    /// # Errors
    /// [`CanaryError`] if one isn't settled and told before the invocation ends.
    pub async fn handle(&self, event: LambdaEvent<AnyEvent>) -> Result<CanaryResult, CanaryError> {
        let request_id = event.context.request_id;
        let deadline = Deadlines::of(event.context.deadline).settle.done;
        let late = |_| FollowError("it gave no answer in time".into());
        let mut outcomes = timeout_at(deadline, self.outcomes.follow(&self.route.outcomes)).await.map_err(late)??;
        let payments = [self.payment(Way::Out, &request_id)?, self.payment(Way::Back, &request_id)?];
        let started = Instant::now();
        let [out, back] = &payments;
        tokio::try_join!(self.hand_over(Way::Out, out, deadline), self.hand_over(Way::Back, back, deadline))?;
        let mut waiting = vec![(Way::Out, &out.id), (Way::Back, &back.id)];
        while let Some(&(next, _)) = waiting.first() {
            let record = timeout_at(deadline, outcomes.next()).await.map_err(|_| CanaryError::NoOutcome(next))??;
            let is_its = |(_, id): &(Way, &PaymentId)| record.key.as_deref() == Some(id.as_str().as_bytes());
            if let Some(ix) = waiting.iter().position(is_its) {
                let (way, _) = waiting.swap_remove(ix);
                settled(&record.value.unwrap_or_default()).map_err(|why| CanaryError::NotSettled(way, why))?;
            }
        }
        let seconds = in_milliseconds(started.elapsed()).as_secs_f64();
        tracing::info!(request_id, seconds, "canary settled");
        Ok(CanaryResult { seconds })
    }

    /// A payment of this invocation. Lambda repeats an invocation with its id, so no payment is made twice.
    fn payment(&self, way: Way, request_id: &str) -> Result<Payment, InvalidId> {
        let [one, other] = self.route.accounts.clone();
        let (debtor, creditor) = match way {
            Way::Out => (one, other),
            Way::Back => (other, one),
        };
        Ok(Payment {
            // Every payment of the canary is known by how its id begins.
            id: PaymentId::try_new(&format!("canary-{request_id}-{way}"))?,
            debtor,
            creditor,
            amount: Amount::ONE,
            currency: Currency::TESTING,
            reference: Some("canary".into()),
            requested_at: Some(clock::now()),
        })
    }

    async fn hand_over(&self, way: Way, payment: &Payment, deadline: Instant) -> Result<(), CanaryError> {
        let (key, value) = (payment.debtor.as_str().as_bytes(), payment_request::encode(payment));
        let placed = async {
            let sending = self.requests.send(&self.route.requests, Some(key), Some(value.as_bytes()), &[]).await?;
            sending.placed().await
        };
        let late = |_| PublishError::Unacknowledged("no answer came in time".into());
        let placed = timeout_at(deadline, placed).await.map_err(late).and_then(|placed| placed);
        placed.map(|_| ()).map_err(|error| CanaryError::NotHandedOver(way, error))
    }
}

/// The duration without what is shorter than a millisecond.
fn in_milliseconds(duration: Duration) -> Duration {
    Duration::from_millis(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// Checks that an outcome says settled. Otherwise gives the reason's name, or what was expected.
fn settled(outcome: &[u8]) -> Result<(), String> {
    let told = outcome::decode(outcome).map_err(|error| error.to_string())?;
    told.decision.map_err(|decline| decline.name().into())
}
