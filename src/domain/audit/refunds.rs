//! What: Checks sums of refunds beside payments in flight.
//!
//! Data: Takes the sums as a scan before the payments showed them, the payments, and the sums as a scan after them
//! showed them. Gives findings.
//!
//! Why it gives no false alarm: A sum only grows, and it grows in the transaction that settles its refund. The scan of
//! payments holds every refund that was there when it began, and none that came after it ended. So what it holds is at
//! least the sum before, and at most the sum after. An original never changes.
//!
//! Limits: Memory grows with originals that are refunded, never with payments that are not.

use std::collections::{BTreeMap, BTreeSet};

use super::Finding;
use crate::domain::{LegId, LegNumber, Outcome};

/// The sums of refunds as one scan showed them.
pub type RefundSums = BTreeMap<LegId, u64>;

/// The refunds of one look at the payments.
#[derive(Debug, Default)]
pub(super) struct Refunds {
    before: RefundSums,
    /// What settled refunds gave back, by the sum that they add to.
    settled: RefundSums,
    /// What was paid, of payments whose refunds have a sum.
    paid: RefundSums,
}

impl Refunds {
    /// Begins with the sums as a scan before the payments showed them.
    pub(super) fn new(before: RefundSums) -> Self {
        Self { before, ..Self::default() }
    }

    /// Takes a settled payment or refund.
    pub(super) fn settled(&mut self, outcome: &Outcome) {
        let is_legged = !outcome.instruction.legs().is_empty();
        for (place, transfer) in outcome.transfers().enumerate() {
            let amount = transfer.amount.minor_units();
            if let Some(id) = outcome.instruction.total() {
                let sum = self.settled.entry(id).or_default();
                *sum = sum.saturating_add(amount);
                continue;
            }
            let payment = outcome.instruction.id().clone();
            let id = LegId { payment, leg: is_legged.then(|| LegNumber::at(place)) };
            if self.before.contains_key(&id) {
                self.paid.insert(id, amount);
            }
        }
    }

    /// What doesn't add up, with the sums as a scan after the payments showed them. Those that can't be read are left
    /// out.
    pub(super) fn findings(&self, after: &RefundSums, unreadable: &BTreeMap<String, String>) -> Vec<Finding> {
        let ids: BTreeSet<&LegId> = self.before.keys().chain(self.settled.keys()).collect();
        let mut findings = Vec::new();
        for id in ids.into_iter().filter(|id| !unreadable.contains_key(&id.to_string())) {
            let of = |sums: &RefundSums| sums.get(id).copied().unwrap_or_default();
            let (before, settled, after) = (of(&self.before), of(&self.settled), of(after));
            if settled < before || settled > after {
                let found = if settled < before { before } else { after };
                findings.push(Finding::Refunded { total: id.clone(), expected: settled, found });
            }
            // An original was settled before the first of its refunds. Without one, nothing was paid.
            let paid = of(&self.paid);
            if before > paid {
                findings.push(Finding::OverRefunded { total: id.clone(), paid, found: before });
            }
        }
        findings
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::{AccountId, Amount, Currency, Instruction, Payment, Refund, Repayment, Source, Timestamp};

    fn settled(instruction: Instruction, repayment: Option<Repayment>) -> Outcome {
        let source = Source { topic: "t".into(), partition: 0, offset: 0 };
        Outcome {
            requested_by: None,
            trace: None,
            declined_leg: None,
            limits_version: None,
            instruction,
            repayment,
            decision: Ok(()),
            decided_at: Timestamp::EPOCH,
            source,
        }
    }

    fn payment(id: &str, amount: u64) -> Outcome {
        let party = |name: &str| AccountId::try_new(name).unwrap();
        let payment = Payment {
            id: id.parse().unwrap(),
            debtor: party("alice"),
            creditor: party("shop"),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
            requested_at: None,
        };
        settled(payment.into(), None)
    }

    fn refund(id: &str, original: &str, amount: u64) -> Outcome {
        let amount = Amount::try_new(amount).unwrap();
        let (creditor, currency) = ("alice".parse().unwrap(), Currency::try_new("EUR").unwrap());
        let refund = Refund {
            id: id.parse().unwrap(),
            original: original.parse().unwrap(),
            leg: None,
            debtor: "shop".parse().unwrap(),
            amount: None,
            reference: None,
            requested_at: None,
        };
        settled(refund.into(), Some(Repayment { creditor, amount, currency }))
    }

    fn sums(sums: &[(&str, u64)]) -> RefundSums {
        sums.iter().map(|(id, sum)| (id.parse().unwrap(), *sum)).collect()
    }

    #[test]
    fn a_sum_is_that_of_the_settled_refunds() {
        let outcomes = [payment("p1", 10), payment("p2", 10), refund("r1", "p1", 3), refund("r2", "p1", 4)];
        for (before, after, expected) in [
            (&[("p1", 7)][..], &[("p1", 7)][..], ""),
            // One refund or two came while the payments were read.
            (&[("p1", 3)], &[("p1", 7)], ""),
            (&[], &[("p1", 9)], ""),
            // The sum is too small, too large, missing, or of a payment without refunds.
            (&[("p1", 6)], &[("p1", 6)], "payment p1: its settled refunds make 7, the sum of its refunds is 6"),
            (&[("p1", 8)], &[("p1", 8)], "payment p1: its settled refunds make 7, the sum of its refunds is 8"),
            (&[], &[], "payment p1: its settled refunds make 7, the sum of its refunds is 0"),
            (
                &[("p1", 7), ("p2", 1)],
                &[("p1", 7), ("p2", 1)],
                "payment p2: its settled refunds make 0, the sum of its refunds is 1",
            ),
        ] {
            let mut refunds = Refunds::new(sums(before));
            outcomes.iter().for_each(|outcome| refunds.settled(outcome));
            let found: Vec<String> =
                refunds.findings(&sums(after), &BTreeMap::new()).iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), expected, "{before:?} {after:?}");
        }
    }

    #[test]
    fn no_more_is_refunded_than_was_paid() {
        let mut refunds = Refunds::new(sums(&[("p1", 11)]));
        [payment("p1", 10), refund("r1", "p1", 11)].iter().for_each(|outcome| refunds.settled(outcome));
        let found = refunds.findings(&sums(&[("p1", 11)]), &BTreeMap::new());
        assert_eq!(found.iter().map(Finding::name).collect::<Vec<_>>(), ["over_refunded"]);
        assert_eq!(found[0].to_string(), "payment p1: 10 was paid, and 11 was refunded");
        // A payment that was never settled has nothing to refund.
        let mut refunds = Refunds::new(sums(&[("p9", 1)]));
        refunds.settled(&refund("r1", "p9", 1));
        let found = refunds.findings(&sums(&[("p9", 1)]), &BTreeMap::new());
        assert_eq!(found[0].to_string(), "payment p9: 0 was paid, and 1 was refunded");
    }
}
