//! What: The balance of an account at a time: what its settled postings up to then make.
//!
//! Data: Takes a checkpoint, if there is one, and the items of the account's lists since then, in any order. Gives the
//! sum, or which item is wrong. Of a page of a statement it takes what is behind the page, and gives the balance after
//! each posting.
//!
//! Invariants: It never rests on the balance that the account's items hold. A declined payment moved nothing.
//!
//! Limits: Whoever reads the lists sees to it that each item is taken once.

use super::audit::Checkpoint;
use super::statement::{Posting, Side};
use super::{Account, AccountId, Currency, Instruction, LegId, LegNumber, Outcome, SettledLeg, Timestamp, Transfer};

/// What an account held at a time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BalanceAt {
    /// The time. Postings that were decided at it are in the balance.
    pub at: Timestamp,
    /// What they make, in minor units.
    pub balance: i128,
    /// Whether it never changes: the time is closed, so no posting of that time or before can still be committed.
    pub is_final: bool,
}

/// An item of a list that can't be summed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{key}: expected {expected}")]
pub struct WrongItem {
    /// The key of the item.
    pub key: LegId,
    /// What was expected of it.
    pub expected: &'static str,
}

/// The sum of an account's postings since a checkpoint.
#[derive(Debug, Clone)]
pub struct PostingSum<'a> {
    account: &'a AccountId,
    currency: Currency,
    sum: i128,
}

impl<'a> PostingSum<'a> {
    /// Begins at zero. Postings must be of this account and of its currency.
    #[must_use]
    pub const fn new(account: &'a Account) -> Self {
        Self { account: &account.id, currency: account.currency, sum: 0 }
    }

    /// Takes a payment or refund of a list. It is in the list for its only transfer, or for its first leg.
    ///
    /// # Errors
    /// [`WrongItem`] if it can't be a posting of the account.
    pub fn payment(&mut self, side: Side, outcome: &Outcome) -> Result<(), WrongItem> {
        if outcome.decision.is_err() {
            return Ok(());
        }
        let leg = matches!(outcome.instruction, Instruction::Legged(_)).then_some(LegNumber::FIRST);
        let id = || LegId { payment: outcome.instruction.id().clone(), leg };
        match outcome.transfers().next() {
            Some(transfer) => self.add(side, transfer, id),
            None => Err(WrongItem { key: id(), expected: "a settled payment to move money" }),
        }
    }

    /// Takes the item of a further leg of a list.
    ///
    /// # Errors
    /// [`WrongItem`] if it can't be a posting of the account.
    pub fn leg(&mut self, side: Side, settled: &SettledLeg) -> Result<(), WrongItem> {
        self.add(side, settled.leg.transfer(), || settled.id.clone())
    }

    fn add(&mut self, side: Side, transfer: Transfer<'_>, id: impl Fn() -> LegId) -> Result<(), WrongItem> {
        let named = match side {
            Side::Debit => transfer.debtor,
            Side::Credit => transfer.creditor,
        };
        if named != self.account {
            return Err(WrongItem { key: id(), expected: "it to name the account in whose list it is" });
        }
        if transfer.currency != self.currency {
            return Err(WrongItem { key: id(), expected: "it to be of the currency of its account" });
        }
        let amount = i128::from(transfer.amount.minor_units());
        self.sum = match side {
            Side::Debit => self.sum.saturating_sub(amount),
            Side::Credit => self.sum.saturating_add(amount),
        };
        Ok(())
    }

    /// What was taken, in minor units.
    #[must_use]
    pub const fn sum(&self) -> i128 {
        self.sum
    }
}

/// Whether a balance may begin with a checkpoint: it is of the account and its currency, and not later than the time.
#[must_use]
pub fn is_base(checkpoint: &Checkpoint, account: &Account, at: Timestamp) -> bool {
    checkpoint.account == account.id && checkpoint.currency == account.currency && checkpoint.as_of <= at
}

/// The balance after each posting of a page of a statement, newest first as they are. `behind` is what all postings
/// behind the page make. `None`: the time of the posting isn't closed.
#[must_use]
pub fn running(postings: &[Posting], behind: i128, closed: Timestamp) -> Vec<Option<i128>> {
    let mut balance = behind;
    let after = postings.iter().rev().map(|posting| {
        balance = balance.saturating_add(posting.signed().into());
        (posting.decided_at <= closed).then_some(balance)
    });
    let mut oldest_first: Vec<Option<i128>> = after.collect();
    oldest_first.reverse();
    oldest_first
}

