//! What: An instruction: what a client asks for with one record of the topic `payment-requests`. The request is the
//! instruction with the record that brought it, the outcome is its one durable answer.
//!
//! | kind | where | what it asks for |
//! |---|---|---|
//! | payment | [`payment`](super::payment) | money from one account to another |
//! | payment with legs | [`legs`](super::legs) | several movements of money, all or none |
//! | refund | [`refund`](super::refund) | money of a settled payment back to its debtor |
//!
//! Invariants: The ids of all kinds share one key space.

use super::{
    AccountId, Amount, Decline, Fingerprint, Leg, LegId, LegNumber, LeggedPayment, OverdraftLimit, Payment, PaymentId,
    Principal, Refund, Repayment, Source, Timestamp, Trace, Transfer,
};

/// What a client asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Instruction {
    /// A payment.
    Payment(Payment),
    /// A payment with legs.
    Legged(LeggedPayment),
    /// A refund of a payment.
    Refund(Refund),
}

impl From<Payment> for Instruction {
    fn from(payment: Payment) -> Self {
        Self::Payment(payment)
    }
}

impl From<LeggedPayment> for Instruction {
    fn from(payment: LeggedPayment) -> Self {
        Self::Legged(payment)
    }
}

impl From<Refund> for Instruction {
    fn from(refund: Refund) -> Self {
        Self::Refund(refund)
    }
}

impl Instruction {
    /// The idempotency key.
    #[must_use]
    pub const fn id(&self) -> &PaymentId {
        match self {
            Self::Payment(payment) => &payment.id,
            Self::Legged(payment) => &payment.id,
            Self::Refund(refund) => &refund.id,
        }
    }

    /// Gives it another id.
    pub fn set_id(&mut self, id: PaymentId) {
        match self {
            Self::Payment(payment) => payment.id = id,
            Self::Legged(payment) => payment.id = id,
            Self::Refund(refund) => refund.id = id,
        }
    }

    /// The account that pays. Records of one account are on one partition, so its instructions are in order.
    #[must_use]
    pub const fn debtor(&self) -> &AccountId {
        match self {
            Self::Payment(payment) => &payment.debtor,
            Self::Legged(payment) => &payment.debtor,
            Self::Refund(refund) => &refund.debtor,
        }
    }

    /// What the client wants both sides to read.
    #[must_use]
    pub fn reference(&self) -> Option<&str> {
        match self {
            Self::Payment(payment) => payment.reference.as_deref(),
            Self::Legged(payment) => payment.reference.as_deref(),
            Self::Refund(refund) => refund.reference.as_deref(),
        }
    }

    /// When the client says it asked.
    #[must_use]
    pub const fn requested_at(&self) -> Option<Timestamp> {
        match self {
            Self::Payment(payment) => payment.requested_at,
            Self::Legged(payment) => payment.requested_at,
            Self::Refund(refund) => refund.requested_at,
        }
    }

