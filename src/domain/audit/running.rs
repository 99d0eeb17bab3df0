//! What: Audits a ledger beside payments in flight, and never accuses a clean one.
//!
//! | look | read | by then |
//! |---|---|---|
//! | 1 | accounts, payments, accounts | items that can't be read, payments without their accounts, balances of accounts at rest |
//! | 2 … | payments, accounts | balances of accounts that were busy until now |
//!
//! The scans promise two things. Each item is read strongly consistent, at some time of its own. A scan of payments
//! holds every payment that was there when it began. No scan is a snapshot, and no clock is trusted.
//!
//! Why it gives no false alarm:
//!
//! - **At rest.** Every write of an account or a lane raises its `version`. If all items of an account are the same
//!   before and after a scan of the payments, nothing was posted to it in between. A payment and its postings are
//!   written in one transaction, so the payments of the scan are exactly those of its balance. Then the sums must be
//!   equal, and the lanes must fit their account. If the account moved, a later look judges it.
//! - **Busy.** This is for an account that moved in each look and has no lanes. It is one item, read between two scans
//!   of payments. The earlier scan holds only payments made before that read, and the later scan holds all of those. So
//!   the balance is between two bounds: the earlier sum less all debits, and plus all credits, that only the later scan
//!   holds. A balance outside is accused. A balance inside stays undecided, and is counted. Accounts with lanes are
//!   judged at rest only. Their items are read at different times, and a sweep in between would count money twice.
//! - **At once.** Some findings need no second look. One item shows by itself that it can't be read, or that its
//!   balance is below its limit. An account's currency never changes. If a payment names an account that the first scan
//!   didn't show, it may have been opened since. Then it must be in the scan that follows the payment.
//!
//! Conservation per currency follows: every payment takes from one account what it gives to another of the same
//! currency. The sum itself is checked if all accounts were at rest in the first look.
//!
//! Limits: Memory grows with accounts (two copies of each and its sums), and with further legs that only their payment
//! or only their own item has told so far. It never grows with other payments. For each missing account
//! one payment is kept, for at most 10,000 accounts. [`FINDINGS_MAX`] findings are kept, and the rest counted. A busy
//! account stays undecided if its error is smaller than what moves on it between two looks.

use std::collections::{BTreeMap, BTreeSet};

use super::books::Books;
use super::checks::{Postings, check_balance, check_lanes, check_limit, check_sums};
use super::legs::FurtherLegs;
use super::refunds::{RefundSums, Refunds};
use super::windows::Windows;
use super::{Finding, Report};
use crate::domain::{AccountId, Currency, Outcome, PaymentId, SettledLeg, Transfer};

/// How many findings are kept. It is more than a person reads, and few enough for a log.
pub const FINDINGS_MAX: usize = 1_000;

/// How many missing accounts are kept until the accounts are read again.
const MISSING_MAX: usize = 10_000;

/// An audit beside payments in flight.
#[derive(Debug)]
pub struct Running {
    before: Books,
    postings: BTreeMap<AccountId, Postings>,
    /// The postings in the look before, of accounts that it left undecided.
    earlier: BTreeMap<AccountId, Postings>,
    /// What payments of this look count in windows.
    windows: Windows,
    undecided: BTreeSet<AccountId>,
    missing: BTreeMap<AccountId, (PaymentId, Currency)>,
    refunds: Refunds,
    legs: FurtherLegs,
    /// Legs that the next look must judge.
    open_legs: usize,
    settled: usize,
    report: Report,
}

impl Running {
    /// Begins with the accounts as a first scan showed them.
    #[must_use]
    pub fn new(before: Books) -> Self {
        let mut running = Self {
            before,
            postings: BTreeMap::new(),
            earlier: BTreeMap::new(),
            windows: Windows::default(),
            undecided: BTreeSet::new(),
            missing: BTreeMap::new(),
            refunds: Refunds::default(),
            legs: FurtherLegs::default(),
            open_legs: 0,
            settled: 0,
            report: Report::default(),
        };
        let limits: Vec<Finding> = running.before.accounts().filter_map(check_limit).collect();
        let unreadable: Vec<Finding> = running.before.unreadable().collect();
        limits.into_iter().chain(unreadable).for_each(|finding| running.find(finding));
        running
    }

    /// Takes a finding that needs no second look.
    pub fn find(&mut self, finding: Finding) {
        if self.report.findings.len() < FINDINGS_MAX {
            self.report.findings.push(finding);
        } else {
            self.report.more = self.report.more.saturating_add(1);
        }
    }

    /// Whether this is the first look, which alone checks payments by themselves.
    #[must_use]
    pub fn is_first_look(&self) -> bool {
        self.report.looks == 0
    }

    /// Takes the sums of refunds, as a scan before the payments of the first look showed them.
    pub fn refund_sums_before(&mut self, sums: RefundSums) {
        self.refunds = Refunds::new(sums);
    }

    /// Takes the sums of refunds, as a scan after the payments of the first look showed them. Of the sums that can't be
    /// read it takes what was expected, by key.
    pub fn refund_sums_after(&mut self, sums: &RefundSums, unreadable: BTreeMap<String, String>) {
        let refunds = std::mem::take(&mut self.refunds);
        refunds.findings(sums, &unreadable).into_iter().for_each(|finding| self.find(finding));
        for (key, expected) in unreadable {
            self.find(Finding::Unreadable { table: "refunds", key, expected });
        }
    }

