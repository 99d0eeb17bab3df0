//! What: Checks outcomes: each answers its record, says what that asked, comes in order, and has all its legs.
//!
//! Data: Takes the store after every step. Gives the new payments, or what is wrong.

use super::events::{Event, What};
use super::records::says_what_was_asked;
use super::refunds::{Original, Span, sum_of};
use super::{Auditor, Place, Wrong, legs, read};
use crate::memory_store::MemoryStore;
use crate::simulate::auditor::books::Books;
use crate::simulate::legs::Leg;
use crate::simulate::network::{InvocationId, at_once};
use crate::simulate::record::{REQUESTED_BY, TRACEPARENT};
use crate::simulate::topic::Topic;
use crate::simulate::workload::Asked;
use giro::domain::{Outcome, Recorded};
use giro::store::LedgerQueries;

impl Auditor {
    pub(super) fn observe_payments(
        &mut self,
        store: &MemoryStore,
        by: Option<InvocationId>,
        now: u64,
    ) -> Result<Vec<String>, Wrong> {
        let payments = read(at_once(store.payments()))?;
        let mut new = Vec::new();
        let mut kept: usize = 0;
        for recorded in payments {
            let id = recorded.outcome.instruction.id().as_str();
            match self.outcomes.get(id) {
                Some(seen) if *seen == recorded => kept = kept.saturating_add(1),
                Some(_) => return Err(format!("the outcome of {id} changed")),
                None => new.push(recorded),
            }
        }
        if kept != self.outcomes.len() {
            return Err("an outcome went".into());
        }
        // A transaction decides in the order of its records.
        new.sort_by(|one, other| one.outcome.source.cmp(&other.outcome.source));
        for recorded in &new {
            self.outcomes.insert(recorded.outcome.instruction.id().to_string(), recorded.clone());
        }
        for recorded in &new {
            self.new_outcome(recorded, by, now)?;
        }
        Ok(new.iter().map(|recorded| recorded.outcome.instruction.id().to_string()).collect())
    }

    fn says_what_headers_told(&self, outcome: &Outcome, place: Place) -> Result<(), Wrong> {
        let id = outcome.instruction.id();
        let told = |name: &str| self.requests.at(place).and_then(|known| known.record.header(name));
        let by = outcome.requested_by.as_ref();
        if by.map(|by| by.as_str().as_bytes()) != told(REQUESTED_BY) {
            return Err(format!("{id} says that {by:?} asked, and its record {place:?} says otherwise"));
        }
        let trace = outcome.trace.map(|trace| trace.to_string());
        if trace.as_deref().map(str::as_bytes) != told(TRACEPARENT) {
            return Err(format!("{id} has the trace {trace:?}, and its record {place:?} says otherwise"));
        }
        Ok(())
    }

    fn new_outcome(&mut self, recorded: &Recorded, by: Option<InvocationId>, now: u64) -> Result<(), Wrong> {
        let (outcome, source) = (&recorded.outcome, &recorded.outcome.source);
        let id = outcome.instruction.id().as_str();
        let given = self.given(by, Topic::Requests, source);
        let known = given.and_then(|(place, since)| Some((place, since, self.requests.at(place)?)));
        let asks = known.and_then(|(place, since, known)| Some((place, since, known.given_up, known.asks.clone()?)));
        let Some((place, since, given_up, asked)) = asks else {
            return Err(format!("{id} has an outcome, and no record {source} that was delivered asked for it"));
        };
        self.says_what_headers_told(outcome, place)?;
        if !says_what_was_asked(outcome, &asked) {
            return Err(format!("the outcome of {id} says something else than its record {place:?}"));
        }
        // If an id names another payment, or will name one, it is never decided again. So its dead letter may come
        // later.
        let undecided = |at: Place, before: &Asked| {
            before.debtor == asked.debtor
                && !self.outcomes.contains_key(&before.id)
                && !self.requests.asked_before(at, |other| other.id == before.id && other != before)
        };
        let in_order = !self.commutes(&asked.debtor, outcome.decision.is_err(), since);
        if let Some(before) = self.requests.undecided_before(place, undecided).filter(|_| in_order) {
            return Err(format!("{id} at {place:?} was decided before {before:?} of the same debtor"));
        }
        let moves = match &asked.refunds {
            None => Some(asked.moves()),
            Some(original) => {
                let span = Span { began: since, place };
                let moves = self.refunded.judge(&asked, outcome, self.answered.get(original), span)?;
                moves.map(|moves| vec![moves])
            }
        };
        let declined_leg = legs::declined(outcome, &asked)?;
        let answered =
            Original { asked: asked.clone(), settled: outcome.decision.is_ok(), place, given_up, happened: now };
        self.answered.insert(asked.id.clone(), answered);
        let Some(moves) = moves else { return Ok(()) };
        if asked.refunds.is_none() {
            let own = moves.iter().take(declined_leg.saturating_add(1)).filter(|leg| leg.debtor == asked.debtor);
            let taken = own.map(|leg| leg.amount).fold(0, u64::saturating_add);
            self.windows.judge(outcome, &asked.debtor, taken, (since, now))?;
        }
        if outcome.decision.is_ok() {
            self.move_money(&asked, &moves, now)?;
        }
        let declined = outcome.decision.err().map(giro::domain::Decline::name);
        let Asked { id, debtor, refunds, .. } = asked;
        let (refund, legs) = (refunds.is_some(), moves);
        let what = What::Decided { id, refund, debtor, legs, declined, declined_leg, place, by, given_up };
        self.events.push(Event { began: since, happened: now, seen: now, what });
        Ok(())
    }

    /// A request is settled.
    fn move_money(&mut self, asked: &Asked, moves: &[Leg], now: u64) -> Result<(), Wrong> {
        for leg in moves {
            let amount = i128::from(leg.amount);
            for (account, net) in [(&leg.debtor, amount.saturating_neg()), (&leg.creditor, amount)] {
                let Some(books) = self.books.get_mut(account) else {
                    return Err(format!("{} is settled, and there is no account {account}", asked.id));
                };
                books.balance = books.balance.saturating_add(net);
            }
        }
        if let (Some(original), Some(moved)) = (&asked.refunds, moves.first()) {
            self.refunded.add(&sum_of(original, asked.leg), moved.amount.into(), now);
        }
        Ok(())
    }

    /// Whether the outcomes of this debtor may come in any order: nothing depends on its balance, and its payments are
    /// taken from lanes. A decline may have been decided when that was so, before the account was changed.
    fn commutes(&self, debtor: &str, declined: bool, since: u64) -> bool {
        let changed = |event: &Event| match &event.what {
            What::Ordered { account, changes, .. } => *changes && *account == debtor && event.happened >= since,
            What::Decided { .. } => false,
        };
        self.books.get(debtor).is_some_and(Books::commutes) || declined && self.events.iter().any(changed)
    }

    /// Looks at the items of legs: each further leg of a settled payment has one, which says what its record asked.
    pub(super) fn observe_legs(&self, store: &MemoryStore) -> Result<(), Wrong> {
        let settled = self.answered.values().filter(|answered| answered.settled).map(|answered| &answered.asked);
        legs::compare(settled, &store.settled_legs())
    }
}
