//! What: Models DynamoDB's behaviour in virtual time: the memory store with latencies, conflicts and throttles.
//!
//! Data: Takes calls of the port [`Ledger`]. Time is tokio's. It is paused, so it costs nothing and every figure is
//! exact.
//!
//! | behaviour | here |
//! |---|---|
//! | latency | [`latency`]: a call waits for the slowest of its items; a transaction is two phases |
//! | conflict | a transaction that finds an item held by another in flight is cancelled (`TransactionConflict`). While it prepares, it holds the items that were free, so it can make others conflict |
//! | throttle | [`throughput`]: a transaction that a partition key of a table *or index* has no units for is cancelled. A read leaves out the keys that have none |
//! | charge | an applied transaction costs the units of its tables and indexes; a cancelled one those of its tables |
//! | conditions | those of [`MemoryStore`], judged when all is prepared |
//!
//! Invariants: For a seed and the same calls in the same order, everything is the same. Plain reads never conflict. If
//! a caller gives up before a transaction is prepared, the transaction is undone. If it gives up later, the transaction
//! happens.
//!
//! Limits: An index is written with its table, not later. A partition holds one key, as under load in DynamoDB, so keys
//! don't share 1000 units. Nothing is ever lost or late; the memory store can inject that.

pub mod latency;
pub mod throughput;

use std::collections::HashSet;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use giro::domain::plan::Transaction;
use giro::domain::{AccountId, DeadLetter, LaneId, LegId, PaymentId};
use giro::store::{AccountRead, Cancelled, Commit, LaneRead, Ledger, PaymentRead, Read, StoreError, TotalRead, Usage};
use giro_testkit::memory_store::MemoryStore;

use latency::Latencies;
use throughput::{Buckets, Need, PartitionKey, Rate};

/// How the model behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Manners {
    /// The same seed gives the same latencies.
    pub seed: u64,
    /// How long calls take.
    pub latencies: Latencies,
    /// Write units a second and partition key.
    pub write: Rate,
    /// Read units a second and partition key.
    pub read: Rate,
}

impl Manners {
    /// DynamoDB's own, with this seed.
    #[must_use]
    pub fn with_seed(seed: u64) -> Self {
        Self {
            seed,
            latencies: Latencies::default(),
            write: Rate { units_a_second: 1_000 },
            read: Rate { units_a_second: 3_000 },
        }
    }
}

/// What was cancelled or throttled so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Hindrances {
    /// Transactions that were cancelled because another transaction in flight held an item.
    pub conflicts: u64,
    /// Transactions that were cancelled because a partition key had no units.
    pub throttled: u64,
}

impl Hindrances {
    /// What came after a moment at which there were those.
    #[must_use]
    pub const fn since(self, before: Self) -> Self {
        Self {
            conflicts: self.conflicts.saturating_sub(before.conflicts),
            throttled: self.throttled.saturating_sub(before.throttled),
        }
    }
}

/// A ledger that behaves as DynamoDB does. Clones share it.
#[derive(Debug, Clone)]
pub struct Model {
    store: MemoryStore,
    manners: Manners,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    random: fastrand::Rng,
    /// Items that a transaction in flight holds.
    held: HashSet<PartitionKey>,
    writes: Buckets,
    reads: Buckets,
    hindrances: Hindrances,
    /// What the memory store doesn't count: calls that never reach it, and the charge of cancelled transactions.
    beside: Usage,
}

/// Items held by a transaction in flight; free again when dropped.
struct Hold<'m> {
    model: &'m Model,
    items: Vec<PartitionKey>,
}

impl Drop for Hold<'_> {
    fn drop(&mut self) {
        let mut state = self.model.state();
        for item in &self.items {
            state.held.remove(item);
        }
    }
}

impl Model {
    /// The model over a store, which holds what was put into it beforehand.
    #[must_use]
    pub fn new(store: MemoryStore, manners: Manners) -> Self {
        let state = State {
            random: fastrand::Rng::with_seed(manners.seed),
            held: HashSet::new(),
            writes: Buckets::new(manners.write),
            reads: Buckets::new(manners.read),
            hindrances: Hindrances::default(),
            beside: Usage::default(),
        };
        Self { store, manners, state: Arc::new(Mutex::new(state)) }
    }

