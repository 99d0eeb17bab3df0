//! What: Proves one account by its checkpoint and the postings since then, beside payments in flight.
//!
//! Data: Takes the items of its lists, in any order. Gives findings, how wide the bounds were, and the next checkpoint.
//!
//! | a posting that was decided | is |
//! |---|---|
//! | up to the closed time | closed: part of the next checkpoint |
//! | up to the firm time | firm: committed before the account was read, so its money is in the balance |
//! | later | open: its money may be in the balance or not |
//!
//! Why it gives no false alarm: An account is read first, and its lists afterwards. So whatever is in the balance is in
//! the lists, as soon as the indexes have caught up. A payment ends within its function's time, so what was decided
//! before the firm time was committed before the read. The balance is then the sum of the closed and firm postings, and
//! of some of the open ones. Any other balance is a finding, however busy the account is.
//!
//! Why no error is lost: The next checkpoint is made of postings alone. An error that is smaller than the open postings
//! stays, and is found when the account rests.
//!
//! Limits: Memory grows with refunds since the checkpoint, never with other payments. If the account has windows, it
//! grows with the ids of payments with legs, too. Whoever reads the lists asks for the other halves of legs now and
//! then, so few of them are kept.

mod legs;
mod refunds;
mod windows;

use std::collections::{BTreeMap, BTreeSet};

use super::checkpoint::{Checkpoint, WindowUse};
use super::digest::{Digest, names};
use super::draft::Draft;
use super::head::PostingList;
use super::held::Held;
use super::times::{Part, Times};
use super::{FINDINGS_MAX, Finding};
use crate::domain::statement::Side;
use crate::domain::{
    Account, AccountId, Currency, Instruction, LegId, LegNumber, Outcome, SettledLeg, Timestamp, Transfer,
};

pub use legs::{Asked, LegAnswers};
pub use refunds::RefundBase;
use refunds::RefundsSince;
use windows::WindowsSince;

/// The postings of an account since its checkpoint.
#[derive(Debug)]
pub struct Since<'a> {
    account: &'a Account,
    base: Option<&'a Checkpoint>,
    /// The chain of the newest checkpoint.
    previous: Option<Digest>,
    times: Times,
    closed: i128,
    firm: i128,
    credits: i128,
    debits: i128,
    postings: u64,
    digest: Digest,
    read: u64,
    windows: WindowsSince,
    refunds: RefundsSince,
    legs: legs::LegsSince,
    /// Accounts on the other side, each with one of the payments, that `is_known` didn't know.
    strangers: BTreeMap<AccountId, (LegId, Currency)>,
    pending: BTreeSet<PostingList>,
    findings: Vec<Finding>,
}

impl<'a> Since<'a> {
    /// Begins with the account as it was read, and its newest checkpoint.
    #[must_use]
    pub fn new(account: &'a Account, base: Option<&'a Checkpoint>, times: Times) -> Self {
        Self {
            account,
            base,
            previous: base.map(Checkpoint::chain),
            times,
            closed: 0,
            firm: 0,
            credits: 0,
            debits: 0,
            postings: 0,
            digest: Digest::ZERO,
            read: 0,
            windows: WindowsSince::new(account, base),
            refunds: RefundsSince::default(),
            legs: legs::LegsSince::default(),
            strangers: BTreeMap::new(),
            pending: BTreeSet::new(),
            findings: Vec::new(),
        }
    }

    /// Begins with the account as it was read, and its draft.
    #[must_use]
    pub fn after_draft(account: &'a Account, draft: &'a Draft, times: Times) -> Self {
        let refunds = RefundsSince::drafted(&draft.refunds);
        Self { previous: draft.made.previous, refunds, ..Self::new(account, Some(&draft.made), times) }
    }

