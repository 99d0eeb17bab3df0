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
//! | money moves | limits of the same version, or none if there were never any |
//! | a payment counts in a window | the period of the window is the same, and what is used stays within the limit; or it is an older one |
//! | it is debited | same overdraft limit; balance at least what the worst prefix of its debits needs; a refund needs free money |
//! | it is credited | balance low enough that the highest prefix fits a balance, and the account's maximum |
//! | a decline rests on its lanes, in this transaction or in a later one before the next change | exactly the version decided on |
//!
//! | the decisions | condition on the lane |
//! |---|---|
//! | it is credited | it isn't there yet; or it is open, of the payment's currency, not full (the lane is not read first) |
//! | a payment is taken from it | it isn't there yet; or it is open, of the payment's currency, doesn't owe too much, and isn't limited |
//! | it is swept | it is there, open, and holds at least what was known of it (what was credited since stays there) |
//!
//! The sum of the refunds of an original is changed on the condition that it stays within what was paid.
//!
//! A decline is right at the time when its debtor's main item was read, which was after the record's delivery. If the
//! debtor has lanes, they were read after the main item. Lanes are only credited, or swept into the main item. So if
//! the main item still has its version at the commit, no lane held more at the time of the first read. If no request of
//! the plan changes that main item, the transaction checks it. An account without lanes needs no condition.

use std::collections::HashSet;

use super::group::Group;
use super::lanes::{LaneIx, LanePair, Turns};
use super::{
    AccountIx, AccountUpdate, Batch, Entry, StatementLanes, Timestamp, TotalUpdate, Touch, Transaction, WindowUpdate,
};
use crate::domain::lane::LANE_BALANCE_FULL;
use crate::domain::limits::{Period, Used, Window};
use crate::domain::{Account, Amount, Balance, Instruction, OverdraftLimit, RequestIx, Transfer};

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
    /// By account: a transaction of this plan has begun its windows, or goes on with them.
    begun: Vec<bool>,
    /// The same by lane.
    lane_slots: Vec<(LaneIx, usize)>,
    /// Room for the movements of one transaction.
    movements: Vec<Movement>,
}

/// What the requests of one transaction, so far, do to one main item or lane.
struct Movement {
    account: AccountIx,
    lane: Option<u16>,
    net: i128,
    /// What the balance before must be at least for the debits, and the highest net after a credit.
    needed: Option<i128>,
    highest: Option<i128>,
    exact: bool,
    /// A payment is taken from a lane.
    pays: bool,
    /// A leg takes back what an earlier leg of its payment credits.
    takes_back: bool,
    /// What payments take, and how many they are. Refunds don't count.
    counted: (u64, u64),
}

impl Movement {
    /// Whether money moves. Otherwise the item is only checked.
    fn moves(&self) -> bool {
        self.needed.is_some() || self.highest.is_some()
    }

    /// Takes a debit that may leave this balance at the lowest.
    fn debit(&mut self, amount: i128, lowest: i128) {
        self.net = self.net.saturating_sub(amount);
        let needed = lowest.saturating_sub(self.net);
        self.needed = Some(self.needed.map_or(needed, |others| others.max(needed)));
    }

    /// Takes back what the same payment credited, or less. So the balance is never below what it was.
    fn take_back(&mut self, amount: i128) {
        self.takes_back = true;
        self.net = self.net.saturating_sub(amount);
    }

