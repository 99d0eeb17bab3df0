//! What: What must be written so that a restored ledger is what its journal makes of it.
//!
//! Data: Takes the tables as they were restored, and the journal. Gives [`Changes`], or what contradicts what.
//!
//! Invariants: The main item of an account holds all of its money, and its lanes hold nothing. The journal doesn't tell
//! how the money was divided between them, because sweeps leave no entry. Items that are right stay as they are, so a
//! second run changes nothing. A version only rises.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::limits::AccountLimits;
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, CreditLanes, Lane, LaneId, LegId, Limits, Outcome, OverdraftLimit,
    SettledLeg,
};

use super::journal::Journal;

/// The tables as they were restored, but for payments.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Restored {
    /// Main items.
    pub accounts: BTreeMap<AccountId, Account>,
    /// Lanes.
    pub lanes: BTreeMap<LaneId, Lane>,
    /// Sums of refunds, in minor units.
    pub sums: BTreeMap<LegId, u64>,
}

/// An item that must become another.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Changed<T> {
    /// The item as it was restored. `None`: it is missing.
    pub was: Option<T>,
    /// The item as it must be.
    pub to: T,
}

/// What must be written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Changes {
    /// Payments that are missing.
    pub payments: Vec<Outcome>,
    /// Items of further legs that are missing.
    pub legs: Vec<SettledLeg>,
    /// Items of further legs whose payments are missing, and were never told.
    pub stray_legs: Vec<LegId>,
    /// Main items.
    pub accounts: Vec<Changed<Account>>,
    /// Lanes.
    pub lanes: Vec<Changed<Lane>>,
    /// Lanes of accounts that don't exist.
    pub stray_lanes: Vec<Lane>,
    /// Sums of refunds.
    pub sums: Vec<(LegId, Changed<u64>)>,
    /// What is wrong with accounts as the journal makes them, because payments are missing.
    pub open: Vec<String>,
}

impl Changes {
    /// How many items they write or remove.
    #[must_use]
    pub fn items(&self) -> usize {
        let payments = self.payments.len().saturating_add(self.legs.len()).saturating_add(self.stray_legs.len());
        let accounts = self.accounts.len().saturating_add(self.lanes.len()).saturating_add(self.stray_lanes.len());
        payments.saturating_add(accounts).saturating_add(self.sums.len())
    }
}

/// What must be written. `opened` are accounts as commands on their topic open them.
///
/// # Errors
/// What contradicts what. Then nothing may be written.
pub fn changes(
    restored: &Restored,
    journal: &Journal,
    opened: &BTreeMap<AccountId, Account>,
) -> Result<Changes, Vec<String>> {
    let mut findings = journal.findings.clone();
    let mut changes = Changes {
        payments: journal.rebuilt.clone(),
        legs: journal.legs.without_item().cloned().collect(),
        stray_legs: journal.legs.without_payment().cloned().collect(),
        ..Changes::default()
    };
    let mut accounts = journal.accounts().clone();
    for id in journal.money.accounts().filter(|id| !journal.accounts().contains_key(id)) {
        match opened.get(id) {
            Some(account) => drop(accounts.insert(id.clone(), account.clone())),
            None => findings.push(format!(
                "account {id}: settled payments name it. It has no item, and no command opened it. Open it with `giro \
                 accounts open --direct`"
            )),
        }
    }
    for account in accounts.values() {
        match rebuilt(account, restored, journal) {
            Ok((account, lanes)) => {
                changes.open.extend(left_open(&account));
                changes.account(restored, account, lanes);
            }
            Err(finding) => findings.push(finding),
        }
    }
    let strays = restored.lanes.values().filter(|lane| !accounts.contains_key(&lane.id.account));
    changes.stray_lanes = strays.cloned().collect();
    changes.sums = sums(restored, journal);
    if findings.is_empty() { Ok(changes) } else { Err(findings) }
}

impl Changes {
    /// Keeps what differs from the restored items, with a version that rises.
    fn account(&mut self, restored: &Restored, mut account: Account, lanes: Vec<Lane>) {
        let was = restored.accounts.get(&account.id);
        let version = was.map_or(0, |was| was.version);
        account.version = version;
        if was != Some(&account) {
            account.version = version.saturating_add(1);
            self.accounts.push(Changed { was: was.cloned(), to: account });
        }
        for mut lane in lanes {
            let was = restored.lanes.get(&lane.id);
            let version = was.map_or(0, |was| was.version);
            lane.version = version;
            if was != Some(&lane) {
                lane.version = version.saturating_add(1);
                self.lanes.push(Changed { was: was.cloned(), to: lane });
            }
        }
    }
}

