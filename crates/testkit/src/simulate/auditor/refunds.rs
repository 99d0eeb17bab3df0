//! What: The auditor's own sums of refunds, and its own rules of what a refund may give back.
//!
//! Data: Takes what records asked and what the store recorded, in the order in which it happened. Gives the money that
//! a refund moves, or what is wrong.
//!
//! | what | must hold |
//! |---|---|
//! | every step | the refunds of an original sum to no more than it, and the store says the same sum |
//! | a refund that looks only at its original | the reason is the first that holds; an original that is not found was not there at some moment since the delivery, and does not stand before the refund |
//! | all that is left | nothing of the original is left after it |
//! | declined because it exceeds | it does, now and for ever |

use std::collections::BTreeMap;

use crate::simulate::legs::Leg;
use crate::simulate::topic::Place;
use crate::simulate::workload::Asked;
use giro::domain::{LegId, Outcome};

/// What is wrong, for a person.
type Wrong = String;

/// An answered request, as the auditor knows it.
#[derive(Debug)]
pub(super) struct Original {
    pub(super) asked: Asked,
    pub(super) settled: bool,
    pub(super) place: Place,
    /// Its record had been given up when it was decided.
    pub(super) given_up: bool,
    pub(super) happened: u64,
}

/// When a refund was delivered and when it was decided, and where its record stands.
#[derive(Debug, Clone, Copy)]
pub(super) struct Span {
    pub(super) began: u64,
    pub(super) place: Place,
}

/// The name of a sum: that of the original, or of its leg.
pub(in crate::simulate) fn sum_of(original: &str, leg: Option<usize>) -> String {
    leg.map_or(original.to_owned(), |leg| format!("{original}/{leg}"))
}

/// What a refund may give back of an original, or why nothing of it.
pub(in crate::simulate) fn refundable(original: &Asked, is_settled: bool, refund: &Asked) -> Result<Leg, &'static str> {
    if original.refunds.is_some() {
        return Err("not_refundable");
    }
    if !is_settled {
        return Err("original_not_settled");
    }
    paid(original, refund.leg).filter(|paid| paid.creditor == refund.debtor).ok_or("refund_mismatch")
}

/// What an original paid. `None`: it has legs and the refund names none of them, or it has none and the refund names
/// one.
fn paid(original: &Asked, leg: Option<usize>) -> Option<Leg> {
    let moves = original.moves();
    match (original.legs.is_empty(), leg) {
        (true, None) => moves.into_iter().next(),
        (false, Some(leg)) => moves.into_iter().nth(leg.checked_sub(1)?),
        (true, Some(_)) | (false, None) => None,
    }
}

/// The sums of refunds, by their names: each sum with the time from which it held.
#[derive(Debug, Default)]
pub(super) struct Sums(BTreeMap<String, Vec<(u64, i128)>>);

impl Sums {
    fn now(&self, original: &str) -> i128 {
        self.0.get(original).and_then(|sums| sums.last()).map_or(0, |&(_, sum)| sum)
    }

    fn at(&self, original: &str, time: u64) -> i128 {
        let sums = self.0.get(original).map(Vec::as_slice).unwrap_or_default();
        sums.iter().rev().find(|(from, _)| *from < time).map_or(0, |&(_, sum)| sum)
    }

    /// A refund gave this much back.
    pub(super) fn add(&mut self, original: &str, amount: i128, now: u64) {
        let sum = self.now(original).saturating_add(amount);
        self.0.entry(original.to_owned()).or_default().push((now, sum));
    }

    /// Whether the store says the same sums.
    pub(super) fn compare(&self, stored: &[(LegId, u64)]) -> Result<(), Wrong> {
        let stored: Vec<(String, i128)> = stored.iter().map(|(id, sum)| (id.to_string(), (*sum).into())).collect();
        let known: Vec<(String, i128)> = self.0.keys().map(|id| (id.clone(), self.now(id))).collect();
        if stored == known {
            return Ok(());
        }
        Err(format!("the sums of refunds are {stored:?}, and were to be {known:?}"))
    }

    /// What a refund moves. `None` if its original alone says why it is declined.
    pub(super) fn judge(
        &self,
        asked: &Asked,
        outcome: &Outcome,
        original: Option<&Original>,
        span: Span,
    ) -> Result<Option<Leg>, Wrong> {
        let declined = outcome.decision.err().map(giro::domain::Decline::name);
        let wrong = |what: &str| Err(format!("the refund {} {what}: {declined:?}", asked.id));
        let Some(original) = original else {
            return if declined == Some("original_not_found") { Ok(None) } else { wrong("has no original") };
        };
        if declined == Some("original_not_found") {
            let stood_before = !original.given_up
                && (original.place.generation, original.place.partition)
                    == (span.place.generation, span.place.partition)
                && original.place.offset < span.place.offset;
            let is_wrong = original.happened < span.began || stood_before;
            return if is_wrong { wrong("was to find its original") } else { Ok(None) };
        }
        let may_go_back = refundable(&original.asked, original.settled, asked);
        let reason = may_go_back.as_ref().err().copied();
        let of_originals = ["not_refundable", "original_not_settled", "refund_mismatch"];
        if reason.is_some() || declined.is_some_and(|declined| of_originals.contains(&declined)) {
            return if declined == reason { Ok(None) } else { wrong(&format!("was to be declined {reason:?}")) };
        }
        let Ok(paid) = may_go_back else { return wrong("has no original") };
        self.amount(asked, outcome, &paid, span).map(Some)
    }

    /// What a refund moves that its original allows.
    fn amount(&self, asked: &Asked, outcome: &Outcome, original: &Leg, span: Span) -> Result<Leg, Wrong> {
        let wrong = |what: &str| Err(format!("the refund {} {what}", asked.id));
        let all = i128::from(original.amount);
        let left = |sum: i128| all.saturating_sub(sum);
        let sum = sum_of(asked.refunds.as_deref().unwrap_or_default(), asked.leg);
        let (before, now) = (left(self.at(&sum, span.began)), left(self.now(&sum)));
        let told = outcome.transfer().map(|transfer| i128::from(transfer.amount.minor_units()));
        let takes_all = asked.amount == 0;
        let amount = if takes_all { told.unwrap_or_default() } else { asked.amount.into() };
        if let Some(transfer) = outcome.transfer()
            && (transfer.creditor.as_str() != original.debtor || transfer.currency.as_str() != original.currency)
        {
            return wrong("says something else than its original");
        }
        match outcome.decision.err().map(giro::domain::Decline::name) {
            None if amount > now || amount < 1 => return wrong("gives back more than is left, or nothing"),
            None if takes_all && amount != now => return wrong("was to give back all that is left"),
            Some("exceeds_refundable") if !(amount > now || takes_all && now == 0) => {
                return wrong("exceeds nothing");
            }
            Some("insufficient_funds" | "balance_overflow") if takes_all && !(now..=before).contains(&amount) => {
                return wrong("was declined for an amount that never was left");
            }
            _ => {}
        }
        let (debtor, creditor) = (asked.debtor.clone(), original.debtor.clone());
        let amount = u64::try_from(amount).unwrap_or_default();
        Ok(Leg { debtor, creditor, amount, currency: original.currency })
    }
}
