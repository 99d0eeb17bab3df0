//! What: Turns a group of decided requests into a transaction. It holds the net change of each main item and lane, with
//! the conditions that the decisions rest on.
//!
//! Data: Takes the requests of one group, in order, and the lanes to credit. Gives the transaction.
//!
//! The conditions are as weak as the decisions allow, so that credits from elsewhere don't make a debit fail:
//!
//! | the decisions | condition on the main item |
//! |---|---|
//! | money moves | open, and of the payment's currency |
//! | it is debited | same overdraft limit; balance at least what the worst prefix of its debits needs |
//! | it is credited | balance low enough that the highest prefix fits a balance |
//! | a decline rests on its lanes, in this transaction or in a later one before the next change | exactly the version decided on |
//!
//! | the decisions | condition on the lane |
//! |---|---|
//! | it is credited | it isn't there yet; or it is open, of the payment's currency, not full (the lane is not read first) |
//! | a payment is taken from it | it isn't there yet; or it is open, of the payment's currency, doesn't owe too much, and isn't limited |
//! | it is swept | it is there, open, and holds at least what was known of it (what was credited since stays there) |
//!
//! A decline is right at the time when its debtor's main item was read, which was after the record's delivery. If the
//! debtor has lanes, they were read after the main item. Lanes are only credited, or swept into the main item. So if
//! the main item still has its version at the commit, no lane held more at the time of the first read. If no request of
//! the plan changes that main item, the transaction checks it. An account without lanes needs no condition.

use std::collections::HashSet;

use super::group::Group;
use super::lanes::{LaneIx, LanePair, Turns};
use super::{AccountIx, AccountUpdate, Batch, Entry, Timestamp, Touch, Transaction};
use crate::domain::lane::LANE_BALANCE_FULL;
use crate::domain::{Account, Balance, OverdraftLimit};

