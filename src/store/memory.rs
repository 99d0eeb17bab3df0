//! A ledger in memory, with DynamoDB's conditions and manners, and faults on demand.
//!
//! In and out: the ports of [`crate::store`]. Made for tests and simulations: what is decided about accounts and
//! payments here is decided by the same words as the named conditions in [`super::items`], and one contract suite holds
//! both adapters to them.
//!
//! Units are counted as DynamoDB charges them. Faults come with seeded probabilities; each call gives way to others
//! first, so that concurrent callers interleave.

mod commands;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::{
    AccountRead, Cancelled, Commit, Inspect, Ledger, OpenAccounts, READ_ACCOUNTS_MAX, StoreError, Usage, items,
};
use crate::domain::account_command::RecordedCommand;
use crate::domain::plan::{AccountUpdate, Entry, TRANSACTION_ITEMS_MAX, Transaction};
use crate::domain::{
    Account, AccountId, AccountStatus, Balance, CommandId, DeadLetter, Outcome, PaymentId, Recorded, Request, Source,
    Timestamp, Verdict,
};

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

/// A ledger in memory. Clones share it.
#[derive(Debug, Clone)]
pub struct MemoryStore {
    faults: Faults,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    accounts: BTreeMap<AccountId, Result<Account, String>>,
    payments: BTreeMap<PaymentId, Recorded>,
    letters: BTreeMap<Source, DeadLetter>,
    commands: BTreeMap<CommandId, RecordedCommand>,
    usage: Usage,
    random: fastrand::Rng,
    late: Vec<Late>,
    late_commands: Vec<commands::LateCommand>,
}

