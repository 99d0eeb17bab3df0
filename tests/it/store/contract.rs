//! One contract for every store: each case runs on the memory store and on DynamoDB (the embedded engine).

use std::sync::Arc;

use giro::domain::account_command::{Action, Change, DecidedCommand};
use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountCommand, AccountId, AccountStatus, Amount, Balance, CommandId, CommandRequest, CreditLanes,
    Currency, DeadLetter, Holding, Lane, OverdraftLimit, Payment, PaymentId, Refusal, Request, Source, Timestamp,
    Verdict,
};
use giro::store::{
    AccountLedger, Cancelled, CommandCommit, Commands, Commit, Inspect, Ledger, Redrive, Survey,
};
use giro_testkit::open_accounts::OpenAccounts;

/// Runs each case on both stores, each time a fresh one.
macro_rules! contract {
    ($($(#[$doc:meta])* $case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&giro_testkit::memory_store::MemoryStore::new()).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                super::$case(&giro_testkit::engine::Engine::start().await.unwrap().ledger()).await;
            }
        }
    )*};
}

mod account_commands;
mod dead_letters;
mod dynamodb_alone;
mod lanes;
mod memory_alone;
mod survey;
mod transactions;

trait Store: Ledger + Inspect + OpenAccounts + AccountLedger + Commands + Redrive + Survey {}
impl<S: Ledger + Inspect + OpenAccounts + AccountLedger + Commands + Redrive + Survey> Store for S {}

fn id(text: &str) -> AccountId {
    AccountId::try_new(text).unwrap()
}

fn eur() -> Currency {
    Currency::try_new("EUR").unwrap()
}

fn account(name: &str, balance: i64) -> Account {
    Account {
        id: id(name),
        currency: eur(),
        status: AccountStatus::Open,
        balance: Balance::new(balance),
        overdraft_limit: OverdraftLimit::Limited(0),
        version: 3,
        opened_at: Timestamp::try_from_millis(1_700_000_000_123).unwrap(),
        credit_lanes: CreditLanes::NONE,
    }
}

/// An account without lanes, as it is shown.
fn plain(account: Account) -> Holding {
    Holding { account, lanes: Vec::new() }
}

fn source(offset: i64) -> Source {
    Source { topic: Arc::from("payment-requests"), partition: 3, offset }
}

fn request(payment: &str, amount: u64) -> Request {
    Request {
        payment: Payment {
            id: PaymentId::try_new(payment).unwrap(),
            debtor: id("alice"),
            creditor: id("bob"),
            amount: Amount::try_new(amount).unwrap(),
            currency: eur(),
            reference: Some("invoice 17 – ü".into()),
            requested_at: Some(Timestamp::try_from_millis(1_700_000_000_001).unwrap()),
        },
        source: source(42),
    }
}

fn decided_at() -> Timestamp {
    Timestamp::try_from_millis(1_763_805_600_123).unwrap()
}

/// An update under the weakest conditions.
fn update(name: &str, net: i128) -> AccountUpdate {
    AccountUpdate {
        account: id(name),
        lane: None,
        net,
        currency: eur(),
        overdraft_limit: None,
        balance_min: None,
        balance_max: None,
        version: None,
    }
}

fn transaction<'a>(requests: &'a [(Request, Verdict)], updates: &[AccountUpdate]) -> Transaction<'a> {
    let entries =
        requests.iter().map(|(request, verdict)| Entry { request, verdict: *verdict, creditor_lane: None }).collect();
    Transaction { entries, updates: updates.to_vec(), decided_at: decided_at() }
}

async fn commit(store: &impl Store, requests: &[(Request, Verdict)], updates: &[AccountUpdate]) -> Commit {
    store.commit(&transaction(requests, updates)).await.unwrap()
}

async fn open(store: &impl Store, accounts: &[Account]) {
    for account in accounts {
        assert_eq!(store.open_account(account).await, Ok(None));
    }
}

fn cancelled(commit: Commit) -> Cancelled {
    match commit {
        Commit::Applied => panic!("applied"),
        Commit::Cancelled(cancelled) => cancelled,
    }
}

fn laned(name: &str, lanes: u16) -> Account {
    Account { credit_lanes: CreditLanes::try_new(lanes).unwrap(), ..account(name, 10) }
}

async fn lanes(store: &impl Store, name: &str) -> Vec<Lane> {
    store.account(&id(name)).await.unwrap().unwrap().lanes
}

fn digest(number: u64) -> Option<RecordDigest> {
    Some(RecordDigest::parse(&format!("{number:016x}")).unwrap())
}

fn letter(offset: i64) -> DeadLetter {
    DeadLetter {
        source: source(offset),
        digest: digest(0x0123_4567_89ab_cdef),
        key: None,
        value: None,
        headers: vec![],
        reason: "not_json".into(),
        detail: "value: expected JSON".into(),
        received_at: decided_at(),
        status: DeadLetterStatus::Parked,
    }
}

fn command(name: &str, account: &str, action: Action) -> CommandRequest {
    let requested_at = Some(Timestamp::try_from_millis(1_700_000_000_001).unwrap());
    let (id, account) = (CommandId::try_new(name).unwrap(), id(account));
    CommandRequest { command: AccountCommand { id, account, action, requested_at }, source: source(42) }
}

async fn rule(store: &impl Store, request: &CommandRequest, ruling: Result<Change, Refusal>) -> CommandCommit {
    let decided = DecidedCommand { request, ruling, decided_at: decided_at() };
    for step in decided.steps() {
        match store.commit_command(&step).await.unwrap() {
            CommandCommit::Applied => {}
            cancelled @ CommandCommit::Cancelled(_) => return cancelled,
        }
    }
    CommandCommit::Applied
}
