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
//! Any other reason holds at a moment if it holds with or without a transaction that not everybody sees yet. It is of
//! the leg that the decline names. If a reason that comes before it holds at every moment, the decline is wrong.
//! Reasons that rest on balances don't count for that, because balances are read at several times.
//!
//! Invariants: A worker's span begins when it first reads accounts, or originals of refunds. The record may have been
//! delivered much earlier, but then the span would be longer, and allow more.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::{Instruction, Outcome, PaymentId, Recorded, Request};

use super::ledger::{Against, AuditedLedger};
use super::moment::{Moment, Reason, comes_before};
use super::moves::told;
use super::plain::asked;
use super::small_world::Batch;
use crate::simulate::auditor::Wrong;
use crate::simulate::auditor::legs::{declined, postings};
use crate::simulate::legs::Leg;
use crate::simulate::network::Call;

/// The reason that has a rule of its own.
const INSUFFICIENT_FUNDS: &str = "insufficient_funds";

/// What was true of the requests of a worker since they were delivered.
#[derive(Debug, Clone, Hash)]
pub(super) struct Span(Vec<Option<Seen>>);

/// What was true of a request that has no outcome yet.
#[derive(Debug, Clone, Hash)]
struct Seen {
    headroom: i128,
    /// The reasons that held at some moment.
    ever: BTreeSet<Reason>,
    /// The reasons that held at every moment. `None` before the first.
    always: Option<BTreeSet<Reason>>,
    /// What was left of the original, if it is a refund.
    left: BTreeSet<u64>,
}

/// Whether the span of a worker with these requests begins with this call. What is read of payments says nothing of
/// balances, but it says whether an original is there.
pub(super) fn begins_span(requests: &[Request], call: &Call) -> bool {
    let Call::ReadPayments(ids) = call else { return true };
    requests.iter().any(|request| request.instruction.original().is_some_and(|original| ids.contains(original)))
}

impl Span {
    /// The requests are delivered now.
    pub(super) fn begin(batch: &Batch, ledger: &AuditedLedger, without: Option<&Without>) -> Self {
        let open = |request: &Request| !ledger.payments.contains_key(request.instruction.id());
        let new = || Seen { headroom: i128::MAX, ever: BTreeSet::new(), always: None, left: BTreeSet::new() };
        let mut span = Self(batch.requests().iter().map(|request| open(request).then(new)).collect());
        span.look(batch, ledger, without);
        span
    }

    /// A call changed the ledger. If this worker sent it, its declines must have been right.
    pub(super) fn moved(
        &mut self,
        batch: &Batch,
        change: Change<'_>,
        without: Option<&Without>,
        own: bool,
    ) -> Result<(), Wrong> {
        let requests = batch.requests();
        let (_, after) = change;
        for (ix, (request, seen)) in requests.iter().zip(&mut self.0).enumerate() {
            let Some(was) = seen else { continue };
            let (id, debtor) = (request.instruction.id(), request.instruction.debtor());
            let outcome = after.payments.get(id).map(|recorded| &recorded.outcome);
            // Of its own transaction, what comes before it in the batch.
            let first_ones = if outcome.is_some() { &requests[..ix] } else { requests };
            let in_batch = |id: &PaymentId| own && first_ones.iter().any(|first| first.instruction.id() == id);
            let before = settled_by(change).filter(|settled| {
                let instruction = &settled.outcome.instruction;
                instruction.debtor() == debtor && (in_offset_order(settled, request) || in_batch(instruction.id()))
            });
            let taken = |settled: &Recorded| {
                let (taken, given) = postings(&told(&settled.outcome), debtor.as_str(), debtor.as_str());
                taken.saturating_sub(given)
            };
            was.headroom = before.map(taken).fold(was.headroom, i128::saturating_sub);
            let Some(outcome) = outcome else { continue };
            if own && outcome.decision.is_err() {
                after.declined.get(id).into_iter().for_each(|against| was.note(against.clone()));
                was.explain(outcome)?;
            }
            *seen = None;
        }
        self.look(batch, after, without);
        Ok(())
    }

    /// Notes what is true at this moment.
    fn look(&mut self, batch: &Batch, ledger: &AuditedLedger, without: Option<&Without>) {
        for (request, seen) in batch.requests().iter().zip(&mut self.0) {
            let Some(seen) = seen else { continue };
            seen.look(&request.instruction, batch.clock.millis(), ledger, without);
        }
    }
}

/// The ledger before a call and after it.
pub(super) type Change<'l> = (&'l AuditedLedger, &'l AuditedLedger);

