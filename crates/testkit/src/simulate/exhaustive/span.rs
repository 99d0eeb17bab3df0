//! What: Whether a decline was right: at some moment between the delivery of its record and its commit, its reason
//! held.
//!
//! Data: Takes the books after every call that changed them. Gives, for each payment that a worker was given, the
//! reasons that held at some moment since.
//!
//! For insufficient funds, the payments of the debtor that come before it on its partition count as paid first. So
//! there must be a moment at which the balance, less the earlier debits that happened after it, was less than the
//! amount. The headroom of a payment is the least such rest of all moments so far, above the overdraft limit. One
//! number is enough: an earlier debit takes its amount from the rests of all moments before it.
//!
//! A transaction that not everybody sees yet may still come later. So what holds without it counts as well.
//!
//! Invariants: A worker's span begins with its first call. The record may have been delivered much earlier, but then
//! the span would be longer, and allow more.

use std::collections::BTreeSet;

use giro::domain::{Decline, Payment, PaymentId, PaymentRequest};

use super::ledger::{AllBooks, AuditedLedger, asked};
use super::small_world::SmallWorld;
use crate::simulate::auditor::Wrong;
use crate::simulate::auditor::books::{Books, holds};

/// The reason that has a rule of its own.
const INSUFFICIENT_FUNDS: &str = "insufficient_funds";

/// What was true of the payments of a worker since they were delivered.
#[derive(Debug, Clone, Hash)]
pub(super) struct Span(Vec<Option<Seen>>);

/// What was true of a payment that has no outcome yet.
#[derive(Debug, Clone, Hash)]
struct Seen {
    headroom: i128,
    reasons: BTreeSet<&'static str>,
}

impl Span {
    /// The payments are delivered now.
    pub(super) fn begin(
        world: &SmallWorld,
        requests: &[PaymentRequest],
        ledger: &AuditedLedger,
        without: Option<&Without>,
    ) -> Self {
        let open = |request: &PaymentRequest| !ledger.payments.contains_key(&request.payment.id);
        let new = || Seen { headroom: i128::MAX, reasons: BTreeSet::new() };
        let mut span = Self(requests.iter().map(|request| open(request).then(new)).collect());
        span.look(world, requests, &ledger.books, without);
        span
    }

    /// A call changed the ledger. If this worker sent it, its declines must have been right.
    pub(super) fn moved(
        &mut self,
        world: &SmallWorld,
        batch: usize,
        change: Change<'_>,
        without: Option<&Without>,
        own: bool,
    ) -> Result<(), Wrong> {
        let requests = world.batches[batch].payments();
        let (_, after) = change;
        for (request, seen) in requests.iter().zip(&mut self.0) {
            let Some(was) = seen else { continue };
            let debits = debits_before(world, request, |id| is_settled_by(change, id));
            was.headroom = was.headroom.saturating_sub(debits);
            let Some(recorded) = after.payments.get(&request.payment.id) else { continue };
            if let Err(decline) = recorded.outcome.decision
                && own
                && !was.explains(&request.payment, decline)
            {
                let (id, reason) = (&request.payment.id, decline.name());
                return Err(format!("{id} is declined ({reason}), and was not to be since it was delivered"));
            }
            *seen = None;
        }
        self.look(world, requests, &after.books, without);
        Ok(())
    }

    /// Notes what is true at this moment.
    fn look(&mut self, world: &SmallWorld, requests: &[PaymentRequest], books: &AllBooks, without: Option<&Without>) {
        for (request, seen) in requests.iter().zip(&mut self.0) {
            let Some(seen) = seen else { continue };
            seen.look(request, books, 0);
            if let Some(Without { books, settled }) = without {
                seen.look(request, books, debits_before(world, request, |id| settled.contains(id)));
            }
        }
    }
}

/// What the debits take that come before a payment on its partition, of those that are asked for.
fn debits_before(world: &SmallWorld, request: &PaymentRequest, is_one: impl Fn(&PaymentId) -> bool) -> i128 {
    let earlier = world.before(&request.payment, &request.source).filter(|earlier| is_one(&earlier.id));
    earlier.map(|earlier| i128::from(earlier.amount.minor_units())).sum()
}

/// The ledger before a call and after it.
pub(super) type Change<'l> = (&'l AuditedLedger, &'l AuditedLedger);

fn is_settled_by((before, after): Change<'_>, id: &PaymentId) -> bool {
    let is_settled =
        |ledger: &AuditedLedger| ledger.payments.get(id).is_some_and(|recorded| recorded.outcome.decision.is_ok());
    is_settled(after) && !is_settled(before)
}

/// The books without a transaction that has happened.
#[derive(Debug, Clone)]
pub(super) struct Without {
    books: AllBooks,
    /// The payments that it settled.
    settled: BTreeSet<PaymentId>,
}

impl Without {
    /// Without this change.
    pub(super) fn of(change: Change<'_>) -> Self {
        let (before, after) = change;
        let settled = after.payments.keys().filter(|id| is_settled_by(change, id));
        Self { books: before.books.clone(), settled: settled.cloned().collect() }
    }

    /// Another change comes, also without it.
    pub(super) fn moved(&mut self, (before, after): Change<'_>) {
        for (id, now) in &after.books {
            let was = before.books.get(id);
            if was == Some(now) {
                continue;
            }
            let net = now.balance.saturating_sub(was.map_or(0, |was| was.balance));
            let known = self.books.get(id).map_or(0, |books| books.balance);
            self.books.insert(id.clone(), Books { balance: known.saturating_add(net), ..now.clone() });
        }
    }
}

impl Seen {
    /// Notes what is true at this moment, if debits of this sum come after it.
    fn look(&mut self, request: &PaymentRequest, books: &AllBooks, debits: i128) {
        let asked = asked(&request.payment);
        let (debtor, creditor) = (books.get(asked.0), books.get(asked.1));
        if let Some(Books { balance, lowest: Some(lowest), .. }) = debtor {
            self.headroom = self.headroom.min(balance.saturating_sub(*lowest).saturating_sub(debits));
        }
        let reasons = Decline::ALL.into_iter().map(|(_, name, _)| name);
        self.reasons.extend(reasons.filter(|name| holds(name, asked, debtor, creditor)));
    }

    fn explains(&self, payment: &Payment, decline: Decline) -> bool {
        match decline.name() {
            INSUFFICIENT_FUNDS => self.headroom < i128::from(payment.amount.minor_units()),
            other => self.reasons.contains(other),
        }
    }
}