/// A transaction that will happen after some more calls.
#[derive(Debug)]
struct Late {
    calls: u32,
    entries: Vec<(Request, Verdict)>,
    updates: Vec<AccountUpdate>,
    decided_at: Timestamp,
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
            payments: BTreeMap::new(),
            letters: BTreeMap::new(),
            commands: BTreeMap::new(),
            usage: Usage::default(),
            random: fastrand::Rng::with_seed(faults.seed),
            late: Vec::new(),
            late_commands: Vec::new(),
        };
        Self { faults, state: Arc::new(Mutex::new(state)) }
    }

    /// Puts an account in place, whatever was there.
    pub fn insert_account(&self, account: Account) {
        self.state().accounts.insert(account.id.clone(), Ok(account));
    }

    /// Makes an account's item one that can't be read.
    pub fn plant_corrupt_account(&self, id: &AccountId) {
        self.state().accounts.insert(id.clone(), Err("balance: expected a whole number (N) in range".into()));
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A panic elsewhere doesn't make the books wrong: each change is whole before the lock is released.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: gives way to others, lets late transactions happen, and strikes the faults that any call may meet.
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
        for late in &mut self.late {
            late.calls = late.calls.saturating_sub(1);
        }
        let due: Vec<Late> = self.late.extract_if(.., |late| late.calls == 0).collect();
        for late in due {
            let transaction = Transaction {
                entries: late.entries.iter().map(|(request, verdict)| Entry { request, verdict: *verdict }).collect(),
                updates: late.updates,
                decided_at: late.decided_at,
            };
            if self.judge(&transaction) == Cancelled::default() {
                self.apply(&transaction);
            }
        }
        for late in &mut self.late_commands {
            late.calls = late.calls.saturating_sub(1);
        }
        let due: Vec<_> = self.late_commands.extract_if(.., |late| late.calls == 0).collect();
        for late in due {
            late.happen(self);
        }
    }

    /// Everything that stands in a transaction's way; nothing if it may happen.
    fn judge(&self, transaction: &Transaction<'_>) -> Cancelled {
        let mut cancelled = Cancelled::default();
        for (ix, entry) in transaction.entries.iter().enumerate() {
            if let Some(recorded) = self.payments.get(&entry.request.payment.id) {
                cancelled.duplicates.push((ix, Ok(recorded.clone())));
            }
        }
        for (ix, update) in transaction.updates.iter().enumerate() {
            let read = self.read(&update.account);
            match &read {
                AccountRead::Found(account) if allows(account, update) => {}
                AccountRead::Found(_) | AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => {
                    cancelled.accounts.push((ix, read));
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

    fn apply(&mut self, transaction: &Transaction<'_>) {
        for entry in &transaction.entries {
            let payment = entry.request.payment.clone();
            let (id, fingerprint) = (payment.id.clone(), payment.fingerprint());
            let outcome = Outcome {
                payment,
                verdict: entry.verdict,
                decided_at: transaction.decided_at,
                source: entry.request.source.clone(),
            };
            // Two units a KB in a transaction, and one a KB in each of the two statement indexes.
            let kilobytes = kilobytes(items::size(&items::payment::encode(entry, transaction.decided_at)));
            self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(4_000));
            self.payments.insert(id, Recorded { outcome, fingerprint });
        }
        for update in &transaction.updates {
            if let Some(Ok(account)) = self.accounts.get_mut(&update.account) {
                let balance = i128::from(account.balance.minor_units()).saturating_add(update.net);
                // The conditions keep it in range.
                account.balance = Balance::new(i64::try_from(balance).unwrap_or(i64::MAX));
                account.version = account.version.saturating_add(1);
                self.usage.write_milliunits = self.usage.write_milliunits.saturating_add(2_000);
            }
        }
    }
}

/// The named conditions of [`super::items::account`], in the domain's words.
fn allows(account: &Account, update: &AccountUpdate) -> bool {
    let balance = i128::from(account.balance.minor_units());
    account.status == AccountStatus::Open
        && account.currency == update.currency
        && update.balance_min.is_none_or(|min| balance >= min)
        && update.balance_max.is_none_or(|max| balance <= max)
        && update.overdraft_limit.is_none_or(|limit| account.overdraft_limit == limit)
        && update.version.is_none_or(|version| account.version == version)
}

fn kilobytes(bytes: usize) -> u64 {
    u64::try_from(bytes.div_ceil(1024)).unwrap_or(u64::MAX)
}

/// What DynamoDB refuses before looking at any item.
fn malformed(transaction: &Transaction<'_>) -> Option<StoreError> {
    let items = transaction.entries.len().saturating_add(transaction.updates.len());
    if items == 0 || items > TRANSACTION_ITEMS_MAX {
        return Some(StoreError::Corrupt(format!(
            "a transaction takes 1 to {TRANSACTION_ITEMS_MAX} items, not {items}"
        )));
    }
    let payments: std::collections::HashSet<_> =
        transaction.entries.iter().map(|entry| &entry.request.payment.id).collect();
    let accounts: std::collections::HashSet<_> = transaction.updates.iter().map(|update| &update.account).collect();
    let twice = payments.len() < transaction.entries.len() || accounts.len() < transaction.updates.len();
    twice.then(|| StoreError::Corrupt("a transaction can't write one item twice".into()))
}

impl Ledger for MemoryStore {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        let mut state = self.call().await?;
        if ids.len() > READ_ACCOUNTS_MAX {
            return Err(StoreError::Corrupt(format!("a read takes at most {READ_ACCOUNTS_MAX} accounts")));
        }
        state.usage.read_calls = state.usage.read_calls.saturating_add(1);
        let mut reads = Vec::with_capacity(ids.len());
        for id in ids {
            if state.strikes(self.faults.unread) {
                reads.push(AccountRead::Unread);
                continue;
            }
            state.usage.read_milliunits = state.usage.read_milliunits.saturating_add(1_000);
            reads.push(state.read(id));
        }
        Ok(reads)
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let mut state = self.call().await?;
        state.usage.transactions = state.usage.transactions.saturating_add(1);
        if let Some(error) = malformed(transaction) {
            return Err(error);
        }
        if state.strikes(self.faults.late) {
            let calls = state.random.u32(1..=8);
            state.late.push(late(transaction, calls));
            return Err(StoreError::Unavailable("injected: given up, still under way".into()));
        }
        let mut cancelled = state.judge(transaction);
        if state.strikes(self.faults.conflict) {
            cancelled.transient = Some(StoreError::Conflict);
        }
        if cancelled != Cancelled::default() {
            state.usage.cancelled = state.usage.cancelled.saturating_add(1);
            return self.lost_answer(&mut state, Commit::Cancelled(cancelled));
        }
        state.apply(transaction);
        self.lost_answer(&mut state, Commit::Applied)
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        if !state.letters.contains_key(&letter.source) {
            let kilobytes =
                items::dead_letter::encode(letter).iter().map(|part| kilobytes(items::size(part))).sum::<u64>();
            state.usage.write_milliunits = state.usage.write_milliunits.saturating_add(kilobytes.saturating_mul(1_000));
            state.letters.insert(letter.source.clone(), letter.clone());
        }
        self.lost_answer(&mut state, ())
    }

    fn usage(&self) -> Usage {
        self.state().usage
    }
}

fn late(transaction: &Transaction<'_>, calls: u32) -> Late {
    Late {
        calls,
        entries: transaction.entries.iter().map(|entry| (entry.request.clone(), entry.verdict)).collect(),
        updates: transaction.updates.clone(),
        decided_at: transaction.decided_at,
    }
}

impl Inspect for MemoryStore {
    async fn account(&self, id: &AccountId) -> Result<Option<Account>, StoreError> {
        match self.state().accounts.get(id) {
            None => Ok(None),
            Some(Ok(account)) => Ok(Some(account.clone())),
            Some(Err(expected)) => Err(StoreError::Corrupt(expected.clone())),
        }
    }

    async fn accounts(&self) -> Result<Vec<Account>, StoreError> {
        self.state().accounts.values().map(|read| read.clone().map_err(StoreError::Corrupt)).collect()
    }

    async fn payment(&self, id: &PaymentId) -> Result<Option<Recorded>, StoreError> {
        Ok(self.state().payments.get(id).cloned())
    }

    async fn payments(&self) -> Result<Vec<Recorded>, StoreError> {
        Ok(self.state().payments.values().cloned().collect())
    }

    async fn dead_letter(&self, source: &Source) -> Result<Option<DeadLetter>, StoreError> {
        Ok(self.state().letters.get(source).cloned())
    }

    async fn dead_letters(&self) -> Result<Vec<DeadLetter>, StoreError> {
        Ok(self.state().letters.values().cloned().collect())
    }
}

impl OpenAccounts for MemoryStore {
    async fn open_account(&self, account: &Account) -> Result<Option<Account>, StoreError> {
        let mut state = self.call().await?;
        state.usage.puts = state.usage.puts.saturating_add(1);
        if let Some(existing) = state.accounts.get(&account.id) {
            return existing.clone().map(Some).map_err(StoreError::Corrupt);
        }
        state.accounts.insert(account.id.clone(), Ok(account.clone()));
        self.lost_answer(&mut state, None)
    }
}
