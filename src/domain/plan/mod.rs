//! What: Plans decisions into as few transactions as they fit in: the group commit.
//!
//! Data: Takes a batch, the decisions on some of its requests, and the accounts that they rest on. Gives transactions
//! of at most [`TRANSACTION_ITEMS_MAX`] items, and says which waits for which.
//!
//! | phase | where | what |
//! |---|---|---|
//! | touch | `touch`, `accounts` | which main items and lanes each request touches, and what a debit must sweep first |
//! | hold | `hold` | debits of popular accounts wait for lanes that are free |
//! | group | `group` | requests that share an account, directly or through others, form a component; components are packed into transactions |
//! | levels | `levels` | a component that doesn't fit one transaction is cut into cells that do; cells without a common main item run side by side |
//! | turns | `lanes` | each group that changes an account on a lane takes the next lane that the batch owns |
//! | guard | `guard` | each transaction gets one Put for each payment, and one Update or check for each main item, lane or sum of refunds. Each has the conditions that the decisions rest on |
//! | capacity | `capacity` | how many items a transaction may write, and how often a batch may wait for free lanes |
//! | chain | `chain` | a transaction waits for the last one before it that touches one of its main items or lanes |
//!
//! An account that is changed on a lane doesn't join the requests that change it into one component. That is a creditor
//! with lanes, or a debtor that pays from them.
//!
//! Invariants: Every request is in exactly one transaction, or waits. Two transactions that touch one main item or lane
//! are ordered. For a main item the order is that of their requests, so payments of one debtor stay in order. Those of
//! a debtor that pays from lanes commute, and have no order. Transactions that share neither don't wait for each other.
//! No transaction holds an item twice.
//!
//! Limits: 100 items of this size are never as large as the 4 MB of a transaction (the store's tests hold it).

mod accounts;
mod capacity;
mod chain;
mod group;
mod guard;
mod hold;
mod lanes;
mod levels;
mod touch;

use super::decide::{Decisions, Snapshot};
use super::limits::{Period, Used, Window, WindowLimit};
use super::slice::{Parity, Slice};
use super::{
    Account, AccountId, AccountIx, Batch, Currency, Decision, LaneId, LegId, LegNumber, Outcome, OverdraftLimit,
    Repayment, Request, RequestIx, Timestamp, Transfer,
};
pub use capacity::Capacity;
use lanes::LanePair;
use touch::Touch;

/// The most items one transaction may write. Source: DynamoDB `TransactWriteItems`, 100 actions.
pub const TRANSACTION_ITEMS_MAX: usize = 100;

/// Writes that happen together or not at all: one Put for each payment, one Update for each account, and one for the
/// refunds of each original.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Transaction<'a> {
    /// The payments that it gives an outcome. Each is written only if no payment of that id exists.
    pub entries: Vec<Entry<'a>>,
    /// The accounts and lanes that it changes, each once.
    pub updates: Vec<AccountUpdate>,
    /// The originals that it refunds, each once.
    pub totals: Vec<TotalUpdate>,
}

/// An instruction and the outcome that a transaction gives it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// The instruction and its record.
    pub request: &'a Request,
    /// What a refund gives back, or would have given back. `None` for a payment, and if that is not known.
    pub repayment: Option<Transfer<'a>>,
    /// The answer.
    pub decision: Decision,
    /// The leg that it is declined for, if it has legs.
    pub declined_leg: Option<LegNumber>,
    /// The lanes whose statements list it, or its first leg.
    pub lanes: StatementLanes,
    /// The same of the further legs, if it is settled and has legs. Each of them gets an item of its own.
    pub further: Vec<StatementLanes>,
    /// When it was decided.
    pub decided_at: Timestamp,
    /// The version of its debtor's limits, if it is a settled payment of an account that has or had some. It counts in
    /// the windows of those limits.
    pub limits_version: Option<u64>,
}

/// The lanes whose statements list a movement of money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StatementLanes {
    /// The lane of the debtor, if the debit is on a lane.
    pub debtor: Option<u16>,
    /// The lane of the creditor, if the creditor has lanes. A settled credit is on that lane. `None` if it is on the
    /// main item: the creditor has no lanes, or a debit of the same batch spends it.
    pub creditor: Option<u16>,
}