    /// Counts a payment that takes this much in the windows of its debtor.
    fn count(&mut self, amount: u64) {
        let (amounts, payments) = self.counted;
        self.counted = (amounts.saturating_add(amount), payments.saturating_add(1));
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
            begun: vec![false; accounts.len()],
            lane_slots: vec![],
            movements: vec![],
        }
    }

    /// The transaction of one group, and the accounts behind its updates. `pinned` are the accounts that need the
    /// version as a condition. `lanes` are the lanes that it changes, one for each account.
    pub(super) fn transaction<'t>(
        &mut self,
        members: impl ExactSizeIterator<Item = &'t Touch<'t>>,
        pinned: &[AccountIx],
        lanes: &[LanePair],
        turns: &mut Turns<'_, '_>,
        clock: Timestamp,
    ) -> (Transaction<'a>, Vec<AccountIx>) {
        let slice = turns.slice();
        let lane_of = |account: AccountIx| lanes.iter().find(|lane| lane.account == account).map(|lane| lane.of(slice));
        let mut movements = std::mem::take(&mut self.movements);
        let mut entries = Vec::with_capacity(members.len());
        let mut totals = Vec::new();
        for touch in members {
            for sweep in touch.sweeps {
                let amount = i128::from(sweep.amount.minor_units());
                self.movement(&mut movements, sweep.account, Some(sweep.lane)).debit(amount, 0);
                self.movement(&mut movements, sweep.account, None).credit(amount);
            }
            if let Some(account) = touch.checks() {
                self.movement(&mut movements, account, None);
            }
            let Some(ix) = touch.request else { continue };
            if touch.moves() {
                self.pay(&mut movements, touch, ix, lane_of);
                self.add_to_total(&mut totals, touch, ix);
            }
            let mut statement = |account| lane_of(account).or_else(|| turns.statement(account));
            let mut listed = touch.legs.iter().map(|leg| StatementLanes {
                debtor: if leg.from_lane { statement(leg.debtor) } else { None },
                // A lane's list is read only if the lane is there. A gathered credit may have made none.
                creditor: if leg.on_lane || !touch.moves() { statement(leg.creditor) } else { None },
            });
            let lanes = listed.next().unwrap_or_default();
            let further = if touch.moves() { listed.collect() } else { Vec::new() };
            entries.push(Entry { lanes, further, ..self.entry(touch, ix, clock) });
        }
        for &account in pinned {
            if let Some(slot) = self.slots[account] {
                movements[slot].exact = true;
            }
        }

        let updates = movements.iter().map(|movement| self.update(movement, clock)).collect();
        let accounts: Vec<AccountIx> = movements.iter().map(|movement| movement.account).collect();
        for movement in movements.iter().filter(|movement| movement.lane.is_none()) {
            self.slots[movement.account] = None;
            self.begun[movement.account] |= movement.counted.1 > 0;
            self.changes[movement.account] = self.changes[movement.account].saturating_add(movement.moves().into());
        }
        self.lane_slots.clear();
        movements.clear();
        self.movements = movements;
        (Transaction { entries, updates, totals }, accounts)
    }

    /// Moves the money of a request, leg by leg.
    fn pay(
        &mut self,
        movements: &mut Vec<Movement>,
        touch: &Touch<'_>,
        request: RequestIx,
        lane_of: impl Fn(AccountIx) -> Option<u16>,
    ) {
        let instruction = &self.batch.requests()[request].instruction;
        let mut taken: u64 = 0;
        for (place, leg) in touch.legs.iter().enumerate() {
            let Some(amount) = self.amount(touch, request, place) else { continue };
            let moved = i128::from(amount.minor_units());
            let lane = lane_of(leg.debtor).filter(|_| leg.from_lane);
            let lowest = self.lowest_after(leg.debtor, instruction);
            let from = self.movement(movements, leg.debtor, lane);
            if leg.is_covered {
                from.take_back(moved);
            } else {
                from.debit(moved, lowest);
                from.pays |= lane.is_some();
            }
            if leg.debtor == touch.debtor {
                taken = taken.saturating_add(amount.minor_units());
            }
            let lane = lane_of(leg.creditor).filter(|_| leg.on_lane);
            self.movement(movements, leg.creditor, lane).credit(moved);
        }
        // An account with limits pays from its main item.
        let has_limits = self.accounts[touch.debtor].as_ref().is_some_and(Account::has_limits);
        if has_limits && touch.repaid.is_none() {
            self.movement(movements, touch.debtor, None).count(taken);
        }
    }

    /// What the leg of a request at this place moves.
    fn amount(&self, touch: &Touch<'_>, request: RequestIx, place: usize) -> Option<Amount> {
        touch.repaid.or_else(|| Some(self.batch.transfer(request, place).ok()?.amount))
    }

    /// The outcome of a request, as if it were on main items.
    fn entry(&self, touch: &Touch<'_>, ix: RequestIx, clock: Timestamp) -> Entry<'a> {
        let (request, repayment, decision) = (&self.batch.requests()[ix], self.repayment(touch, ix), touch.decision);
        let debtor = self.accounts[touch.debtor].as_ref();
        let decided_at = debtor.map_or(clock, |debtor| debtor.decided_at(clock));
        let counts = touch.moves() && repayment.is_none();
        let limits_version = debtor.map(Account::limits_version).filter(|&version| counts && version > 0);
        let (declined_leg, lanes, further) = (touch.declined_leg, StatementLanes::default(), Vec::new());
        Entry { request, repayment, decision, declined_leg, lanes, further, decided_at, limits_version }
    }

    /// What a refund gives back, or would have given back. `None` for a payment, and if that is not known.
    fn repayment(&self, touch: &Touch<'_>, request: RequestIx) -> Option<Transfer<'a>> {
        let amount = touch.repaid?;
        Some(Transfer { amount, ..self.batch.transfer(request, 0).ok()? })
    }

    /// The lowest balance that a debit of this instruction may leave.
    fn lowest_after(&self, debtor: AccountIx, instruction: &Instruction) -> i128 {
        let lowest = |account: &Account| instruction.lowest_balance(account.overdraft_limit);
        self.accounts[debtor].as_ref().and_then(lowest).unwrap_or(i64::MIN.into())
    }

    /// Adds a refund to its sum. Other instructions add to none.
    fn add_to_total(&self, totals: &mut Vec<TotalUpdate>, touch: &Touch<'_>, request: RequestIx) {
        let (Some(id), Some(amount)) = (self.batch.requests()[request].instruction.total(), touch.repaid) else {
            return;
        };
        let all = self.batch.transfer(request, 0).map_or(0, |all| all.amount.minor_units());
        let at = totals.iter().position(|total| total.id == id).unwrap_or(totals.len());
        if at == totals.len() {
            totals.push(TotalUpdate { id, net: 0, total_max: all });
        }
        let total = &mut totals[at];
        total.net = total.net.saturating_add(amount.minor_units());
        total.total_max = all.saturating_sub(total.net);
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
            movements.push(Movement {
                account,
                lane,
                net: 0,
                needed: None,
                highest: None,
                exact: false,
                pays: false,
                takes_back: false,
                counted: (0, 0),
            });
        }
        &mut movements[slot]
    }

    /// The update of one main item or lane, with its conditions.
    fn update(&self, movement: &Movement, clock: Timestamp) -> AccountUpdate {
        let Some(account) = &self.accounts[movement.account] else {
            // Without this update, money would move on one side only.
            unreachable!("money moves only on accounts that exist: the decisions were made on another snapshot");
        };
        let Movement { lane, net, needed, highest, pays, .. } = *movement;
        let update = AccountUpdate {
            account: account.id.clone(),
            lane,
            net,
            currency: account.currency,
            overdraft_limit: None,
            balance_min: None,
            balance_max: None,
            version: None,
            limits_version: None,
            windows: Vec::new(),
            takes_back: movement.takes_back && lane.is_some(),
        };
        if lane.is_some() {
            let balance_max = highest.map(|_| LANE_BALANCE_FULL.into());
            if pays {
                let overdraft_limit = Some(OverdraftLimit::Unlimited);
                let balance_min = Some(i128::from(LANE_BALANCE_FULL).saturating_neg());
                return AccountUpdate { overdraft_limit, balance_min, balance_max, ..update };
            }
            // A lane that is swept is never below zero.
            let balance_min = needed.map(|needed| needed.max(0));
            return AccountUpdate { balance_min, balance_max, ..update };
        }
        let max_balance = account.max_balance().and_then(|most| i64::try_from(most).ok()).unwrap_or(i64::MAX);
        let ceiling = i128::from(Balance::MAX.minor_units().min(max_balance));
        AccountUpdate {
            overdraft_limit: needed.map(|_| account.overdraft_limit),
            balance_min: needed,
            balance_max: highest.map(|highest| ceiling.saturating_sub(highest)),
            limits_version: movement.moves().then(|| account.limits_version()),
            windows: self.windows(movement, account, clock),
            version: movement.exact.then(|| account.version.saturating_add(self.changes[movement.account])),
            ..update
        }
    }

    /// What the payments of a transaction use of the windows of their debtor. The first transaction of a period begins
    /// it, and those of the same plan that follow find it begun.
    fn windows(&self, movement: &Movement, account: &Account, clock: Timestamp) -> Vec<WindowUpdate> {
        let (amount, count) = movement.counted;
        let Some(limits) = account.limits.as_ref().filter(|_| count > 0) else { return Vec::new() };
        let decided_at = limits.decided_at(clock);
        let update = |(period, window): (Period, Window)| {
            let start = period.start_of(decided_at);
            let is_older = window.used.is_none_or(|used| used.start < start);
            let begins = is_older && !self.begun[movement.account];
            WindowUpdate { period, begins, used: Used { start, amount, count }, limit: window.limit }
        };
        limits.windows().map(update).collect()
    }
}
