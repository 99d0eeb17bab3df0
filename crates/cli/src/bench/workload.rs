//! What: Makes accounts and requests to measure with.
//!
//! Data: Takes a kind, numbers of partitions and records, and a seed. Gives the accounts to open, and each partition's
//! requests, in order. The same seed gives the same result.
//!
//! | kind | who pays whom |
//! |---|---|
//! | uniform | anyone anyone |
//! | zipf | both sides skewed: the k-th account takes part k^−exponent as often as the first. With 0.99 and 10,000 accounts the first is in a tenth of all |
//! | merchant | anyone pays one account |
//! | payer | one account a partition pays anyone |
//! | settlement | one account without a limit a partition pays anyone |
//!
//! Some of a hundred records repeat an earlier one, and some of a hundred payments ask for more than the debtor has.
//!
//! | module | what |
//! |---|---|
//! | [`draw`] | draws who pays whom |
//! | [`deliveries`] | puts the records on partitions |
//! | [`exponent`] | how skewed it is |
//! | `kafka_partition` | the partition of a key |
//! | `load` | what a workload is |
//!
//! A partition has only the debtors that Kafka's keys would bring to it. Where each partition delivers equally many
//! records, account i belongs to partition i mod P. Unless the workload says otherwise, every account starts with more
//! than a run can take from it.

pub mod deliveries;
pub mod draw;
pub mod exponent;
mod kafka_partition;
mod load;

use std::sync::Arc;

use giro::domain::id::InvalidId;
use giro::domain::{
    Account, AccountId, AccountStatus, Amount, Balance, CreditLanes, Currency, OverdraftLimit, Payment, PaymentId,
    Request, Source, Timestamp,
};

use draw::{Drawn, Weights};
pub use load::{ACCOUNTS, BALANCE, HOTTEST, Kind, TOPIC, Workload};

impl Workload {
    /// The accounts to open.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn accounts(self, partitions: usize) -> Result<Vec<Account>, InvalidId> {
        let beside = match self.kind {
            Kind::Uniform | Kind::Zipf | Kind::Payer => 0,
            Kind::Merchant => 1,
            Kind::Settlement => partitions,
        };
        let account = |number: usize| {
            let is_settlement = self.kind == Kind::Settlement && number >= self.accounts;
            let (balance, overdraft_limit) = match is_settlement {
                true => (Balance::ZERO, OverdraftLimit::Unlimited),
                false => (Balance::new(self.balance), OverdraftLimit::Limited(0)),
            };
            Ok(Account {
                limits: None,
                owner: None,
                id: self.account(number)?,
                currency: currency(),
                status: AccountStatus::Open,
                balance,
                overdraft_limit,
                version: 1,
                opened_at: Timestamp::EPOCH,
                credit_lanes: self.lanes_of(number),
                lane_debits: is_settlement,
                paused_until: None,
            })
        };
        (0..self.accounts.saturating_add(beside)).map(account).collect()
    }

    fn lanes_of(self, number: usize) -> CreditLanes {
        if number < self.busiest || number >= self.accounts { self.lanes } else { CreditLanes::NONE }
    }

    /// The requests of one partition of `partitions` that delivers as many as the others, in order.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn requests(
        self,
        partition: usize,
        partitions: usize,
        records: usize,
        seed: u64,
    ) -> Result<Vec<Request>, InvalidId> {
        let creditors = Weights::new(self, 0..self.accounts);
        let payments = deliveries::of_partition(self, &creditors, partition, partitions, records, seed);
        let topic: Arc<str> = TOPIC.into();
        let request = |(offset, payment)| self.request(&topic, partition, offset, payment);
        payments.into_iter().enumerate().map(request).collect()
    }

    fn request(self, topic: &Arc<str>, partition: usize, offset: usize, drawn: Drawn) -> Result<Request, InvalidId> {
        let Drawn { number, debtor, creditor, minor_units } = drawn;
        let payment = Payment {
            id: PaymentId::try_new(&format!("pay-{partition:03}-{number:08}"))?,
            debtor: self.account(debtor)?,
            creditor: self.account(creditor)?,
            amount: Amount::try_new(minor_units).unwrap_or_else(|_| unreachable!("at most twice a balance")),
            currency: currency(),
            reference: Some(format!("invoice {number}").into()),
            requested_at: None,
        };
        let source = Source {
            topic: Arc::clone(topic),
            partition: i32::try_from(partition).unwrap_or(i32::MAX),
            offset: i64::try_from(offset).unwrap_or(i64::MAX),
        };
        Ok(Request::new(payment.into(), source))
    }

    /// The id of an account, by its number. The merchant and the settlement accounts come after all others.
    fn account(self, number: usize) -> Result<AccountId, InvalidId> {
        let beside = number.checked_sub(self.accounts).map(|ix| ix.saturating_add(1));
        AccountId::try_new(&match (beside, self.kind) {
            (Some(ix), Kind::Settlement) => format!("settlement-{ix}"),
            (Some(ix), Kind::Uniform | Kind::Zipf | Kind::Merchant | Kind::Payer) => format!("merchant-{ix}"),
            (None, _) => format!("customer-{number:06}"),
        })
    }
}

