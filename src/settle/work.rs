//! What is known of a batch under way: accounts and lanes as last read, written or learned, and the ends found so far.
//!
//! In: what reads find, and what became of each step. Out: what is still to do, on which snapshot, and in the end an
//! [`End`] for every request.
//!
//! Invariants: what may have changed without our knowing is read again, so that no decline rests on money that we moved
//! ourselves. An account is confirmed only as long as all that is known of it is what was read of it at one moment.

mod look;

use std::collections::{BTreeSet, HashMap, HashSet};

use super::confirm::Confirmations;
use super::end::End;
use super::met::Met;
use crate::domain::lane::KnownLanes;
use crate::domain::plan::{AccountUpdate, Limits, Step, TRANSACTION_ITEMS_MAX};
use crate::domain::{
    Account, AccountIx, AccountStatus, Balance, Batch, CreditLanes, Fingerprint, Request, RequestIx, Source,
};
use crate::store::{AccountRead, Cancelled, LaneRead, Rejected, StoreError};

/// What is known so far of a batch under way.
pub(super) struct Work<'b> {
    pub(super) batch: &'b Batch,
    /// By account: the main item.
    pub(super) accounts: Vec<AccountRead>,
    pub(super) lanes: HashMap<AccountIx, KnownLanes>,
    pub(super) limits: Limits,
    /// By request: its end, once it has one.
    found: Vec<Option<End>>,
    /// The fingerprints of outcomes that were there before, by the request that met them.
    recorded: HashMap<RequestIx, Fingerprint>,
    /// Requests whose stored payment can't be read.
    unreadable: HashSet<RequestIx>,
    /// Accounts that a replayed payment may have changed since they were read: of another worker's doing, or of our own
    /// whose answer was lost.
    stale: BTreeSet<AccountIx>,
    /// Requests that the store rejects, or whose write it rejects of one of their accounts.
    rejected: HashSet<RequestIx>,
    pub(super) met: Met,
    /// Transactions that met another one in flight.
    pub(super) conflicts: u64,
    /// The accounts that others held in this round.
    contended: BTreeSet<AccountIx>,
    /// Accounts that were read as they were at one moment, with all of their lanes, and whose main item no step of ours
    /// has changed since.
    pub(super) confirmations: Confirmations,
    /// Requests that wait for the end of this round, and with each what comes after it on its partition: in the end it
    /// is all as if one had been decided after the other.
    pub(super) held: BTreeSet<RequestIx>,
    /// Requests that wait for somebody else in this round, and with each the later ones of its debtor. All else goes
    /// on.
    pub(super) hindered: BTreeSet<RequestIx>,
}

impl<'b> Work<'b> {
    pub(super) fn new(batch: &'b Batch) -> Self {
        Self {
            batch,
            accounts: vec![AccountRead::Unread; batch.accounts().len()],
            lanes: HashMap::new(),
            limits: Limits::of(TRANSACTION_ITEMS_MAX),
            found: vec![None; batch.requests().len()],
            recorded: HashMap::new(),
            unreadable: HashSet::new(),
            stale: BTreeSet::new(),
            rejected: HashSet::new(),
            met: Met::default(),
            conflicts: 0,
            contended: BTreeSet::new(),
            confirmations: Confirmations::default(),
            held: BTreeSet::new(),
            hindered: BTreeSet::new(),
        }
    }