    /// Takes a payment of this look. A declined one moved nothing.
    pub fn payment(&mut self, outcome: &Outcome) {
        if outcome.decision.is_err() {
            return;
        }
        let first = self.is_first_look();
        self.settled = self.settled.saturating_add(usize::from(first));
        if first {
            self.refunds.settled(outcome);
        }
        self.legs.settled(outcome).into_iter().for_each(|finding| self.find(finding));
        if let Some(limits) = self.before.limits(outcome.instruction.debtor()) {
            self.windows.settled(outcome, limits);
        }
        // Whatever is settled says what it moved.
        for transfer in outcome.transfers() {
            self.moved(outcome.instruction.id(), transfer);
        }
    }

    /// Takes the item of a further leg.
    pub fn leg(&mut self, leg: SettledLeg) {
        self.legs.item(leg).into_iter().for_each(|finding| self.find(finding));
    }

    /// Takes money that a settled payment of this look moved.
    fn moved(&mut self, id: &PaymentId, transfer: Transfer<'_>) {
        let (first, amount) = (self.is_first_look(), i128::from(transfer.amount.minor_units()));
        for (account, credit, debit) in [(transfer.debtor, 0, amount), (transfer.creditor, amount, 0)] {
            if first {
                match self.before.currency(account) {
                    None => self.keep_missing(account, id, transfer.currency),
                    Some(currency) if currency != transfer.currency => {
                        self.find(Finding::Currency { payment: id.clone(), account: account.clone() });
                    }
                    Some(_) => {}
                }
            } else if !self.undecided.contains(account) {
                continue;
            }
            self.postings.entry(account.clone()).or_default().add(credit, debit);
        }
    }

    fn keep_missing(&mut self, account: &AccountId, payment: &PaymentId, currency: Currency) {
        if self.missing.len() < MISSING_MAX {
            self.missing.entry(account.clone()).or_insert_with(|| (payment.clone(), currency));
        }
    }

    /// Ends a look, with the accounts as a scan after its payments showed them. Returns how many accounts and legs are
    /// undecided.
    pub fn end_look(&mut self, after: Books) -> usize {
        let (mut undecided, mut found) = (BTreeSet::new(), Vec::new());
        let first = self.is_first_look();
        for account in after.accounts().filter(|account| first || self.undecided.contains(&account.id)) {
            let id = &account.id;
            if after.is_partly_unreadable(id) {
                continue;
            }
            let (was, is) = (self.before.holding(id), after.holding(id));
            let postings = self.postings.get(id).copied().unwrap_or_default();
            match (was, is) {
                (Some(was), Some(is)) if was == is => {
                    check_lanes(&is, &mut found);
                    check_balance(&is, postings.net(), &mut found);
                    self.windows.check(&is.account, &mut found);
                }
                (Some(was), Some(_)) if !first && was.lanes.is_empty() && was.account.credit_lanes.is_none() => {
                    let earlier = self.earlier.get(id).copied().unwrap_or_default();
                    let (lowest, highest) = earlier.range_to(postings);
                    let balance = was.balance();
                    if (lowest..=highest).contains(&balance) {
                        undecided.insert(id.clone());
                    } else {
                        found.push(Finding::Range { account: id.clone(), lowest, highest, found: balance });
                    }
                }
                _ => {
                    undecided.insert(id.clone());
                }
            }
        }
        if first {
            found.extend(std::mem::take(&mut self.missing).into_iter().filter_map(|(account, (payment, currency))| {
                match after.currency(&account) {
                    None if after.is_partly_unreadable(&account) => None,
                    None => Some(Finding::NoAccount { payment, account }),
                    Some(other) if other != currency => Some(Finding::Currency { payment, account }),
                    Some(_) => None,
                }
            }));
            let strays = after.strays().filter(|lane| self.before.is_stray(lane));
            found.extend(
                strays
                    .map(|lane| Finding::StrayLane { lane: lane.id.clone(), found: lane.balance.minor_units().into() }),
            );
            if undecided.is_empty() {
                check_sums(after.sums(), &mut found);
            }
        }
        let (of_legs, open_legs) = self.legs.end_look();
        self.open_legs = open_legs;
        found.into_iter().chain(of_legs).for_each(|finding| self.find(finding));
        self.earlier = std::mem::take(&mut self.postings);
        self.windows = Windows::default();
        self.earlier.retain(|id, _| undecided.contains(id));
        self.before = after;
        self.report.looks = self.report.looks.saturating_add(1);
        self.undecided = undecided;
        self.undecided.len().saturating_add(open_legs)
    }

    /// The result. If no look ended, no account is decided.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.report.accounts = self.before.accounts().count();
        self.report.settled = self.settled;
        let undecided = if self.is_first_look() { self.report.accounts } else { self.undecided.len() };
        self.report.undecided = undecided.saturating_add(self.open_legs);
        self.report.circulation = self.before.circulation();
        self.report
    }
}

#[cfg(test)]
mod tests;