impl Entry<'_> {
    /// The items that it writes: one, and one for each further leg.
    #[must_use]
    pub fn items(&self) -> usize {
        self.further.len().saturating_add(1)
    }

    /// The money that it moves, or would have moved, if it has no legs. `None` for a declined refund whose original or
    /// amount is not known.
    #[must_use]
    pub fn transfer(&self) -> Option<Transfer<'_>> {
        self.request.instruction.transfer().or(self.repayment)
    }

    /// The entry behind an outcome, as far as its accounts have no lanes. `request` is the outcome's.
    #[must_use]
    pub fn of<'a>(request: &'a Request, outcome: &'a Outcome) -> Entry<'a> {
        let debtor = outcome.instruction.debtor();
        let repayment = outcome.repayment.as_ref().map(|repayment| repayment.from(debtor));
        let &Outcome { decision, declined_leg, decided_at, limits_version, .. } = outcome;
        Entry { repayment, declined_leg, limits_version, ..Entry::new(request, decision, decided_at) }
    }

    /// The plainest entry of a request: as if its accounts had no lanes and no limits.
    #[must_use]
    pub fn new(request: &Request, decision: Decision, decided_at: Timestamp) -> Entry<'_> {
        let further = request.instruction.legs().iter().skip(1).filter(|_| decision.is_ok());
        Entry {
            request,
            repayment: None,
            decision,
            declined_leg: None,
            lanes: StatementLanes::default(),
            further: further.map(|_| StatementLanes::default()).collect(),
            decided_at,
            limits_version: None,
        }
    }

    /// The outcome that it gives its request.
    #[must_use]
    pub fn outcome(&self) -> Outcome {
        let repayment =
            |to: Transfer<'_>| Repayment { creditor: to.creditor.clone(), amount: to.amount, currency: to.currency };
        Outcome {
            instruction: self.request.instruction.clone(),
            repayment: self.repayment.map(repayment),
            decision: self.decision,
            declined_leg: self.declined_leg,
            decided_at: self.decided_at,
            limits_version: self.limits_version,
            source: self.request.source.clone(),
            requested_by: self.request.requested_by.clone(),
            trace: self.request.trace,
        }
    }
}

/// The change of the sum of an original's refunds, and the condition under which it happens. A sum that isn't there is
/// zero. It only grows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TotalUpdate {
    /// Which sum it is.
    pub id: LegId,
    /// What is added, in minor units.
    pub net: u64,
    /// Condition: the sum before is at most this. So all refunds of the original stay within what was paid.
    pub total_max: u64,
}

/// The change of an account's main item or of one of its lanes in a transaction, and the conditions under which it
/// happens.
///
/// Status `open` and the currency are always conditions. The others are conditions if they are `Some`. A lane that
/// isn't there fulfils the conditions of a payment, which makes it ([`AccountUpdate::makes_lane`]).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AccountUpdate {
    /// The account.
    pub account: AccountId,
    /// The lane that changes. `None`: the main item changes.
    pub lane: Option<u16>,
    /// What is added to the balance, in minor units. Below zero it is taken from the balance. The version rises by one.
    pub net: i128,
    /// Condition: the account's currency.
    pub currency: Currency,
    /// Condition, if a payment is taken from the item: the overdraft limit is this one. Of a lane it is always none.
    pub overdraft_limit: Option<OverdraftLimit>,
    /// Condition: the balance before is at least this. So the worst prefix of the debits stays within the limit.
    pub balance_min: Option<i128>,
    /// Condition: the balance before is at most this. So no prefix of the credits is more than a balance can hold.
    pub balance_max: Option<i128>,
    /// Condition: the version is exactly this. It is there if a decline rests on the account's lanes, in this
    /// transaction or in one that waits for it.
    pub version: Option<u64>,
    /// Condition, if money moves on the main item: the version of its limits, 0 if none were ever set. So whoever read
    /// older limits is refused.
    pub limits_version: Option<u64>,
    /// What payments use of the account's windows, each once.
    pub windows: Vec<WindowUpdate>,
    /// A leg takes back what an earlier leg of its payment credits to this lane.
    pub takes_back: bool,
}