    /// Takes a payment or refund of a list. `currency` tells the currency of accounts that are known to be there.
    pub fn payment(&mut self, list: PostingList, outcome: &Outcome, currency: impl Fn(&AccountId) -> Option<Currency>) {
        if outcome.decision.is_err() {
            return;
        }
        let Some(transfer) = outcome.transfers().next() else { return };
        let leg = matches!(outcome.instruction, Instruction::Legged(_)).then_some(LegNumber::FIRST);
        let id = LegId { payment: outcome.instruction.id().clone(), leg };
        let Some(part) = self.posting(list, &id, transfer, outcome.decided_at, currency) else { return };
        if list.side == Side::Credit {
            return;
        }
        if let Some(total) = outcome.instruction.total() {
            self.refunds.refunded(total, outcome.decided_at, transfer.amount.minor_units());
        }
        // Its leg may have asked for it already.
        if leg.is_none() || !self.windows.are_kept() || self.legs.is_new(outcome.instruction.id()) {
            self.windows.settled(self.account, outcome, part);
        }
        if part == Part::Closed || self.windows.are_kept() {
            self.legs.settled(outcome, part == Part::Closed).into_iter().for_each(|finding| self.find(finding));
        }
    }

    /// Takes the item of a further leg of a list.
    pub fn leg(&mut self, list: PostingList, leg: SettledLeg, currency: impl Fn(&AccountId) -> Option<Currency>) {
        let Some(part) = self.posting(list, &leg.id, leg.leg.transfer(), leg.decided_at, currency) else { return };
        if list.side == Side::Debit && (part == Part::Closed || self.windows.are_kept()) {
            self.legs.item(leg, part == Part::Closed).into_iter().for_each(|finding| self.find(finding));
        }
    }

    /// Takes the key of an item that can't be read, and what was expected of it.
    pub fn unreadable(&mut self, key: String, expected: String) {
        self.find(Finding::Unreadable { table: "payments", key, expected });
    }

    fn posting(
        &mut self,
        list: PostingList,
        id: &LegId,
        transfer: Transfer<'_>,
        decided_at: Timestamp,
        currency: impl Fn(&AccountId) -> Option<Currency>,
    ) -> Option<Part> {
        // An item under a foreign key moved nothing here. The account that it names lacks it.
        let is_new = self.base.is_none_or(|base| decided_at > base.as_of);
        if !is_new || !names(&self.account.id, list.side, transfer) {
            return None;
        }
        self.read = self.read.saturating_add(1);
        let amount = i128::from(transfer.amount.minor_units());
        let (signed, other) = match list.side {
            Side::Debit => (amount.saturating_neg(), transfer.creditor),
            Side::Credit => (amount, transfer.debtor),
        };
        if transfer.currency != self.account.currency {
            self.find(Finding::Currency { payment: id.payment.clone(), account: self.account.id.clone() });
        }
        if currency(other) != Some(transfer.currency) && self.strangers.len() < FINDINGS_MAX {
            self.strangers.entry(other.clone()).or_insert_with(|| (id.clone(), transfer.currency));
        }
        let part = self.times.part(decided_at);
        if part > Part::Closed {
            self.pending.insert(list);
        }
        match part {
            Part::Closed => {
                self.closed = self.closed.saturating_add(signed);
                self.postings = self.postings.saturating_add(1);
                self.digest = self.digest.and(Digest::of_posting(id, list.side, transfer, decided_at));
            }
            Part::Firm => self.firm = self.firm.saturating_add(signed),
            Part::Open if signed < 0 => self.debits = self.debits.saturating_add(amount),
            Part::Open => self.credits = self.credits.saturating_add(amount),
        }
        Some(part)
    }

    fn find(&mut self, finding: Finding) {
        if self.findings.len() < FINDINGS_MAX {
            self.findings.push(finding);
        }
    }

    /// How many legs wait for their other halves.
    #[must_use]
    pub fn open_legs(&self) -> usize {
        self.legs.open()
    }

    /// How many payments, legs and accounts are kept. This is what memory grows with.
    #[must_use]
    pub fn kept(&self) -> usize {
        self.legs.kept().saturating_add(self.refunds.kept()).saturating_add(self.strangers.len())
    }

    /// What must be read by key before the account can be judged.
    #[must_use]
    pub fn asks(&self) -> Asked {
        self.legs.asks()
    }

    /// Takes the answers to [`asks`](Self::asks).
    pub fn told(&mut self, answers: &LegAnswers) {
        for outcome in answers.payments() {
            // A payment counts once in a window, however many of its halves ask for it.
            if !self.windows.are_kept() || !self.legs.is_new(outcome.instruction.id()) {
                continue;
            }
            let part = self.times.part(outcome.decided_at);
            self.windows.settled(self.account, outcome, part);
        }
        self.legs.told(answers).into_iter().for_each(|finding| self.find(finding));
    }

