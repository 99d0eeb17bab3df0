//! Proves conservation: every balance is what the settled payments make of it.
//!
//! In: accounts with their lanes, and outcomes, one by one and in any order. Out: findings, and totals per currency.
//! [`Audit`] takes them all from one moment at rest; [`Running`] from reads beside payments in flight.
//!
//! | invariant | finding if it doesn't hold |
//! |---|---|
//! | per currency all balances sum to zero | [`Finding::NotZero`] |
//! | a balance (main item and lanes) equals the sum of its settled postings | [`Finding::Balance`] |
//! | no balance is below its overdraft limit | [`Finding::BelowLimit`] |
//! | a lane is of its account's currency and status, and not below zero | [`Finding::Lane`] |
//! | every lane that an account counts is there, and none that it doesn't | [`Finding::NoLane`], [`Finding::StrayLane`] |
//! | a settled payment is between two accounts of its currency | [`Finding::NoAccount`], [`Finding::Currency`] |
//! | every item can be read, and every dead letter is whole | [`Finding::Unreadable`], [`Finding::Letter`] |
//!
//! Invariant: sums are taken in 128 bits, so no number of balances overflows them.

mod books;
mod checks;
mod finding;
mod letters;
mod running;

use std::collections::BTreeMap;

use super::{AccountId, Currency, Holding, Lane, Outcome, OverdraftLimit, PaymentId};

use checks::{check_lanes, check_sums};

pub use books::Books;
pub use finding::Finding;
pub use letters::Letters;
pub use running::{FINDINGS_MAX, Running};

/// An audit under way.
#[derive(Debug, Default)]
pub struct Audit {
    accounts: BTreeMap<AccountId, Seen>,
    postings: BTreeMap<AccountId, i128>,
    /// Settled payments by the accounts they name: enough to name a payment where an account is missing or another.
    settled: Vec<(PaymentId, AccountId, AccountId, Currency)>,
    /// What is wrong with lanes, found as they come.
    lanes: Vec<Finding>,
    strays: BTreeMap<Currency, i128>,
}

/// What is kept of an account.
#[derive(Debug)]
struct Seen {
    currency: Currency,
    /// Main item and lanes.
    balance: i128,
    main: i128,
    limit: OverdraftLimit,
}

/// What an audit came to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// Accounts seen.
    pub accounts: usize,
    /// Settled payments seen.
    pub settled: usize,
    /// Per currency, what its positive balances sum to, in minor units: the money in circulation.
    pub circulation: BTreeMap<Currency, i128>,
    /// Accounts that never came to rest while the audit looked: nothing was found against them, and nothing proved.
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

impl Audit {
    /// Takes an account with its lanes.
    pub fn account(&mut self, holding: &Holding) {
        let account = &holding.account;
        check_lanes(holding, &mut self.lanes);
        let (balance, main) = (holding.balance(), account.balance.minor_units().into());
        let seen = Seen { currency: account.currency, balance, main, limit: account.overdraft_limit };
        self.accounts.insert(account.id.clone(), seen);
    }

    /// Takes a lane that no account counts.
    pub fn stray_lane(&mut self, lane: &Lane) {
        let found = i128::from(lane.balance.minor_units());
        self.lanes.push(Finding::StrayLane { lane: lane.id.clone(), found });
        let sum = self.strays.entry(lane.currency).or_default();
        *sum = sum.saturating_add(found);
    }

    /// Takes an outcome. A declined one moved nothing.
    pub fn outcome(&mut self, outcome: &Outcome) {
        if outcome.verdict.is_err() {
            return;
        }
        let payment = &outcome.payment;
        let amount = i128::from(payment.amount.minor_units());
        let debit = self.postings.entry(payment.debtor.clone()).or_default();
        *debit = debit.saturating_sub(amount);
        let credit = self.postings.entry(payment.creditor.clone()).or_default();
        *credit = credit.saturating_add(amount);
        self.settled.push((payment.id.clone(), payment.debtor.clone(), payment.creditor.clone(), payment.currency));
    }