#[cfg(test)]
mod tests {
    use super::super::account::given::account;
    use super::super::audit::Digest;
    use super::super::{Amount, Decline, Payment, Source};
    use super::*;

    fn at(ms: i64) -> Timestamp {
        Timestamp::try_from_millis(ms).unwrap()
    }

    fn outcome(debtor: &str, creditor: &str, currency: &str, amount: u64) -> Outcome {
        let payment = Payment {
            id: "p1".parse().unwrap(),
            debtor: debtor.parse().unwrap(),
            creditor: creditor.parse().unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: currency.parse().unwrap(),
            reference: None,
            requested_at: None,
        };
        Outcome {
            requested_by: None,
            trace: None,
            declined_leg: None,
            limits_version: None,
            repayment: None,
            instruction: payment.into(),
            decision: Ok(()),
            decided_at: at(1),
            source: Source { topic: "t".into(), partition: 0, offset: 0 },
        }
    }

    #[test]
    fn postings_are_summed_by_their_sides() {
        let alice = account("alice");
        let mut sum = PostingSum::new(&alice);
        for (side, outcome, expected) in [
            (Side::Debit, outcome("alice", "shop", "EUR", 7), -7),
            (Side::Credit, outcome("shop", "alice", "EUR", 9), 2),
            (Side::Debit, Outcome { decision: Err(Decline::InsufficientFunds), ..outcome("a", "b", "USD", 5) }, 2),
        ] {
            assert_eq!(sum.payment(side, &outcome), Ok(()));
            assert_eq!(sum.sum(), expected);
        }
    }

    #[test]
    fn an_item_that_is_no_posting_of_the_account_is_named() {
        let alice = account("alice");
        for (side, outcome, expected) in [
            (Side::Debit, outcome("alice", "shop", "USD", 7), "p1: expected it to be of the currency of its account"),
            (
                Side::Debit,
                outcome("shop", "alice", "EUR", 7),
                "p1: expected it to name the account in whose list it is",
            ),
            (Side::Credit, outcome("alice", "b", "EUR", 7), "p1: expected it to name the account in whose list it is"),
        ] {
            let mut sum = PostingSum::new(&alice);
            let wrong = sum.payment(side, &outcome).unwrap_err();
            assert_eq!((wrong.to_string().as_str(), sum.sum()), (expected, 0));
        }
    }

    #[test]
    fn a_base_is_of_the_account_and_not_later() {
        let checkpoint = |name: &str, currency: &str| Checkpoint {
            account: name.parse().unwrap(),
            as_of: at(10),
            currency: currency.parse().unwrap(),
            balance: 1,
            postings: 1,
            digest: Digest::ZERO,
            windows: [None; 3],
            previous: None,
        };
        let alice = account("alice");
        for (name, currency, ms, expected) in [
            ("alice", "EUR", 10, true),
            ("alice", "EUR", 9, false),
            ("bob", "EUR", 10, false),
            ("alice", "USD", 10, false),
        ] {
            assert_eq!(is_base(&checkpoint(name, currency), &alice, at(ms)), expected, "{name} {currency} {ms}");
        }
    }

    #[test]
    fn a_balance_runs_over_what_is_closed() {
        let posting = |ms, side, amount| Posting {
            id: "p".parse().unwrap(),
            refund_of: None,
            side,
            amount: Amount::try_new(amount).unwrap(),
            counterparty: "bob".parse().unwrap(),
            reference: None,
            decided_at: at(ms),
        };
        let page = [posting(9, Side::Credit, 1), posting(5, Side::Debit, 4), posting(5, Side::Credit, 10)];
        assert_eq!(running(&page, 100, at(5)), [None, Some(106), Some(110)]);
        assert_eq!(running(&page, 100, at(9)), [Some(107), Some(106), Some(110)]);
        assert_eq!(running(&page, 100, at(4)), [None; 3]);
        assert_eq!(running(&[], 100, at(9)), []);
    }
}