/// What the payments of a transaction use of one window of their debtor, and the conditions under which they do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct WindowUpdate {
    /// Whose window it is.
    pub period: Period,
    /// They are the first of their period. Condition: the window has no period yet, or an older one. Otherwise the
    /// condition is that it has this one, and that what is used stays within the limit.
    pub begins: bool,
    /// When the period began, how much they take, and how many they are.
    pub used: Used,
    /// The limit of the window. The account's limits may not have changed, so it is the stored one.
    pub limit: WindowLimit,
}

impl WindowUpdate {
    /// Whether the window, as it is, fulfils the conditions.
    #[must_use]
    pub fn may_happen(&self, window: &Window) -> bool {
        match window.used {
            Some(used) if !self.begins => used.start == self.used.start && self.limit.allows(self.after(used)),
            Some(used) => used.start < self.used.start,
            None => self.begins,
        }
    }

    /// The window as the update leaves it.
    pub fn apply_to(&self, window: &mut Window) {
        let used = window.used.filter(|_| !self.begins);
        window.used = Some(used.map_or(self.used, |used| self.after(used)));
    }

    fn after(&self, used: Used) -> Used {
        let (amount, count) =
            (used.amount.saturating_add(self.used.amount), used.count.saturating_add(self.used.count));
        Used { amount, count, ..used }
    }
}

impl AccountUpdate {
    /// Whether the account's limits, as they are, fulfil the conditions.
    #[must_use]
    pub fn limits_allow(&self, account: &Account) -> bool {
        let mut limits = account.limits.clone();
        self.limits_version.is_none_or(|version| account.limits_version() == version)
            && self.windows.iter().all(|update| {
                let window = limits.as_mut().and_then(|limits| limits.window_mut(update.period));
                window.is_some_and(|window| update.may_happen(window))
            })
    }

    /// Counts its payments in the account's windows.
    pub fn count_in(&self, account: &mut Account) {
        for update in &self.windows {
            if let Some(window) = account.limits.as_mut().and_then(|limits| limits.window_mut(update.period)) {
                update.apply_to(window);
            }
        }
    }

    /// Whether the item is only checked, and nothing of it changes. Then a decline rests on the account's lanes.
    #[must_use]
    pub const fn is_check(&self) -> bool {
        self.net == 0 && self.balance_min.is_none() && self.balance_max.is_none()
    }

    /// Whether it sweeps a lane: it takes what the lane is known to hold, and no payment.
    #[must_use]
    pub const fn is_sweep(&self) -> bool {
        self.lane.is_some() && self.balance_min.is_some() && self.overdraft_limit.is_none()
    }

    /// Whether it makes its lane if the lane isn't there. Payments rest on nothing that the lane holds; sweeps do, and
    /// so does whoever knows its version.
    #[must_use]
    pub const fn makes_lane(&self) -> bool {
        self.lane.is_some() && !self.is_sweep() && self.version.is_none()
    }

    /// The lane that changes; `None`: the account's main item.
    #[must_use]
    pub fn lane_id(&self) -> Option<LaneId> {
        self.lane.map(|lane| LaneId { account: self.account.clone(), lane })
    }
}

/// A planned transaction, and what it waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step<'a> {
    /// What to commit.
    pub transaction: Transaction<'a>,
    /// The requests behind [`Transaction::entries`], in the same order.
    pub requests: Vec<RequestIx>,
    /// The accounts behind [`Transaction::updates`], in the same order.
    pub accounts: Vec<AccountIx>,
    /// The lanes on which it moves money of payments.
    lanes: Vec<LanePair>,
    /// It sweeps lanes of this parity, and only while they are free.
    sweeps_free: Option<Parity>,
    /// The steps that must be applied first, because they touch an account or a lane of this step. All come before it.
    pub after: Vec<usize>,
}

