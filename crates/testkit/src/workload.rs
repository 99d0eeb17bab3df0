//! What: Generates the demo's accounts and records from a seed. It is pure.
//!
//! Data: Takes a seed and a number of records. Gives accounts, the payments that fund them, and records of every kind.
//! Records settle, decline for each reason that a client can cause, repeat others, reuse an id, or are malformed. Some
//! refund what funded an account, others an earlier payment, whether or not that has its outcome by then. Payments with
//! legs pay a fee, change money into another currency, or take what isn't theirs.

use giro::domain::limits::WindowLimit;
use giro::domain::{
    Account, AccountId, AccountLimits, AccountStatus, Amount, CreditLanes, Currency, Instruction, Leg, LeggedPayment,
    Legs, Limits, Payment, PaymentId, Refund,
};
use giro::wire::instruction::encode;

use crate::given::{self, Setters as _};

/// A record to publish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// Its key: the debtor account, where it names one.
    pub key: Option<Vec<u8>>,
    /// Its value.
    pub value: Option<Vec<u8>>,
}

/// What the demo runs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The accounts, empty.
    pub accounts: Vec<Account>,
    /// Payments from the settlement account that fund them: money enters only as payments.
    pub funding: Vec<Record>,
    /// The records.
    pub records: Vec<Record>,
}

/// The kinds of records, and how many of a hundred are of each.
const KINDS: [(u32, Kind); 23] = [
    (28, Kind::Settling),
    (5, Kind::WithFee),
    (1, Kind::Exchange),
    (1, Kind::OthersMoney),
    (23, Kind::ToMerchant),
    (3, Kind::Refund),
    (1, Kind::RefundTooMuch),
    (2, Kind::RefundEarlier),
    (6, Kind::Duplicate),
    (3, Kind::ReusedId),
    (6, Kind::Malformed),
    (6, Kind::InsufficientFunds),
    (2, Kind::Between("same-account", "same-account")),
    (2, Kind::Between("nobody", MERCHANT)),
    (2, Kind::Between(RICH, "nobody")),
    (2, Kind::Between(LIMITED, MERCHANT)),
    (1, Kind::Between(RICH, FULL)),
    (1, Kind::Between("closed", MERCHANT)),
    (1, Kind::Between(RICH, "closed")),
    (1, Kind::Between("frozen", MERCHANT)),
    (1, Kind::Between(RICH, "frozen")),
    (1, Kind::Between(RICH, "dollars")),
    (1, Kind::Between("dollars", MERCHANT)),
];

const SETTLEMENT: &str = "settlement-eur";
const MERCHANT: &str = "merchant";
const RICH: &str = "customer-0";
/// The account that is paid a fee of what the merchant receives.
const FEES: &str = "fees";
/// Two accounts without a limit, through which money changes its currency.
const EXCHANGE: [&str; 2] = ["exchange-eur", "exchange-usd"];
/// An account that may pay so much at once, and in a month.
const LIMITED: &str = "limited";
/// An account that may hold so much.
const FULL: &str = "full";
/// What each customer is funded with, in minor units.
const FUNDS: u64 = 100_000;
const CUSTOMERS_MAX: usize = 2_000;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// From one customer to another.
    Settling,
    /// From a customer to the merchant that many pay.
    ToMerchant,
    /// From a customer to the merchant, which pays a fee of it. Both happen or none.
    WithFee,
    /// From a customer's euros to another's dollars.
    Exchange,
    /// A leg would take what another customer has.
    OthersMoney,
    /// An earlier record again.
    Duplicate,
    /// An earlier payment's id, with another amount.
    ReusedId,
    /// No payment.
    Malformed,
    /// More than the customer has.
    InsufficientFunds,
    /// A part of what funded a customer goes back.
    Refund,
    /// More of it than there was.
    RefundTooMuch,
    /// All that is left of an earlier payment goes back.
    RefundEarlier,
    /// Between these two.
    Between(&'static str, &'static str),
}

