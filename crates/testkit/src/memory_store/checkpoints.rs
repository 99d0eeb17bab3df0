//! What: What audits have proved, in memory.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::audit::{AuditRun, Checkpoint, Draft, Head, RefundBase};
use giro::domain::{AccountId, LegId, Timestamp};
use giro::store::{
    CHECKPOINTS_READ_MAX, Checkpoints, HEADS_WRITTEN_MAX, NewHead, Newest, Proved, ProvedBalances, Read, ScanPage,
    ScannedHead, Segment, StoreError, items,
};

use super::posting_lists::sized;
use super::scan::{PAGE_ITEMS, segment_of};
use super::{MemoryStore, State};
use crate::charge::kilobytes;

/// What audits have proved. A head or checkpoint that was changed can't be read, and says what was expected.
#[derive(Debug, Clone, Default)]
pub(super) struct ProvedAccounts {
    heads: BTreeMap<AccountId, Result<Head, String>>,
    checkpoints: BTreeMap<(AccountId, Timestamp), Result<Checkpoint, String>>,
    drafts: BTreeMap<AccountId, Result<Draft, String>>,
    drafts_written: u64,
    /// A head of this account is never written.
    held: Option<AccountId>,
    refunds: BTreeMap<LegId, RefundBase>,
    run: Option<AuditRun>,
}

impl MemoryStore {
    /// Every head that can be read, by account.
    #[must_use]
    pub fn proved_heads(&self) -> Vec<Head> {
        self.state().proved.heads.values().filter_map(|head| head.clone().ok()).collect()
    }

    /// From now on, a call that writes a head of this account conflicts. `None`: no call does.
    pub fn hold_head(&self, account: Option<&AccountId>) {
        self.state().proved.held = account.cloned();
    }

    /// Every checkpoint that can be read, by account and time.
    #[must_use]
    pub fn proved_checkpoints(&self) -> Vec<Checkpoint> {
        self.state().proved.checkpoints.values().filter_map(|checkpoint| checkpoint.clone().ok()).collect()
    }

    /// How many drafts were written.
    #[must_use]
    pub fn drafts_written(&self) -> u64 {
        self.state().proved.drafts_written
    }

    /// Every draft that can be read, by account.
    #[must_use]
    pub fn drafts(&self) -> Vec<Draft> {
        self.state().proved.drafts.values().filter_map(|draft| draft.clone().ok()).collect()
    }

    /// Makes a draft one that was changed.
    pub fn spoil_draft(&self, account: &AccountId) {
        let expected = "seal: expected the digest of all that the item says".to_owned();
        self.state().proved.drafts.insert(account.clone(), Err(expected));
    }

    /// All that is proved of refunds.
    #[must_use]
    pub fn proved_refunds(&self) -> Vec<(LegId, RefundBase)> {
        self.state().proved.refunds.iter().map(|(total, base)| (total.clone(), *base)).collect()
    }

    /// Makes a head one that was changed.
    pub fn spoil_head(&self, account: &AccountId) {
        let expected = "seal: expected the digest of all that the item says".to_owned();
        self.state().proved.heads.insert(account.clone(), Err(expected));
    }

    /// Makes a checkpoint one that was changed.
    pub fn spoil_checkpoint(&self, account: &AccountId, as_of: Timestamp) {
        let expected = "chain: expected the digest of all that the item says".to_owned();
        self.state().proved.checkpoints.insert((account.clone(), as_of), Err(expected));
    }

    /// Loses a head.
    pub fn lose_head(&self, account: &AccountId) {
        self.state().proved.heads.remove(account);
    }

    /// Loses all checkpoints of an account.
    pub fn lose_checkpoints(&self, account: &AccountId) {
        self.state().proved.checkpoints.retain(|(of, _), _| of != account);
    }

    /// Loses an account's main item.
    pub fn lose_account(&self, id: &AccountId) {
        self.state().accounts.remove(id);
    }
}

