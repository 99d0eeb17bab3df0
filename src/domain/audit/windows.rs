//! What: Checks what is used of the windows of accounts at rest.
//!
//! Data: Takes the accounts as a scan before the payments showed them, and settled payments. Gives findings.
//!
//! Why it gives no false alarm: A payment counts in its debtor's windows in the transaction that settles it. It carries
//! the version of the limits that it counts under, and the time that says its period. So if the account is the same
//! before and after a scan of the payments, the scan holds just those that count.
//!
//! Limits: Memory grows with windows in use, never with payments.

use std::collections::BTreeMap;

use super::Finding;
use crate::domain::limits::Used;
use crate::domain::{Account, AccountId, AccountLimits, Instruction, Outcome, Period};

/// What settled payments count in the newest periods of windows.
#[derive(Debug, Default)]
pub(super) struct Windows(BTreeMap<(AccountId, Period), Used>);

impl Windows {
    /// Takes a settled payment. `limits` are those of its debtor. Only the newest period is kept.
    pub(super) fn settled(&mut self, outcome: &Outcome, limits: &AccountLimits) {
        let debtor = outcome.instruction.debtor();
        if let Instruction::Refund(_) = outcome.instruction {
            return;
        }
        let taken = outcome.transfers().filter(|transfer| transfer.debtor == debtor);
        let taken = taken.map(|transfer| transfer.amount.minor_units()).fold(0, u64::saturating_add);
        let Some(version) = outcome.limits_version else { return };
        for (period, _) in limits.windows().filter(|(_, window)| version >= window.since) {
            let start = period.start_of(outcome.decided_at);
            let counted = self.0.entry((debtor.clone(), period)).or_insert(Used { start, amount: 0, count: 0 });
            if start > counted.start {
                *counted = Used { start, amount: 0, count: 0 };
            }
            if start == counted.start {
                *counted = counted.and(taken);
            }
        }
    }

    /// Checks the windows of an account at rest.
    pub(super) fn check(&self, account: &Account, findings: &mut Vec<Finding>) {
        for (period, window) in account.limits.iter().flat_map(|limits| limits.windows()) {
            let counted = self.0.get(&(account.id.clone(), period)).copied();
            if counted == window.used {
                continue;
            }
            let none = |of: Option<Used>| of.map(|used| Used { amount: 0, count: 0, ..used });
            let (Some(expected), Some(found)) = (counted.or(none(window.used)), window.used.or(none(counted))) else {
                continue;
            };
            findings.push(Finding::Window { account: account.id.clone(), period, expected, found });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::account::given;
    use crate::domain::limits::{Limits, WindowLimit};
    use crate::domain::{Amount, Currency, Payment, Source, Timestamp};

    const HOUR_MS: i64 = 3_600_000;

    /// A settled payment of `alice`, with the version of limits that it counts under.
    fn payment(amount: u64, at_ms: i64, limits_version: Option<u64>) -> Outcome {
        let payment = Payment {
            id: "p1".parse().unwrap(),
            debtor: "alice".parse().unwrap(),
            creditor: "bob".parse().unwrap(),
            amount: Amount::try_new(amount).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
            requested_at: None,
        };
        Outcome {
            requested_by: None,
            trace: None,
            declined_leg: None,
            instruction: payment.into(),
            repayment: None,
            decision: Ok(()),
            decided_at: Timestamp::try_from_millis(at_ms).unwrap(),
            limits_version,
            source: Source { topic: "t".into(), partition: 0, offset: 0 },
        }
    }

    /// An account whose window of hours is of version 2, and has used this in the hour from one o'clock on.
    fn account(amount: u64, count: u64) -> Account {
        let limit = Some(WindowLimit { amount: None, count: Some(9) });
        let none = AccountLimits::replaced(None, Limits { max_balance: Some(5), ..Limits::NONE });
        let mut limits = AccountLimits::replaced(Some(&none), Limits { windows: [limit, None, None], ..Limits::NONE });
        let start = Timestamp::try_from_millis(HOUR_MS).unwrap();
        limits.window_mut(Period::Hour).unwrap().used = Some(Used { start, amount, count });
        Account { limits: Some(Box::new(limits)), ..given::account("alice") }
    }

    #[test]
    fn a_window_holds_what_the_payments_of_its_period_and_limits_make() {
        let payments = [
            payment(100, HOUR_MS - 1, Some(2)),
            payment(5, HOUR_MS, Some(2)),
            payment(200, HOUR_MS, Some(1)),
            payment(300, HOUR_MS, None),
            payment(2, 2 * HOUR_MS - 1, Some(3)),
        ];
        let make = "account alice: the payments of the hour from 1970-01-01T01:00:00.000Z on make 7 in 2";
        for (amount, count, expected) in [
            (7, 2, String::new()),
            (8, 2, format!("{make}, and 8 in 2 is used")),
            (7, 1, format!("{make}, and 7 in 1 is used")),
        ] {
            let account = account(amount, count);
            let mut windows = Windows::default();
            payments.iter().for_each(|payment| windows.settled(payment, account.limits.as_ref().unwrap()));
            let mut findings = Vec::new();
            windows.check(&account, &mut findings);
            let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), expected);
        }
        let mut findings = Vec::new();
        Windows::default().check(&account(1, 1), &mut findings);
        assert_eq!(findings.iter().map(Finding::name).collect::<Vec<_>>(), ["window"]);
        assert_eq!(findings[0].at_fault(), "account alice");
    }

    /// What is used was lost, or stayed at an older period.
    #[test]
    fn a_window_that_lost_its_newest_period_is_found() {
        let mut unused = account(7, 2);
        unused.limits.as_mut().unwrap().window_mut(Period::Hour).unwrap().used = None;
        let lost =
            "account alice: the payments of the hour from 1970-01-01T01:00:00.000Z on make 7 in 1, and 0 in 0 is used";
        let older = "account alice: the payments of the hour from 1970-01-01T02:00:00.000Z on make 5 in 1, and 7 in 2 is \
                     used, of the one from 1970-01-01T01:00:00.000Z on";
        for (account, payment, expected) in
            [(unused, payment(7, HOUR_MS, Some(2)), lost), (account(7, 2), payment(5, 2 * HOUR_MS, Some(2)), older)]
        {
            let mut windows = Windows::default();
            windows.settled(&payment, account.limits.as_ref().unwrap());
            let mut findings = Vec::new();
            windows.check(&account, &mut findings);
            let found: Vec<String> = findings.iter().map(ToString::to_string).collect();
            assert_eq!(found.join("; "), expected);
        }
    }
}
