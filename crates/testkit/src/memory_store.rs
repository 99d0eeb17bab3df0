//! What: A ledger in memory, with DynamoDB's conditions and behaviour, and faults on demand.
//!
//! Data: Takes calls of the ports of [`giro::store`]. It is for tests and simulations. Its conditions have the same
//! meaning as the named conditions in [`giro::store::items`], and one contract suite tests both adapters.
//!
//! Units are counted as DynamoDB charges them. Faults come with seeded probabilities. Each call first lets other calls
//! run, so that concurrent callers interleave.

mod checkpoints;
mod commands;
mod conditions;
mod ledger_queries;
mod posting_lists;
mod scan;
mod statements;
mod transactions;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use giro::domain::account_command::{AccountChange, LaneChange, RecordedCommand};
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::plan::Transaction;
use giro::domain::{
    Account, AccountId, CommandId, DeadLetter, DeadLetterId, Lane, LaneId, LegId, PaymentId, Recorded, SettledLeg,
};
use giro::store::{
    AccountRead, Cancelled, CancelledCommand, Commit, LaneRead, Ledger, PaymentRead, READ_ITEMS_MAX, Read, StoreError,
    TotalRead, Usage, items,
};

use crate::charge::kilobytes;
use crate::sent::{Sent, SentStep};
use conditions::malformed;

/// How often each fault strikes, in thousandths of the calls that it can strike.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Faults {
    /// Makes the same faults strike again.
    pub seed: u64,
    /// A transaction is cancelled because one of its items is busy.
    pub conflict: u32,
    /// A call is refused.
    pub throttle: u32,
    /// A call never reaches the store.
    pub unavailable_before: u32,
    /// A write happens, and its answer is lost.
    pub unavailable_after: u32,
    /// A transaction is given up by its caller, and happens a few calls later if its conditions still hold.
    pub late: u32,
    /// An account is left out of a read's answer.
    pub unread: u32,
}

impl Faults {
    /// All of them, each in so many thousandths of its calls.
    #[must_use]
    pub const fn all(seed: u64, often: u32) -> Self {
        let (unavailable_before, unavailable_after) = (often, often);
        Self {
            seed,
            conflict: often,
            throttle: often,
            unavailable_before,
            unavailable_after,
            late: often,
            unread: often,
        }
    }
}

/// A ledger in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    faults: Faults,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Clone)]
struct State {
    accounts: BTreeMap<AccountId, Result<Account, String>>,
    lanes: BTreeMap<LaneId, Lane>,
    payments: BTreeMap<PaymentId, Recorded>,
    /// The items of further legs.
    legs: BTreeMap<LegId, SettledLeg>,
    totals: BTreeMap<LegId, u64>,
    letters: BTreeMap<DeadLetterId, DeadLetter>,
    commands: BTreeMap<CommandId, RecordedCommand>,
    usage: Usage,
    random: fastrand::Rng,
    late: Vec<Late<Sent>>,
    damage: scan::Damage,
    late_commands: Vec<Late<SentStep>>,
    lists: posting_lists::Lists,
    proved: checkpoints::ProvedAccounts,
    calls: u64,
    /// How many calls are still answered. `None`: all.
    calls_left: Option<u64>,
}

/// What was sent, and will happen after some more calls.
#[derive(Debug, Clone)]
struct Late<T> {
    calls: u32,
    sent: T,
}

/// One more call has come: takes out what happens now.
fn due<T>(late: &mut Vec<Late<T>>) -> Vec<T> {
    for late in late.iter_mut() {
        late.calls = late.calls.saturating_sub(1);
    }
    late.extract_if(.., |late| late.calls == 0).map(|late| late.sent).collect()
}

impl MemoryStore {
    /// An empty ledger without faults.
    #[must_use]
    pub fn new() -> Self {
        Self::with_faults(Faults::default())
    }

