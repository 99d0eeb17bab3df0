//! What: Makes accounts and requests to measure with.
//!
//! Data: Takes a kind, numbers of partitions and records, and a seed. Gives the accounts to open, and each partition's
//! requests, in order. The same seed gives the same result.
//!
//! | kind | who pays whom |
//! |---|---|
//! | uniform | anyone anyone, of 10,000 accounts |
//! | zipf | both sides skewed: the k-th account takes part k^−0.99 as often as the first; the first is in a tenth of all |
//! | merchant | anyone pays one account |
//! | payer | one account pays anyone |
//! | duplicates | uniform, and a fifth of the records repeat an earlier one |
//! | declines | uniform, and a twentieth ask for more than the debtor has |
//!
//! A partition has only the debtors that Kafka's keys would bring to it: account i belongs to partition i mod P. Every
//! account starts with more than a run can take from it.
#![expect(
    clippy::float_arithmetic,
    clippy::as_conversions,
    clippy::cast_precision_loss,
    reason = "the weights of a skewed draw are floats; what is drawn is an index"
)]

use std::sync::Arc;

use giro::domain::id::InvalidId;
use giro::domain::{
    Account, AccountId, AccountStatus, Amount, Balance, CreditLanes, Currency, OverdraftLimit, Payment, PaymentId,
    PaymentRequest, Source, Timestamp,
};

/// How many accounts pay each other, if it isn't said.
pub const ACCOUNTS: usize = 10_000;
/// How many of the busiest accounts get lanes in a skewed workload with lanes.
pub const HOTTEST: usize = 10;
/// The skew: the usual one of YCSB's.
const ZIPF_EXPONENT: f64 = 0.99;
/// What each account starts with, in minor units.
const BALANCE: i64 = 1_000_000_000_000;
/// Amounts are 1 ..= this, in minor units.
const AMOUNT_MAX: u64 = 1_000;
/// The topic of the requests.
pub const TOPIC: &str = "payment-requests";

/// Who pays whom.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Anyone pays anyone.
    Uniform,
    /// Both sides skewed.
    Zipf,
    /// Anyone pays one account.
    Merchant,
    /// One account pays anyone.
    Payer,
    /// A fifth of the records repeat an earlier one.
    Duplicates,
    /// A twentieth of the payments are declined.
    Declines,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 6] =
        [Self::Uniform, Self::Zipf, Self::Merchant, Self::Payer, Self::Duplicates, Self::Declines];

    /// The name as shown.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Uniform => "uniform",
            Self::Zipf => "zipf 0.99",
            Self::Merchant => "one merchant",
            Self::Payer => "one payer",
            Self::Duplicates => "20 % duplicates",
            Self::Declines => "5 % declines",
        }
    }

    /// The kind of that name, or of its first word.
    #[must_use]
    pub fn from_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A workload: who pays whom, and how many lanes the hot accounts have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Workload {
    /// Who pays whom.
    pub kind: Kind,
    /// The lanes of the merchant, or of each of the [`HOTTEST`].
    pub lanes: CreditLanes,
    /// How many accounts pay each other.
    pub accounts: usize,
}

impl Workload {
    /// Without lanes.
    #[must_use]
    pub const fn new(kind: Kind) -> Self {
        Self::with_lanes(kind, CreditLanes::NONE)
    }

    /// With so many lanes.
    #[must_use]
    pub const fn with_lanes(kind: Kind, lanes: CreditLanes) -> Self {
        Self { kind, lanes, accounts: ACCOUNTS }
    }

    /// The same among so many accounts.
    #[must_use]
    pub const fn among(self, accounts: usize) -> Self {
        Self { accounts, ..self }
    }

    /// The name as shown.
    #[must_use]
    pub fn name(self) -> String {
        if self.lanes.is_none() {
            self.kind.name().to_owned()
        } else {
            format!("{}, {} lanes", self.kind.name(), self.lanes)
        }
    }