/// By group: the accounts that need the version as a condition. The group changes or checks the account, and a decline
/// rests on its lanes. The decline is in this group, or in a later one before the next change of the account. The
/// version also pins all changes before, because versions count them.
pub(super) fn pinned(groups: &[Group], touches: &[Touch<'_>]) -> Vec<Vec<AccountIx>> {
    let mut rested_on: HashSet<AccountIx> = HashSet::new();
    let mut pinned = vec![Vec::new(); groups.len()];
    for (group, pinned) in groups.iter().zip(&mut pinned).rev() {
        let members = group.members.iter().map(|&member| &touches[member]);
        rested_on.extend(members.clone().filter_map(Touch::rests_on));
        if !rested_on.is_empty() {
            pinned.extend(members.flat_map(Touch::changes).filter(|account| rested_on.remove(account)));
        }
    }
    pinned
}

/// Builds the transactions of one plan, in their order.
pub(super) struct Guard<'a, 's> {
    batch: &'a Batch,
    accounts: &'s [Option<Account>],
    /// By account: how many transactions of this plan have changed its main item so far. Each raises its version by
    /// one.
    changes: Vec<u64>,
    /// By account: the place of its main item's update in the current transaction.
    slots: Vec<Option<usize>>,
    /// The same by lane.
    lane_slots: Vec<(LaneIx, usize)>,
}

/// What the requests of one transaction, so far, do to one main item or lane.
struct Movement {
    account: AccountIx,
    lane: Option<u16>,
    net: i128,
    /// The lowest net after a debit, and the highest after a credit.
    lowest: Option<i128>,
    highest: Option<i128>,
    exact: bool,
    /// A payment is taken from a lane.
    pays: bool,
}

impl Movement {
    /// Whether money moves. Otherwise the item is only checked.
    fn moves(&self) -> bool {
        self.lowest.is_some() || self.highest.is_some()
    }

    fn debit(&mut self, amount: i128) {
        self.net = self.net.saturating_sub(amount);
        self.lowest = Some(self.lowest.map_or(self.net, |lowest| lowest.min(self.net)));
    }

    fn credit(&mut self, amount: i128) {
        self.net = self.net.saturating_add(amount);
        self.highest = Some(self.highest.map_or(self.net, |highest| highest.max(self.net)));
    }
}

impl<'a, 's> Guard<'a, 's> {
    pub(super) fn new(batch: &'a Batch, accounts: &'s [Option<Account>]) -> Self {
        Self {
            batch,
            accounts,
            changes: vec![0; accounts.len()],
            slots: vec![None; accounts.len()],
            lane_slots: vec![],
        }
    }

    /// The transaction of one group, and the accounts behind its updates. `pinned` are the accounts that need the
    /// version as a condition. `lanes` are the lanes that it changes, one for each account.
    pub(super) fn transaction<'t>(
        &mut self,
        members: impl Iterator<Item = &'t Touch<'t>>,
        pinned: &[AccountIx],
        lanes: &[LanePair],
        turns: &mut Turns<'_, '_>,
        decided_at: Timestamp,
    ) -> (Transaction<'a>, Vec<AccountIx>) {
        let slice = turns.slice();
        let lane_of = |account: AccountIx| lanes.iter().find(|lane| lane.account == account).map(|lane| lane.of(slice));
        let mut movements: Vec<Movement> = Vec::new();
        let mut entries = Vec::new();
        for touch in members {
            for sweep in touch.sweeps {
                let amount = i128::from(sweep.amount.minor_units());
                self.movement(&mut movements, sweep.account, Some(sweep.lane)).debit(amount);
                self.movement(&mut movements, sweep.account, None).credit(amount);
            }
            if let Some(account) = touch.checks() {
                self.movement(&mut movements, account, None);
            }
            let Some(request) = touch.request.map(|request| &self.batch.requests()[request]) else { continue };
            if touch.moves() {
                let amount = i128::from(request.instruction.transfer().amount.minor_units());
                let lane = lane_of(touch.debtor).filter(|_| touch.is_from_lane());
                let from = self.movement(&mut movements, touch.debtor, lane);
                from.debit(amount);
                from.pays |= lane.is_some();
                let lane = lane_of(touch.creditor).filter(|_| touch.is_on_lane());
                self.movement(&mut movements, touch.creditor, lane).credit(amount);
            }
            let mut statement = |account| lane_of(account).or_else(|| turns.statement(account));
            let debtor_lane = touch.is_from_lane().then(|| statement(touch.debtor)).flatten();
            // A lane's list is read only if the lane is there. A gathered credit may have made none.
            let is_gathered = touch.moves() && !touch.is_on_lane();
            let creditor_lane = if is_gathered { None } else { statement(touch.creditor) };
            entries.push(Entry { request, decision: touch.decision, debtor_lane, creditor_lane });
        }
        for &account in pinned {
            if let Some(slot) = self.slots[account] {
                movements[slot].exact = true;
            }
        }

        let updates = movements.iter().map(|movement| self.update(movement)).collect();
        let accounts: Vec<AccountIx> = movements.iter().map(|movement| movement.account).collect();
        for movement in movements.iter().filter(|movement| movement.lane.is_none()) {
            self.slots[movement.account] = None;
            self.changes[movement.account] = self.changes[movement.account].saturating_add(movement.moves().into());
        }
        self.lane_slots.clear();
        (Transaction { entries, updates, decided_at }, accounts)
    }

    fn movement<'m>(
        &mut self,
        movements: &'m mut Vec<Movement>,
        account: AccountIx,
        lane: Option<u16>,
    ) -> &'m mut Movement {
        let next = movements.len();
        let slot = match lane {
            None => *self.slots[account].get_or_insert(next),
            Some(lane) => match self.lane_slots.iter().find(|(known, _)| *known == (account, lane)) {
                Some(&(_, slot)) => slot,
                None => {
                    self.lane_slots.push(((account, lane), next));
                    next
                }
            },
        };
        if slot == next {
            movements.push(Movement { account, lane, net: 0, lowest: None, highest: None, exact: false, pays: false });
        }
        &mut movements[slot]
    }

    /// The update of one main item or lane, with its conditions.
    fn update(&self, movement: &Movement) -> AccountUpdate {
        let Some(account) = &self.accounts[movement.account] else {
            // Without this update, money would move on one side only.
            unreachable!("money moves only on accounts that exist: the decisions were made on another snapshot");
        };
        let Movement { lane, net, lowest, highest, pays, .. } = *movement;
        let update = AccountUpdate {
            account: account.id.clone(),
            lane,
            net,
            currency: account.currency,
            overdraft_limit: None,
            balance_min: None,
            balance_max: None,
            version: None,
        };
        if lane.is_some() {
            let balance_max = highest.map(|_| LANE_BALANCE_FULL.into());
            if pays {
                let overdraft_limit = Some(OverdraftLimit::Unlimited);
                let balance_min = Some(i128::from(LANE_BALANCE_FULL).saturating_neg());
                return AccountUpdate { overdraft_limit, balance_min, balance_max, ..update };
            }
            // A lane that is swept is never below zero.
            let balance_min = lowest.map(|lowest| 0_i128.saturating_sub(lowest).max(0));
            return AccountUpdate { balance_min, balance_max, ..update };
        }
        // The lowest balance that a debit may leave: the overdraft limit, or without one the lowest possible balance.
        let floor = account.overdraft_limit.lowest_balance().unwrap_or(i128::from(i64::MIN));
        let ceiling = i128::from(Balance::MAX.minor_units());
        AccountUpdate {
            overdraft_limit: lowest.map(|_| account.overdraft_limit),
            balance_min: lowest.map(|lowest| floor.saturating_sub(lowest)),
            balance_max: highest.map(|highest| ceiling.saturating_sub(highest)),
            version: movement.exact.then(|| account.version.saturating_add(self.changes[movement.account])),
            ..update
        }
    }
}
