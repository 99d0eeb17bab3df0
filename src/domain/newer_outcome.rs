//! What: An outcome that a newer version wrote. Its kind, or the reason of its decline, is not known here.
//!
//! Data: What consumers see of an outcome, as its item tells it. It is handed on, so that they needn't wait for a
//! deployment.

use super::{AccountId, Amount, Currency, Leg, LegNumber, PaymentId, Principal, Source, Timestamp, Trace};

/// An outcome of an unknown kind, or declined for an unknown reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewerOutcome {
    /// The idempotency key of what was asked for.
    pub id: PaymentId,
    /// What was asked for, by its name. `None`: a payment.
    pub kind: Option<String>,
    /// The payment that it gives back, if it is a refund.
    pub refund_of: Option<PaymentId>,
    /// What became of it.
    pub status: String,
    /// Why it was declined, if it was.
    pub reason: Option<String>,
    /// The period that its reason names, if it names one.
    pub period: Option<String>,
    /// The leg that it was declined for, or gives back, if its item tells one.
    pub leg: Option<LegNumber>,
    /// The account that pays.
    pub debtor: AccountId,
    /// Its legs, if it has any.
    pub legs: Vec<Leg>,
    /// The account that is paid, if its item tells one.
    pub creditor: Option<AccountId>,
    /// How much, if its item tells it.
    pub amount: Option<Amount>,
    /// Its currency, if its item tells one.
    pub currency: Option<Currency>,
    /// What the client wants both sides to read.
    pub reference: Option<Box<str>>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The record that it answers.
    pub source: Source,
    /// Who asked, if its item tells it.
    pub requested_by: Option<Principal>,
    /// The trace that it belongs to, if its item tells it.
    pub trace: Option<Trace>,
}
