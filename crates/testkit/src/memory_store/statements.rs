//! What: Reads statements in memory, in the order of the indexes. Only ties are ordered by payment, and lanes have no
//! lists.

use super::MemoryStore;
use giro::domain::statement::{Position, Posting, Side, StatementPage, StatementQuery};
use giro::domain::{Holding, PaymentId, Timestamp};
use giro::store::{Statements, StoreError};

/// Newest first; then by list, then by payment.
fn rank(decided_at: Timestamp, list: u16, payment: &PaymentId) -> (std::cmp::Reverse<Timestamp>, u16, PaymentId) {
    (std::cmp::Reverse(decided_at), list, payment.clone())
}

impl Statements for MemoryStore {
    async fn statement(&self, holding: &Holding, ask: &StatementQuery) -> Result<StatementPage, StoreError> {
        let state = self.call().await?;
        let mut found = Vec::new();
        for recorded in state.payments.values() {
            let outcome = &recorded.outcome;
            let Some(transfer) = outcome.transfer() else { continue };
            for (list, side, party) in [(0, Side::Debit, transfer.debtor), (1, Side::Credit, transfer.creditor)] {
                let rank = rank(outcome.decided_at, list, outcome.instruction.id());
                let is_after = |after: &Position| rank > self::rank(after.decided_at, after.list, &after.payment);
                if *party == holding.account.id
                    && ask.from.is_none_or(|from| outcome.decided_at >= from)
                    && ask.to.is_none_or(|to| outcome.decided_at < to)
                    && ask.after.as_ref().is_none_or(is_after)
                    && let Some(posting) = Posting::of(outcome, side)
                {
                    found.push((rank, posting));
                }
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let more = found.len() > ask.limit;
        found.truncate(ask.limit);
        let last = found.last().filter(|_| more);
        let next = last.map(|((decided_at, list, payment), _)| Position {
            decided_at: decided_at.0,
            list: *list,
            payment: payment.clone(),
        });
        Ok(StatementPage { postings: found.into_iter().map(|(_, posting)| posting).collect(), next })
    }
}