    /// Checks all that was taken.
    #[must_use]
    pub fn finish(self) -> Report {
        let mut report = Report { accounts: self.accounts.len(), settled: self.settled.len(), ..Report::default() };
        let mut sums = self.strays;
        report.findings.extend(self.lanes);
        for (id, Seen { currency, balance: found, main, limit }) in &self.accounts {
            let sum = sums.entry(*currency).or_default();
            *sum = sum.saturating_add(*found);
            let circulation = report.circulation.entry(*currency).or_default();
            *circulation = circulation.saturating_add((*found).max(0));
            let expected = self.postings.get(id).copied().unwrap_or_default();
            if expected != *found {
                report.findings.push(Finding::Balance { account: id.clone(), expected, found: *found });
            }
            if let Some(lowest) = limit.lowest_balance().filter(|lowest| main < lowest) {
                report.findings.push(Finding::BelowLimit { account: id.clone(), lowest, found: *main });
            }
        }
        for (payment, debtor, creditor, currency) in self.settled {
            for account in [debtor, creditor] {
                match self.accounts.get(&account) {
                    None => report.findings.push(Finding::NoAccount { payment: payment.clone(), account }),
                    Some(other) if other.currency != currency => {
                        report.findings.push(Finding::Currency { payment: payment.clone(), account });
                    }
                    Some(_) => {}
                }
            }
        }
        check_sums(sums, &mut report.findings);
        report
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Account, AccountStatus, Amount, Balance, CreditLanes, Decline, Payment, Source, Timestamp};
    use super::*;

    fn holding(account: Account) -> Holding {
        Holding { account, lanes: Vec::new() }
    }

    fn last(held: &mut [Holding]) -> &mut Holding {
        held.last_mut().unwrap()
    }

    fn lane(id: &str, currency: &str, status: &str, balance: &str) -> Lane {
        Lane {
            id: id.parse().unwrap(),
            currency: Currency::try_new(currency).unwrap(),
            status: AccountStatus::from_name(status).unwrap(),
            balance: Balance::new(balance.parse().unwrap()),
            version: 1,
        }
    }