fn currency() -> Currency {
    // Three capital letters.
    Currency::try_new("EUR").unwrap_or_else(|_| unreachable!("EUR is a currency's code"))
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use giro::domain::Transfer;

    use super::deliveries::{Deliveries, Keys};
    use super::exponent::Exponent;
    use super::*;

    /// Of every kind, and with what any of them may have beside.
    const ALL: [Workload; 8] = [
        Workload::new(Kind::Uniform),
        Workload::new(Kind::Zipf),
        Workload::new(Kind::Merchant),
        Workload::new(Kind::Payer),
        Workload::new(Kind::Settlement),
        Workload::new(Kind::Uniform).repeating(20),
        Workload::new(Kind::Uniform).declining(5),
        Workload::new(Kind::Zipf).starting_with(5_000),
    ];

    fn requests(workload: Workload, partition: usize, partitions: usize) -> Vec<Request> {
        workload.requests(partition, partitions, 10_000, 7).unwrap()
    }

    /// How often the busiest creditor is paid.
    fn busiest(workload: Workload) -> usize {
        let mut by_creditor: HashMap<AccountId, usize> = HashMap::new();
        let creditors = requests(workload, 0, 1)
            .into_iter()
            .map(|request| request.instruction.transfer().unwrap().creditor.clone());
        for creditor in creditors {
            let count = by_creditor.entry(creditor).or_default();
            *count = count.saturating_add(1);
        }
        by_creditor.values().max().copied().unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        for workload in ALL {
            assert_eq!(requests(workload, 1, 4), requests(workload, 1, 4), "{}", workload.name());
        }
        assert_ne!(requests(ALL[0], 0, 4), requests(ALL[0], 1, 4));
    }

    #[test]
    fn partitions_share_no_debtor_and_no_payment() {
        for keys in [Keys::Even, Keys::Drawn] {
            let deliveries = Deliveries::new(Workload::new(Kind::Zipf), keys, 3, 2_000, 7).unwrap();
            let of = |partition| -> (HashSet<AccountId>, HashSet<PaymentId>) {
                let requests = deliveries.requests(partition, 0..6_000).unwrap();
                requests.into_iter().map(|r| (r.instruction.debtor().clone(), r.instruction.id().clone())).unzip()
            };
            let (first, second) = (of(0), of(1));
            assert!(first.0.is_disjoint(&second.0) && first.1.is_disjoint(&second.1), "{keys:?}");
        }
    }

    #[test]
    fn each_kind_is_what_it_says() {
        let hottest = busiest(Workload::new(Kind::Zipf));
        assert!((850..=1_150).contains(&hottest), "{hottest}");
        // It is drawn in 38 % of all draws, but not if it pays.
        let steep = busiest(Workload::new(Kind::Zipf).skewed(Exponent::of_thousandths(1_500)));
        assert!((2_300..=2_700).contains(&steep), "{steep}");
        assert!(busiest(Workload::new(Kind::Zipf).skewed(Exponent::of_thousandths(0))) < 10);
        let all = |kind, is: fn(Transfer<'_>) -> bool| {
            requests(Workload::new(kind), 0, 1).iter().all(|r| is(r.instruction.transfer().unwrap()))
        };
        assert!(all(Kind::Merchant, |transfer| transfer.creditor.as_str() == "merchant-1"));
        assert!(all(Kind::Payer, |transfer| transfer.debtor.as_str() == "customer-000000"));
        assert!(all(Kind::Settlement, |transfer| transfer.debtor.as_str() == "settlement-1"));
        let repeating = requests(Workload::new(Kind::Uniform).repeating(20), 0, 1);
        let ids: HashSet<PaymentId> = repeating.into_iter().map(|r| r.instruction.id().clone()).collect();
        assert!((7_800..=8_200).contains(&ids.len()), "{}", ids.len());
        let much = |r: &&Request| r.instruction.transfer().unwrap().amount.minor_units() > draw::AMOUNT_MAX;
        let declined = requests(Workload::new(Kind::Uniform).declining(5), 0, 1).iter().filter(much).count();
        assert!((400..=600).contains(&declined), "{declined}");
    }

    #[test]
    fn accounts_start_as_the_workload_says() {
        let lanes = CreditLanes::try_new(4).unwrap();
        let workload = Workload::with_lanes(Kind::Settlement, lanes).among(3).starting_with(7);
        let accounts = workload.accounts(2).unwrap();
        let told = |account: &Account| (account.id.to_string(), account.balance.minor_units(), account.credit_lanes);
        let none = CreditLanes::NONE;
        assert_eq!(
            accounts.iter().map(told).collect::<Vec<_>>(),
            [
                ("customer-000000".to_owned(), 7, none),
                ("customer-000001".to_owned(), 7, none),
                ("customer-000002".to_owned(), 7, none),
                ("settlement-1".to_owned(), 0, lanes),
                ("settlement-2".to_owned(), 0, lanes),
            ]
        );
        assert_eq!(accounts[4].overdraft_limit, OverdraftLimit::Unlimited);
        let everywhere = Workload::new(Kind::Uniform).among(3).with_lanes_everywhere(lanes);
        assert!(everywhere.accounts(1).unwrap().iter().all(|account| account.credit_lanes == lanes));
    }

    #[test]
    fn keys_as_drawn_make_partitions_unequal_and_even_keys_do_not() {
        let sizes = |keys| -> Vec<usize> {
            let deliveries = Deliveries::new(Workload::new(Kind::Zipf), keys, 8, 1_000, 7).unwrap();
            deliveries.by_partition().iter().map(Vec::len).collect()
        };
        assert_eq!(sizes(Keys::Even), [1_000; 8]);
        let drawn = sizes(Keys::Drawn);
        assert_eq!(drawn.iter().sum::<usize>(), 8_000);
        assert!(drawn.iter().any(|&size| size > 1_200) && drawn.iter().all(|&size| size > 0), "{drawn:?}");
    }

    #[test]
    fn records_arrive_one_after_the_other() {
        for keys in [Keys::Even, Keys::Drawn] {
            let deliveries = Deliveries::new(Workload::new(Kind::Uniform).repeating(20), keys, 3, 100, 7).unwrap();
            let mut nths: Vec<usize> = deliveries.by_partition().iter().flatten().map(|record| record.nth).collect();
            assert!(deliveries.by_partition().iter().all(|records| records.is_sorted_by_key(|record| record.nth)));
            nths.sort_unstable();
            assert_eq!(nths, (0..300).collect::<Vec<_>>(), "{keys:?}");
            let requests = (0..3).flat_map(|partition| deliveries.requests(partition, 0..300).unwrap());
            let ids: HashSet<PaymentId> = requests.map(|request| request.instruction.id().clone()).collect();
            assert_eq!(ids.len(), deliveries.payments(), "{keys:?}");
        }
    }
}
