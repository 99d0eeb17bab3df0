//! What: Reads statements in memory, in the order of the indexes. Only ties are ordered by payment, and lanes have no
//! lists.

use super::MemoryStore;
use giro::domain::statement::{Position, Posting, Side, StatementPage, StatementQuery};
use giro::domain::{Holding, LegId, Outcome, SettledLeg, Timestamp, Transfer};
use giro::store::{Statements, StoreError};

/// Newest first; then by list, then by key.
type Rank = (std::cmp::Reverse<Timestamp>, u16, LegId);

fn rank(decided_at: Timestamp, list: u16, key: &LegId) -> Rank {
    (std::cmp::Reverse(decided_at), list, key.clone())
}

/// An item that statements list: its key, what it moves, and the posting of a side.
struct Listed<'s> {
    key: LegId,
    transfer: Transfer<'s>,
    decided_at: Timestamp,
    posting: Box<dyn Fn(Side) -> Option<Posting> + 's>,
}

impl<'s> Listed<'s> {
    fn payment(outcome: &'s Outcome) -> Option<Self> {
        let (key, transfer) = (LegId::of(outcome.instruction.id().clone()), outcome.transfers().next()?);
        let posting = Box::new(|side| Posting::of(outcome, side));
        Some(Self { key, transfer, decided_at: outcome.decided_at, posting })
    }

    fn leg(settled: &'s SettledLeg) -> Self {
        let posting = Box::new(|side| Some(Posting::of_leg(settled, side)));
        let (key, transfer) = (settled.id.clone(), settled.leg.transfer());
        Self { key, transfer, decided_at: settled.decided_at, posting }
    }
}

impl Statements for MemoryStore {
    async fn statement(&self, holding: &Holding, ask: &StatementQuery) -> Result<StatementPage, StoreError> {
        let state = self.call().await?;
        let mut found = Vec::new();
        let payments = state.payments.values().filter_map(|recorded| Listed::payment(&recorded.outcome));
        for listed in payments.chain(state.legs.values().map(Listed::leg)) {
            let (transfer, decided_at) = (listed.transfer, listed.decided_at);
            for (list, side, party) in [(0, Side::Debit, transfer.debtor), (1, Side::Credit, transfer.creditor)] {
                let rank = rank(decided_at, list, &listed.key);
                let is_after = |after: &Position| rank > self::rank(after.decided_at, after.list, &after.key);
                if *party == holding.account.id
                    && ask.from.is_none_or(|from| decided_at >= from)
                    && ask.to.is_none_or(|to| decided_at < to)
                    && ask.after.as_ref().is_none_or(is_after)
                    && let Some(posting) = (listed.posting)(side)
                {
                    found.push((rank, posting));
                }
            }
        }
        found.sort_by(|(a, _), (b, _)| a.cmp(b));
        let more = found.len() > ask.limit;
        found.truncate(ask.limit);
        let last = found.last().filter(|_| more);
        let next = last.map(|((decided_at, list, key), _)| Position {
            decided_at: decided_at.0,
            list: *list,
            key: key.clone(),
        });
        Ok(StatementPage { postings: found.into_iter().map(|(_, posting)| posting).collect(), next })
    }
}
