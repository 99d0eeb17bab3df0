//! What: Payments with legs, as clients of a world ask for them.

use super::tape::Tape;

/// Money that goes from one account to another, as the auditor knows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Leg {
    pub(super) debtor: String,
    pub(super) creditor: String,
    pub(super) amount: u64,
    pub(super) currency: &'static str,
}

impl Leg {
    fn json(&self, debtor: &str) -> String {
        let own = if self.debtor == debtor { String::new() } else { format!(r#""debtor_account":"{}","#, self.debtor) };
        let Self { creditor, amount, currency, .. } = self;
        format!(r#"{{{own}"creditor_account":"{creditor}","amount":{amount},"currency":"{currency}"}}"#)
    }
}

/// The legs of a payment, as its request has them.
pub(super) fn json(legs: &[Leg], debtor: &str) -> String {
    let legs: Vec<String> = legs.iter().map(|leg| leg.json(debtor)).collect();
    legs.join(",")
}

/// Two to four legs of this debtor: splits, fees, chains, loans of a settlement account, and some that go wrong.
pub(super) fn legs(tape: &mut Tape, debtor: &str, others: [&str; 3], settlement: &str) -> Vec<Leg> {
    let [one, other, third] = others;
    let leg = |debtor: &str, creditor: &str, amount| Leg {
        debtor: debtor.into(),
        creditor: creditor.into(),
        amount,
        currency: "EUR",
    };
    let large = u64::from(tape.pick([10_u32, 50, 100])).saturating_add(u64::from(tape.below(3)));
    let small = u64::from(tape.between(1, 9));
    let mut legs = match tape.below(12) {
        0..2 => vec![leg(debtor, one, large), leg(debtor, other, small)],
        2..5 => vec![leg(debtor, one, large), leg(one, other, small)],
        5 => vec![leg(debtor, one, large), leg(one, other, large), leg(other, third, small)],
        // The middle is short by one, or the fee comes before what pays it.
        6 => vec![leg(debtor, one, large), leg(one, other, large.saturating_add(1))],
        7 => vec![leg(one, other, small), leg(debtor, one, large)],
        8 => vec![leg(debtor, settlement, large), leg(settlement, one, small)],
        9 => vec![leg(settlement, debtor, small), leg(debtor, one, large), leg(one, settlement, small)],
        10 => vec![leg(debtor, one, large), leg(one, debtor, small), leg(debtor, other, small), leg(debtor, third, 1)],
        _ => vec![leg(debtor, one, small), leg(debtor, tape.pick(["late", "nobody", "dollars"]), large)],
    };
    if tape.chance(30)
        && let Some(last) = legs.last_mut()
    {
        last.currency = "USD";
    }
    legs
}
