//! What: Whether a decline was right: at some moment between the delivery of its record and its commit, its reason
//! held.
//!
//! Data: Takes the books after every call that changed them. Gives, for each payment that a worker was given, the
//! reasons that held at some moment since.
//!
//! For insufficient funds the debtor's balance at that moment counts. `docs/reliability.md` says what is promised:
//!
//! | what | counts |
//! |---|---|
//! | a payment that everybody has seen by then | yes |
//! | a debit that has happened by then | yes |
//! | a debit that happens later, and comes before the record on its partition | yes |
//! | a debit that the same worker decides later, before this payment | yes |
//! | a credit of a transaction that not everybody sees yet | no: it may come after the decline |
//! | a credit of the decline's own transaction | no |
//!
//! The headroom of a payment is the least of these balances at all moments so far, above the overdraft limit. One
//! number is enough: a debit that comes before takes its amount from the balances of all moments before it.
//!
//! Any other reason holds at a moment if it holds with or without a transaction that not everybody sees yet.
//!
//! Invariants: A worker's span begins when it first reads accounts. The record may have been delivered much earlier,
//! but then the span would be longer, and allow more.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::{Decline, Instruction, PaymentId, Recorded, Request};

use super::ledger::{AllBooks, AuditedLedger};
use super::plain::asked;
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
    pub(super) fn begin(requests: &[Request], ledger: &AuditedLedger, without: Option<&Without>) -> Self {
        let open = |request: &Request| !ledger.payments.contains_key(request.instruction.id());
        let new = || Seen { headroom: i128::MAX, reasons: BTreeSet::new() };
        let mut span = Self(requests.iter().map(|request| open(request).then(new)).collect());
        span.look(requests, &ledger.books, without);
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
        for (ix, (request, seen)) in requests.iter().zip(&mut self.0).enumerate() {
            let Some(was) = seen else { continue };
            let outcome = after.payments.get(request.instruction.id());
            // Of its own transaction, what comes before it in the batch.
            let first_ones = if outcome.is_some() { &requests[..ix] } else { requests };
            let in_batch = |id: &PaymentId| own && first_ones.iter().any(|first| first.instruction.id() == id);
            let before = settled_by(change).filter(|settled| {
                let instruction = &settled.outcome.instruction;
                instruction.debtor() == request.instruction.debtor()
                    && (in_offset_order(settled, request) || in_batch(instruction.id()))
            });
            let debits: i128 =
                before.filter_map(|settled| Some(i128::from(settled.outcome.transfer()?.amount.minor_units()))).sum();
            was.headroom = was.headroom.saturating_sub(debits);
            let Some(recorded) = outcome else { continue };
            if let Err(decline) = recorded.outcome.decision
                && own
                && !was.explains(&request.instruction, decline)
            {
                let (id, reason) = (request.instruction.id(), decline.name());
                return Err(format!("{id} is declined ({reason}), and was not to be since it was delivered"));
            }
            *seen = None;
        }
        self.look(requests, &after.books, without);
        Ok(())
    }

    /// Notes what is true at this moment.
    fn look(&mut self, requests: &[Request], books: &AllBooks, without: Option<&Without>) {
        for (request, seen) in requests.iter().zip(&mut self.0) {
            let Some(seen) = seen else { continue };
            seen.look(request, books, without);
        }
    }
}

/// The ledger before a call and after it.
pub(super) type Change<'l> = (&'l AuditedLedger, &'l AuditedLedger);

/// The payments that a call settled.
fn settled_by(change: Change<'_>) -> impl Iterator<Item = &Recorded> {
    let (before, after) = change;
    let new = after.payments.iter().filter(move |(id, _)| !before.payments.contains_key(*id));
    new.map(|(_, recorded)| recorded).filter(|recorded| recorded.outcome.decision.is_ok())
}

/// Whether a payment comes before this record on its partition.
fn in_offset_order(settled: &Recorded, request: &Request) -> bool {
    let source = &settled.outcome.source;
    source.partition == request.source.partition && source.offset < request.source.offset
}

/// The ledger without a transaction that has happened.
#[derive(Debug, Clone)]
pub(super) struct Without {
    books: AllBooks,
    /// What the transaction credits, by account.
    credits: BTreeMap<String, i128>,
}

impl Without {
    /// Without this change.
    pub(super) fn of(change: Change<'_>) -> Self {
        let (before, _) = change;
        let mut credits = BTreeMap::new();
        for settled in settled_by(change) {
            let Some(transfer) = settled.outcome.transfer() else { continue };
            let credit: &mut i128 = credits.entry(transfer.creditor.to_string()).or_default();
            *credit = credit.saturating_add(transfer.amount.minor_units().into());
        }
        Self { books: before.books.clone(), credits }
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

    fn credit(&self, account: &str) -> i128 {
        self.credits.get(account).copied().unwrap_or_default()
    }
}

impl Seen {
    /// Notes what is true at this moment.
    fn look(&mut self, request: &Request, books: &AllBooks, without: Option<&Without>) {
        let asked = asked(&request.instruction);
        let with_and_without = || [Some(books), without.map(|without| &without.books)].into_iter().flatten();
        if let Some(debtor) = books.get(asked.0) {
            let balance = debtor.balance.saturating_sub(without.map_or(0, |without| without.credit(asked.0)));
            let lowest = with_and_without().filter_map(|books| books.get(asked.0)?.lowest).max();
            let headroom = lowest.map_or(i128::MAX, |lowest| balance.saturating_sub(lowest));
            self.headroom = self.headroom.min(headroom);
        }
        for books in with_and_without() {
            let (debtor, creditor) = (books.get(asked.0), books.get(asked.1));
            let reasons = Decline::ALL.into_iter().map(|(_, name, _)| name);
            self.reasons.extend(reasons.filter(|name| holds(name, asked, debtor, creditor)));
        }
    }

    fn explains(&self, instruction: &Instruction, decline: Decline) -> bool {
        match decline.name() {
            INSUFFICIENT_FUNDS => self.headroom < asked(instruction).2,
            other => self.reasons.contains(other),
        }
    }
}