    /// What was cancelled or throttled so far.
    #[must_use]
    pub fn hindrances(&self) -> Hindrances {
        self.state().hindrances
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Reads keys. Says which of them have no units left, after the time that the read takes.
    async fn admit_read(&self, keys: impl Iterator<Item = PartitionKey>) -> Result<Vec<bool>, StoreError> {
        let (time, throttled) = {
            let mut state = self.state();
            let take = |key: PartitionKey| {
                let has = state.reads.has(&key, 1_000);
                if has {
                    state.reads.take(&key, 1_000);
                }
                !has
            };
            let throttled: Vec<bool> = keys.map(take).collect();
            (self.manners.latencies.get.slowest_of(throttled.len(), &mut state.random), throttled)
        };
        tokio::time::sleep(time).await;
        if !throttled.is_empty() && throttled.iter().all(|&throttled| throttled) {
            return Err(StoreError::Throttled("BatchGetItem: no key has read units left".into()));
        }
        Ok(throttled)
    }

    /// Looks at a transaction as it arrives: what it holds from now on, and why it is cancelled.
    fn admit(&self, transaction: &Transaction<'_>, need: &Need) -> (Hold<'_>, Option<Cancelled>) {
        let mut state = self.state();
        let short = need.keys.iter().find(|(key, milliunits)| !state.writes.has(key, *milliunits));
        if let Some((key, _)) = short {
            let text = format!("TransactWriteItems: no write units left for a key of {}", key.place());
            state.hindrances.throttled = state.hindrances.throttled.saturating_add(1);
            let cancelled = Cancelled { transient: Some(StoreError::Throttled(text)), ..Cancelled::default() };
            return (Hold { model: self, items: Vec::new() }, Some(cancelled));
        }
        for (key, milliunits) in &need.keys {
            state.writes.take(key, *milliunits);
        }
        let entries =
            transaction.entries.iter().map(|entry| PartitionKey::Payment(entry.request.instruction.id().clone()));
        let updates =
            transaction.updates.iter().map(|update| PartitionKey::Account(update.account.clone(), update.lane));
        let totals = transaction.totals.iter().map(|total| PartitionKey::RefundTotal(total.id.clone()));
        let mut items = Vec::new();
        let mut busy = Vec::new();
        let mut conflict = false;
        for (ix, item) in entries.chain(updates).chain(totals).enumerate() {
            if state.held.insert(item.clone()) {
                items.push(item);
            } else {
                conflict = true;
                let update = ix.checked_sub(transaction.entries.len());
                busy.extend(update.filter(|&update| update < transaction.updates.len()));
            }
        }
        let hold = Hold { model: self, items };
        if !conflict {
            return (hold, None);
        }
        state.hindrances.conflicts = state.hindrances.conflicts.saturating_add(1);
        state.beside.write_milliunits = state.beside.write_milliunits.saturating_add(need.tables_milliunits);
        (hold, Some(Cancelled { busy, transient: Some(StoreError::Conflict), ..Cancelled::default() }))
    }
}

impl Ledger for Model {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        let throttled = self.admit_read(ids.iter().map(|id| PartitionKey::Account((*id).clone(), None))).await?;
        Ok(leave_out(self.store.read_accounts(&admitted(ids, &throttled)).await?, &throttled))
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        let key = |id: &&LaneId| PartitionKey::Account(id.account.clone(), Some(id.lane));
        let throttled = self.admit_read(ids.iter().map(key)).await?;
        Ok(leave_out(self.store.read_lanes(&admitted(ids, &throttled)).await?, &throttled))
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        let throttled = self.admit_read(ids.iter().map(|id| PartitionKey::Payment((*id).clone()))).await?;
        Ok(leave_out(self.store.read_payments(&admitted(ids, &throttled)).await?, &throttled))
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        let throttled = self.admit_read(ids.iter().map(|id| PartitionKey::RefundTotal((*id).clone()))).await?;
        Ok(leave_out(self.store.read_totals(&admitted(ids, &throttled)).await?, &throttled))
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let need = Need::of(transaction);
        let Transaction { entries, updates, totals, .. } = transaction;
        let items = entries.len().saturating_add(updates.len()).saturating_add(totals.len());
        let phases = self.manners.latencies.transaction(items, &mut self.state().random);
        let (hold, refused) = self.admit(transaction, &need);
        tokio::time::sleep(phases.prepare).await;
        if let Some(cancelled) = refused {
            drop(hold);
            let mut state = self.state();
            state.beside.transactions = state.beside.transactions.saturating_add(1);
            state.beside.cancelled = state.beside.cancelled.saturating_add(1);
            return Ok(Commit::Cancelled(cancelled));
        }
        let answer = self.store.commit(transaction).await?;
        match &answer {
            Commit::Cancelled(_) => {
                let mut state = self.state();
                state.beside.write_milliunits = state.beside.write_milliunits.saturating_add(need.tables_milliunits);
            }
            Commit::Applied => tokio::time::sleep(phases.commit).await,
        }
        drop(hold);
        Ok(answer)
    }

    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let time: Duration = self.manners.latencies.put.draw(&mut self.state().random);
        tokio::time::sleep(time).await;
        self.store.write_dead_letter(letter).await
    }

    fn usage(&self) -> Usage {
        let (store, beside) = (self.store.usage(), self.state().beside);
        Usage {
            read_calls: store.read_calls.saturating_add(beside.read_calls),
            transactions: store.transactions.saturating_add(beside.transactions),
            cancelled: store.cancelled.saturating_add(beside.cancelled),
            write_milliunits: store.write_milliunits.saturating_add(beside.write_milliunits),
            ..store
        }
    }
}

/// The keys of a read that have units.
fn admitted<'i, I>(ids: &[&'i I], throttled: &[bool]) -> Vec<&'i I> {
    ids.iter().zip(throttled).filter_map(|(id, &throttled)| (!throttled).then_some(*id)).collect()
}

/// What was read of the keys that had units, in the places of all.
fn leave_out<T>(reads: Vec<Read<T>>, throttled: &[bool]) -> Vec<Read<T>> {
    let mut reads = reads.into_iter();
    let read = |&throttled: &bool| if throttled { Read::Unread } else { reads.next().unwrap_or(Read::Unread) };
    throttled.iter().map(read).collect()
}
