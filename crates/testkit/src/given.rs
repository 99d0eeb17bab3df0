//! What: Makes accounts, lanes, payments and commands for tests, the simulation and the demo. What they don't name has
//! the plainest value.
//!
//! ```text
//! account("shop").holding(5).lanes(3)
//! payment("k1", "alice", "shop", 400).at(0, 17)
//! ```
//!
//! An account is open, in euros, holds nothing, and has neither an overdraft nor lanes. A wrong text stops the test.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a test stops at the first surprise")]

use std::sync::{Arc, LazyLock};

use giro::domain::account_command::Action;
use giro::domain::plan::{AccountUpdate, Entry, StatementLanes};
use giro::domain::{
    Account, AccountCommand, AccountId, AccountLimits, AccountStatus, Amount, Balance, CommandId, CommandRequest,
    CreditLanes, Currency, Decision, Instruction, Lane, LaneId, Leg, LeggedPayment, Legs, Limits, OverdraftLimit,
    Payment, PaymentId, Refund, Request, Source, Timestamp,
};

/// An account's id.
#[must_use]
pub fn id(text: &str) -> AccountId {
    AccountId::try_new(text).unwrap()
}

/// A currency.
#[must_use]
pub fn currency(text: &str) -> Currency {
    Currency::try_new(text).unwrap()
}

/// Euros.
#[must_use]
pub fn eur() -> Currency {
    currency("EUR")
}

/// The plainest account of this name.
#[must_use]
pub fn account(name: &str) -> Account {
    Account {
        limits: None,
        owner: None,
        id: id(name),
        currency: eur(),
        status: AccountStatus::Open,
        balance: Balance::ZERO,
        overdraft_limit: OverdraftLimit::Limited(0),
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
        lane_debits: false,
        paused_until: None,
    }
}

/// The plainest entry of a request: on main items, and decided at the epoch.
#[must_use]
pub fn entry(request: &Request, decision: Decision) -> Entry<'_> {
    Entry::new(request, decision, Timestamp::EPOCH)
}

/// Lists an entry in the statement of a lane of its creditor.
#[must_use]
pub const fn on_lane(creditor: Option<u16>) -> StatementLanes {
    StatementLanes { debtor: None, creditor }
}

/// What else a test says of an account.
pub trait Setters {
    /// What its main item holds.
    fn holding(self, balance: i64) -> Self;
    /// How far below zero a debit may take it.
    fn limit(self, limit: u64) -> Self;
    /// It has no limit.
    fn unlimited(self) -> Self;
    /// How many credit lanes it has.
    fn lanes(self, count: u16) -> Self;
    /// The first limits that were set of it.
    fn limits(self, limits: Limits) -> Self;
    /// It has no limit, and pays from so many lanes.
    fn paying_from_lanes(self, count: u16) -> Self;
    /// Whether it may be used.
    fn status(self, status: AccountStatus) -> Self;
    /// Its currency.
    fn currency(self, currency: Currency) -> Self;
    /// Who owns it.
    fn owned_by(self, owner: &str) -> Self;
    /// The version of its main item.
    fn version(self, version: u64) -> Self;
}

impl Setters for Account {
    fn holding(self, balance: i64) -> Self {
        Self { balance: Balance::new(balance), ..self }
    }

    fn limit(self, limit: u64) -> Self {
        Self { overdraft_limit: OverdraftLimit::Limited(limit), ..self }
    }

    fn unlimited(self) -> Self {
        Self { overdraft_limit: OverdraftLimit::Unlimited, ..self }
    }

    fn lanes(self, count: u16) -> Self {
        Self { credit_lanes: CreditLanes::try_new(count).unwrap(), ..self }
    }

    fn limits(self, limits: Limits) -> Self {
        Self { limits: Some(AccountLimits::replaced(None, limits).into()), ..self }
    }

    fn paying_from_lanes(self, count: u16) -> Self {
        Self { lane_debits: true, ..self.unlimited().lanes(count) }
    }

    fn status(self, status: AccountStatus) -> Self {
        Self { status, ..self }
    }

    fn currency(self, currency: Currency) -> Self {
        Self { currency, ..self }
    }

    fn owned_by(self, owner: &str) -> Self {
        Self { owner: Some(owner.parse().unwrap()), ..self }
    }

    fn version(self, version: u64) -> Self {
        Self { version, ..self }
    }
}