    /// The accounts to open.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn accounts(self) -> Result<Vec<Account>, InvalidId> {
        let hot = |ix: usize| match self.kind {
            Kind::Zipf => ix < HOTTEST,
            Kind::Uniform | Kind::Merchant | Kind::Payer | Kind::Duplicates | Kind::Declines => false,
        };
        let account = |id: AccountId, lanes: CreditLanes| Account {
            id,
            currency: currency(),
            status: AccountStatus::Open,
            balance: Balance::new(BALANCE),
            overdraft_limit: OverdraftLimit::Limited(0),
            version: 1,
            opened_at: Timestamp::EPOCH,
            credit_lanes: lanes,
        };
        let mut accounts = Vec::with_capacity(self.accounts.saturating_add(1));
        for ix in 0..self.accounts {
            accounts.push(account(customer(ix)?, if hot(ix) { self.lanes } else { CreditLanes::NONE }));
        }
        if self.kind == Kind::Merchant {
            accounts.push(account(AccountId::try_new(MERCHANT)?, self.lanes));
        }
        Ok(accounts)
    }

    /// The requests of one partition of `partitions`, in order.
    ///
    /// # Errors
    /// Never: the ids are valid.
    pub fn requests(
        self,
        partition: usize,
        partitions: usize,
        records: usize,
        seed: u64,
    ) -> Result<Vec<PaymentRequest>, InvalidId> {
        let mut draw = Draw::new(self, partition, partitions, seed);
        let topic: Arc<str> = TOPIC.into();
        let mut requests: Vec<PaymentRequest> = Vec::with_capacity(records);
        for record in 0..records {
            let source = Source {
                topic: Arc::clone(&topic),
                partition: i32::try_from(partition).unwrap_or(i32::MAX),
                offset: i64::try_from(record).unwrap_or(i64::MAX),
            };
            let payment = match requests.len() {
                earlier if earlier > 0 && self.kind == Kind::Duplicates && draw.one_in(5) => {
                    requests[draw.random.usize(0..earlier)].payment.clone()
                }
                _ => draw.payment(partition, record)?,
            };
            requests.push(PaymentRequest { payment, source });
        }
        Ok(requests)
    }
}

const MERCHANT: &str = "merchant-1";

fn customer(ix: usize) -> Result<AccountId, InvalidId> {
    AccountId::try_new(&format!("customer-{ix:06}"))
}

fn currency() -> Currency {
    // Three capital letters.
    Currency::try_new("EUR").unwrap_or_else(|_| unreachable!("EUR is a currency's code"))
}

/// Draws payments.
struct Draw {
    random: fastrand::Rng,
    kind: Kind,
    /// The debtors of the partition, and how they and the creditors are weighed.
    debtors: Weights,
    creditors: Weights,
}

impl Draw {
    fn new(workload: Workload, partition: usize, partitions: usize, seed: u64) -> Self {
        let Workload { kind, accounts, .. } = workload;
        let all = 0..accounts;
        let own = all.clone().skip(partition).step_by(partitions.max(1));
        let seed = seed.wrapping_mul(1_000_003).wrapping_add(u64::try_from(partition).unwrap_or(0));
        let skewed = kind == Kind::Zipf;
        Self {
            random: fastrand::Rng::with_seed(seed),
            kind,
            debtors: Weights::new(own, skewed),
            creditors: Weights::new(all, skewed),
        }
    }

    fn one_in(&mut self, of: u32) -> bool {
        self.random.u32(0..of) == 0
    }

    fn payment(&mut self, partition: usize, record: usize) -> Result<Payment, InvalidId> {
        let debtor = match self.kind {
            Kind::Payer => partition,
            Kind::Uniform | Kind::Zipf | Kind::Merchant | Kind::Duplicates | Kind::Declines => {
                self.debtors.draw(&mut self.random)
            }
        };
        let creditor = match self.kind {
            Kind::Merchant => AccountId::try_new(MERCHANT)?,
            Kind::Uniform | Kind::Zipf | Kind::Payer | Kind::Duplicates | Kind::Declines => {
                let mut creditor = self.creditors.draw(&mut self.random);
                while creditor == debtor {
                    creditor = self.creditors.draw(&mut self.random);
                }
                customer(creditor)?
            }
        };
        let too_much = self.kind == Kind::Declines && self.one_in(20);
        let minor_units =
            if too_much { BALANCE.unsigned_abs().saturating_mul(2) } else { self.random.u64(1..=AMOUNT_MAX) };
        Ok(Payment {
            id: PaymentId::try_new(&format!("pay-{partition:03}-{record:08}"))?,
            debtor: customer(debtor)?,
            creditor,
            amount: Amount::try_new(minor_units).unwrap_or_else(|_| unreachable!("at most twice a balance")),
            currency: currency(),
            reference: Some(format!("invoice {record}").into()),
            requested_at: None,
        })
    }
}