    /// Two instructions of one id are the same if their fingerprints are equal.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        match self {
            Self::Payment(payment) => payment.fingerprint(),
            Self::Legged(payment) => payment.fingerprint(),
            Self::Refund(refund) => refund.fingerprint(),
        }
    }

    /// The name of its kind, as stored and published. A payment has none.
    #[must_use]
    pub const fn kind(&self) -> Option<&'static str> {
        match self {
            Self::Payment(_) | Self::Legged(_) => None,
            Self::Refund(_) => Some("refund"),
        }
    }

    /// How much was asked for, as one amount. `None`: all that is left of the original, or the legs tell.
    #[must_use]
    pub const fn amount(&self) -> Option<Amount> {
        match self {
            Self::Payment(payment) => Some(payment.amount),
            Self::Legged(_) => None,
            Self::Refund(refund) => refund.amount,
        }
    }

    /// The payment that it rests on, if it is a refund.
    #[must_use]
    pub const fn original(&self) -> Option<&PaymentId> {
        match self {
            Self::Payment(_) | Self::Legged(_) => None,
            Self::Refund(refund) => Some(&refund.original),
        }
    }

    /// The leg of the original that it gives back, if it is a refund of one.
    #[must_use]
    pub const fn leg(&self) -> Option<LegNumber> {
        match self {
            Self::Payment(_) | Self::Legged(_) => None,
            Self::Refund(refund) => refund.leg,
        }
    }

    /// The sum of refunds that it adds to, if it is a refund.
    #[must_use]
    pub fn total(&self) -> Option<LegId> {
        match self {
            Self::Payment(_) | Self::Legged(_) => None,
            Self::Refund(refund) => Some(refund.total()),
        }
    }

    /// The lowest balance that it may leave to a debtor with this limit, in minor units. `None` if there is no limit. A
    /// refund takes free money only, so no overdraft pays for it.
    #[must_use]
    pub fn lowest_balance(&self, limit: OverdraftLimit) -> Option<i128> {
        match self {
            Self::Payment(_) | Self::Legged(_) => limit.lowest_balance(),
            Self::Refund(_) => limit.lowest_balance().map(|lowest| lowest.max(0)),
        }
    }

    /// Its legs. Only a payment with legs has any.
    #[must_use]
    pub fn legs(&self) -> &[Leg] {
        match self {
            Self::Legged(payment) => &payment.legs,
            Self::Payment(_) | Self::Refund(_) => &[],
        }
    }

    /// The money that it moves, if it is settled. Of a refund, only its original tells, and of a payment with legs, its
    /// legs do.
    #[must_use]
    pub const fn transfer(&self) -> Option<Transfer<'_>> {
        match self {
            Self::Payment(Payment { debtor, creditor, amount, currency, .. }) => {
                Some(Transfer { debtor, creditor, amount: *amount, currency: *currency })
            }
            Self::Legged(_) | Self::Refund(_) => None,
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
    /// Who asked, if the record tells it.
    pub requested_by: Option<Principal>,
    /// The trace that it belongs to, if the record tells it.
    pub trace: Option<Trace>,
}

impl Request {
    /// An instruction that this record brought. It doesn't tell who asked.
    #[must_use]
    pub const fn new(instruction: Instruction, source: Source) -> Self {
        Self { instruction, source, requested_by: None, trace: None }
    }

    /// The same from this principal.
    #[must_use]
    pub fn by(self, requested_by: Option<Principal>) -> Self {
        Self { requested_by, ..self }
    }

    /// The same as part of this trace.
    #[must_use]
    pub fn traced(self, trace: Option<Trace>) -> Self {
        Self { trace, ..self }
    }
}

/// The answer to an instruction: settled, or declined with a reason.
pub type Decision = Result<(), Decline>;

/// An instruction with its one durable answer: the journal entry. It never changes once it is written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    /// What was asked for.
    pub instruction: Instruction,
    /// What a refund gave back, or would have. `None` for a payment, and if a refund's original or amount is not known.
    pub repayment: Option<Repayment>,
    /// The answer.
    pub decision: Decision,
    /// The leg that it was declined for, if it has legs.
    pub declined_leg: Option<LegNumber>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The version of its debtor's limits, if it is a settled payment that counts in their windows.
    pub limits_version: Option<u64>,
    /// The record that it answers.
    pub source: Source,
    /// Who asked, if the record told it.
    pub requested_by: Option<Principal>,
    /// The trace that it belongs to, if the record told it.
    pub trace: Option<Trace>,
}

impl Outcome {
    /// The money that it moved, or would have, leg by leg. None for a declined refund whose original or amount is not
    /// known.
    pub fn transfers(&self) -> impl Iterator<Item = Transfer<'_>> {
        self.instruction.legs().iter().map(Leg::transfer).chain(self.transfer())
    }

    /// The money that it moved, or would have, if it has no legs. `None` for a declined refund whose original or amount
    /// is not known.
    #[must_use]
    pub fn transfer(&self) -> Option<Transfer<'_>> {
        let repaid = self.repayment.as_ref().map(|repayment| repayment.from(self.instruction.debtor()));
        self.instruction.transfer().or(repaid)
    }

    /// The request that it answers.
    #[must_use]
    pub fn request(&self) -> Request {
        Request::new(self.instruction.clone(), self.source.clone()).by(self.requested_by.clone()).traced(self.trace)
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
