//! What: Proves conservation: every balance is the sum of its settled payments.
//!
//! Data: Takes what reads showed of accounts and lanes ([`Books`]), and outcomes, one by one and in any order. Gives
//! findings, and totals per currency. [`Running`] judges beside payments in flight, and says what it needs of the
//! scans. [`Since`] judges one account by its checkpoint and its postings since then.
//!
//! | invariant | finding if it doesn't hold |
//! |---|---|
//! | per currency all balances sum to zero | [`Finding::NotZero`] |
//! | a balance (main item and lanes) equals the sum of its settled postings | [`Finding::Balance`] |
//! | no balance is below its overdraft limit, or above its maximum | [`Finding::BelowLimit`], [`Finding::AboveMaximum`] |
//! | a lane is of its account's currency and status, not below zero unless the account pays from lanes, and shut just if the account has a maximum balance, and then empty | [`Finding::Lane`] |
//! | every lane is there that an account counts which isn't open or has a maximum balance, so that no payment makes it | [`Finding::NoLane`] |
//! | no lane is there that no account counts | [`Finding::StrayLane`] |
//! | a settled payment is between two accounts of its currency | [`Finding::NoAccount`], [`Finding::Currency`] |
//! | each further leg of a settled payment has its item, which says the same | [`Finding::Leg`] |
//! | the sum of a payment's refunds, or of a leg's, is that of its settled refunds, and not more than was paid | [`Finding::Refunded`], [`Finding::OverRefunded`] |
//! | what is used of a window is what the payments of its period and limits make | [`Finding::Window`] |
//! | an account that has checkpoints is there, and its head and newest checkpoint are as they were written | [`Finding::LostAccount`], [`Finding::Checkpoint`] |
//! | every item can be read, and every dead letter is whole | [`Finding::Unreadable`], [`Finding::Letter`] |
//!
//! Invariants: Sums have 128 bits, so no number of balances overflows them.

mod books;
mod checkpoint;
mod checks;
mod dead_letters;
mod digest;
mod draft;
mod finding;
mod head;
mod held;
mod legs;
mod moved;
mod reach;
mod refunds;
mod run;
mod running;
mod since;
mod times;
mod windows;

use std::collections::BTreeMap;

use super::Currency;

pub use books::Books;
pub use checkpoint::{Checkpoint, WindowUse};
pub use checks::state_findings;
pub use dead_letters::Letters;
pub use digest::Digest;
pub use draft::Draft;
pub use finding::Finding;
pub use head::{Head, InvalidPostingList, PostingList, Seen};
pub use held::Held;
pub use moved::{has_moved, lists, tells_another, unshown};
pub use reach::Reach;
pub use refunds::RefundSums;
pub use run::AuditRun;
pub use running::{FINDINGS_MAX, Running};
pub use since::{Asked, LegAnswers, RefundBase, Since};
pub use times::{CLOSED_AFTER_MS, Times, newest_closed};

/// The result of an audit.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Accounts seen.
    pub accounts: usize,
    /// Settled payments seen.
    pub settled: usize,
    /// Per currency, the sum of its positive balances, in minor units: the money in circulation.
    pub circulation: BTreeMap<Currency, i128>,
    /// Accounts that never came to rest during the audit, and legs that no second look could judge. Nothing was found
    /// against them, and nothing is proved.
    pub undecided: usize,
    /// How often payments were read beside payments in flight.
    pub looks: u32,
    /// What doesn't add up.
    pub findings: Vec<Finding>,
    /// Findings beyond those that are kept.
    pub more: usize,
}

impl Report {
    /// How many things don't add up.
    #[must_use]
    pub fn count(&self) -> usize {
        self.findings.len().saturating_add(self.more)
    }
}

#[cfg(test)]
mod tests {
    use super::super::account::given;
    use super::super::{
        Account, AccountId, AccountStatus, Amount, Balance, Decline, Instruction, Lane, Outcome, OverdraftLimit,
        Payment, PaymentId, Source, Timestamp,
    };
    use super::*;

