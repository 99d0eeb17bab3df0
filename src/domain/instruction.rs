//! What: An instruction: what a client asks for with one record of the topic `payment-requests`. The request is the
//! instruction with the record that brought it, the outcome is its one durable answer.
//!
//! | kind | where | what it asks for |
//! |---|---|---|
//! | payment | [`payment`](super::payment) | money from one account to another |
//!
//! Invariants: The ids of all kinds share one key space.

use super::{AccountId, Amount, Currency, Decline, Fingerprint, Payment, PaymentId, Source, Timestamp};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// A payment.
    Payment(Payment),
}

/// Money that goes from one account to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Transfer<'a> {
    /// The account that pays.
    pub debtor: &'a AccountId,
    /// The account that is paid.
    pub creditor: &'a AccountId,
    /// How much.
    pub amount: Amount,
    /// Its currency.
    pub currency: Currency,
}

impl From<Payment> for Instruction {
    fn from(payment: Payment) -> Self {
        Self::Payment(payment)
    }
}

impl Instruction {
    /// The idempotency key.
    #[must_use]
    pub const fn id(&self) -> &PaymentId {
        match self {
            Self::Payment(payment) => &payment.id,
        }
    }

    /// The account that pays. Records of one account are on one partition, so its instructions are in order.
    #[must_use]
    pub const fn debtor(&self) -> &AccountId {
        match self {
            Self::Payment(payment) => &payment.debtor,
        }
    }

    /// What the client wants both sides to read.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Payment(payment) => payment.reference.as_deref(),
        }
    }

    /// When the client says it asked.
    #[must_use]
    pub const fn requested_at(&self) -> Option<Timestamp> {
        match self {
            Self::Payment(payment) => payment.requested_at,
        }
    }

    /// Two instructions of one id are the same if their fingerprints are equal.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Payment(payment) => payment.fingerprint(),
        }
    }

    /// The money that it moves, if it is settled.
    #[must_use]
    pub const fn transfer(&self) -> Transfer<'_> {
        match self {
            Self::Payment(Payment { debtor, creditor, amount, currency, .. }) => {
                Transfer { debtor, creditor, amount: *amount, currency: *currency }
            }
        }
    }
}

/// An instruction, and the record that brought it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What was asked for.
    pub instruction: Instruction,
    /// The record that asked.
    pub source: Source,
}

/// The answer to an instruction: settled, or declined with a reason.
pub type Decision = Result<(), Decline>;

/// An instruction with its one durable answer: the journal entry. It never changes once it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was asked for.
    pub instruction: Instruction,
    /// The answer.
    pub decision: Decision,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The record that it answers.
    pub source: Source,
}

impl Outcome {
    /// The money that it moved, or would have.
    #[must_use]
    pub const fn transfer(&self) -> Transfer<'_> {
        self.instruction.transfer()
    }

    /// The request that it answers.
    #[must_use]
    pub fn request(&self) -> Request {
        Request { instruction: self.instruction.clone(), source: self.source.clone() }
    }

    /// `settled` or `declined`, as stored and published.
    #[must_use]
    pub const fn status(&self) -> &'static str {
        status_of(self.decision)
    }
}

/// `settled` or `declined`, as stored and published.
#[must_use]
pub const fn status_of(decision: Decision) -> &'static str {
    match decision {
        Ok(()) => "settled",
        Err(_) => "declined",
    }
}

/// An outcome as read back from the `payments` table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// The outcome.
    pub outcome: Outcome,
    /// The fingerprint that was stored with it. It says whether a later request of this id is the same one.
    pub fingerprint: Fingerprint,
}
