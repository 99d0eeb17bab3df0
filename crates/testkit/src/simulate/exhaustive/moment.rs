//! What: What all accounts hold, and what they may use and have used, at one moment. What that means for a request.
//!
//! Data: Takes what a request moves. Gives the moment after it, or every reason against it.
//!
//! Invariants: These are the rules of the auditor, which share none with the code under test.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::{Account, Outcome};

use super::moves::{Moves, ORIGINAL_NOT_FOUND};
use super::plain::books_of;
use crate::simulate::auditor::Wrong;
use crate::simulate::auditor::books::{Books, holds};
use crate::simulate::auditor::legs::{NOT_ALLOWED, decide};
use crate::simulate::auditor::limits::State as Limited;
use crate::simulate::limits::Limits;

/// The reasons that rest on no balance, in the order in which they are looked for. Of a reason that rests on balances,
/// another may be told, because balances are read at several times.
const ORDER: [&str; 16] = [
    ORIGINAL_NOT_FOUND,
    "not_refundable",
    "original_not_settled",
    "refund_mismatch",
    "same_account",
    "debtor_not_found",
    "creditor_not_found",
    "debtor_closed",
    "creditor_closed",
    "debtor_frozen",
    "creditor_frozen",
    "currency_mismatch",
    NOT_ALLOWED,
    "payment_limit",
    "velocity_limit",
    "exceeds_refundable",
];
/// Those that rest on balances. The debtor's funds have a rule of their own.
const OF_BALANCES: [&str; 2] = ["balance_limit", "balance_overflow"];

/// A reason, with the place of the leg that it is about.
pub(super) type Reason = (usize, &'static str);

/// Whether nobody may name the second reason if the first one holds too.
pub(super) fn comes_before(first: Reason, second: Reason) -> bool {
    let order = |reason| ORDER.iter().position(|known| *known == reason).unwrap_or(ORDER.len());
    order(first.1) < ORDER.len() && (first.0, order(first.1)) < (second.0, order(second.1))
}

/// All accounts at one moment.
#[derive(Debug, Clone, Default)]
pub(super) struct Moment {
    pub(super) books: BTreeMap<String, Books>,
    /// What accounts with limits may use, and have used.
    limited: BTreeMap<String, Limited>,
}

impl Moment {
    /// An account is there, with a balance in its main item and lanes.
    pub(super) fn open(&mut self, account: &Account, balance: i128) {
        let id = account.id.to_string();
        if account.limits.is_some() {
            self.limited.insert(id.clone(), Limited::of(account));
        }
        self.books.insert(id, Books { balance, ..books_of(account) });
    }

    /// What an account may use, and has used.
    pub(super) fn limited(&self, account: &str) -> Limited {
        self.limited.get(account).copied().unwrap_or_default()
    }

    /// An account gets other limits.
    pub(super) fn limit(&mut self, account: &str, limits: Limits) {
        self.limited.insert(account.to_owned(), self.limited(account).replaced(limits));
    }

    /// What another moment says of an account that has changed there.
    pub(super) fn take_over(&mut self, account: &str, before: &Self, now: &Self) {
        let Some(books) = now.books.get(account) else { return };
        let balance = |moment: &Self| moment.books.get(account).map_or(0, |books| books.balance);
        let net = balance(now).saturating_sub(balance(before));
        let balance = balance(self).saturating_add(net);
        self.books.insert(account.to_owned(), Books { balance, ..books.clone() });
        self.limited.extend(now.limited.get(account).map(|limited| (account.to_owned(), *limited)));
    }

    /// Whether another moment says something else of an account.
    pub(super) fn differs(&self, account: &str, other: &Self) -> bool {
        self.books.get(account) != other.books.get(account) || self.limited(account) != other.limited(account)
    }

    /// A request is settled. Gives what is wrong with that.
    pub(super) fn settle(&mut self, moves: &Moves, outcome: &Outcome) -> Result<(), Wrong> {
        let id = outcome.instruction.id();
        let forbidden = |reason| Err(format!("{id} is settled, and must not be: {reason}"));
        if moves.exceeds() {
            return forbidden("exceeds_refundable");
        }
        let (debtor, is_refund) = (&moves.debtor, moves.refund.is_some());
        let balances = match decide(&moves.legs, debtor, is_refund, |account| self.books.get(account).cloned()) {
            Ok(balances) => balances,
            Err((_, reason)) => return forbidden(reason),
        };
        if is_refund && outcome.limits_version.is_some() {
            return Err(format!("the refund {id} counts under limits"));
        }
        if !is_refund {
            let after = self.limited(debtor).settled(outcome, debtor, moves.taken(moves.legs.len()))?;
            self.limited.entry(debtor.clone()).and_modify(|limited| *limited = after);
        }
        for (account, balance) in balances {
            self.books.entry(account).and_modify(|books| books.balance = balance);
        }
        Ok(())
    }

    /// Every reason against a request that is decided at this time, but for its debtor's funds. Each leg finds what the
    /// legs before it left.
    pub(super) fn against(&self, moves: &Moves, at: i64) -> BTreeSet<Reason> {
        let mut reasons = BTreeSet::new();
        let mut received: BTreeMap<&str, i128> = BTreeMap::new();
        for (place, leg) in moves.legs.iter().enumerate() {
            let after = |account: &str| {
                let net = received.get(account).copied().unwrap_or_default();
                let books = self.books.get(account)?;
                Some(Books { balance: books.balance.saturating_add(net), ..books.clone() })
            };
            let (debtor, creditor) = (after(&leg.debtor), after(&leg.creditor));
            let amount = i128::from(leg.amount);
            let asked = (leg.debtor.as_str(), leg.creditor.as_str(), amount, leg.currency);
            let known = ORDER.iter().chain(&OF_BALANCES).copied();
            reasons.extend(
                known.filter(|name| holds(name, asked, debtor.as_ref(), creditor.as_ref())).map(|name| (place, name)),
            );
            let own = leg.debtor == moves.debtor;
            let is_paid = received.get(leg.debtor.as_str()).is_some_and(|received| *received >= amount);
            let lends = debtor.as_ref().is_some_and(|books| books.lowest.is_none());
            if !own && !is_paid && !lends {
                reasons.insert((place, NOT_ALLOWED));
            }
            if own && moves.refund.is_none() {
                let forbids = self.limited(&moves.debtor).forbids(moves.taken(place), at);
                reasons.extend(forbids.map(|name| (place, name)));
            }
            for (account, net) in [(&leg.debtor, amount.saturating_neg()), (&leg.creditor, amount)] {
                let received = received.entry(account).or_default();
                *received = received.saturating_add(net);
            }
        }
        if moves.exceeds() {
            reasons.insert((0, "exceeds_refundable"));
        }
        reasons
    }
}
