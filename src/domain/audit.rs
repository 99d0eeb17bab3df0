//! Proves conservation: every balance is what the settled payments make of it.
//!
//! In: accounts and outcomes, one by one and in any order, all from one moment at rest. Out: findings, and totals per
//! currency.
//!
//! | invariant | finding if it doesn't hold |
//! |---|---|
//! | per currency all balances sum to zero | [`Finding::NotZero`] |
//! | a balance equals the sum of its settled postings | [`Finding::Balance`] |
//! | no balance is below its overdraft limit | [`Finding::BelowLimit`] |
//! | a settled payment is between two accounts of its currency | [`Finding::NoAccount`], [`Finding::Currency`] |
//!
//! Invariant: sums are taken in 128 bits, so no number of balances overflows them.

use std::collections::BTreeMap;
use std::fmt;

use super::{Account, AccountId, Currency, Outcome, OverdraftLimit, PaymentId};

/// An audit under way.
#[derive(Debug, Default)]
pub struct Audit {
    accounts: BTreeMap<AccountId, (Currency, i128, OverdraftLimit)>,
    postings: BTreeMap<AccountId, i128>,
    /// Settled payments by the accounts they name: enough to name a payment where an account is missing or another.
    settled: Vec<(PaymentId, AccountId, AccountId, Currency)>,
}

/// Something that doesn't add up. Amounts are in minor units.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Finding {
    /// The balances of a currency don't sum to zero.
    NotZero {
        /// The currency.
        currency: Currency,
        /// What they sum to.
        sum: i128,
    },
    /// A balance isn't the sum of its settled postings.
    Balance {
        /// The account.
        account: AccountId,
        /// The sum of its postings.
        expected: i128,
        /// Its balance.
        found: i128,
    },
    /// A balance is below its overdraft limit.
    BelowLimit {
        /// The account.
        account: AccountId,
        /// The lowest balance it may have.
        lowest: i128,
        /// Its balance.
        found: i128,
    },
    /// A settled payment names an account that isn't there.
    NoAccount {
        /// The payment.
        payment: PaymentId,
        /// The account.
        account: AccountId,
    },
    /// A settled payment names an account of another currency.
    Currency {
        /// The payment.
        payment: PaymentId,
        /// The account.
        account: AccountId,
    },
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotZero { currency, sum } => write!(f, "the balances in {currency} sum to {sum}, not to 0"),
            Self::Balance { account, expected, found } => {
                write!(f, "account {account}: its settled payments make {expected}, its balance is {found}")
            }
            Self::BelowLimit { account, lowest, found } => {
                write!(f, "account {account}: its balance is {found}, and may not be below {lowest}")
            }
            Self::NoAccount { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} does not exist")
            }
            Self::Currency { payment, account } => {
                write!(f, "payment {payment} is settled, and its account {account} is of another currency")
            }
        }
    }
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
    /// What doesn't add up.
    pub findings: Vec<Finding>,
}

impl Audit {
    /// Takes an account.
    pub fn account(&mut self, account: &Account) {
        let balance = i128::from(account.balance.minor_units());
        self.accounts.insert(account.id.clone(), (account.currency, balance, account.overdraft_limit));
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
        let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
        for (id, (currency, found, limit)) in &self.accounts {
            let sum = sums.entry(*currency).or_default();
            *sum = sum.saturating_add(*found);
            let circulation = report.circulation.entry(*currency).or_default();
            *circulation = circulation.saturating_add((*found).max(0));
            let expected = self.postings.get(id).copied().unwrap_or_default();
            if expected != *found {
                report.findings.push(Finding::Balance { account: id.clone(), expected, found: *found });
            }
            if let Some(lowest) = limit.lowest_balance().filter(|lowest| found < lowest) {
                report.findings.push(Finding::BelowLimit { account: id.clone(), lowest, found: *found });
            }
        }
        for (payment, debtor, creditor, currency) in self.settled {
            for account in [debtor, creditor] {
                match self.accounts.get(&account) {
                    None => report.findings.push(Finding::NoAccount { payment: payment.clone(), account }),
                    Some((other, ..)) if *other != currency => {
                        report.findings.push(Finding::Currency { payment: payment.clone(), account });
                    }
                    Some(_) => {}
                }
            }
        }
        for (currency, sum) in sums.into_iter().filter(|(_, sum)| *sum != 0) {
            report.findings.push(Finding::NotZero { currency, sum });
        }
        report
    }
}

#[cfg(test)]
mod tests {
    use super::super::{AccountStatus, Amount, Balance, Decline, Payment, Source, Timestamp};
    use super::*;

    /// `account ID CURRENCY BALANCE [LIMIT]`, `settled | declined ID DEBTOR CREDITOR CURRENCY AMOUNT`
    fn check(ledger: &str, expected: &expect_test::Expect) {
        let mut audit = Audit::default();
        for line in ledger.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let words: Vec<&str> = line.split_whitespace().collect();
            match words.as_slice() {
                ["account", id, currency, balance, limit @ ..] => audit.account(&Account {
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
                }),
                [status, id, debtor, creditor, currency, amount] => audit.outcome(&Outcome {
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
                }),
                _ => panic!("not understood: {line}"),
            }
        }
        let findings: Vec<String> = audit.finish().findings.iter().map(ToString::to_string).collect();
        expected.assert_eq(&findings.join("\n"));
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
