//! One contract for every store: each case runs on the memory store and on DynamoDB (the embedded engine).

use giro::domain::account_command::{AccountChange, Action, DecidedCommand, RecordedCommand};
use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountCommand, CommandRequest, DeadLetter, Decision, Holding, Lane, Payment, Refusal, Request, Source,
    Timestamp,
};
use giro::store::{
    AccountLedger, Cancelled, Checkpoints, CommandCommit, CommandQueries, Commit, Ledger, LedgerQueries, PostingLists,
    ProvedBalances, Redrive, TableScan,
};
use giro_testkit::given::{self, Setters as _, id};
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
mod checkpoints;
mod command_lanes;
mod dead_letters;
mod dynamodb_alone;
mod lanes;
mod legs;
mod limits;
mod memory_alone;
mod posting_lists;
mod refunds;
mod transactions;
mod whole_tables;

trait Store:
    Ledger
    + LedgerQueries
    + OpenAccounts
    + AccountLedger
    + CommandQueries
    + Redrive
    + TableScan
    + PostingLists
    + Checkpoints
    + ProvedBalances
{
}
impl<S> Store for S where
    S: Ledger
        + LedgerQueries
        + OpenAccounts
        + AccountLedger
        + CommandQueries
        + Redrive
        + TableScan
        + PostingLists
        + Checkpoints
        + ProvedBalances
{
}

/// An account written twice since it was opened.
fn account(name: &str, balance: i64) -> Account {
    let opened_at = Timestamp::try_from_millis(1_700_000_000_123).unwrap();
    Account { opened_at, ..given::account(name).holding(balance).version(3) }
}

/// An account without lanes, as it is shown.
fn plain(account: Account) -> Holding {
    Holding { account, lanes: Vec::new() }
}

fn source(offset: i64) -> Source {
    given::source(3, offset)
}

fn request(name: &str, amount: u64) -> Request {
    let payment = Payment {
        reference: Some("invoice 17 – ü".into()),
        requested_at: Some(Timestamp::try_from_millis(1_700_000_000_001).unwrap()),
        ..given::payment(name, "alice", "bob", amount)
    };
    Request::new(payment.into(), source(42))
}

fn decided_at() -> Timestamp {
    Timestamp::try_from_millis(1_763_805_600_123).unwrap()
}

fn transaction<'a>(requests: &'a [(Request, Decision)], updates: &[AccountUpdate]) -> Transaction<'a> {
    let entries = requests
        .iter()
        .map(|(request, decision)| Entry { decided_at: decided_at(), ..given::entry(request, *decision) })
        .collect();
    Transaction { totals: Vec::new(), entries, updates: updates.to_vec() }
}

async fn commit(store: &impl Store, requests: &[(Request, Decision)], updates: &[AccountUpdate]) -> Commit {
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
    account(name, 10).lanes(lanes)
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
    CommandRequest {
        command: AccountCommand { requested_at, ..given::command(name, account, action) },
        source: source(42),
    }
}

fn recorded(request: &CommandRequest, decision: Result<(), Refusal>) -> RecordedCommand {
    RecordedCommand {
        command: request.command.clone(),
        decision,
        decided_at: decided_at(),
        source: request.source.clone(),
        fingerprint: request.command.fingerprint(),
    }
}

async fn rule(store: &impl Store, request: &CommandRequest, decision: Result<AccountChange, Refusal>) -> CommandCommit {
    let decided = DecidedCommand { request, decision, decided_at: decided_at() };
    for step in decided.steps() {
        match store.commit_command(&step).await.unwrap() {
            CommandCommit::Applied => {}
            cancelled @ CommandCommit::Cancelled(_) => return cancelled,
        }
    }
    CommandCommit::Applied
}