/// An account and its lanes as the journal makes them.
fn rebuilt(account: &Account, restored: &Restored, journal: &Journal) -> Result<(Account, Vec<Lane>), String> {
    let mut account = account.clone();
    let id = account.id.clone();
    let net = journal.money.net(&id);
    let too_much = |_| format!("account {id}: its settled payments make {net}, which is more than a balance can be");
    account.balance = i64::try_from(net).map(Balance::new).map_err(too_much)?;
    account.limits = limits(&account, journal);
    let beyond = |numbers: &BTreeSet<u16>| numbers.last().map_or(0, |last| last.saturating_add(1));
    let numbers = lanes_of(&id, restored, journal);
    let counted = account.credit_lanes.count().max(beyond(&numbers));
    account.credit_lanes = CreditLanes::try_new(counted).map_err(|expected| format!("account {id}: {expected}"))?;
    let lanes = account.credit_lanes.numbers().filter(|number| needs_all_lanes(&account) || numbers.contains(number));
    let lanes = lanes.map(|number| lane(&account, number, restored, journal)).collect();
    Ok((account, lanes))
}

/// What is used of its windows is what the payments of the journal make. The version of limits doesn't fall below one
/// that a payment counted under.
fn limits(account: &Account, journal: &Journal) -> Option<Box<AccountLimits>> {
    let least = journal.money.limits_version(&account.id);
    let none = || Box::new(AccountLimits { version: least, ..AccountLimits::replaced(None, Limits::NONE) });
    let mut limits = account.limits.clone().or_else(|| (least > 0).then(none))?;
    limits.version = limits.version.max(least);
    let periods: Vec<_> = limits.windows().map(|(period, _)| period).collect();
    for period in periods {
        if let Some(window) = limits.window_mut(period) {
            window.used = journal.money.used(&account.id, period);
        }
    }
    Some(limits)
}

/// The numbers of its lanes that are there, or that list payments.
fn lanes_of(id: &AccountId, restored: &Restored, journal: &Journal) -> BTreeSet<u16> {
    let all = || LaneId { account: id.clone(), lane: 0 }..=LaneId { account: id.clone(), lane: u16::MAX };
    let there = restored.lanes.range(all()).map(|(lane, _)| lane.lane);
    there.chain(journal.lanes.range(all()).map(|(lane, _)| lane.lane)).collect()
}

/// Whether every lane that it counts must be there, so that no payment makes one that may do too much.
fn needs_all_lanes(account: &Account) -> bool {
    account.status != AccountStatus::Open || account.max_balance().is_some() || has_told_lanes(account)
}

/// Whether its lanes were told of its overdraft limit, because payments were taken from them before.
fn has_told_lanes(account: &Account) -> bool {
    account.lane_debits && account.overdraft_limit != OverdraftLimit::Unlimited
}

fn lane(account: &Account, number: u16, restored: &Restored, journal: &Journal) -> Lane {
    let new = Lane::unborn(account, number);
    let was = restored.lanes.get(&new.id);
    let has_limit = account.overdraft_limit != OverdraftLimit::Unlimited;
    let lists_debits = journal.lanes.get(&new.id).copied().unwrap_or_default();
    Lane {
        is_limited: has_limit && (has_told_lanes(account) || was.is_some_and(|was| was.is_limited)),
        is_debited: was.is_some_and(|was| was.is_debited) || lists_debits && !account.lane_debits,
        ..new
    }
}

const UNTIL_DECIDED: &str = "until payments that are missing are decided anew";

/// What is wrong with an account as the journal makes it, because payments are missing.
fn left_open(account: &Account) -> Option<String> {
    let (id, balance) = (&account.id, account.balance);
    let held = i128::from(balance.minor_units());
    if let Some(lowest) = account.overdraft_limit.lowest_balance().filter(|lowest| held < *lowest) {
        return Some(format!("account {id}: it holds {balance}, which is below {lowest}, {UNTIL_DECIDED}"));
    }
    if let Some(highest) = account.max_balance().map(i128::from).filter(|highest| held > *highest) {
        return Some(format!(
            "account {id}: it holds {balance}, which is above its maximum {highest}, {UNTIL_DECIDED}"
        ));
    }
    let is_closed = account.status == AccountStatus::Closed && held != 0;
    is_closed
        .then(|| format!("account {id}: it is closed, and holds {balance}: the payment that emptied it is missing"))
}

/// The sums of refunds that are not those of the settled refunds.
fn sums(restored: &Restored, journal: &Journal) -> Vec<(LegId, Changed<u64>)> {
    let refunded = journal.money.refunded();
    let ids: BTreeSet<&LegId> = refunded.keys().chain(restored.sums.keys()).collect();
    let sum =
        |id: &LegId| Changed { was: restored.sums.get(id).copied(), to: refunded.get(id).copied().unwrap_or_default() };
    ids.into_iter().map(|id| (id.clone(), sum(id))).filter(|(_, sum)| sum.was.unwrap_or_default() != sum.to).collect()
}
