//! What: A ledger in memory, with DynamoDB's conditions and behaviour, and faults on demand.
//!
//! Data: Takes calls of the ports of [`giro::store`]. It is for tests and simulations. Its conditions have the same
//! meaning as the named conditions in [`giro::store::items`], and one contract suite tests both adapters.
//!
//! Units are counted as DynamoDB charges them. Faults come with seeded probabilities. Each call first lets other calls
//! run, so that concurrent callers interleave.

mod commands;
mod conditions;
mod ledger_queries;
mod scan;
mod statements;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use giro::domain::account_command::{AccountChange, LaneChange, RecordedCommand};
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::plan::Transaction;
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, CommandId, Currency, DeadLetter, DeadLetterId, Lane, LaneId, PaymentId,
    Recorded, TotalId,
};
use giro::store::{
    AccountRead, Cancelled, CancelledCommand, Commit, LaneRead, Ledger, PaymentRead, READ_ITEMS_MAX, Read, StoreError,
    TotalRead, Usage, items,
};

use crate::charge::{kilobytes, payment_kilobytes};
use crate::sent::{Sent, SentStep};
use conditions::{account_allows, lane_allows, malformed};

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
    totals: BTreeMap<TotalId, u64>,
    letters: BTreeMap<DeadLetterId, DeadLetter>,
    commands: BTreeMap<CommandId, RecordedCommand>,
    usage: Usage,
    random: fastrand::Rng,
    late: Vec<Late<Sent>>,
    damage: scan::Damage,
    late_commands: Vec<Late<SentStep>>,
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
            totals: BTreeMap::new(),
            letters: BTreeMap::new(),
            commands: BTreeMap::new(),
            usage: Usage::default(),
            random: fastrand::Rng::with_seed(faults.seed),
            late: Vec::new(),
            damage: scan::Damage::default(),
            late_commands: Vec::new(),
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

    fn state(&self) -> MutexGuard<'_, State> {
        // After a panic elsewhere the data is still right: each change is whole before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a call: lets others run, lets late transactions happen, and injects the faults that any call may have.
    async fn call(&self) -> Result<MutexGuard<'_, State>, StoreError> {
        tokio::task::yield_now().await;
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

    /// Everything that cancels a transaction. `None` if it may happen.
    fn judge(&self, transaction: &Transaction<'_>) -> Cancelled {
        let mut cancelled = Cancelled::default();
        for (ix, entry) in transaction.entries.iter().enumerate() {
            if let Some(recorded) = self.payments.get(entry.request.instruction.id()) {
                cancelled.duplicates.push((ix, Ok(recorded.clone())));
            }
        }
        for (ix, total) in transaction.totals.iter().enumerate() {
            if self.totals.get(&total.id).is_some_and(|&sum| sum > total.total_max) {
                cancelled.totals.push((ix, self.read_total(&total.id)));
            }
        }
        for (ix, update) in transaction.updates.iter().enumerate() {
            match update.lane_id() {
                None => {
                    let read = self.read(&update.account);
                    if !matches!(&read, Read::Found(account) if account_allows(account, update)) {
                        cancelled.accounts.push((ix, read));
                    }
                }
                Some(lane) => {
                    if !lane_allows(self.lanes.get(&lane), update) {
                        cancelled.lanes.push((ix, self.read_lane(&lane)));
                    }
                }
            }
        }
        cancelled
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

    fn read_total(&self, id: &TotalId) -> TotalRead {
        self.totals.get(id).map_or(TotalRead::Missing, |&sum| TotalRead::Found(sum))
    }

    /// Changes lanes, and makes those that don't exist yet.
    fn change_lanes(&mut self, changes: &[LaneChange]) {
        for change in changes {
            let lane = change.applied_to(self.lanes.get(&change.id));
            self.lanes.insert(lane.id.clone(), lane);
        }
    }

    fn apply(&mut self, transaction: &Transaction<'_>) {
        for entry in &transaction.entries {
            let outcome = entry.outcome();
            let (id, fingerprint) = (outcome.instruction.id().clone(), outcome.instruction.fingerprint());
            // Two units a KB in a transaction, and one a KB in each of the two statement indexes.
            let kilobytes = payment_kilobytes(entry);
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(4_000));
            self.payments.insert(id, Recorded { outcome, fingerprint });
        }
        for total in &transaction.totals {
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(2_000);
            let sum = self.totals.entry(total.id.clone()).or_default();
            *sum = sum.saturating_add(total.net);
        }
        for update in &transaction.updates {
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(2_000);
            if update.is_check() {
                continue;
            }
            let changed = match update.lane_id() {
                None => match self.accounts.get_mut(&update.account) {
                    Some(Ok(account)) => {
                        update.count_in(account);
                        Some((&mut account.balance, &mut account.version))
                    }
                    Some(Err(_)) | None => None,
                },
                Some(id) => {
                    let lane = self.lanes.entry(id.clone()).or_insert_with(|| made_by(id, update.currency));
                    Some((&mut lane.balance, &mut lane.version))
                }
            };
            if let Some((balance, version)) = changed {
                // The conditions keep it in range.
                let after = i128::from(balance.minor_units()).saturating_add(update.net);
                *balance = Balance::new(i64::try_from(after).unwrap_or(i64::MAX));
                *version = version.saturating_add(1);
            }
        }
    }
}

/// A lane that a payment makes, before it holds the payment.
fn made_by(id: LaneId, currency: Currency) -> Lane {
    let (status, balance) = (AccountStatus::Open, Balance::ZERO);
    Lane { id, currency, status, balance, is_limited: false, is_shut: false, version: 0 }
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

    async fn read_totals(&self, ids: &[&TotalId]) -> Result<Vec<TotalRead>, StoreError> {
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