impl State {
    fn head(&self, account: &AccountId) -> Read<Head> {
        match self.proved.heads.get(account) {
            None => Read::Missing,
            Some(Ok(head)) => Read::Found(head.clone()),
            Some(Err(expected)) => Read::Corrupt(expected.clone()),
        }
    }

    /// What becomes of a head, if others don't matter. [`Proved::Unwritten`]: it may be written.
    fn judge_head(&self, NewHead { before, head }: NewHead<'_>) -> Proved {
        let account = &head.checkpoint.account;
        let there = self.head(account);
        let seal = |head: &Head| Read::Found(head.clone());
        let key = (account.clone(), head.checkpoint.as_of);
        if there == seal(head) {
            Proved::Written
        } else if there != before.map_or(Read::Missing, seal) || self.proved.checkpoints.contains_key(&key) {
            Proved::Overtaken
        } else {
            Proved::Unwritten
        }
    }

    /// The checkpoints of an account at or before a time, newest first.
    fn newest(&self, account: &AccountId, at: Timestamp) -> impl Iterator<Item = Read<Checkpoint>> {
        let before = (account.clone(), Timestamp::MIN)..=(account.clone(), at);
        self.proved.checkpoints.range(before).rev().map(|(_, checkpoint)| match checkpoint {
            Ok(checkpoint) => Read::Found(checkpoint.clone()),
            Err(expected) => Read::Corrupt(expected.clone()),
        })
    }
}

impl ProvedBalances for MemoryStore {
    async fn proved_head(&self, account: &AccountId) -> Result<Read<Head>, StoreError> {
        Checkpoints::head(self, account).await
    }

    async fn proved_up_to(&self, account: &AccountId, at: Timestamp) -> Result<Vec<Read<Checkpoint>>, StoreError> {
        let mut state = self.call().await?;
        let newest: Vec<_> = state.newest(account, at).take(CHECKPOINTS_READ_MAX).collect();
        state.charge_half(1);
        Ok(newest)
    }

    async fn proved_after(&self, account: &AccountId, at: Timestamp) -> Result<Read<Checkpoint>, StoreError> {
        use std::ops::Bound::{Excluded, Included};
        let mut state = self.call().await?;
        state.charge_half(1);
        let after = (Excluded((account.clone(), at)), Included((account.clone(), Timestamp::MAX)));
        Ok(match state.proved.checkpoints.range(after).next() {
            Some((_, Ok(checkpoint))) => Read::Found(checkpoint.clone()),
            Some((_, Err(expected))) => Read::Corrupt(expected.clone()),
            None => Read::Missing,
        })
    }
}

impl Checkpoints for MemoryStore {
    type HeadMark = AccountId;

