//! What: The journal of payments: what the table `payments` shows, and outcomes on the topic that it doesn't show.
//!
//! Data: Takes the records of the topic, then the items of the table, then what the lost requests asked for. Gives the
//! sums of settled payments, the items to write, and what contradicts what.
//!
//! | step | call |
//! |---|---|
//! | 1 | [`Journal::record`] for each record of the topic of outcomes |
//! | 2 | [`Journal::payment`] and [`Journal::leg`] for each item of the table |
//! | 3 | [`Journal::lost`] names the outcomes that the table lacks, [`Journal::rebuild`] makes their items |
//!
//! Invariants: An outcome that was told stands for ever. It is rebuilt with the fingerprint of its request.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::{Account, AccountId, Instruction, LaneId, Outcome, PaymentId, Recorded, SettledLeg, Timestamp};
use giro::wire::outcome;

use super::legs::FurtherLegs;
use super::money::Money;
use super::stands::Stands;
use super::terms::Said;
use super::told::{Outcomes, Wrong};

/// The terms that payments are judged by.
#[derive(Debug, Clone, Default)]
pub struct KnownTerms {
    /// Every account, with the terms that commands gave it.
    pub accounts: BTreeMap<AccountId, Account>,
    /// What commands said of accounts.
    pub said: BTreeMap<AccountId, Said>,
}

/// The payments that no record of the topic told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Untold {
    /// How many.
    pub count: usize,
    /// When the first of them was decided.
    pub first: Timestamp,
    /// When the last of them was decided.
    pub last: Timestamp,
}

/// The journal, as far as it was read.
#[derive(Debug, Clone, Default)]
pub struct Journal {
    terms: KnownTerms,
    outcomes: Outcomes,
    /// The items that stand whatever contradicts them.
    pub stands: Stands,
    /// The sums of settled payments.
    pub money: Money,
    /// The further legs.
    pub legs: FurtherLegs,
    /// The lanes that list payments, and whether they list debits.
    pub lanes: BTreeMap<LaneId, bool>,
    /// The payments that the table lacks.
    pub rebuilt: Vec<Outcome>,
    /// Refunds among them whose requests are gone from their topic. They count as asked for by amount.
    pub unasked: BTreeSet<PaymentId>,
    /// The payments that the topic lacks.
    pub untold: Option<Untold>,
    /// Payments that the table has.
    pub payments: usize,
    /// Those among them that the topic tells of.
    pub in_both: usize,
    /// What contradicts what.
    pub findings: Vec<String>,
}

impl Journal {
    /// A journal of payments between these accounts.
    #[must_use]
    pub fn new(terms: KnownTerms) -> Self {
        Self { terms, ..Self::default() }
    }

    /// The same, in which the items of these payments stand.
    #[must_use]
    pub fn letting_stand(self, ids: impl IntoIterator<Item = PaymentId>) -> Self {
        Self { stands: Stands::of(ids), ..self }
    }

    /// Every account, with the terms that commands gave it.
    #[must_use]
    pub const fn accounts(&self) -> &BTreeMap<AccountId, Account> {
        &self.terms.accounts
    }

    /// How many different outcomes the topic told.
    #[must_use]
    pub const fn told(&self) -> usize {
        self.outcomes.count()
    }

    /// Takes a record of the topic of outcomes.
    pub fn record(&mut self, place: &str, key: Option<&[u8]>, value: Option<&[u8]>) {
        if let Some(Wrong { payment, what }) = self.outcomes.record(place, key, value) {
            let wrong = match payment {
                Some(id) => self.stands.told(&id, what),
                None => Some(what),
            };
            self.findings.extend(wrong);
        }
    }

    /// Takes an item that tells a payment's outcome.
    pub fn payment(&mut self, recorded: &Recorded) {
        let outcome = &recorded.outcome;
        let id = outcome.instruction.id();
        self.payments = self.payments.saturating_add(1);
        self.stands.is_there(id);
        if outcome.instruction.fingerprint() != recorded.fingerprint {
            let wrong = format!("payment {id}: its fingerprint is not that of what its item says");
            self.findings.extend(self.stands.judged(id, wrong));
        }
        let told = self.outcomes.shown(outcome);
        self.in_both = self.in_both.saturating_add(usize::from(told != Ok(false)));
        match told {
            Ok(true) => {}
            Ok(false) => self.is_untold(outcome.decided_at),
            Err(contradiction) => self.findings.extend(self.stands.told(id, contradiction)),
        }
        self.counts(outcome);
    }

    /// Takes the item of a further leg.
    pub fn leg(&mut self, leg: SettledLeg) {
        self.findings.extend(self.legs.item(leg));
    }

    /// Takes the lanes whose statements list an item.
    pub fn listed(&mut self, debtor: Option<LaneId>, creditor: Option<LaneId>) {
        for (lane, is_debited) in debtor.map(|lane| (lane, true)).into_iter().chain(creditor.map(|lane| (lane, false)))
        {
            let listed = self.lanes.entry(lane).or_default();
            *listed |= is_debited;
        }
    }

    /// The outcomes that were told, and that the table lacks.
    ///
    /// # Errors
    /// The first record among them that can't be read.
    pub fn lost(&self) -> Result<Vec<Outcome>, String> {
        self.outcomes.missing()
    }

    /// Makes the items that the table lacks. `asked` has what their requests ask for, as far as their records are still
    /// on their topic.
    pub fn rebuild(&mut self, lost: Vec<Outcome>, asked: &BTreeMap<PaymentId, Instruction>) {
        for told in lost {
            let id = told.instruction.id().clone();
            let json = outcome::encode(&told);
            let with = |instruction: &Instruction| Outcome { instruction: instruction.clone(), ..told.clone() };
            // What was asked for has led to what was told, or it is another record.
            let whole = asked.get(&id).map(with).filter(|whole| outcome::encode(whole) == json);
            if whole.is_none() && told.instruction.original().is_some() {
                self.unasked.insert(id);
            }
            let mut whole = whole.unwrap_or(told);
            whole.limits_version = self.limits_version(&whole);
            self.counts(&whole);
            self.rebuilt.push(whole);
        }
    }

    /// The version of limits that a payment counts under, which no outcome tells.
    fn limits_version(&self, outcome: &Outcome) -> Option<u64> {
        let counts = outcome.decision.is_ok() && outcome.instruction.original().is_none();
        let said = self.terms.said.get(outcome.instruction.debtor()).filter(|_| counts)?;
        said.limits_version(outcome.decided_at)
    }

    fn counts(&mut self, outcome: &Outcome) {
        if outcome.decision.is_ok() {
            self.findings.extend(self.legs.settled(outcome));
            let accounts = &self.terms.accounts;
            self.findings.extend(self.money.settled(outcome, |id| accounts.get(id)));
        }
    }

    /// Notes a payment that the topic may still have had, and doesn't.
    fn is_untold(&mut self, at: Timestamp) {
        if self.outcomes.from().is_none_or(|from| at < from) {
            return;
        }
        let untold = self.untold.get_or_insert(Untold { count: 0, first: at, last: at });
        *untold =
            Untold { count: untold.count.saturating_add(1), first: untold.first.min(at), last: untold.last.max(at) };
    }
}