    /// The requests still to be committed, in order.
    ///
    /// Of a payment id that the batch holds several times only the first is sent; the others follow its end. A request
    /// that rests on something unread or unreadable stops its partition: it and all after it wait. So does one that is
    /// held for this round. One that somebody else hinders stops its debtor.
    pub(super) fn pending(&self) -> Vec<RequestIx> {
        let mut stopped: HashSet<(&str, i32)> = HashSet::new();
        let mut waiting: HashSet<AccountIx> = HashSet::new();
        let mut pending = Vec::new();
        for (ix, request) in self.batch.requests().iter().enumerate() {
            let leader = self.batch.leader(ix);
            if self.found[leader].is_some() {
                continue;
            }
            let partition = partition_of(request);
            if leader != ix {
                // It has its end when its leader has: where that one is stopped, perhaps on another partition, so is
                // it. If the leader isn't decided after all, then perhaps this one is, on its own partition; what comes
                // after it there is sent after the leader only if the same debtor chains them.
                if pending.binary_search(&leader).is_err() || !self.chained(leader, ix) {
                    stopped.insert(partition);
                }
                continue;
            }
            let refused = self.unreadable.contains(&ix) || self.rejected.contains(&ix);
            if refused || self.held.contains(&ix) || !self.readable(ix) {
                stopped.insert(partition);
            }
            let (debtor, _) = self.batch.parties(ix);
            if self.hindered.contains(&ix) {
                waiting.insert(debtor);
            }
            if !stopped.contains(&partition) && !waiting.contains(&debtor) {
                pending.push(ix);
            }
        }
        pending
    }

    /// Has the stale accounts read again that something left to decide rests on.
    ///
    /// A decline carries no condition that would find out: it would stand on a balance from before payments that come
    /// before it.
    pub(super) fn forget_stale(&mut self) {
        let stale = std::mem::take(&mut self.stale);
        if stale.is_empty() {
            return;
        }
        for &account in stale.intersection(&self.rested_on()) {
            self.forget(account);
        }
    }

    /// The accounts that something left to decide rests on.
    fn rested_on(&self) -> BTreeSet<AccountIx> {
        let left = |ix: &RequestIx| self.found[*ix].is_none() && self.batch.leader(*ix) == *ix;
        let parties = |ix: RequestIx| <[AccountIx; 2]>::from(self.batch.parties(ix));
        (0..self.found.len()).filter(left).flat_map(parties).collect()
    }

    /// Whether what comes after a copy is never sent before its leader: they are of one debtor, or on one partition,
    /// which is delivered from the leader on.
    fn chained(&self, leader: RequestIx, copy: RequestIx) -> bool {
        let [first, second] = [leader, copy].map(|ix| &self.batch.requests()[ix]);
        first.payment.debtor == second.payment.debtor || partition_of(first) == partition_of(second)
    }

    fn readable(&self, request: RequestIx) -> bool {
        let (debtor, creditor) = self.batch.parties(request);
        [debtor, creditor]
            .into_iter()
            .all(|account| matches!(self.accounts[account], AccountRead::Found(_) | AccountRead::Missing))
    }

    pub(super) fn mains(&self) -> Vec<Option<Account>> {
        let account = |read: &AccountRead| match read {
            AccountRead::Found(account) => Some(account.clone()),
            AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => None,
        };
        self.accounts.iter().map(account).collect()
    }