/// A lane, named as `shop/1`: open, in euros, never written yet.
#[must_use]
pub fn lane(name: &str, balance: i64) -> Lane {
    let id: LaneId = name.parse().unwrap();
    let owner = account(id.account.as_str());
    Lane { balance: Balance::new(balance), ..Lane::new(&owner, id.lane) }
}

/// An update in euros, without conditions, of a main item (`shop`) or of a lane (`shop/1`).
#[must_use]
pub fn update(item: &str, net: i128) -> AccountUpdate {
    let (account, lane) = item.split_once('/').map_or((item, None), |(account, lane)| (account, Some(lane)));
    AccountUpdate {
        limits_version: None,
        windows: Vec::new(),
        takes_back: false,
        account: id(account),
        lane: lane.map(|lane| lane.parse().unwrap()),
        net,
        currency: eur(),
        overdraft_limit: None,
        balance_min: None,
        balance_max: None,
        version: None,
    }
}

/// The payment that a request asks for, to be changed.
pub fn payment_in(request: &mut Request) -> &mut Payment {
    match &mut request.instruction {
        Instruction::Payment(payment) => payment,
        Instruction::Legged(_) | Instruction::Refund(_) => panic!("expected a payment without legs"),
    }
}

/// A refund of this much, or of all that is left, without a reference.
#[must_use]
pub fn refund(name: &str, original: &str, debtor: &str, amount: Option<u64>) -> Refund {
    Refund {
        id: PaymentId::try_new(name).unwrap(),
        original: PaymentId::try_new(original).unwrap(),
        leg: None,
        debtor: id(debtor),
        amount: amount.map(|amount| Amount::try_new(amount).unwrap()),
        reference: None,
        requested_at: None,
    }
}

/// A payment with legs of this debtor. Each leg says who pays whom, in which currency, and how much.
#[must_use]
pub fn legged(name: &str, debtor: &str, legs: &[(&str, &str, &str, u64)]) -> LeggedPayment {
    let leg = |&(debtor, creditor, of, amount): &(&str, &str, &str, u64)| Leg {
        debtor: id(debtor),
        creditor: id(creditor),
        amount: Amount::try_new(amount).unwrap(),
        currency: currency(of),
        reference: None,
    };
    let legs = Legs::try_new(&id(debtor), legs.iter().map(leg).collect()).unwrap();
    LeggedPayment {
        id: PaymentId::try_new(name).unwrap(),
        debtor: id(debtor),
        legs,
        reference: None,
        requested_at: None,
    }
}

/// A payment in euros, without a reference.
#[must_use]
pub fn payment(name: &str, debtor: &str, creditor: &str, amount: u64) -> Payment {
    Payment {
        id: PaymentId::try_new(name).unwrap(),
        debtor: id(debtor),
        creditor: id(creditor),
        amount: Amount::try_new(amount).unwrap(),
        currency: eur(),
        reference: None,
        requested_at: None,
    }
}

/// An account command.
#[must_use]
pub fn command(name: &str, account: &str, action: Action) -> AccountCommand {
    AccountCommand { id: CommandId::try_new(name).unwrap(), account: id(account), action, requested_at: None }
}

/// A place on the topic of payments.
#[must_use]
pub fn source(partition: i32, offset: i64) -> Source {
    static TOPIC: LazyLock<Arc<str>> = LazyLock::new(|| "payment-requests".into());
    Source { topic: Arc::clone(&TOPIC), partition, offset }
}

/// A request on a topic.
pub trait Placed {
    /// The request at its place.
    type Request;

    /// The request at this partition and offset of its topic.
    #[must_use]
    fn at(self, partition: i32, offset: i64) -> Self::Request;
}

impl Placed for Payment {
    type Request = Request;

    fn at(self, partition: i32, offset: i64) -> Request {
        Request::new(self.into(), source(partition, offset))
    }
}

impl Placed for LeggedPayment {
    type Request = Request;

    fn at(self, partition: i32, offset: i64) -> Request {
        Request::new(self.into(), source(partition, offset))
    }
}

impl Placed for Refund {
    type Request = Request;

    fn at(self, partition: i32, offset: i64) -> Request {
        Request::new(self.into(), source(partition, offset))
    }
}

impl Placed for AccountCommand {
    type Request = CommandRequest;

    fn at(self, partition: i32, offset: i64) -> CommandRequest {
        CommandRequest { command: self, source: Source { topic: "account-commands".into(), partition, offset } }
    }
}
