//! What: The originals of refunds: what the payments that are refunded say of their refunds.
//!
//! Data: Takes a refund and the outcome of its original. Gives all that may go back, or why nothing may.
//!
//! Invariants: An outcome never changes, so what an original says is right for ever.

use std::collections::HashMap;

use super::{Decline, Instruction, Leg, Outcome, PaymentId, Refund, Repayment};

/// The outcomes of originals, by id. An original that is not here has no outcome.
pub type Originals = HashMap<PaymentId, Outcome>;

/// The most that all refunds of the original may give back together.
///
/// # Errors
/// The reasons that look only at the original, in their order.
pub fn refundable(refund: &Refund, originals: &Originals) -> Result<Repayment, Decline> {
    let original = originals.get(&refund.original).ok_or(Decline::OriginalNotFound)?;
    let paid = match (&original.instruction, refund.leg) {
        (Instruction::Payment(_), None) => original.transfer(),
        (Instruction::Legged(payment), Some(leg)) => payment.legs.get(leg).map(Leg::transfer),
        // The leg of a payment with legs must be named, and no other has one.
        (Instruction::Payment(_), Some(_)) | (Instruction::Legged(_), None) => None,
        (Instruction::Refund(_), _) => return Err(Decline::NotRefundable),
    };
    if original.decision.is_err() {
        return Err(Decline::OriginalNotSettled);
    }
    let paid = paid.filter(|paid| *paid.creditor == refund.debtor).ok_or(Decline::RefundMismatch)?;
    Ok(Repayment { creditor: paid.debtor.clone(), amount: paid.amount, currency: paid.currency })
}