    /// All of a step happened: its requests have their outcomes, and its accounts changed as planned.
    pub(super) fn applied(&mut self, step: &Step<'_>) {
        for (&request, entry) in step.requests.iter().zip(&step.transaction.entries) {
            self.found[request] = Some(End::Decided(entry.verdict));
        }
        for (&account, update) in step.accounts.iter().zip(&step.transaction.updates) {
            match update.lane {
                None => {
                    if let AccountRead::Found(known) = &mut self.accounts[account] {
                        known.balance = moved(known.balance, update.net);
                        known.version = known.version.saturating_add(1);
                        self.confirmations.forget(account);
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

    /// None of a step happened, and here is why.
    pub(super) fn cancelled(&mut self, step: &Step<'_>, cancelled: Cancelled) {
        for (entry, stored) in cancelled.duplicates {
            let request = step.requests[entry];
            match stored {
                Ok(recorded) => {
                    let same = self.batch.requests()[request].payment.fingerprint() == recorded.fingerprint;
                    self.found[request] = Some(if same { End::Replayed } else { End::IdReused });
                    self.recorded.insert(request, recorded.fingerprint);
                    self.stale.extend(<[AccountIx; 2]>::from(self.batch.parties(request)));
                }
                Err(expected) => {
                    self.unreadable.insert(request);
                    self.met.meet(StoreError::Corrupt(expected));
                }
            }
        }
        for (update, read) in cancelled.accounts {
            let account = step.accounts[update];
            self.learn_account(account, read);
            // They were read before it: what was swept from them since would count twice.
            self.forget_lanes(account);
        }
        for (update, read) in cancelled.lanes {
            self.learn_lane(step.accounts[update], &step.transaction.updates[update], read);
        }
        if let Some(Rejected { entries, updates, why }) = cancelled.rejected {
            let accounts: BTreeSet<AccountIx> = updates.into_iter().map(|update| step.accounts[update]).collect();
            let named = |ix: &RequestIx| {
                <[AccountIx; 2]>::from(self.batch.parties(*ix)).iter().any(|party| accounts.contains(party))
            };
            self.rejected.extend(step.requests.iter().copied().filter(named));
            self.rejected.extend(entries.into_iter().map(|entry| step.requests[entry]));
            self.met.meet(StoreError::Rejected(why));
        }
        if cancelled.transient == Some(StoreError::Conflict) {
            self.conflicts = self.conflicts.saturating_add(1);
            match cancelled.busy.is_empty() {
                true => self.contended.extend(&step.accounts),
                false => self.contended.extend(cancelled.busy.iter().map(|&update| step.accounts[update])),
            }
        }
        if let Some(fault) = cancelled.transient {
            self.met.meet(fault);
        }
    }

    /// Nobody knows whether a step happened, or the store would not take it.
    pub(super) fn refused(&mut self, step: &Step<'_>, error: StoreError) {
        match &error {
            // Trying again won't help soon: stop where the first of these requests stands.
            StoreError::Corrupt(_) => self.unreadable.extend(step.requests.iter().copied()),
            StoreError::Rejected(_) => self.rejected.extend(step.requests.iter().copied()),
            StoreError::Conflict => {
                self.conflicts = self.conflicts.saturating_add(1);
                self.contended.extend(&step.accounts);
            }
            StoreError::Throttled(_) | StoreError::NoTable(_) => {}
            StoreError::Unavailable(_) => step.accounts.iter().for_each(|&account| self.forget(account)),
        }
        self.met.meet(error);
    }

    /// A round is over: what others held in it is planned apart from now on, and nothing is held any more.
    pub(super) fn end_round(&mut self) {
        self.held.clear();
        self.hindered.clear();
        self.confirmations.end_round();
        for account in std::mem::take(&mut self.contended) {
            self.limits.contend(account);
        }
    }

    /// Notes what a read found of an account's main item.
    pub(super) fn learn_account(&mut self, account: AccountIx, read: AccountRead) {
        if let AccountRead::Corrupt(expected) = &read {
            self.met.meet(StoreError::Corrupt(expected.clone()));
        }
        self.confirmations.forget(account);
        self.accounts[account] = read;
    }

    /// Notes what an account's main item and some of its lanes were at one moment.
    pub(super) fn learn_together(&mut self, account: AccountIx, main: AccountRead, lanes: Vec<(u16, LaneRead)>) {
        let begun = self.confirmations.take(account);
        let numbers: Vec<u16> = lanes.iter().map(|(lane, _)| *lane).collect();
        self.learn_account(account, main);
        for (lane, read) in lanes {
            self.found_lane(account, lane, read);
        }
        if let AccountRead::Found(main) = &self.accounts[account] {
            self.confirmations.go_on(account, begun, main, &numbers);
        }
    }

    /// A read met a transaction in flight that holds this account.
    pub(super) fn met(&mut self, account: AccountIx) {
        self.conflicts = self.conflicts.saturating_add(1);
        self.contended.insert(account);
        self.met.meet(StoreError::Conflict);
    }

    /// Notes what a read found of a lane that an account counts. `false` if the account can't be used as it is, or is
    /// to be read again anyway.
    pub(super) fn found_lane(&mut self, account: AccountIx, number: u16, read: LaneRead) -> bool {
        let AccountRead::Found(Account { currency, .. }) = self.accounts[account] else { return false };
        let expected = match read {
            LaneRead::Unread => return true,
            LaneRead::Found(lane) if lane.currency == currency => {
                self.lanes.entry(account).or_default().learn(number, lane.balance);
                return true;
            }
            LaneRead::Found(_) => "currency: expected a lane to be of its account's".to_owned(),
            LaneRead::Missing => "credit_lanes: expected an item for each".to_owned(),
            LaneRead::Corrupt(expected) => expected,
        };
        self.learn_account(account, AccountRead::Corrupt(expected));
        false
    }

    /// Notes why the update of a lane was refused.
    fn learn_lane(&mut self, account: AccountIx, update: &AccountUpdate, read: LaneRead) {
        self.confirmations.forget(account);
        let status = match &read {
            LaneRead::Found(lane) => lane.status,
            LaneRead::Missing | LaneRead::Corrupt(_) | LaneRead::Unread => AccountStatus::Open,
        };
        if !update.lane.is_some_and(|lane| self.found_lane(account, lane, read)) {
            return;
        }
        match (status, &mut self.accounts[account]) {
            // Freezing and closing reach every lane and the main item, if not in one transaction; so it goes for all.
            (AccountStatus::Frozen | AccountStatus::Closed, AccountRead::Found(known)) => known.status = status,
            // It doesn't hold what was to be swept: somebody else swept it into the main item.
            _ if update.balance_min.is_some() => self.forget(account),
            // It is full, and is known to be now.
            _ => {}
        }
    }

    /// What is known of an account may be no longer so: it is read again, its lanes once they are needed.
    pub(super) fn forget(&mut self, account: AccountIx) {
        self.accounts[account] = AccountRead::Unread;
        self.forget_lanes(account);
    }

    /// Has an account's lanes read again, once they are needed.
    pub(super) fn forget_lanes(&mut self, account: AccountIx) {
        self.lanes.remove(&account);
        self.confirmations.forget(account);
    }

    /// How many lanes an account has, as far as is known.
    pub(super) fn lanes_of(&self, account: AccountIx) -> CreditLanes {
        match &self.accounts[account] {
            AccountRead::Found(main) => main.credit_lanes,
            AccountRead::Missing | AccountRead::Corrupt(_) | AccountRead::Unread => CreditLanes::NONE,
        }
    }

    /// The end of every request.
    pub(super) fn ends(&self) -> Vec<End> {
        (0..self.found.len()).map(|ix| self.end(ix)).collect()
    }

    fn end(&self, request: RequestIx) -> End {
        let leader = self.batch.leader(request);
        match &self.found[leader] {
            None => End::Unfinished,
            Some(end) if leader == request => end.clone(),
            Some(_) => {
                let fingerprint = |ix: RequestIx| self.batch.requests()[ix].payment.fingerprint();
                let recorded = self.recorded.get(&leader).copied().unwrap_or_else(|| fingerprint(leader));
                if fingerprint(request) == recorded { End::Replayed } else { End::IdReused }
            }
        }
    }

    /// The accounts that others held in at least so many rounds, by the first record that names each.
    pub(super) fn contended(&self, rounds_min: u32) -> Vec<(Source, u32)> {
        let told = |(account, rounds): (AccountIx, u32)| {
            let names = |&request: &RequestIx| <[AccountIx; 2]>::from(self.batch.parties(request)).contains(&account);
            let request = (0..self.found.len()).find(names).filter(|_| rounds >= rounds_min)?;
            Some((self.batch.requests()[request].source.clone(), rounds))
        };
        let mut contended: Vec<(Source, u32)> = self.limits.contended().filter_map(told).collect();
        contended.sort();
        contended
    }
}

/// Where a request stands in order.
fn partition_of(request: &Request) -> (&str, i32) {
    (&request.source.topic, request.source.partition)
}

/// A balance as one update of ours leaves it. Others may have changed it meanwhile where the conditions allow it: the
/// next condition that this matters to finds out.
fn moved(balance: Balance, net: i128) -> Balance {
    let after = i128::from(balance.minor_units()).saturating_add(net);
    // The update's own conditions keep the stored balance in range.
    Balance::new(i64::try_from(after).unwrap_or(balance.minor_units()))
}
