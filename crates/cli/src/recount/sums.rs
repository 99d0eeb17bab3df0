//! What: Counts the postings of one account, as checkpoints do.

use giro::domain::audit::{Checkpoint, Digest};
use giro::domain::statement::Side;
use giro::domain::{AccountId, Instruction, LegId, LegNumber, Outcome, Timestamp, Transfer};

/// What postings make.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sums {
    balance: i128,
    postings: u64,
    digest: Digest,
}

impl Sums {
    pub(super) fn add(&mut self, id: &LegId, side: Side, transfer: Transfer<'_>, decided_at: Timestamp) {
        let amount = i128::from(transfer.amount.minor_units());
        let signed = match side {
            Side::Debit => amount.saturating_neg(),
            Side::Credit => amount,
        };
        self.balance = self.balance.saturating_add(signed);
        self.postings = self.postings.saturating_add(1);
        self.digest = self.digest.and(Digest::of_posting(id, side, transfer, decided_at));
    }

    /// Whether a checkpoint says the same.
    pub(super) fn make(&self, checkpoint: &Checkpoint) -> bool {
        let Checkpoint { balance, postings, digest, .. } = checkpoint;
        (self.balance, self.postings, self.digest) == (*balance, *postings, *digest)
    }
}

/// The account of this side.
pub(super) const fn account_of(transfer: Transfer<'_>, side: Side) -> &AccountId {
    match side {
        Side::Debit => transfer.debtor,
        Side::Credit => transfer.creditor,
    }
}

/// Gives each posting of a payment to `take`: of each leg both sides. A declined payment has none.
pub(super) fn each(outcome: &Outcome, mut take: impl FnMut(&LegId, Side, Transfer<'_>)) {
    if outcome.decision.is_err() {
        return;
    }
    let payment = outcome.instruction.id();
    let has_legs = matches!(outcome.instruction, Instruction::Legged(_));
    for (place, transfer) in outcome.transfers().enumerate() {
        let id = LegId { payment: payment.clone(), leg: has_legs.then(|| LegNumber::at(place)) };
        take(&id, Side::Debit, transfer);
        take(&id, Side::Credit, transfer);
    }
}
