//! What: Checks that a ledger at rest adds up: every balance is the sum of its settled payments.
//!
//! Data: Takes all accounts with their lanes, and all outcomes, read while nothing moves. Gives findings.
//!
//! The sums are computed here again, without the audit that deploys, so that neither hides a mistake of the other.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::audit::Finding;
use giro::domain::{
    AccountId, AccountStatus, Currency, Holding, Instruction, LegId, Outcome, OverdraftLimit, Recorded,
};

/// What doesn't add up.
pub(super) fn findings(accounts: &[Holding], payments: &[Recorded]) -> Vec<Finding> {
    let held: BTreeMap<&AccountId, &Holding> = accounts.iter().map(|holding| (&holding.account.id, holding)).collect();
    let outcomes = payments.iter().map(|recorded| &recorded.outcome);
    let settled: Vec<&Outcome> = outcomes.filter(|outcome| outcome.decision.is_ok()).collect();
    let transfers = || settled.iter().flat_map(|outcome| outcome.transfers().map(move |transfer| (outcome, transfer)));
    let mut postings: BTreeMap<&AccountId, i128> = BTreeMap::new();
    for (_, transfer) in transfers() {
        let amount = i128::from(transfer.amount.minor_units());
        add(postings.entry(transfer.debtor).or_default(), amount.saturating_neg());
        add(postings.entry(transfer.creditor).or_default(), amount);
    }
    let mut findings: Vec<Finding> = accounts.iter().flat_map(of_lanes).collect();
    let mut sums: BTreeMap<Currency, i128> = BTreeMap::new();
    for (&id, holding) in &held {
        let found = holding.balance();
        add(sums.entry(holding.account.currency).or_default(), found);
        let expected = postings.get(id).copied().unwrap_or_default();
        if expected != found {
            findings.push(Finding::Balance { account: id.clone(), expected, found });
        }
        let main = i128::from(holding.account.balance.minor_units());
        if let Some(lowest) = holding.account.overdraft_limit.lowest_balance().filter(|lowest| main < *lowest) {
            findings.push(Finding::BelowLimit { account: id.clone(), lowest, found: main });
        }
    }
    for (outcome, transfer) in transfers() {
        for account in [transfer.debtor, transfer.creditor] {
            let (payment, account, currency) = (outcome.instruction.id().clone(), account.clone(), transfer.currency);
            match held.get(&account) {
                None => findings.push(Finding::NoAccount { payment, account }),
                Some(holding) if holding.account.currency != currency => {
                    findings.push(Finding::Currency { payment, account });
                }
                Some(_) => {}
            }
        }
    }
    let not_zero = sums.into_iter().filter(|(_, sum)| *sum != 0);
    findings.extend(not_zero.map(|(currency, sum)| Finding::NotZero { currency, sum }));
    findings
}

/// What doesn't add up of refunds: each sum is that of its settled refunds, and not more than was paid.
pub(super) fn of_refunds(payments: &[Recorded], sums: &[(LegId, u64)]) -> Vec<Finding> {
    let mut given_back: BTreeMap<LegId, u64> = BTreeMap::new();
    let mut paid: BTreeMap<LegId, u64> = BTreeMap::new();
    for outcome in payments.iter().map(|recorded| &recorded.outcome).filter(|outcome| outcome.decision.is_ok()) {
        let amount = outcome.transfer().map_or(0, |transfer| transfer.amount.minor_units());
        match &outcome.instruction {
            Instruction::Refund(refund) => {
                let id = LegId { payment: refund.original.clone(), leg: refund.leg };
                let sum = given_back.entry(id).or_default();
                *sum = sum.saturating_add(amount);
            }
            Instruction::Payment(payment) => drop(paid.insert(LegId::of(payment.id.clone()), amount)),
            Instruction::Legged(payment) => paid.extend(payment.legs.numbered().map(|(number, leg)| {
                let id = LegId { payment: payment.id.clone(), leg: Some(number) };
                (id, leg.amount.minor_units())
            })),
        }
    }
    let stored: BTreeMap<LegId, u64> = sums.iter().cloned().collect();
    let totals: BTreeSet<&LegId> = given_back.keys().chain(stored.keys()).collect();
    let mut findings = Vec::new();
    for total in totals {
        let of = |sums: &BTreeMap<LegId, u64>| sums.get(total).copied().unwrap_or_default();
        let (expected, found, paid) = (of(&given_back), of(&stored), of(&paid));
        if expected != found {
            findings.push(Finding::Refunded { total: total.clone(), expected, found });
        }
        if found > paid {
            findings.push(Finding::OverRefunded { total: total.clone(), paid, found });
        }
    }
    findings
}

