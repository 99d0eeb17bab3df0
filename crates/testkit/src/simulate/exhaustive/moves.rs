//! What: What a request moves, leg by leg. A payment without legs has one. A refund moves what it may of its original.
//!
//! Data: Takes an instruction, the outcomes so far, and what was refunded so far. Gives its legs, or why its original
//! forbids it.

use std::collections::BTreeMap;

use giro::domain::{Instruction, Outcome, PaymentId, Recorded};

use super::plain::{asked as asked_of, currency};
use crate::simulate::auditor::refunds::{refundable, sum_of};
use crate::simulate::legs::Leg;

/// The outcomes, by the id of what they answer.
pub(super) type Payments = BTreeMap<PaymentId, Recorded>;

/// What was refunded of each payment, or of each of its legs.
pub(super) type Refunded = BTreeMap<String, u64>;

/// The reason of a refund whose original has no outcome.
pub(super) const ORIGINAL_NOT_FOUND: &str = "original_not_found";

/// What a request moves.
#[derive(Debug, Clone)]
pub(super) struct Moves {
    pub(super) debtor: String,
    pub(super) legs: Vec<Leg>,
    /// Of a refund: the sum that it adds to, and what is left of its original.
    pub(super) refund: Option<(String, u64)>,
}

impl Moves {
    /// What a request moves now, or the reason that its original gives against it.
    pub(super) fn of(
        instruction: &Instruction,
        payments: &Payments,
        refunded: &Refunded,
    ) -> Result<Self, &'static str> {
        let asked = asked_of(instruction);
        let Some(id) = instruction.original() else {
            let legs = asked.moves();
            return Ok(Self { debtor: asked.debtor, legs, refund: None });
        };
        let Recorded { outcome, .. } = payments.get(id).ok_or(ORIGINAL_NOT_FOUND)?;
        let original = asked_of(&outcome.instruction);
        let paid = refundable(&original, outcome.decision.is_ok(), &asked)?;
        let sum = sum_of(id.as_str(), asked.leg);
        let left = paid.amount.saturating_sub(refunded.get(&sum).copied().unwrap_or_default());
        let amount = if asked.amount == 0 { left } else { asked.amount };
        let back = Leg { debtor: paid.creditor, creditor: paid.debtor, amount, currency: paid.currency };
        Ok(Self { debtor: asked.debtor, legs: vec![back], refund: Some((sum, left)) })
    }

    /// Whether it is a refund of more than is left. Nothing left is too little for any.
    pub(super) fn exceeds(&self) -> bool {
        let amount = self.legs.first().map_or(0, |leg| leg.amount);
        self.refund.as_ref().is_some_and(|(_, left)| amount > *left || *left == 0)
    }

    /// What its debtor pays in its legs, up to this one.
    pub(super) fn taken(&self, last: usize) -> u64 {
        let own = self.legs.iter().take(last.saturating_add(1)).filter(|leg| leg.debtor == self.debtor);
        own.map(|leg| leg.amount).fold(0, u64::saturating_add)
    }
}

/// What an outcome says that it moved, or would have moved.
pub(super) fn told(outcome: &Outcome) -> Vec<Leg> {
    let leg = |transfer: giro::domain::Transfer<'_>| Leg {
        debtor: transfer.debtor.to_string(),
        creditor: transfer.creditor.to_string(),
        amount: transfer.amount.minor_units(),
        currency: currency(transfer.currency.as_str()),
    };
    outcome.transfers().map(leg).collect()
}