/// Indices, and how often each is drawn.
struct Weights {
    indices: Vec<usize>,
    /// The sum of the weights up to each index; empty where all weigh the same.
    sums: Vec<f64>,
}

impl Weights {
    fn new(indices: impl Iterator<Item = usize>, skewed: bool) -> Self {
        let indices: Vec<usize> = indices.collect();
        let mut sum = 0.0;
        let weigh = |&ix: &usize| {
            sum += (ix.saturating_add(1) as f64).powf(-ZIPF_EXPONENT);
            sum
        };
        let sums = if skewed { indices.iter().map(weigh).collect() } else { Vec::new() };
        Self { indices, sums }
    }

    fn draw(&self, random: &mut fastrand::Rng) -> usize {
        let position = match self.sums.last() {
            None => random.usize(0..self.indices.len()),
            Some(all) => {
                let point = random.f64() * all;
                self.sums.partition_point(|&sum| sum <= point).min(self.indices.len().saturating_sub(1))
            }
        };
        self.indices[position]
    }
}

#[cfg(test)]
mod tests {
    use std::collections::{HashMap, HashSet};

    use super::*;

    fn requests(kind: Kind, partition: usize, partitions: usize) -> Vec<PaymentRequest> {
        Workload::new(kind).requests(partition, partitions, 10_000, 7).unwrap()
    }

    #[test]
    fn the_same_seed_gives_the_same_requests() {
        for kind in Kind::ALL {
            assert_eq!(requests(kind, 1, 4), requests(kind, 1, 4), "{}", kind.name());
        }
        assert_ne!(requests(Kind::Uniform, 0, 4), requests(Kind::Uniform, 1, 4));
    }

    #[test]
    fn partitions_share_no_debtor_and_no_payment() {
        let of = |partition| -> (HashSet<AccountId>, HashSet<PaymentId>) {
            requests(Kind::Zipf, partition, 3).into_iter().map(|r| (r.payment.debtor, r.payment.id)).unzip()
        };
        let (first, second) = (of(0), of(1));
        assert!(first.0.is_disjoint(&second.0) && first.1.is_disjoint(&second.1));
    }

    #[test]
    fn each_kind_is_what_it_says() {
        let creditors = requests(Kind::Zipf, 0, 1).into_iter().map(|r| r.payment.creditor);
        let mut by_creditor: HashMap<AccountId, usize> = HashMap::new();
        creditors.for_each(|creditor| *by_creditor.entry(creditor).or_default() += 1);
        let hottest = by_creditor.values().max().copied().unwrap();
        assert!((850..=1_150).contains(&hottest), "{hottest}");
        assert!(requests(Kind::Merchant, 0, 1).iter().all(|r| r.payment.creditor.as_str() == MERCHANT));
        assert!(requests(Kind::Payer, 0, 1).iter().all(|r| r.payment.debtor.as_str() == "customer-000000"));
        let ids: HashSet<PaymentId> = requests(Kind::Duplicates, 0, 1).into_iter().map(|r| r.payment.id).collect();
        assert!((7_800..=8_200).contains(&ids.len()), "{}", ids.len());
        let much = |r: &&PaymentRequest| r.payment.amount.minor_units() > AMOUNT_MAX;
        let declined = requests(Kind::Declines, 0, 1).iter().filter(much).count();
        assert!((400..=600).contains(&declined), "{declined}");
    }
}