    /// An empty ledger with faults.
    #[must_use]
    pub fn with_faults(faults: Faults) -> Self {
        let state = State {
            accounts: BTreeMap::new(),
            lanes: BTreeMap::new(),
            payments: BTreeMap::new(),
            legs: BTreeMap::new(),
            totals: BTreeMap::new(),
            letters: BTreeMap::new(),
            commands: BTreeMap::new(),
            usage: Usage::default(),
            random: fastrand::Rng::with_seed(faults.seed),
            late: Vec::new(),
            damage: scan::Damage::default(),
            late_commands: Vec::new(),
            lists: posting_lists::Lists::default(),
            proved: checkpoints::ProvedAccounts::default(),
            calls: 0,
            calls_left: None,
        };
        Self { faults, state: Arc::new(Mutex::new(state)) }
    }

    /// Another ledger that holds the same. What is written to one isn't in the other.
    #[must_use]
    pub fn copy(&self) -> Self {
        Self { faults: self.faults, state: Arc::new(Mutex::new(self.state().clone())) }
    }

    /// Writes an account over any other. If it isn't open, also those of its lanes that don't exist yet.
    pub fn insert_account(&self, account: Account) {
        let mut state = self.state();
        let mut lanes = AccountChange::Open(account.clone()).lanes(&account.id);
        lanes.retain(|change| !state.lanes.contains_key(&change.id));
        state.change_lanes(&lanes);
        state.accounts.insert(account.id.clone(), Ok(account));
    }

    /// Writes a lane over any other.
    pub fn insert_lane(&self, lane: Lane) {
        self.state().lanes.insert(lane.id.clone(), lane);
    }

    /// Makes an account's item one that can't be read.
    pub fn plant_corrupt_account(&self, id: &AccountId) {
        self.state().accounts.insert(id.clone(), Err("balance: expected a whole number (N) in range".into()));
    }

    /// The same ledger, with other faults from now on.
    #[must_use]
    pub fn with_other_faults(self, faults: Faults) -> Self {
        self.state().random = fastrand::Rng::with_seed(faults.seed);
        Self { faults, ..self }
    }

    /// How many calls it was asked to answer.
    #[must_use]
    pub fn calls(&self) -> u64 {
        self.state().calls
    }

    /// Answers so many more calls, and lets those after them wait for ever. `None`: answers all.
    pub fn answer_only(&self, calls: Option<u64>) {
        self.state().calls_left = calls;
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // After a panic elsewhere the data is still right: each change is whole before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: lets others run, lets late transactions happen, and injects the faults that any call may have.
    async fn call(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        tokio::task::yield_now().await;
        if !self.state().answers_one_more() {
            std::future::pending::<()>().await;
        }
        let mut state = self.state();
        state.let_late_happen();
        if state.strikes(self.faults.unavailable_before) {
            return Err(StoreError::Unavailable("injected: the call was lost".into()));
        }
        if state.strikes(self.faults.throttle) {
            return Err(StoreError::Throttled("injected".into()));
        }
        Ok(state)
    }

    async fn read_all<I, T>(&self, ids: &[&I], read: fn(&State, &I) -> Read<T>) -> Result<Vec<Read<T>>, StoreError> {
        let mut state = self.call().await?;
        if ids.len() > READ_ITEMS_MAX {
            return Err(StoreError::Rejected(format!("a read takes at most {READ_ITEMS_MAX} items")));
        }
        state.usage.read_calls = state.usage.read_calls.saturating_add(1);
        let mut reads = Vec::with_capacity(ids.len());
        for id in ids {
            if state.strikes(self.faults.unread) {
                reads.push(Read::Unread);
                continue;
            }
            state.usage.read_milliunits = state.usage.read_milliunits.saturating_add(1_000);
            reads.push(read(&state, id));
        }
        Ok(reads)
    }

    fn lost_answer<T>(&self, state: &mut State, answer: T) -> Result<T, StoreError> {
        if state.strikes(self.faults.unavailable_after) {
            return Err(StoreError::Unavailable("injected: the answer was lost".into()));
        }
        Ok(answer)
    }
}

impl Default for MemoryStore {
    fn default() -> Self {
        Self::new()
    }
}

impl State {
    fn answers_one_more(&mut self) -> bool {
        self.calls = self.calls.saturating_add(1);
        let Some(left) = &mut self.calls_left else { return true };
        let answers = *left > 0;
        *left = left.saturating_sub(1);
        answers
    }