impl Workload {
    /// Generates `records` records from a seed, always the same. Every id begins with `run`, so that several runs can
    /// use one ledger.
    #[must_use]
    pub fn generate(seed: u64, records: usize, run: &str) -> Self {
        let customers = (records / 5).clamp(10, CUSTOMERS_MAX);
        let mut generator = Generator {
            random: fastrand::Rng::with_seed(seed),
            names: Names { run, seed },
            customers,
            payments: Vec::new(),
        };
        let customer = |ix: usize| format!("customer-{ix}");

        let account = |name: &str| given::account(&format!("{run}{name}"));
        let special = [
            account(SETTLEMENT).unlimited(),
            account(MERCHANT),
            account(FEES),
            account(EXCHANGE[0]).unlimited(),
            account(EXCHANGE[1]).currency(given::currency("USD")).unlimited(),
            account("same-account"),
            account("dollars").currency(given::currency("USD")),
            account("frozen").status(AccountStatus::Frozen),
            account("closed").status(AccountStatus::Closed),
            limited(account(LIMITED), limits()),
            limited(account(FULL), Limits { max_balance: Some(10_000), ..Limits::NONE }),
        ];
        let ordinary = (0..customers).map(|ix| account(&customer(ix)));
        let accounts = special.into_iter().chain(ordinary).collect();

        let names = Names { run, seed };
        let fund = |ix| Some(record(names.payment(&format!("fund-{ix}"), SETTLEMENT, &customer(ix), FUNDS)?));
        let of_limited = names.payment("fund-limited", SETTLEMENT, LIMITED, FUNDS).map(record);
        let funding = (0..customers).filter_map(fund).chain(of_limited).collect();
        let records = (0..records).filter_map(|number| generator.record(number)).collect();
        Self { accounts, funding, records }
    }

    /// The same, with so many lanes of each account. One with a maximum balance uses none.
    #[must_use]
    pub fn with_lanes(mut self, lanes: CreditLanes) -> Self {
        let accounts = self.accounts.iter_mut().filter(|account| account.max_balance().is_none());
        accounts.for_each(|account| account.credit_lanes = lanes);
        self
    }
}

/// What the limited account may pay: at most 1,500 at once, and 20,000 in 30 payments of a month.
fn limits() -> Limits {
    let month = Some(WindowLimit { amount: Some(20_000), count: Some(30) });
    Limits { max_payment: Amount::try_new(1_500).ok(), max_balance: None, windows: [None, None, month] }
}

fn limited(account: Account, limits: Limits) -> Account {
    Account { limits: Some(Box::new(AccountLimits::replaced(None, limits))), ..account }
}

/// Names of a run.
#[derive(Clone, Copy)]
struct Names<'r> {
    run: &'r str,
    seed: u64,
}

struct Generator<'r> {
    random: fastrand::Rng,
    names: Names<'r>,
    customers: usize,
    /// The payments so far, each id once.
    payments: Vec<Payment>,
}

