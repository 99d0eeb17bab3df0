//! What: A statement: the postings of an account, newest first, page by page.
//!
//! Data: Takes outcomes that name the account. Gives signed postings, and the position where the next page begins.
//!
//! Invariants: Postings are ordered by time of decision, newest first. At equal times the list that a posting comes
//! from decides. The debits come first, then the credits, the credits of each lane, and the debits of each lane. Within
//! a list the order is the store's, which is the same for every query. So all pages together are the whole statement:
//! nothing is there twice, and nothing is left out.
//!
//! Limits: The store's lists are a little behind the payments, and a payment is committed a little after it is decided.
//! If a posting becomes visible after a reader has passed its place, that reader's pages don't show it.

use std::fmt;

use super::{AccountId, Amount, Instruction, LegId, LegNumber, Outcome, PaymentId, SettledLeg, Timestamp, Transfer};

/// Whether a posting takes from the account or gives to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Side {
    /// The account pays.
    Debit,
    /// The account is paid.
    Credit,
}

/// One side of a settled payment, refund or leg.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Posting {
    /// The payment or refund, and the leg of a payment with legs.
    pub id: LegId,
    /// The payment whose money goes back, if it is a refund.
    pub refund_of: Option<PaymentId>,
    /// Which side of it.
    pub side: Side,
    /// How much.
    pub amount: Amount,
    /// The account on the other side.
    pub counterparty: AccountId,
    /// What the client wants both sides to read.
    pub reference: Option<Box<str>>,
    /// When it was decided.
    pub decided_at: Timestamp,
}

impl Posting {
    /// That side of an outcome, or of its first leg. `None` if it was declined, because then nothing moved.
    #[must_use]
    pub fn of(outcome: &Outcome, side: Side) -> Option<Self> {
        outcome.decision.ok()?;
        let instruction = &outcome.instruction;
        let (leg, reference) = match instruction {
            Instruction::Legged(payment) => (Some(LegNumber::FIRST), payment.reference_of(payment.legs.first()?)),
            Instruction::Payment(_) | Instruction::Refund(_) => (None, instruction.reference()),
        };
        let transfer = outcome.transfers().next()?;
        Some(Self {
            id: LegId { payment: instruction.id().clone(), leg },
            refund_of: instruction.original().cloned(),
            side,
            amount: transfer.amount,
            counterparty: other_side(transfer, side).clone(),
            reference: reference.map(Into::into),
            decided_at: outcome.decided_at,
        })
    }

    /// That side of a further leg.
    #[must_use]
    pub fn of_leg(settled: &SettledLeg, side: Side) -> Self {
        Self {
            id: settled.id.clone(),
            refund_of: None,
            side,
            amount: settled.leg.amount,
            counterparty: other_side(settled.leg.transfer(), side).clone(),
            reference: settled.leg.reference.clone(),
            decided_at: settled.decided_at,
        }
    }

    /// What it adds to the balance, in minor units.
    #[must_use]
    pub fn signed(&self) -> i64 {
        // An amount has at most 53 bits.
        let amount = i64::try_from(self.amount.minor_units()).unwrap_or(i64::MAX);
        match self.side {
            Side::Debit => amount.saturating_neg(),
            Side::Credit => amount,
        }
    }
}

/// The account on the other side.
const fn other_side(transfer: Transfer<'_>, side: Side) -> &AccountId {
    match side {
        Side::Debit => transfer.creditor,
        Side::Credit => transfer.debtor,
    }
}

/// A place in a statement, directly behind one of its outcomes. Shown as `milliseconds/list/key`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// When that outcome was decided.
    pub decided_at: Timestamp,
    /// The list that it comes from.
    pub list: u16,
    /// The key of its item: a payment has its id, and a further leg `payment/leg`.
    pub key: LegId,
}

/// Why a text is not a position.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("expected a position as a page of the statement gave it")]
pub struct InvalidPosition;

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}/{}", self.decided_at.millis(), self.list, self.key)
    }
}

impl std::str::FromStr for Position {
    type Err = InvalidPosition;
    fn from_str(text: &str) -> Result<Self, InvalidPosition> {
        let mut parts = text.splitn(3, '/');
        let decided_at = parts.next().and_then(|millis| Timestamp::try_from_millis(millis.parse().ok()?).ok());
        let list = parts.next().and_then(|list| list.parse().ok());
        let key = parts.next().and_then(|key| key.parse().ok());
        match (decided_at, list, key) {
            (Some(decided_at), Some(list), Some(key)) => Ok(Self { decided_at, list, key }),
            _ => Err(InvalidPosition),
        }
    }
}

/// What part of a statement is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StatementQuery {
    /// Nothing decided before this.
    pub from: Option<Timestamp>,
    /// Nothing decided at this or after it.
    pub to: Option<Timestamp>,
    /// Only postings after this place.
    pub after: Option<Position>,
    /// At most this many postings, from 1 on.
    pub limit: usize,
}

/// A part of a statement.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct StatementPage {
    /// Postings, newest first. They may be fewer than were asked for, although there are more.
    pub postings: Vec<Posting>,
    /// Where the next page begins. `None` if there is none.
    pub next: Option<Position>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_debit_is_below_zero() {
        for (side, signed) in [(Side::Debit, -5), (Side::Credit, 5)] {
            let posting = Posting {
                id: "p".parse().unwrap(),
                refund_of: None,
                side,
                amount: Amount::try_new(5).unwrap(),
                counterparty: "bob".parse().unwrap(),
                reference: None,
                decided_at: Timestamp::EPOCH,
            };
            assert_eq!(posting.signed(), signed);
        }
    }

    #[test]
    fn positions_read_back() {
        for text in ["1763805600123/0/pay-1", "1763805600123/0/pay-1/2", "-62135596800000/1025/a:b.c_D-9"] {
            assert_eq!(text.parse::<Position>().unwrap().to_string(), text);
        }
        for bad in [
            "",
            "1/2",
            "1/x/p",
            "x/0/p",
            "1/0/",
            "1/0/a b",
            "1/0/a/17",
            "1/0/a/02",
            "1/-1/p",
            "1/70000/p",
            "9223372036854775807/0/p",
        ] {
            assert_eq!(bad.parse::<Position>(), Err(InvalidPosition), "{bad}");
        }
    }
}
