//! What: Makes somebody else's writes at the worst time: at the port, before the call that they disturb.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard, PoisonError};

use giro::domain::account_command::CommandStep;
use giro::domain::plan::Transaction;
use giro::domain::{Account, AccountId, Balance, Lane, LaneId, LegId, PaymentId};
use giro::store::{
    AccountLedger, AccountRead, CommandCommit, Commit, LaneRead, Ledger, LedgerQueries, PaymentRead, StoreError,
    TotalRead,
};

use crate::hooked::{Hooked, Hooks};
use crate::memory_store::MemoryStore;

/// A call of the port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Call {
    /// A plain read of main items.
    Accounts,
    /// A plain read of lanes.
    Lanes,
    /// A plain read of payments.
    Payments,
    /// A plain read of sums of refunds.
    Totals,
    /// A transaction of payments.
    Commit,
    /// A step of an account command.
    Command,
}

impl Call {
    /// Every call, and its word.
    pub const ALL: [(Self, &'static str); 6] = [
        (Self::Accounts, "accounts"),
        (Self::Lanes, "lanes"),
        (Self::Payments, "payments"),
        (Self::Totals, "totals"),
        (Self::Commit, "commit"),
        (Self::Command, "command"),
    ];
}

/// What somebody else adds to main items and lanes before a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Meddling {
    /// The call that it comes before.
    pub call: Call,
    /// The number of that call among those of its kind, counted from 1.
    pub nth: usize,
    /// What is added.
    pub writes: Vec<Write>,
}

/// What is added to an item.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Write {
    /// Its account.
    pub account: AccountId,
    /// Its lane. `None`: the main item.
    pub lane: Option<u16>,
    /// How much.
    pub net: i64,
    /// Whether its transaction is still in flight. Then DynamoDB's plain reads see the item as it was, until something
    /// is committed.
    pub in_flight: bool,
}

/// Meddles, and notes every call.
#[derive(Debug, Default)]
pub struct Meddled {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    calls: Vec<Call>,
    left: VecDeque<Meddling>,
    /// What plain reads still see of items that were written.
    unseen: Unseen,
}

#[derive(Debug, Default)]
struct Unseen {
    mains: Vec<Account>,
    lanes: Vec<Lane>,
}

impl Meddled {
    /// A ledger of this store on which somebody meddles, in this order.
    #[must_use]
    pub fn ledger(store: &MemoryStore, meddling: &[Meddling]) -> Hooked<Self> {
        let state = State { left: meddling.to_vec().into(), ..State::default() };
        Hooked { store: store.clone(), hooks: Self { state: Mutex::new(state) } }
    }

    /// The calls that were made.
    #[must_use]
    pub fn calls(&self) -> Vec<Call> {
        self.state().calls.clone()
    }

    /// The writes that are still to come. It is empty if all came.
    #[must_use]
    pub fn left(&self) -> usize {
        self.state().left.len()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn before(&self, store: &MemoryStore, call: Call) -> Result<(), StoreError> {
        let due = {
            let mut state = self.state();
            state.calls.push(call);
            let nth = state.calls.iter().filter(|made| **made == call).count();
            state.left.pop_front_if(|next| (next.call, next.nth) == (call, nth))
        };
        for write in due.into_iter().flat_map(|due| due.writes) {
            self.write(store, &write).await?;
        }
        Ok(())
    }

    async fn write(&self, store: &MemoryStore, write: &Write) -> Result<(), StoreError> {
        let missing = || StoreError::Rejected(format!("{}: an account to meddle with", write.account));
        let held = store.account(&write.account).await?.ok_or_else(missing)?;
        let moved = |balance: Balance| Balance::new(balance.minor_units().saturating_add(write.net));
        match write.lane {
            Some(lane) => {
                let lane = held.lanes.into_iter().find(|it| it.id.lane == lane).ok_or_else(missing)?;
                if write.in_flight {
                    self.state().unseen.lanes.push(lane.clone());
                }
                let (balance, version) = (moved(lane.balance), lane.version.saturating_add(1));
                store.insert_lane(Lane { balance, version, ..lane });
            }
            None => {
                let main = held.account;
                if write.in_flight {
                    self.state().unseen.mains.push(main.clone());
                }
                let (balance, version) = (moved(main.balance), main.version.saturating_add(1));
                store.insert_account(Account { balance, version, ..main });
            }
        }
        Ok(())
    }
}

impl Hooks for Meddled {
    async fn read_accounts(&self, store: &MemoryStore, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.before(store, Call::Accounts).await?;
        let mut reads = store.read_accounts(ids).await?;
        for was in &self.state().unseen.mains {
            let of = ids.iter().zip(&mut reads).filter(|(id, _)| ***id == was.id);
            of.for_each(|(_, read)| *read = AccountRead::Found(was.clone()));
        }
        Ok(reads)
    }

    async fn read_lanes(&self, store: &MemoryStore, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.before(store, Call::Lanes).await?;
        let mut reads = store.read_lanes(ids).await?;
        for was in &self.state().unseen.lanes {
            let of = ids.iter().zip(&mut reads).filter(|(id, _)| ***id == was.id);
            of.for_each(|(_, read)| *read = LaneRead::Found(was.clone()));
        }
        Ok(reads)
    }

    async fn read_payments(&self, store: &MemoryStore, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        self.before(store, Call::Payments).await?;
        store.read_payments(ids).await
    }

    async fn read_totals(&self, store: &MemoryStore, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        self.before(store, Call::Totals).await?;
        store.read_totals(ids).await
    }

    async fn commit(&self, store: &MemoryStore, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        self.before(store, Call::Commit).await?;
        self.state().unseen = Unseen::default();
        store.commit(transaction).await
    }

    async fn commit_command(&self, store: &MemoryStore, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        self.before(store, Call::Command).await?;
        store.commit_command(step).await
    }
}