impl Generator<'_> {
    fn record(&mut self, number: usize) -> Option<Record> {
        let kind = self.kind();
        if kind == Kind::Malformed {
            return Some(self.malformed(number));
        }
        // There is nothing to repeat at first.
        let earlier = self.random.usize(0..self.payments.len().max(1));
        let payment = match (kind, self.payments.get(earlier)) {
            (Kind::Duplicate, Some(earlier)) => return Some(record(earlier.clone())),
            (Kind::RefundEarlier, Some(earlier)) => {
                let (original, debtor) = (earlier.id.clone(), earlier.creditor.clone());
                return Some(record(self.names.refund(number, original, debtor, None)?));
            }
            (Kind::Refund | Kind::RefundTooMuch, _) => return self.refund(kind, number),
            (Kind::WithFee | Kind::Exchange | Kind::OthersMoney, _) => return self.legged(kind, number),
            (Kind::ReusedId, Some(earlier)) => {
                let amount = Amount::try_new(earlier.amount.minor_units().saturating_add(1)).ok()?;
                return Some(record(Payment { amount, ..earlier.clone() }));
            }
            _ => self.payment(kind, number)?,
        };
        self.payments.push(payment.clone());
        Some(record(payment))
    }

    /// A payment with legs.
    fn legged(&mut self, kind: Kind, number: usize) -> Option<Record> {
        let debtor = format!("customer-{}", self.random.usize(0..self.customers));
        let amount = self.random.u64(100..=2_000);
        let leg = |debtor: &str, creditor: &str, amount, currency| self.names.leg(debtor, creditor, amount, currency);
        let second = if kind == Kind::Exchange {
            leg(EXCHANGE[1], "dollars", amount.saturating_add(amount / 10), "USD")?
        } else if kind == Kind::OthersMoney {
            leg(RICH, &debtor, amount, "EUR")?
        } else {
            leg(MERCHANT, FEES, amount / 100, "EUR")?
        };
        let first = leg(&debtor, if kind == Kind::Exchange { EXCHANGE[0] } else { MERCHANT }, amount, "EUR")?;
        let legs = [first, second];
        let debtor = self.names.account(&debtor)?;
        Some(record(LeggedPayment {
            id: self.names.payment_id(&format!("legs-{number}"))?,
            legs: Legs::try_new(&debtor, legs.into()).ok()?,
            debtor,
            reference: Some(format!("order {number}").into()),
            requested_at: None,
        }))
    }

    /// A refund of what funded a customer.
    fn refund(&mut self, kind: Kind, number: usize) -> Option<Record> {
        let customer = self.random.usize(0..self.customers);
        let original = self.names.payment_id(&format!("fund-{customer}"))?;
        let debtor = self.names.account(&format!("customer-{customer}"))?;
        let amount = self.random.u64(1..=2_000).saturating_add(if kind == Kind::Refund { 0 } else { FUNDS });
        Some(record(self.names.refund(number, original, debtor, Some(amount))?))
    }

    fn kind(&mut self) -> Kind {
        let mut pick = self.random.u32(0..100);
        for (share, kind) in KINDS {
            if pick < share {
                return kind;
            }
            pick = pick.saturating_sub(share);
        }
        Kind::Settling
    }

    fn payment(&mut self, kind: Kind, number: usize) -> Option<Payment> {
        let debtor = self.random.usize(0..self.customers);
        let others = self.random.usize(1..self.customers);
        let creditor = debtor.saturating_add(others).checked_rem(self.customers)?;
        let (debtor, creditor) = (format!("customer-{debtor}"), format!("customer-{creditor}"));
        let amount = self.random.u64(1..=2_000);
        let id = format!("pay-{number}");
        let payment = |id: &str, debtor: &str, creditor: &str, amount| self.names.payment(id, debtor, creditor, amount);
        match kind {
            Kind::ToMerchant => payment(&id, &debtor, MERCHANT, amount),
            Kind::InsufficientFunds => payment(&id, &debtor, &creditor, FUNDS.saturating_mul(1_000)),
            Kind::Between(debtor, creditor) => payment(&id, debtor, creditor, amount),
            Kind::Settling
            | Kind::Duplicate
            | Kind::ReusedId
            | Kind::Malformed
            | Kind::Refund
            | Kind::RefundTooMuch
            | Kind::WithFee
            | Kind::Exchange
            | Kind::OthersMoney
            | Kind::RefundEarlier => payment(&id, &debtor, &creditor, amount),
        }
    }

    fn malformed(&mut self, number: usize) -> Record {
        let value: Option<Vec<u8>> = match self.random.u32(0..6) {
            0 => None,
            1 => Some(format!("not json {number}").into()),
            2 => Some(format!(r#"{{"payment_id":"bad-{number}","amount":1}}"#).into()),
            3 => Some(format!(r#"{{"payment_id":"bad-{number}","debtor_account":"a","creditor_account":"b","amount":1.5,"currency":"EUR"}}"#).into()),
            4 => Some(format!(r#"{{"payment_id":"bad-{number}","payment_id":"bad","debtor_account":"a","creditor_account":"b","amount":1,"currency":"EUR"}}"#).into()),
            _ => Some(vec![0xff, 0xfe, self.random.u8(..)]),
        };
        Record { key: Some(b"malformed".to_vec()), value }
    }
}

impl Names<'_> {
    fn payment_id(self, id: &str) -> Option<PaymentId> {
        let Self { run, seed } = self;
        PaymentId::try_new(&format!("{run}{seed}-{id}")).ok()
    }

    fn account(self, id: &str) -> Option<AccountId> {
        AccountId::try_new(&format!("{}{id}", self.run)).ok()
    }

    fn refund(self, number: usize, original: PaymentId, debtor: AccountId, amount: Option<u64>) -> Option<Refund> {
        Some(Refund {
            id: self.payment_id(&format!("refund-{number}"))?,
            original,
            leg: None,
            debtor,
            amount: amount.and_then(|amount| Amount::try_new(amount).ok()),
            reference: Some(format!("return {number}").into()),
            requested_at: None,
        })
    }

    fn leg(self, debtor: &str, creditor: &str, amount: u64, currency: &str) -> Option<Leg> {
        Some(Leg {
            debtor: self.account(debtor)?,
            creditor: self.account(creditor)?,
            amount: Amount::try_new(amount).ok()?,
            currency: Currency::try_new(currency).ok()?,
            reference: None,
        })
    }

    fn payment(self, id: &str, debtor: &str, creditor: &str, amount: u64) -> Option<Payment> {
        Some(Payment {
            id: self.payment_id(id)?,
            debtor: self.account(debtor)?,
            creditor: self.account(creditor)?,
            amount: Amount::try_new(amount).ok()?,
            currency: Currency::try_new("EUR").ok()?,
            reference: Some(format!("order {id}").into()),
            requested_at: None,
        })
    }
}

fn record(asked: impl Into<Instruction>) -> Record {
    let asked = asked.into();
    Record { key: Some(asked.debtor().as_str().into()), value: Some(encode(&asked).into_bytes()) }
}
