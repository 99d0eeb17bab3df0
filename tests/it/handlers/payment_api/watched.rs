//! A store that notes every call, so that a test can tell what a caller could learn from the time of an answer.

use std::sync::Mutex;

use giro::domain::audit::{Checkpoint, Head, PostingList};
use giro::domain::plan::Transaction;
use giro::domain::statement::{StatementPage, StatementQuery};
use giro::domain::{
    AccountId, DeadLetter, DeadLetterId, Holding, Lane, LaneId, LegId, PaymentId, Recorded, SettledLeg, Source,
    Timestamp,
};
use giro::store::{
    AccountRead, Commit, LaneRead, Ledger, LedgerQueries, PaymentRead, PostingLists, ProvedBalances, Read, ScanPage,
    Segment, Span, Statements, StoreError, TotalRead, Usage,
};
use giro_testkit::memory_store::MemoryStore;

pub(super) struct Watched {
    pub(super) store: MemoryStore,
    /// A payment that can't be read.
    pub(super) damaged: Option<PaymentId>,
    calls: Mutex<Vec<&'static str>>,
}

impl Watched {
    pub(super) fn new(store: MemoryStore) -> Self {
        Self { store, damaged: None, calls: Mutex::default() }
    }

    /// The calls since this was last asked.
    pub(super) fn calls(&self) -> Vec<&'static str> {
        std::mem::take(&mut *self.calls.lock().unwrap())
    }

    fn called(&self, name: &'static str) -> &MemoryStore {
        self.calls.lock().unwrap().push(name);
        &self.store
    }
}

impl Ledger for &Watched {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.called("accounts").read_accounts(ids).await
    }
    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.called("lanes").read_lanes(ids).await
    }
    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        self.called("payments").read_payments(ids).await
    }
    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        self.called("totals").read_totals(ids).await
    }
    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        self.called("commit").commit(transaction).await
    }
    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.called("dead letter").write_dead_letter(letter).await
    }
    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

impl LedgerQueries for &Watched {
    async fn account(&self, id: &AccountId) -> Result<Option<Holding>, StoreError> {
        self.called("account").account(id).await
    }
    async fn accounts(&self) -> Result<Vec<Holding>, StoreError> {
        self.called("all accounts").accounts().await
    }
    async fn stray_lanes(&self) -> Result<Vec<Lane>, StoreError> {
        self.called("stray lanes").stray_lanes().await
    }
    async fn payment(&self, id: &PaymentId) -> Result<Option<Recorded>, StoreError> {
        let recorded = self.called("payment").payment(id).await;
        if self.damaged.as_ref() == Some(id) { Err(StoreError::Corrupt("status: expected".into())) } else { recorded }
    }
    async fn refunded(&self, id: &LegId) -> Result<u64, StoreError> {
        self.called("refunded").refunded(id).await
    }
    async fn refunds(&self) -> Result<Vec<(LegId, u64)>, StoreError> {
        self.called("refunds").refunds().await
    }
    async fn payments(&self) -> Result<Vec<Recorded>, StoreError> {
        self.called("all payments").payments().await
    }
    async fn dead_letter(&self, id: &DeadLetterId) -> Result<Option<DeadLetter>, StoreError> {
        self.called("dead letter").dead_letter(id).await
    }
    async fn dead_letters_at(&self, place: &Source) -> Result<Vec<DeadLetter>, StoreError> {
        self.called("dead letters at").dead_letters_at(place).await
    }
    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        self.called("dead letters").dead_letters().await
    }
}

impl Statements for &Watched {
    async fn statement(&self, holding: &Holding, ask: &StatementQuery) -> Result<StatementPage, StoreError> {
        self.called("statement").statement(holding, ask).await
    }
}

impl ProvedBalances for &Watched {
    async fn proved_head(&self, account: &AccountId) -> Result<Read<Head>, StoreError> {
        self.called("head").proved_head(account).await
    }
    async fn proved_up_to(&self, account: &AccountId, at: Timestamp) -> Result<Vec<Read<Checkpoint>>, StoreError> {
        self.called("checkpoints").proved_up_to(account, at).await
    }
    async fn proved_after(&self, account: &AccountId, at: Timestamp) -> Result<Read<Checkpoint>, StoreError> {
        self.called("checkpoints").proved_after(account, at).await
    }
}

impl PostingLists for &Watched {
    type AccountMark = <MemoryStore as PostingLists>::AccountMark;
    type ListMark = <MemoryStore as PostingLists>::ListMark;

    async fn account_pages(
        &self,
        segment: Segment,
        mark: Option<Self::AccountMark>,
    ) -> Result<ScanPage<Self::AccountMark>, StoreError> {
        self.called("account pages").account_pages(segment, mark).await
    }
    async fn listed(
        &self,
        account: &AccountId,
        list: PostingList,
        span: Span,
        mark: Option<Self::ListMark>,
    ) -> Result<ScanPage<Self::ListMark>, StoreError> {
        self.called("listed").listed(account, list, span, mark).await
    }
    async fn read_legs(&self, ids: &[&LegId]) -> Result<Vec<Read<SettledLeg>>, StoreError> {
        self.called("legs").read_legs(ids).await
    }
}