    /// The payments or legs that were refunded since the checkpoint.
    pub fn totals(&self) -> impl Iterator<Item = &LegId> {
        self.refunds.totals()
    }

    /// Accounts that payments name and that weren't known to be there, or are of another currency.
    pub fn strangers(&self) -> impl Iterator<Item = &AccountId> {
        self.strangers.keys()
    }

    /// Takes what a read showed of one of the [`strangers`](Self::strangers).
    pub fn stranger(&mut self, account: &AccountId, currency: Option<Currency>) {
        let Some((id, expected)) = self.strangers.remove(account) else { return };
        let (payment, account) = (id.payment, account.clone());
        match currency {
            None => self.find(Finding::NoAccount { payment, account }),
            Some(currency) if currency != expected => self.find(Finding::Currency { payment, account }),
            Some(_) => {}
        }
    }

    /// Takes a sum of refunds, what was proved of it before, and what was paid of its original. Gives the sum that is
    /// proved now, if it is new.
    pub fn refund_sum(&mut self, total: &LegId, sum: u64, base: RefundBase, paid: u64) -> Option<RefundBase> {
        let base = self.refunds.base(total, base);
        let base = RefundBase { as_of: base.as_of.max(self.since()), ..base };
        let (findings, next) = self.refunds.judge(total, sum, base, paid, self.times);
        findings.into_iter().for_each(|finding| self.find(finding));
        next
    }

    fn since(&self) -> Timestamp {
        self.base.map_or(Timestamp::MIN, |base| base.as_of)
    }

    /// The lists that have postings after the closed time.
    #[must_use]
    pub const fn pending(&self) -> &BTreeSet<PostingList> {
        &self.pending
    }

    /// How many postings were taken.
    #[must_use]
    pub const fn count(&self) -> u64 {
        self.read
    }

    /// How far apart the bounds are between which the balance must be, in minor units. 0 at rest.
    #[must_use]
    pub fn width(&self, held: &Held) -> i128 {
        let of_sweeps = held.highest.saturating_sub(held.lowest);
        self.credits.saturating_add(self.debits).saturating_add(of_sweeps)
    }

    /// Judges the account: all that was found of its postings, balance and windows.
    #[must_use]
    pub fn findings(&self, held: &Held) -> Vec<Finding> {
        let mut findings = self.findings.clone();
        let firm = self.closed.saturating_add(self.firm).saturating_add(self.base.map_or(0, |base| base.balance));
        let (lowest, highest) = (firm.saturating_sub(self.debits), firm.saturating_add(self.credits));
        if held.highest < lowest || held.lowest > highest {
            let account = self.account.id.clone();
            let found = if held.highest < lowest { held.highest } else { held.lowest };
            findings.push(match lowest == highest {
                true => Finding::Balance { account, expected: firm, found },
                false => Finding::Range { account, lowest, highest, found },
            });
        }
        self.windows.judge(self.account, &mut findings);
        findings
    }

    /// The next checkpoint. It is right if nothing was found.
    #[must_use]
    pub fn checkpoint(&self) -> Checkpoint {
        let base = self.base;
        Checkpoint {
            account: self.account.id.clone(),
            as_of: self.times.closed,
            currency: self.account.currency,
            balance: base.map_or(0, |base| base.balance).saturating_add(self.closed),
            postings: base.map_or(0, |base| base.postings).saturating_add(self.postings),
            digest: base.map_or(Digest::ZERO, |base| base.digest).and(self.digest),
            windows: self.windows.closed().map(|window| window.map(|(since, used)| WindowUse { since, used })),
            previous: self.previous,
        }
    }

    /// What was found of the postings themselves. The balance and the windows are judged after the last slice.
    #[must_use]
    pub fn found(&self) -> &[Finding] {
        &self.findings
    }

    /// The next draft. It is right if nothing was found.
    #[must_use]
    pub fn draft(&self) -> Draft {
        Draft { made: self.checkpoint(), refunds: self.refunds.larger().clone() }
    }
}

#[cfg(test)]
mod tests;