    /// `account ID CURRENCY BALANCE [LIMIT]`, then of this account `counts LANES` and `lane ID CURRENCY STATUS
    /// BALANCE`; `stray ID CURRENCY STATUS BALANCE`; `settled | declined ID DEBTOR CREDITOR CURRENCY AMOUNT`
    fn check(ledger: &str, expected: &expect_test::Expect) {
        let (mut audit, mut held) = (Audit::default(), Vec::new());
        for line in ledger.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["account", id, currency, balance, limit @ ..] => held.push(holding(Account {
                    id: AccountId::try_new(id).unwrap(),
                    currency: Currency::try_new(currency).unwrap(),
                    status: AccountStatus::Open,
                    balance: Balance::new(balance.parse().unwrap()),
                    overdraft_limit: match limit {
                        [limit] => OverdraftLimit::Limited(limit.parse().unwrap()),
                        _ => OverdraftLimit::Unlimited,
                    },
                    version: 1,
                    opened_at: Timestamp::EPOCH,
                    credit_lanes: CreditLanes::NONE,
                })),
                ["counts", lanes] => last(&mut held).account.credit_lanes = lanes.parse().unwrap(),
                ["lane", id, currency, status, balance] => {
                    last(&mut held).lanes.push(lane(id, currency, status, balance))
                }
                ["stray", id, currency, status, balance] => audit.stray_lane(&lane(id, currency, status, balance)),
                [status @ ("settled" | "declined"), id, debtor, creditor, currency, amount] => {
                    audit.outcome(&Outcome {
                        payment: Payment {
                            id: PaymentId::try_new(id).unwrap(),
                            debtor: AccountId::try_new(debtor).unwrap(),
                            creditor: AccountId::try_new(creditor).unwrap(),
                            amount: Amount::try_new(amount.parse().unwrap()).unwrap(),
                            currency: Currency::try_new(currency).unwrap(),
                            reference: None,
                            requested_at: None,
                        },
                        verdict: if *status == "settled" { Ok(()) } else { Err(Decline::InsufficientFunds) },
                        decided_at: Timestamp::EPOCH,
                        source: Source { topic: "t".into(), partition: 0, offset: 0 },
                    })
                }
                _ => panic!("not understood: {line}"),
            }
        }
        held.iter().for_each(|holding| audit.account(holding));
        let report = audit.finish();
        let findings: Vec<String> = report.findings.iter().map(ToString::to_string).collect();
        expected.assert_eq(&findings.join("\n"));
        assert_eq!((report.accounts, report.settled), (held.len(), ledger.matches("settled").count()));
    }

    #[test]
    fn a_clean_ledger_is_not_accused() {
        check(
            "account settlement EUR -9223372036854775808
             account rich EUR 9223372036854775807 0
             account alice EUR 1 0
             account bob EUR 0 0
             account dollars USD 0 0
             settled k0 settlement rich EUR 9007199254740991
             settled k1 rich settlement EUR 9007199254740991
             declined k2 alice nobody EUR 5",
            &expect_test::expect![[r#"
                account alice: its settled payments make 0, its balance is 1
                account rich: its settled payments make 0, its balance is 9223372036854775807
                account settlement: its settled payments make 0, its balance is -9223372036854775808"#]],
        );
        check(
            "account settlement EUR -10
             account alice EUR 7 0
             account bob EUR 3 0
             settled k1 settlement alice EUR 10
             settled k2 alice bob EUR 3
             declined k3 alice bob EUR 300",
            &expect_test::expect![""],
        );
    }

    #[test]
    fn lanes_are_part_of_their_account() {
        check(
            "account settlement EUR -10
             account shop EUR 3 0
             counts 2
             lane shop/0 EUR open 0
             lane shop/1 EUR open 7
             settled k1 settlement shop EUR 10",
            &expect_test::expect![""],
        );
        check(
            "account settlement EUR -10
             account shop EUR 3 0
             counts 4
             lane shop/0 USD open 7
             lane shop/1 EUR frozen 1
             lane shop/2 EUR open -1
             stray gone/0 EUR open 0
             settled k1 settlement shop EUR 10",
            &expect_test::expect![[r#"
                lane gone/0 holds 0, and no account counts it
                lane shop/0: expected the currency of its account
                lane shop/1: expected the status of its account
                lane shop/2: expected a balance not below zero
                lane shop/3 does not exist, and its account counts it"#]],
        );
        check(
            "stray gone/0 EUR open 5",
            &expect_test::expect![[r#"
            lane gone/0 holds 5, and no account counts it
            the balances in EUR sum to 5, not to 0"#]],
        );
        check(
            "account settlement EUR -5
             account shop EUR -5 0
             counts 1
             lane shop/0 EUR open 10
             settled k1 settlement shop EUR 5",
            &expect_test::expect!["account shop: its balance is -5, and may not be below 0"],
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
            "account settlement EUR -10
             account alice EUR 11 0
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                account alice: its settled payments make 10, its balance is 11
                the balances in EUR sum to 1, not to 0"#]],
        );
        check(
            "account settlement EUR -10
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                payment k1 is settled, and its account alice does not exist
                the balances in EUR sum to -10, not to 0"#]],
        );
        check(
            "account bob EUR -5 4
             account alice EUR 5 0
             settled k1 bob alice EUR 5",
            &expect_test::expect!["account bob: its balance is -5, and may not be below -4"],
        );
        check(
            "account settlement EUR -10
             account alice USD 10 0
             settled k1 settlement alice EUR 10",
            &expect_test::expect![[r#"
                payment k1 is settled, and its account alice is of another currency
                the balances in EUR sum to -10, not to 0
                the balances in USD sum to 10, not to 0"#]],
        );
    }
}