    fn lane(id: &str, currency: &str, status: &str, balance: &str) -> Lane {
        Lane {
            is_shut: false,
            is_debited: false,
            id: id.parse().unwrap(),
            currency: Currency::try_new(currency).unwrap(),
            status: AccountStatus::from_name(status).unwrap(),
            balance: Balance::new(balance.parse().unwrap()),
            is_limited: false,
            version: 1,
        }
    }

    /// A ledger at rest: `account ID CURRENCY BALANCE LANES [LIMIT]`, which is open; `frozen ID` for one that isn't;
    /// `lane ID CURRENCY STATUS BALANCE`; `settled | declined ID DEBTOR CREDITOR CURRENCY AMOUNT`
    fn check(ledger: &str, expected: &expect_test::Expect) {
        let (mut books, mut outcomes) = (Books::default(), Vec::new());
        for line in ledger.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["account", id, currency, balance, lanes, limit @ ..] => books.account(Account {
                    currency: Currency::try_new(currency).unwrap(),
                    balance: Balance::new(balance.parse().unwrap()),
                    overdraft_limit: match limit {
                        [limit] => OverdraftLimit::Limited(limit.parse().unwrap()),
                        _ => OverdraftLimit::Unlimited,
                    },
                    credit_lanes: lanes.parse().unwrap(),
                    lane_debits: limit.is_empty(),
                    paused_until: None,
                    ..given::account(id)
                }),
                ["frozen", id] => {
                    let id = AccountId::try_new(id).unwrap();
                    let account = books.accounts().find(|account| account.id == id).unwrap().clone();
                    books.account(Account { status: AccountStatus::Frozen, ..account });
                }
                ["lane", id, currency, status, balance] => books.lane(lane(id, currency, status, balance)),
                [status @ ("settled" | "declined"), id, debtor, creditor, currency, amount] => {
                    outcomes.push(Outcome {
                        requested_by: None,
                        trace: None,
                        declined_leg: None,
                        limits_version: None,
                        repayment: None,
                        instruction: Instruction::Payment(Payment {
                            id: PaymentId::try_new(id).unwrap(),
                            debtor: AccountId::try_new(debtor).unwrap(),
                            creditor: AccountId::try_new(creditor).unwrap(),
                            amount: Amount::try_new(amount.parse().unwrap()).unwrap(),
                            currency: Currency::try_new(currency).unwrap(),
                            reference: None,
                            requested_at: None,
                        }),
                        decision: if *status == "settled" { Ok(()) } else { Err(Decline::InsufficientFunds) },
                        decided_at: Timestamp::EPOCH,
                        source: Source { topic: "t".into(), partition: 0, offset: 0 },
                    });
                }
                _ => panic!("not understood: {line}"),
            }
        }
        let mut running = Running::new(books.clone());
        outcomes.iter().for_each(|outcome| running.payment(outcome));
        assert_eq!(running.end_look(books), 0, "all is at rest");
        let report = running.finish();
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        expected.assert_eq(&findings.join("\n"));
        let counts = |kind| ledger.lines().filter(|line| line.trim().starts_with(kind)).count();
        assert_eq!((report.accounts, report.settled), (counts("account"), counts("settled")));
    }

    #[test]
    fn a_clean_ledger_is_not_accused() {
        check(
            "account settlement EUR -9223372036854775808 0
             account rich EUR 9223372036854775807 0 0
             account alice EUR 1 0 0
             account bob EUR 0 0 0
             account dollars USD 0 0 0
             settled k0 settlement rich EUR 9007199254740991
             settled k1 rich settlement EUR 9007199254740991
             declined k2 alice nobody EUR 5",
            &expect_test::expect![[r#"
                account alice: its settled payments make 0, its balance is 1
                account rich: its settled payments make 0, its balance is 9223372036854775807
                account settlement: its settled payments make 0, its balance is -9223372036854775808"#]],
        );
        check(
            "account settlement EUR -10 0
             account alice EUR 7 0 0
             account bob EUR 3 0 0
             settled k1 settlement alice EUR 10
             settled k2 alice bob EUR 3
             declined k3 alice bob EUR 300",
            &expect_test::expect![""],
        );
    }

    #[test]
    fn lanes_are_part_of_their_account() {
        check(
            "account settlement EUR -10 0
             account shop EUR 3 2 0
             lane shop/0 EUR open 0
             lane shop/1 EUR open 7
             settled k1 settlement shop EUR 10",
            &expect_test::expect![""],
        );
        check(
            "account settlement EUR -10 0
             account shop EUR 3 4 0
             lane shop/0 USD open 7
             lane shop/1 EUR frozen 1
             lane shop/2 EUR open -1
             lane gone/0 EUR open 0
             settled k1 settlement shop EUR 10",
            &expect_test::expect![[r#"
                lane shop/0: expected the currency of its account
                lane shop/1: expected the status of its account
                lane shop/2: expected a balance not below zero
                lane gone/0 holds 0, and no account counts it
                the balances in EUR sum to -7, not to 0
                the balances in USD sum to 7, not to 0"#]],
        );
        check(
            "account settlement EUR -3 2
             account shop EUR 10 0 0
             lane settlement/1 EUR open -7
             settled k1 settlement shop EUR 10",
            &expect_test::expect![""],
        );
        check(
            "lane gone/0 EUR open 5",
            &expect_test::expect![[r#"
            lane gone/0 holds 5, and no account counts it
            the balances in EUR sum to 5, not to 0"#]],
        );
        check(
            "account settlement EUR -5 0
             account shop EUR -5 1 0
             lane shop/0 EUR open 10
             settled k1 settlement shop EUR 5",
            &expect_test::expect!["account shop: its balance is -5, and may not be below 0"],
        );
    }

    /// The lanes of an open account come into being with their first credits. Those of another must be there.
    #[test]
    fn a_lane_that_a_credit_could_make_beside_a_frozen_account_is_found() {
        check(
            "account settlement EUR -10 0
             account shop EUR 3 3 0
             lane shop/1 EUR open 7
             settled k1 settlement shop EUR 10",
            &expect_test::expect![""],
        );
        check(
            "account settlement EUR -10 0
             account shop EUR 3 3 0
             frozen shop
             lane shop/1 EUR frozen 7
             settled k1 settlement shop EUR 10",
            &expect_test::expect![[r#"
                lane shop/0 does not exist, and its account is not open or has a maximum balance
                lane shop/2 does not exist, and its account is not open or has a maximum balance"#]],
        );
    }

    #[test]
    fn findings_beyond_those_kept_count_too() {
        let found = Finding::NoLane { lane: "shop/0".parse().unwrap() };
        let report = Report { findings: vec![found.clone(), found], more: 3, ..Report::default() };
        assert_eq!((report.count(), Report::default().count()), (5, 0));
    }

    #[test]
    fn each_corruption_is_found_and_named() {
        check(
            "account settlement EUR -10 0
             account alice EUR 11 0 0
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                account alice: its settled payments make 10, its balance is 11
                the balances in EUR sum to 1, not to 0"#]],
        );
        check(
            "account settlement EUR -10 0
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                payment k1 is settled, and its account alice does not exist
                the balances in EUR sum to -10, not to 0"#]],
        );
        check(
            "account bob EUR -5 0 4
             account alice EUR 5 0 0
             settled k1 bob alice EUR 5",
            &expect_test::expect!["account bob: its balance is -5, and may not be below -4"],
        );
        check(
            "account settlement EUR -10 0
             account alice USD 10 0 0
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                payment k1 is settled, and its account alice is of another currency
                the balances in EUR sum to -10, not to 0
                the balances in USD sum to 10, not to 0"#]],
        );
    }
}
