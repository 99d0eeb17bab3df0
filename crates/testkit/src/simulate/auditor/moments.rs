//! What: Checks that each decline which rests on a balance was right at a moment.
//!
//! Data: Takes the books at the opening, and the events of the world. Gives the first decline that was right at no
//! moment.
//!
//! The moment is between the delivery of the record and the decision. The debtor's balance at that moment counts:
//!
//! | what | counts |
//! |---|---|
//! | a payment that everybody had seen by then | yes |
//! | a debit that had happened, or that comes before the record on its partition or in its batch | yes |
//! | a credit of a transaction that was still in flight | no: it may come after the decline |
//! | a debit or credit of the decline's own transaction | the debit may come before it, the credit after it |
//!
//! A decline for insufficient funds need not look at the creditor's room at the same moment.

use std::collections::{BTreeMap, BTreeSet};

use super::super::legs::Leg;
use super::books::{Books, holds, ordered, rule};
use super::events::{Event, What, changed_meanwhile, in_batch_order, in_offset_order};
use super::legs::postings;

/// The first reason that holds, and the one that a decline may name instead. Each rests on another account's balance.
/// The two balances were read at two times.
const TWO_BALANCES: [(&str, &str); 3] = [
    ("balance_overflow", "insufficient_funds"),
    ("balance_limit", "insufficient_funds"),
    ("balance_limit", "balance_overflow"),
];

/// A payment that was declined for a balance.
struct Decline<'e> {
    event: &'e Event,
    reason: &'static str,
    refund: bool,
    debtor: &'e str,
    creditor: &'e str,
    asked: (&'e str, &'e str, i128, &'e str),
    /// The legs before the declined one.
    before: &'e [Leg],
    /// An account changed while it was decided, so it may name any reason that holds.
    loose: bool,
}

/// The id of the first payment that was declined for a balance that its account never had.
pub(super) fn wrong_decline(opening: &BTreeMap<String, Books>, events: &[Event]) -> Option<String> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| event.happened);
    events.iter().filter(|event| event.rests_on_balance()).find_map(|event| {
        let What::Decided { id, refund, legs, declined: Some(reason), declined_leg, .. } = &event.what else {
            return None;
        };
        let (before, leg) = (legs.get(..*declined_leg)?, legs.get(*declined_leg)?);
        let asked = (leg.debtor.as_str(), leg.creditor.as_str(), i128::from(leg.amount), leg.currency);
        let loose = changed_meanwhile(event, &events);
        let (debtor, creditor) = (&leg.debtor, &leg.creditor);
        let decline = Decline { event, reason, refund: *refund, debtor, creditor, asked, before, loose };
        let times = events.iter().map(|event| event.happened).filter(|at| (event.began..=event.happened).contains(at));
        let times: BTreeSet<u64> = times.chain([event.began]).collect();
        let held = times.into_iter().any(|at| [true, false].iter().any(|&all| decline.held(opening, &events, at, all)));
        (!held).then(|| id.clone())
    })
}

impl Decline<'_> {
    /// Whether the reason held at this time. If `all` is set, commands in flight count too.
    fn held(&self, opening: &BTreeMap<String, Books>, events: &[Event], at: u64, all: bool) -> bool {
        let counts = |event: &Event| event.happened <= at && (all || event.seen <= at);
        let of = |account: &str| {
            let mut books = opening.get(account).cloned();
            for event in events {
                match &event.what {
                    What::Ordered { account: of, change, changes: true, .. } if *of == account && counts(event) => {
                        let main = books.as_ref().map_or(0, |books| books.balance);
                        // How many lanes there are says nothing of the balance.
                        books = ordered(books.as_ref(), *change, main, 0).ok().flatten().or(books);
                    }
                    What::Decided { debtor, legs, declined: None, .. } => {
                        let Some(books) = &mut books else { continue };
                        let (taken, given) = postings(legs, debtor, account);
                        if taken > 0 && self.counts_debit(event, account, at) {
                            books.balance = books.balance.saturating_sub(taken);
                        }
                        if given > 0 && self.counts_credit(event, account, at) {
                            books.balance = books.balance.saturating_add(given);
                        }
                    }
                    What::Ordered { .. } | What::Decided { .. } => {}
                }
            }
            // The legs before count, whenever they were looked at.
            let (mut taken, mut given) = (0_i128, 0_i128);
            for leg in self.before {
                let amount = i128::from(leg.amount);
                taken = taken.saturating_add(if leg.debtor == account { amount } else { 0 });
                given = given.saturating_add(if leg.creditor == account { amount } else { 0 });
            }
            books.map(|books| Books { balance: books.balance.saturating_add(given).saturating_sub(taken), ..books })
        };
        let (debtor, creditor) = (of(self.debtor), of(self.creditor));
        let debtor = if self.refund { debtor.map(|books| books.free_money()) } else { debtor };
        match rule(self.asked, debtor.as_ref(), creditor.as_ref()) {
            Err(reason) if reason == self.reason => true,
            Err(reason) if self.loose || TWO_BALANCES.contains(&(reason, self.reason)) => {
                holds(self.reason, self.asked, debtor.as_ref(), creditor.as_ref())
            }
            Ok(_) | Err(_) => false,
        }
    }

    /// A debit of the debtor also counts if it comes before the decline. One of the creditor makes room only once it
    /// happened.
    fn counts_debit(&self, event: &Event, account: &str, at: u64) -> bool {
        let comes_before = || in_offset_order(event, self.event) || in_batch_order(event, self.event);
        event.happened <= at || account == self.debtor && comes_before()
    }

    /// A credit to the debtor counts once everybody has seen it. One to the creditor takes room as soon as it happened,
    /// or if the same batch decided it before.
    fn counts_credit(&self, event: &Event, account: &str, at: u64) -> bool {
        if account == self.debtor {
            event.seen <= at && event.happened < self.event.happened
        } else {
            event.happened <= self.event.happened
        }
    }
}
