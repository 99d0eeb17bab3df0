//! What: A ledger with hooks at its port. A hook gets each call before the store in memory, and may answer instead.

use giro::domain::account_command::CommandStep;
use giro::domain::plan::Transaction;
use giro::domain::{AccountId, DeadLetter, LaneId, LegId, PaymentId};
use giro::store::{
    AccountLedger, AccountRead, CommandCommit, Commit, LaneRead, Ledger, PaymentRead, StoreError, TotalRead, Usage,
};

use crate::memory_store::MemoryStore;

/// What is done with each call. By default a call goes on to the store.
pub trait Hooks: Sync {
    /// A plain read of main items.
    fn read_accounts(
        &self,
        store: &MemoryStore,
        ids: &[&AccountId],
    ) -> impl Future<Output = Result<Vec<AccountRead>, StoreError>> + Send {
        store.read_accounts(ids)
    }

    /// A plain read of lanes.
    fn read_lanes(
        &self,
        store: &MemoryStore,
        ids: &[&LaneId],
    ) -> impl Future<Output = Result<Vec<LaneRead>, StoreError>> + Send {
        store.read_lanes(ids)
    }

    /// A plain read of payments.
    fn read_payments(
        &self,
        store: &MemoryStore,
        ids: &[&PaymentId],
    ) -> impl Future<Output = Result<Vec<PaymentRead>, StoreError>> + Send {
        store.read_payments(ids)
    }

    /// A plain read of sums of refunds.
    fn read_totals(
        &self,
        store: &MemoryStore,
        ids: &[&LegId],
    ) -> impl Future<Output = Result<Vec<TotalRead>, StoreError>> + Send {
        store.read_totals(ids)
    }

    /// A transaction of payments.
    fn commit(
        &self,
        store: &MemoryStore,
        transaction: &Transaction<'_>,
    ) -> impl Future<Output = Result<Commit, StoreError>> + Send {
        store.commit(transaction)
    }

    /// A step of an account command.
    fn commit_command(
        &self,
        store: &MemoryStore,
        step: &CommandStep<'_>,
    ) -> impl Future<Output = Result<CommandCommit, StoreError>> + Send {
        store.commit_command(step)
    }
}

/// The store in memory, behind hooks.
#[derive(Debug)]
pub struct Hooked<H> {
    /// The store behind the hooks.
    pub store: MemoryStore,
    /// The hooks that get each call.
    pub hooks: H,
}

impl<H: Hooks> Ledger for Hooked<H> {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.hooks.read_accounts(&self.store, ids).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.hooks.read_lanes(&self.store, ids).await
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        self.hooks.read_payments(&self.store, ids).await
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        self.hooks.read_totals(&self.store, ids).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        self.hooks.commit(&self.store, transaction).await
    }

    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.store.write_dead_letter(letter).await
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

impl<H: Hooks> AccountLedger for Hooked<H> {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        self.hooks.commit_command(&self.store, step).await
    }
}