    fn strikes(&mut self, thousandths: u32) -> bool {
        thousandths > 0 && self.random.u32(0..1_000) < thousandths
    }

    fn let_late_happen(&mut self) {
        for sent in due(&mut self.late) {
            let transaction = sent.transaction();
            if self.judge(&transaction) == Cancelled::default() {
                self.apply(&transaction);
            }
        }
        for sent in due(&mut self.late_commands) {
            sent.with(|step| {
                if self.judge_step(step) == CancelledCommand::default() {
                    self.apply_step(step);
                }
            });
        }
    }

    fn read(&self, id: &AccountId) -> AccountRead {
        match self.accounts.get(id) {
            None => AccountRead::Missing,
            Some(Ok(account)) => AccountRead::Found(account.clone()),
            Some(Err(expected)) => AccountRead::Corrupt(expected.clone()),
        }
    }

    fn read_lane(&self, id: &LaneId) -> LaneRead {
        self.lanes.get(id).map_or(LaneRead::Missing, |lane| LaneRead::Found(lane.clone()))
    }

    fn read_payment(&self, id: &PaymentId) -> PaymentRead {
        self.payments.get(id).map_or(PaymentRead::Missing, |recorded| PaymentRead::Found(recorded.clone()))
    }

    fn read_total(&self, id: &LegId) -> TotalRead {
        self.totals.get(id).map_or(TotalRead::Missing, |&sum| TotalRead::Found(sum))
    }

    /// Changes lanes, and makes those that don't exist yet.
    fn change_lanes(&mut self, changes: &[LaneChange]) {
        for change in changes {
            let lane = change.applied_to(self.lanes.get(&change.id));
            self.lanes.insert(lane.id.clone(), lane);
        }
    }
}

impl Ledger for MemoryStore {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.read_all(ids, State::read).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.read_all(ids, State::read_lane).await
    }

    async fn read_payments(&self, ids: &[&PaymentId]) -> Result<Vec<PaymentRead>, StoreError> {
        self.read_all(ids, State::read_payment).await
    }

    async fn read_totals(&self, ids: &[&LegId]) -> Result<Vec<TotalRead>, StoreError> {
        self.read_all(ids, State::read_total).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let mut state = self.call().await?;
        state.usage.transactions = state.usage.transactions.saturating_add(1);
        if let Some(error) = malformed(transaction) {
            return Err(error);
        }
        if state.strikes(self.faults.late) {
            let calls = state.random.u32(1..=8);
            state.late.push(Late { calls, sent: Sent::of(transaction) });
            return Err(StoreError::Unavailable("injected: given up, still under way".into()));
        }
        let mut cancelled = state.judge(transaction);
        if state.strikes(self.faults.conflict) {
            cancelled.transient = Some(StoreError::Conflict);
            if !transaction.updates.is_empty() {
                cancelled.busy.push(state.random.usize(0..transaction.updates.len()));
            }
        }
        if cancelled != Cancelled::default() {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return self.lost_answer(&mut state, Commit::Cancelled(cancelled));
        }
        state.apply(transaction);
        self.lost_answer(&mut state, Commit::Applied)
    }

    async fn write_dead_letter(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        let id = letter.id();
        if state.letters.get(&id).is_none_or(|there| there.status == DeadLetterStatus::Redriven) {
            let kilobytes =
                items::dead_letter::encode(letter).iter().map(|part| kilobytes(items::size(part))).sum::<u64>();
            state.usage.write_milliunits = state.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(1_000));
            state.letters.insert(id, letter.clone());
        }
        self.lost_answer(&mut state, ())
    }

    fn usage(&self) -> Usage {
        self.state().usage
    }
}
