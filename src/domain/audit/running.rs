//! Audits a ledger while payments go on beside it, and never accuses a clean one.
//!
//! | look | read | by then |
//! |---|---|---|
//! | 1 | accounts, payments, accounts | what can't be read, payments without their accounts, balances of accounts at rest |
//! | 2 … | payments, accounts | balances of accounts that were busy until now |
//!
//! All that is asked of the reads: each item is read strongly consistent, at some moment of its own; and a read of
//! payments holds every payment that was there when it began. Nothing is read as of one moment, and no clock is
//! trusted.
//!
//! Why it gives no false alarm:
//!
//! - **At rest.** Every write of an account or a lane raises its `version`. If all items of an account are the same
//!   before and after a read of the payments, nothing was posted to it in between: payments and postings are written in
//!   one transaction, so the payments read are exactly those that its balance is made of. Then the sums must be equal,
//!   and lanes must fit their account. An account that moved is not judged so: a later look judges it.
//! - **Busy.** An account that moved in each look, and has no lanes, is one item, read at one moment between two reads
//!   of payments. The earlier one holds only payments made by that moment, the later one all of those. So its balance
//!   lies between the earlier sum less all debits, and plus all credits, that only the later one holds. Outside it is
//!   accused; inside it stays undecided, and is counted. (Main item and lanes are not read at one moment: a sweep
//!   between them would count money twice. Accounts with lanes are judged at rest only.)
//! - **At once.** What one item shows by itself (it can't be read, its balance is below its limit) and what never
//!   changes (an account's currency) needs no second look. An account that a payment names and the first read didn't
//!   show may have been opened since: it must be in the read that follows the payment.
//!
//! Conservation per currency follows: every payment takes from one account what it gives to another of the same
//! currency. The sum itself is taken if all accounts were at rest in the first look.
//!
//! Limits: memory grows with accounts (two copies of each and its sums), never with payments. Of payments without an
//! account one a missing account is kept, for at most 10,000 accounts; [`FINDINGS_MAX`] findings are kept and the
//! rest counted. A busy account whose error is smaller than what moves on it between two looks stays undecided.

use std::collections::{BTreeMap, BTreeSet};

use super::books::Books;
use super::checks::{Postings, check_balance, check_lanes, check_limit, check_sums};
use super::{Finding, Report};
use crate::domain::{AccountId, Currency, Outcome, PaymentId};

/// How many findings are kept: more than a person reads, few enough for a log.
pub const FINDINGS_MAX: usize = 1_000;

/// How many missing accounts are kept in mind until the accounts are read again.
const MISSING_MAX: usize = 10_000;

/// An audit beside payments in flight.
#[derive(Debug)]
pub struct Running {
    before: Books,
    postings: BTreeMap<AccountId, Postings>,
    /// What the look before had, of those that it left undecided.
    earlier: BTreeMap<AccountId, Postings>,
    undecided: BTreeSet<AccountId>,
    missing: BTreeMap<AccountId, (PaymentId, Currency)>,
    settled: usize,
    report: Report,
}

impl Running {
    /// Begins with the accounts as a first read showed them.
    #[must_use]
    pub fn new(before: Books) -> Self {
        let mut running = Self {
            before,
            postings: BTreeMap::new(),
            earlier: BTreeMap::new(),
            undecided: BTreeSet::new(),
            missing: BTreeMap::new(),
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

    /// Takes a payment of this look. A declined one moved nothing.
    pub fn payment(&mut self, outcome: &Outcome) {
        if outcome.verdict.is_err() {
            return;
        }
        let payment = &outcome.payment;
        let (first, amount) = (self.is_first_look(), i128::from(payment.amount.minor_units()));
        self.settled = self.settled.saturating_add(usize::from(first));
        for (account, credit, debit) in [(&payment.debtor, 0, amount), (&payment.creditor, amount, 0)] {
            if first {
                match self.before.currency(account) {
                    None => self.keep_missing(account, &payment.id, payment.currency),
                    Some(currency) if currency != payment.currency => {
                        self.find(Finding::Currency { payment: payment.id.clone(), account: account.clone() });
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

    /// Ends a look with the accounts as they are after its payments. Returns how many accounts are undecided.
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
        found.into_iter().for_each(|finding| self.find(finding));
        self.earlier = std::mem::take(&mut self.postings);
        self.earlier.retain(|id, _| undecided.contains(id));
        self.before = after;
        self.report.looks = self.report.looks.saturating_add(1);
        self.undecided = undecided;
        self.undecided.len()
    }

    /// What it came to. Without a look that ended, no account is decided.
    #[must_use]
    pub fn finish(mut self) -> Report {
        self.report.accounts = self.before.accounts().count();
        self.report.settled = self.settled;
        self.report.undecided = if self.is_first_look() { self.report.accounts } else { self.undecided.len() };
        self.report.circulation = self.before.circulation();
        self.report
    }
}

#[cfg(test)]
mod tests;
