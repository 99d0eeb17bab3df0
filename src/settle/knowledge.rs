//! What: Holds what is known of a batch's accounts and lanes, as last read, written or learned. It also holds the
//! errors of the store.
//!
//! Data: Takes what reads found, and what became of each step. Gives the snapshot to decide on.
//!
//! Invariants: If an account may have changed unseen, it is read again, so that no decline rests on money that this
//! batch moved. The lanes of an account are read after its main item: whoever learns another main item forgets the
//! lanes. Nothing here knows of requests.

mod contention;

use std::collections::{BTreeSet, HashMap};
use std::time::Duration;

use tokio::time::Instant;

use super::seen_errors::SeenErrors;
use crate::domain::account::PAUSE_MAX_MS;
use crate::domain::lane::KnownLanes;
use crate::domain::plan::{AccountUpdate, Capacity, Step, TotalUpdate};
use crate::domain::refund::RefundTotal;
use crate::domain::{Account, AccountId, AccountIx, AccountStatus, Balance, LaneId, LegId, Timestamp};
use crate::store::{AccountRead, LaneRead, StoreError, TotalRead};
use contention::Contention;

/// The longest that a batch waits for account commands, whatever the clock says.
const PAUSED_MAX: Duration = Duration::from_millis(PAUSE_MAX_MS.unsigned_abs());

/// What is known so far of the accounts of a batch.
pub(super) struct Knowledge<'b> {
    ids: &'b [AccountId],
    /// By account: the main item.
    mains: Vec<AccountRead>,
    lanes: HashMap<AccountIx, KnownLanes>,
    /// What is known of sums of refunds.
    totals: HashMap<LegId, RefundTotal>,
    /// Accounts that a replayed payment may have changed since they were read. Another worker settled it, or this
    /// worker did and lost the answer.
    stale: BTreeSet<AccountIx>,
    /// Accounts whose payments wait for an account command.
    paused: BTreeSet<AccountIx>,
    /// When this batch first waited for one.
    paused_since: Option<Instant>,
    contention: Contention,
    errors: SeenErrors,
}

impl<'b> Knowledge<'b> {
    /// Nothing is known of these accounts.
    pub(super) fn new(ids: &'b [AccountId]) -> Self {
        Self {
            ids,
            mains: vec![AccountRead::Unread; ids.len()],
            lanes: HashMap::new(),
            totals: HashMap::new(),
            stale: BTreeSet::new(),
            paused: BTreeSet::new(),
            paused_since: None,
            contention: Contention::new(),
            errors: SeenErrors::default(),
        }
    }

    /// The ids, the main items that a read fills in, and where it notes errors.
    pub(super) fn reading(&mut self) -> (&'b [AccountId], &mut [AccountRead], &mut SeenErrors) {
        if self.mains.contains(&AccountRead::Unread) {
            self.doubt_totals();
        }
        (self.ids, &mut self.mains, &mut self.errors)
    }

    /// Main items as the rules look at them.
    pub(super) fn mains(&self) -> Vec<Option<Account>> {
        (0..self.mains.len()).map(|account| self.main(account).cloned()).collect()
    }

    /// What is known of lanes, by account.
    pub(super) fn lanes(&self) -> &HashMap<AccountIx, KnownLanes> {
        &self.lanes
    }

    /// What is known of sums of refunds.
    pub(super) fn totals(&self) -> &HashMap<LegId, RefundTotal> {
        &self.totals
    }

    fn main(&self, account: AccountIx) -> Option<&Account> {
        match &self.mains[account] {
            AccountRead::Found(main) => Some(main),
            AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
        }
    }

    /// Whether the main item was read: it was found, or it is known to be missing.
    pub(super) fn is_read(&self, account: AccountIx) -> bool {
        matches!(self.mains[account], AccountRead::Found(_) | AccountRead::Missing)
    }

    /// Whether payments that name the account may be decided: its main item was read, and they needn't wait.
    pub(super) fn is_ready(&self, account: AccountIx) -> bool {
        self.is_read(account) && !self.paused.contains(&account)
    }