    async fn heads(
        &self,
        segment: Segment,
        mark: Option<AccountId>,
    ) -> Result<ScanPage<AccountId, ScannedHead>, StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let mut state = self.call().await?;
        let (mut found, mut size, mut next) = (Vec::new(), 0_usize, None);
        let from = mark.as_ref().map_or(Unbounded, Excluded);
        for (account, head) in state.proved.heads.range((from, Unbounded)) {
            if segment_of(account.as_str(), segment.of) != segment.number {
                continue;
            }
            found.push(match head {
                Ok(head) => {
                    size = size.saturating_add(sized(&items::audit_head::encode(head)));
                    ScannedHead::Head(Box::new(head.clone()))
                }
                Err(expected) => ScannedHead::Unreadable { key: account.to_string(), expected: expected.clone() },
            });
            if found.len() == PAGE_ITEMS {
                next = Some(account.clone());
                break;
            }
        }
        let read_milliunits = state.charge_half(size);
        Ok(ScanPage { items: found, next, read_milliunits })
    }

    async fn head(&self, account: &AccountId) -> Result<Read<Head>, StoreError> {
        let mut state = self.call().await?;
        state.charge_half(1);
        state.charge_half(1);
        Ok(state.head(account))
    }

    async fn checkpoint(&self, account: &AccountId, at: Timestamp) -> Result<Read<Checkpoint>, StoreError> {
        let mut state = self.call().await?;
        state.charge_half(1);
        Ok(state.newest(account, at).next().unwrap_or(Read::Missing))
    }

    async fn newest(&self, account: &AccountId) -> Result<Newest, StoreError> {
        let mut state = self.call().await?;
        let draft = state.proved.drafts.get(account).cloned();
        let size = draft.iter().flatten().map(|draft| sized(&items::audit_draft::encode(draft))).sum();
        state.charge_half(size);
        let draft = match draft {
            None => Read::Missing,
            Some(Ok(draft)) => Read::Found(draft),
            Some(Err(expected)) => Read::Corrupt(expected),
        };
        let checkpoint = state.newest(account, Timestamp::MAX).next().unwrap_or(Read::Missing);
        Ok(Newest { checkpoint, draft })
    }

    async fn write_draft(&self, draft: &Draft) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        state.proved.drafts_written = state.proved.drafts_written.saturating_add(1);
        state.proved.drafts.insert(draft.made.account.clone(), Ok(draft.clone()));
        self.lost_answer(&mut state, ())
    }

    async fn drop_draft(&self, account: &AccountId) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        state.proved.drafts.remove(account);
        self.lost_answer(&mut state, ())
    }

    async fn prove(&self, heads: &[NewHead<'_>]) -> Result<Vec<Proved>, StoreError> {
        let mut state = self.call().await?;
        state.usage.transactions = state.usage.transactions.saturating_add(1);
        let accounts: BTreeSet<&AccountId> = heads.iter().map(|new| &new.head.checkpoint.account).collect();
        if accounts.len() != heads.len() || heads.is_empty() || heads.len() > HEADS_WRITTEN_MAX {
            let text = format!("a transaction takes 1 to {HEADS_WRITTEN_MAX} heads of different accounts");
            return Err(StoreError::Rejected(text));
        }
        let is_held = heads.iter().any(|new| state.proved.held.as_ref() == Some(&new.head.checkpoint.account));
        if state.strikes(self.faults.conflict) || is_held {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return Err(StoreError::Conflict);
        }
        let judged: Vec<Proved> = heads.iter().map(|new| state.judge_head(*new)).collect();
        if judged.iter().any(|answer| *answer != Proved::Unwritten) {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return self.lost_answer(&mut state, judged);
        }
        for NewHead { head, .. } in heads {
            let account = &head.checkpoint.account;
            let key = (account.clone(), head.checkpoint.as_of);
            state.proved.checkpoints.insert(key, Ok(head.checkpoint.clone()));
            state.proved.heads.insert(account.clone(), Ok((*head).clone()));
            let items = [items::audit_head::encode(head), items::checkpoint::encode(&head.checkpoint)];
            let kilobytes: u64 = items.iter().map(|item| kilobytes(items::size(item))).sum();
            state.usage.write_milliunits = state.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(2_000));
        }
        self.lost_answer(&mut state, vec![Proved::Written; heads.len()])
    }

    async fn refund_bases(&self, totals: &[&LegId]) -> Result<Vec<Read<RefundBase>>, StoreError> {
        let read = |state: &State, total: &LegId| match state.proved.refunds.get(total) {
            Some(base) => Read::Found(*base),
            None => Read::Missing,
        };
        self.read_all(totals, read).await
    }

    async fn prove_refunds(&self, total: &LegId, base: RefundBase) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        if state.proved.refunds.get(total).is_none_or(|there| there.as_of < base.as_of) {
            state.proved.refunds.insert(total.clone(), base);
        }
        self.lost_answer(&mut state, ())
    }

    async fn run(&self) -> Result<Read<AuditRun>, StoreError> {
        let state = self.call().await?;
        Ok(state.proved.run.map_or(Read::Missing, Read::Found))
    }

    async fn write_run(&self, run: &AuditRun) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        if state.proved.run.is_none_or(|there| there.began_at <= run.began_at) {
            state.proved.run = Some(*run);
        }
        self.lost_answer(&mut state, ())
    }

    async fn replace_run(&self, run: &AuditRun) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        state.proved.run = Some(*run);
        self.lost_answer(&mut state, ())
    }
}