/// The requests that a call settled.
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
    moment: Moment,
    /// What the transaction credits, by account.
    credits: BTreeMap<String, i128>,
}

impl Without {
    /// Without this change.
    pub(super) fn of(change: Change<'_>) -> Self {
        let (before, _) = change;
        let mut credits: BTreeMap<String, i128> = BTreeMap::new();
        for settled in settled_by(change) {
            let (legs, debtor) = (told(&settled.outcome), settled.outcome.instruction.debtor().as_str());
            for creditor in legs.iter().map(|leg| &leg.creditor).collect::<BTreeSet<_>>() {
                let credit = credits.entry(creditor.clone()).or_default();
                *credit = credit.saturating_add(postings(&legs, debtor, creditor).1);
            }
        }
        Self { moment: before.moment.clone(), credits }
    }

    /// Another change comes, also without it.
    pub(super) fn moved(&mut self, (before, after): Change<'_>) {
        let changed = after.moment.books.keys().filter(|id| after.moment.differs(id, &before.moment));
        changed.for_each(|id| self.moment.take_over(id, &before.moment, &after.moment));
    }

    fn credit(&self, account: &str) -> i128 {
        self.credits.get(account).copied().unwrap_or_default()
    }
}

impl Seen {
    /// Notes what is true at this moment.
    fn look(&mut self, instruction: &Instruction, at: i64, ledger: &AuditedLedger, without: Option<&Without>) {
        let id = instruction.debtor().as_str();
        let moments = || [Some(&ledger.moment), without.map(|without| &without.moment)].into_iter().flatten();
        if let Some(debtor) = ledger.moment.books.get(id) {
            let balance = debtor.balance.saturating_sub(without.map_or(0, |without| without.credit(id)));
            // A refund takes free money only.
            let is_refund = instruction.original().is_some();
            let books = moments().filter_map(|moment| moment.books.get(id));
            let lowest = books.filter_map(|books| if is_refund { books.free_money().lowest } else { books.lowest });
            let headroom = lowest.max().map_or(i128::MAX, |lowest| balance.saturating_sub(lowest));
            self.headroom = self.headroom.min(headroom);
        }
        moments().for_each(|moment| self.note(ledger.against(instruction, at, moment)));
    }

    /// Notes what there is against it at a moment.
    fn note(&mut self, Against { reasons, left }: Against) {
        self.always = Some(match self.always.take() {
            Some(always) => always.intersection(&reasons).copied().collect(),
            None => reasons.clone(),
        });
        self.ever.extend(reasons);
        self.left.extend(left);
    }

    /// Whether it may be declined as it was.
    fn explain(&self, outcome: &Outcome) -> Result<(), Wrong> {
        let Err(decline) = outcome.decision else { return Ok(()) };
        let (id, name) = (outcome.instruction.id(), decline.name());
        let reason = (declined(outcome, &asked(&outcome.instruction))?, name);
        let held = match name {
            INSUFFICIENT_FUNDS => needed(outcome, reason.0).is_some_and(|needed| self.headroom < needed),
            _ => self.ever.contains(&reason),
        };
        if !held {
            return Err(format!("{id} is declined ({name}), and was not to be since it was delivered"));
        }
        let first = self.always.iter().flatten().find(|always| comes_before(**always, reason));
        if let Some((place, first)) = first {
            return Err(format!("{id} is declined ({name}), and leg {place} was {first} since it was delivered"));
        }
        let all_that_is_left = outcome.instruction.original().is_some() && outcome.instruction.amount().is_none();
        match outcome.transfer().map(|transfer| transfer.amount.minor_units()) {
            Some(told) if all_that_is_left && !self.left.contains(&told) => {
                Err(format!("{id} is declined for {told}, which was never left"))
            }
            _ => Ok(()),
        }
    }
}

/// What its debtor must have for the leg at this place, and those before it. `None`: something else pays it.
fn needed(outcome: &Outcome, place: usize) -> Option<i128> {
    let (legs, debtor) = (told(outcome), outcome.instruction.debtor().as_str());
    legs.get(place).filter(|leg| leg.debtor == debtor)?;
    let legs = legs.get(..=place)?;
    let sum = |of: fn(&Leg) -> &str| {
        let own = legs.iter().filter(|leg| of(leg) == debtor).map(|leg| i128::from(leg.amount));
        own.fold(0, i128::saturating_add)
    };
    Some(sum(|leg| &leg.debtor).saturating_sub(sum(|leg| &leg.creditor)))
}