/// What doesn't add up of limits: what is used of a window is what the payments of its period make, and within its
/// limit, and no account holds more than its maximum. Limits are those that accounts were opened with.
pub(super) fn of_limits(accounts: &[Holding], payments: &[Recorded]) -> Vec<String> {
    let outcomes = payments.iter().map(|recorded| &recorded.outcome).filter(|outcome| outcome.limits_version.is_some());
    let mut findings = Vec::new();
    for holding in accounts {
        let (id, Some(limits)) = (&holding.account.id, &holding.account.limits) else { continue };
        if limits.max_balance.is_some_and(|most| holding.balance() > most.into()) {
            findings.push(format!(
                "account {id} holds {}, and its maximum is {:?}",
                holding.balance(),
                limits.max_balance
            ));
        }
        for (period, window) in limits.windows() {
            let Some(used) = window.used else { continue };
            let mine = outcomes.clone().filter(|outcome| outcome.instruction.debtor() == id);
            let of_period = mine.filter(|outcome| outcome.decided_at >= used.start);
            let (sum, count) = of_period.fold((0_u64, 0_u64), |(sum, count), outcome| {
                let own = outcome.transfers().filter(|transfer| transfer.debtor == id);
                let taken = own.map(|transfer| transfer.amount.minor_units()).fold(sum, u64::saturating_add);
                (taken, count.saturating_add(1))
            });
            if (sum, count) != (used.amount, used.count) || !window.limit.allows(used) {
                findings
                    .push(format!("account {id}: {count} payments make {sum}, and {used:?} of its {period} is used"));
            }
        }
    }
    findings
}

/// The errors of an account's lanes.
fn of_lanes(holding: &Holding) -> Vec<Finding> {
    let account = &holding.account;
    let mut findings = Vec::new();
    for lane in &holding.lanes {
        for (holds, expected) in [
            (lane.currency == account.currency, "the currency of its account"),
            (lane.status == account.status, "the status of its account"),
            (
                lane.balance.minor_units() >= 0 || account.overdraft_limit == OverdraftLimit::Unlimited,
                "a balance not below zero",
            ),
        ] {
            findings.extend((!holds).then(|| Finding::Lane { lane: lane.id.clone(), expected }));
        }
    }
    // A credit could make it.
    if account.status != AccountStatus::Open {
        let missing = account.lane_ids().filter(|id| holding.lanes.iter().all(|lane| lane.id != *id));
        findings.extend(missing.map(|lane| Finding::NoLane { lane }));
    }
    findings
}

fn add(sum: &mut i128, amount: i128) {
    *sum = sum.saturating_add(amount);
}

#[cfg(test)]
mod tests {
    use giro::domain::{AccountStatus, Balance, CreditLanes, Lane, Outcome, Timestamp};

    use super::*;
    use crate::given::{self, Setters as _};

    /// An account that must stay in credit; the bank may owe.
    fn held(id: &str, balance: i64, lanes: u16) -> Holding {
        let account = given::account(id).holding(balance).lanes(lanes);
        let account = if id == "bank" { account.unlimited() } else { account };
        let lanes = account.credit_lanes.numbers().map(|lane| Lane::new(&account, lane)).collect();
        Holding { account, lanes }
    }

    fn settled(creditor: &str, amount: u64) -> Recorded {
        let payment = given::payment(&format!("to-{creditor}"), "bank", creditor, amount);
        let fingerprint = payment.fingerprint();
        let source = given::source(0, 0);
        let instruction = payment.into();
        Recorded {
            outcome: Outcome {
                requested_by: None,
                trace: None,
                limits_version: None,
                declined_leg: None,
                instruction,
                repayment: None,
                decision: Ok(()),
                decided_at: Timestamp::EPOCH,
                source,
            },
            fingerprint,
        }
    }

    fn found(accounts: &[Holding], payments: &[Recorded]) -> Vec<String> {
        findings(accounts, payments).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_clean_ledger_is_not_accused_and_each_corruption_is_named() {
        let payments = [settled("alice", 10)];
        let bank = || held("bank", -10, 0);
        assert_eq!(found(&[bank(), held("alice", 10, 0)], &payments), [""; 0]);
        let off = "account alice: its settled payments make 10, its balance is 11";
        let sum = "the balances in EUR sum to 1, not to 0";
        assert_eq!(found(&[bank(), held("alice", 11, 0)], &payments), [off, sum]);
        let gone = "payment to-alice is settled, and its account alice does not exist";
        let sum = "the balances in EUR sum to -10, not to 0";
        assert_eq!(found(&[bank()], &payments), [gone, sum]);

        let mut dollars = held("alice", 10, 0);
        dollars.account.currency = given::currency("USD");
        let other = "payment to-alice is settled, and its account alice is of another currency";
        let sums = [sum, "the balances in USD sum to 10, not to 0"];
        assert_eq!(found(&[bank(), dollars], &payments), [&[other][..], &sums].concat());
    }

    #[test]
    fn lanes_are_part_of_their_account() {
        let payments = [settled("shop", 10)];
        let mut shop = held("shop", -1, 2);
        shop.lanes[1].balance = Balance::new(11);
        let below = "account shop: its balance is -1, and may not be below 0";
        assert_eq!(found(&[held("bank", -10, 0), shop.clone()], &payments), [below]);

        shop.account.balance = Balance::ZERO;
        shop.lanes[0].balance = Balance::new(-1);
        shop.lanes[0].status = AccountStatus::Frozen;
        shop.account.credit_lanes = CreditLanes::try_new(3).unwrap();
        let wrong =
            ["lane shop/0: expected the status of its account", "lane shop/0: expected a balance not below zero"];
        assert_eq!(found(&[held("bank", -10, 0), shop.clone()], &payments), wrong);
        shop.account.status = AccountStatus::Frozen;
        let wrong = [
            "lane shop/0: expected a balance not below zero",
            "lane shop/1: expected the status of its account",
            "lane shop/2 does not exist, and its account is not open or has a maximum balance",
        ];
        assert_eq!(found(&[held("bank", -10, 0), shop], &payments), wrong);
    }
}