impl Step<'_> {
    /// Whether it is too late to send it in this slice of time: lanes that it sweeps are no longer free.
    #[must_use]
    pub fn is_late(&self, slice: Slice) -> bool {
        self.sweeps_free.is_some_and(|parity| !slice.frees(parity))
    }

    /// Its requests that add to this sum of refunds.
    pub fn adding_to(&self, total: &LegId) -> impl Iterator<Item = RequestIx> {
        let named = self.transaction.entries.iter().zip(&self.requests);
        named
            .filter(|(entry, _)| entry.request.instruction.total().as_ref() == Some(total))
            .map(|(_, &request)| request)
    }

    /// Credits the lanes of this slice of time. A step may be sent in a later slice than it was planned in. An account
    /// that pays from lanes has the same lane in every slice, so its debits stay where they are.
    pub fn credit_in(&mut self, batch: &Batch, slice: Slice) {
        let Transaction { entries, updates, .. } = &mut self.transaction;
        for lane in &self.lanes {
            let current = lane.of(slice);
            let mut credits = self.accounts.iter().zip(updates.iter_mut()).filter(|(_, update)| update.makes_lane());
            let Some((_, update)) = credits.find(|(account, _)| **account == lane.account) else { continue };
            if update.lane.replace(current) == Some(current) {
                continue;
            }
            for (entry, &request) in entries.iter_mut().zip(&self.requests) {
                let lanes = std::iter::once(&mut entry.lanes).chain(&mut entry.further);
                for (leg, lanes) in batch.legs(request).iter().zip(lanes) {
                    for (account, listed) in [(leg.debtor, &mut lanes.debtor), (leg.creditor, &mut lanes.creditor)] {
                        if account == lane.account && listed.is_some() {
                            *listed = Some(current);
                        }
                    }
                }
            }
        }
    }
}

/// Planned transactions.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan<'a> {
    /// In an order in which they may be sent.
    pub steps: Vec<Step<'a>>,
    /// Some requests are in no step, because they wait for lanes to become free.
    pub holds: bool,
}

/// Plans decided requests into as few transactions as they fit in.
///
/// `requests` are in deciding order, and `decisions` are the decisions on them with `snapshot`. No account may be
/// [unread](Decisions::unread).
#[must_use]
pub fn plan<'a>(
    batch: &'a Batch,
    requests: &[RequestIx],
    decisions: &Decisions,
    snapshot: Snapshot<'_>,
    capacity: &Capacity,
) -> Plan<'a> {
    let legs = touch::LegTouches::of(batch, requests, decisions, snapshot);
    let touches = touch::touches(batch, requests, decisions, &legs, snapshot, capacity.items_max());
    let (touches, holds) = hold::hold(touches, batch, snapshot, capacity);
    let groups = group::group(&touches, snapshot.accounts.len(), capacity);
    let pinned = guard::pinned(&groups, &touches);

    let mut turns = lanes::Turns::new(batch, snapshot);
    let mut guard = guard::Guard::new(batch, snapshot.accounts);
    let mut last_steps = chain::LastSteps::new(snapshot.accounts.len());
    let mut steps = Vec::with_capacity(groups.len());
    for (step, (group, pinned)) in groups.into_iter().zip(pinned).enumerate() {
        let members = group.members.iter().map(|&member| &touches[member]);
        let sweeps = members.clone().flat_map(|touch| touch.sweeps);
        let swept = sweeps.map(|sweep| (sweep.account, sweep.lane));
        let lanes: Vec<LanePair> = group.laned.iter().map(|&account| turns.next(account, swept.clone())).collect();
        let only_while_free = members.clone().any(Touch::is_only_while_free);
        let sweeps_free = only_while_free.then(|| snapshot.slice().parity().other());
        let after = last_steps.before(
            step,
            members.clone().flat_map(Touch::ordered_by),
            lanes.iter().flat_map(|lane| lane.both()).chain(swept),
        );
        let mut requests = Vec::with_capacity(members.len());
        requests.extend(members.clone().filter_map(|touch| touch.request));
        let (transaction, accounts) = guard.transaction(members, &pinned, &lanes, &mut turns, snapshot.now);
        steps.push(Step { transaction, requests, accounts, lanes, sweeps_free, after });
    }
    Plan { steps, holds }
}