    /// Notes which accounts ask payments to wait now: none, once the batch has waited for [`PAUSED_MAX`].
    pub(super) fn note_paused(&mut self, now: Timestamp) {
        self.paused.clear();
        if self.paused_since.is_none_or(|since| since.elapsed() < PAUSED_MAX) {
            let is_paused = |account: &AccountIx| self.main(*account).is_some_and(|main| main.is_paused(now));
            self.paused = (0..self.mains.len()).filter(is_paused).collect();
        }
    }

    /// The batch waits for the accounts that asked for it. They are forgotten, so that they are read again.
    pub(super) fn wait_for_paused(&mut self) {
        self.paused_since.get_or_insert_with(Instant::now);
        for account in std::mem::take(&mut self.paused) {
            self.forget(account);
        }
    }

    /// Whether the stored item of an account can't be read.
    pub(super) fn is_damaged(&self, account: AccountIx) -> bool {
        matches!(self.mains[account], AccountRead::Corrupt(_))
    }

    /// The lanes of an account that are not known yet; none if the account can't be used.
    pub(super) fn unknown_lanes(&self, account: AccountIx) -> Vec<(AccountIx, LaneId)> {
        let Some(main) = self.main(account) else { return Vec::new() };
        let known = self.lanes.get(&account);
        let unknown = |lane| known.is_none_or(|known| known.balance(lane).is_none());
        main.lane_ids().filter(|id| unknown(id.lane)).map(|id| (account, id)).collect()
    }

    /// How large transactions may be, and in how many rounds others held each account.
    pub(super) fn capacity(&self) -> &Capacity {
        self.contention.capacity()
    }

    /// How many calls conflicted with a transaction in flight.
    pub(super) fn conflicts(&self) -> u64 {
        self.contention.conflicts()
    }

    /// How often the store had no time: for a transaction, or for a round of reads.
    pub(super) const fn throttled(&self) -> u64 {
        self.errors.throttled()
    }

    /// The error to report.
    pub(super) fn error(self) -> Option<StoreError> {
        self.errors.told()
    }

    /// Notes an error of the store.
    pub(super) fn note(&mut self, error: StoreError) {
        self.errors.note(error);
    }

    /// A transaction in flight holds these accounts.
    pub(super) fn contend(&mut self, accounts: impl IntoIterator<Item = AccountIx>) {
        self.contention.note(accounts);
    }

    /// A round is over. From now on, accounts that others held in it are planned apart. `holds`: some requests waited
    /// for free lanes.
    pub(super) fn end_round(&mut self, holds: bool) {
        self.contention.end_round(holds);
    }

    /// All of a step happened: its accounts changed as planned, and the sums of refunds have grown.
    pub(super) fn applied(&mut self, step: &Step<'_>) {
        for TotalUpdate { id, net, .. } in &step.transaction.totals {
            let total = self.totals.entry(id.clone()).or_default();
            total.at_least = total.at_least.saturating_add(*net);
        }
        for (&account, update) in step.accounts.iter().zip(&step.transaction.updates) {
            match update.lane {
                None => {
                    if let AccountRead::Found(known) = &mut self.mains[account]
                        && !update.is_check()
                    {
                        known.balance = moved(known.balance, update.net);
                        update.count_in(known);
                        known.version = known.version.saturating_add(1);
                    }
                }
                Some(lane) => {
                    if let Some(known) = self.lanes.get_mut(&account)
                        && let Some(balance) = known.balance(lane)
                    {
                        known.learn(lane, moved(balance, update.net));
                    }
                }
            }
        }
    }

    /// Notes what a read found of an account's main item.
    pub(super) fn learn_account(&mut self, account: AccountIx, read: AccountRead) {
        if let AccountRead::Corrupt(expected) = &read {
            self.errors.note(StoreError::Corrupt(expected.clone()));
        }
        self.mains[account] = read;
        self.doubt_totals();
    }

    /// Notes what a read found of a sum of refunds.
    pub(super) fn learn_total(&mut self, id: &LegId, read: TotalRead) {
        let at_least = match read {
            TotalRead::Found(sum) => sum,
            TotalRead::Missing => 0,
            TotalRead::Corrupt(expected) => return self.errors.note(StoreError::Corrupt(expected)),
            TotalRead::Unread => return,
        };
        self.totals.insert(id.clone(), RefundTotal { at_least, is_read: true });
    }

    /// An account was read, or will be. A decline for want of money needs sums of refunds that are read after it.
    fn doubt_totals(&mut self) {
        self.totals.values_mut().for_each(|total| total.is_read = false);
    }

    /// Notes what a read found of a lane that an account counts. Gives `false` if the account can't be used, or must be
    /// read again anyway.
    pub(super) fn found_lane(&mut self, account: AccountIx, number: u16, read: LaneRead) -> bool {
        let Some(main) = self.main(account) else { return false };
        let expected = match read.counted(main, number) {
            Ok(None) => return true,
            Ok(Some(lane)) => {
                let known = self.lanes.entry(account).or_default();
                known.learn(number, lane.balance);
                if lane.is_limited {
                    known.learn_limited(number);
                }
                return true;
            }
            Err(expected) => expected,
        };
        self.learn_account(account, AccountRead::Corrupt(expected));
        false
    }

    /// Notes a lane whose update was refused.
    pub(super) fn learn_lane(&mut self, account: AccountIx, update: &AccountUpdate, read: LaneRead) {
        let Some(number) = update.lane else { return };
        let (status, is_limited, is_shut) = match &read {
            LaneRead::Found(lane) => (lane.status, lane.is_limited, lane.is_shut),
            LaneRead::Missing | LaneRead::Corrupt(_) | LaneRead::Unread => (AccountStatus::Open, false, false),
        };
        if is_limited {
            // The answer before may have made the account forgotten. This is still true then.
            self.lanes.entry(account).or_default().learn_limited(number);
        }
        if !self.found_lane(account, number, read) {
            return;
        }
        match (status, &mut self.mains[account]) {
            // Freezing and closing change every lane and the main item, perhaps in several transactions. So the status
            // of one lane is taken for the whole account.
            (AccountStatus::Frozen | AccountStatus::Closed, AccountRead::Found(known)) => known.status = status,
            // The account has got a maximum balance, as its main item says.
            _ if is_shut => self.forget(account),
            // The lane holds less than was to be swept: somebody else swept it into the main item.
            _ if update.is_sweep() => self.forget(account),
            // The account has got a limit, as its main item will say. If a command stopped half-way, the main item says
            // none. Then it stays known that this lane pays nothing.
            _ if update.overdraft_limit.is_some() && is_limited => self.forget(account),
            // The lane is full or owes too much, and that is now known.
            _ => {}
        }
    }

    /// What is known of an account may be out of date. The main item is read again, and the lanes once they are needed.
    pub(super) fn forget(&mut self, account: AccountIx) {
        self.mains[account] = AccountRead::Unread;
        self.forget_lanes(account);
        self.doubt_totals();
    }

    /// Forgets what an account's lanes hold. They are read again once they are needed.
    pub(super) fn forget_lanes(&mut self, account: AccountIx) {
        if let Some(known) = self.lanes.get_mut(&account) {
            known.forget();
        }
    }

    /// These accounts may have changed since they were read: by another worker, or by a call of this one whose answer
    /// was lost.
    pub(super) fn doubt(&mut self, accounts: impl IntoIterator<Item = AccountIx>) {
        self.stale.extend(accounts);
    }

    /// Forgets the doubted accounts that undecided requests name, so that they are read again.
    ///
    /// A decline carries no condition that would notice the change. It would rest on a balance that is older than the
    /// payments before it.
    pub(super) fn forget_stale(&mut self, rested_on: impl FnOnce() -> BTreeSet<AccountIx>) {
        let stale = std::mem::take(&mut self.stale);
        if stale.is_empty() {
            return;
        }
        for &account in stale.intersection(&rested_on()) {
            self.forget(account);
        }
    }

    /// Forgets items that can't be read, so that they are read again: somebody may have mended them.
    pub(super) fn look_again(&mut self) {
        self.errors.look_again();
        for account in 0..self.mains.len() {
            if self.is_damaged(account) {
                self.forget(account);
            }
        }
    }
}

/// A balance after an update of this batch. Others may have changed it meanwhile, where the conditions allow it. If
/// that matters, the next condition fails.
fn moved(balance: Balance, net: i128) -> Balance {
    let after = i128::from(balance.minor_units()).saturating_add(net);
    // The update's own conditions keep the stored balance in range.
    Balance::new(i64::try_from(after).unwrap_or(balance.minor_units()))
}
