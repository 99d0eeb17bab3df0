//! A stored item that can't be read, or a request that the store rejects, stops a partition. These tests hold how long
//! it takes until that is reported, and what it costs all others. They also hold that the partition goes on as soon as
//! the item is mended.
//!
//! Time is virtual, so every figure is counted. Those that docs/reliability.md tells:
//! `cargo test --test it stopped -- --nocapture`.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::domain::account_command::CommandStep;
use giro::domain::plan::Transaction;
use giro::domain::{Account, AccountStatus, Batch, Timestamp};
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::payment_processor::PaymentProcessor;
use giro::handlers::unfinished::Unfinished;
use giro::settle::{self, Backoff};
use giro::store::{
    AccountLedger, Cancelled, CommandCommit, CommandQueries, Commit, Ledger, LedgerQueries, Rejected, StoreError,
};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use giro_testkit::given::{self, Placed as _, Setters as _, id};
use giro_testkit::hooked::{Hooked, Hooks};
use giro_testkit::memory_store::{Faults, MemoryStore};
use lambda_runtime::{Context, LambdaEvent};
use tokio::time::Instant;

use crate::handlers::invoked::{self, command};

const MINUTE: Duration = Duration::from_secs(60);

fn account(name: &str) -> Account {
    given::account(name).holding(1_000_000)
}

fn store() -> MemoryStore {
    let store = MemoryStore::new();
    ["alice", "bob", "amy", "ben"].map(account).into_iter().for_each(|account| store.insert_account(account));
    store.plant_corrupt_account(&id("broken"));
    store
}

/// What comes of a write that names something in particular.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// The store rejects that part.
    Rejected,
    /// The store rejects all of it.
    AllRejected,
    /// A payment is there, and can't be read.
    Unreadable,
}

/// Refuses every write that names this payment, command or account.
struct Refusing {
    name: &'static str,
    fate: Fate,
}

fn refusing(store: &MemoryStore, name: &'static str, fate: Fate) -> Hooked<Refusing> {
    Hooked { store: store.clone(), hooks: Refusing { name, fate } }
}

impl Hooks for Refusing {
    async fn commit(&self, store: &MemoryStore, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        let named = |names: Vec<&str>| -> Vec<usize> {
            names.iter().enumerate().filter(|(_, name)| **name == self.name).map(|(ix, _)| ix).collect()
        };
        let entries = named(transaction.entries.iter().map(|entry| entry.request.instruction.id().as_str()).collect());
        let updates = named(transaction.updates.iter().map(|update| update.account.as_str()).collect());
        if entries.is_empty() && updates.is_empty() {
            return store.commit(transaction).await;
        }
        let why = "TransactWriteItems: ValidationError".to_owned();
        let cancelled = match self.fate {
            Fate::AllRejected => return Err(StoreError::Rejected(why)),
            Fate::Rejected => Cancelled {
                rejected: Some(Rejected { entries, updates, totals: Vec::new(), why }),
                ..Cancelled::default()
            },
            Fate::Unreadable => {
                let expected = || Err("status: expected a string (S), got none".to_owned());
                Cancelled {
                    duplicates: entries.into_iter().map(|ix| (ix, expected())).collect(),
                    ..Cancelled::default()
                }
            }
        };
        Ok(Commit::Cancelled(cancelled))
    }

    async fn commit_command(&self, store: &MemoryStore, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        if step.decided.request.command.id.as_str() == self.name {
            return Err(StoreError::Rejected("TransactWriteItems: ValidationError".into()));
        }
        store.commit_command(step).await
    }
}

fn payment(id: &str, debtor: &str, creditor: &str) -> String {
    invoked::payment(id, debtor, creditor, 1)
}

fn freeze(id: &str, account: &str) -> String {
    command(id, "freeze", account)
}

/// An event of values, each on a partition; offsets count from 0 on in each.
fn event(values: &[(i32, String)]) -> KafkaEvent {
    let mut next = BTreeMap::new();
    let place = |(partition, value): &(i32, String)| {
        let offset = next.entry(*partition).and_modify(|offset| *offset += 1).or_insert(0);
        (*partition, *offset, value.clone())
    };
    invoked::event(&values.iter().map(place).collect::<Vec<_>>())
}

fn context() -> Context {
    let mut context = Context::default();
    // The time that is left, to the millisecond.
    context.deadline = MINUTE.as_millis() as u64;
    context
}

/// An invocation of a minute: its answer, and after how many milliseconds it came.
async fn pay(ledger: impl Ledger, event: KafkaEvent, partial: bool) -> (Result<BatchResponse, Unfinished>, u128) {
    let started = Instant::now();
    let answer = PaymentProcessor::new(ledger, partial).handle(LambdaEvent::new(event, context())).await;
    (answer, started.elapsed().as_millis())
}

async fn apply(ledger: impl AccountLedger, event: KafkaEvent) -> (Result<BatchResponse, Unfinished>, u128) {
    let started = Instant::now();
    let answer = AccountProcessor::new(ledger, true).handle(LambdaEvent::new(event, context())).await;
    (answer, started.elapsed().as_millis())
}

fn reported(answer: &Result<BatchResponse, Unfinished>) -> String {
    invoked::reported(answer.as_ref().unwrap())
}

async fn settled(store: &MemoryStore) -> Vec<String> {
    store.payments().await.unwrap().iter().map(|it| it.outcome.instruction.id().to_string()).collect()
}

/// 499 payments of other partitions beside one that is stopped.
fn beside_a_stopped_one() -> KafkaEvent {
    let healthy = |ix: usize| (1 + (ix % 4) as i32, payment(&format!("k{ix}"), "alice", "bob"));
    let mut values: Vec<(i32, String)> = (0..499).map(healthy).collect();
    values.insert(250, (0, payment("stopped", "amy", "broken")));
    event(&values)
}

/// The price of a late report: healthy partitions of the invocation are settled at once, and wait 45 seconds for the
/// response, not longer.
#[tokio::test(start_paused = true)]
async fn healthy_partitions_are_settled_at_once_and_only_wait_for_the_response() {
    let store = store();
    let started = Instant::now();
    let watch = async {
        while store.payments().await.unwrap().len() < 499 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
        started.elapsed().as_millis()
    };
    let ((answer, took), healthy) = tokio::join!(pay(store.clone(), beside_a_stopped_one(), true), watch);
    assert_eq!((reported(&answer).as_str(), took), ("t-0:0", 45_000));
    assert!(healthy <= 1, "{healthy} ms until the last healthy payment");
    let usage = store.usage();
    println!(
        "beside a stopped partition: 499 payments of 4 healthy ones settled within {healthy} ms of the store's own time, the \
         response after {took} ms, {} looks at the item that can't be read",
        usage.read_calls - 1
    );
    assert!((10..=40).contains(&usage.read_calls), "now and then: {usage:?}");
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_finished_is_answered_at_once() {
    let answer = pay(store(), event(&[(0, payment("k1", "alice", "bob")), (0, "no payment".into())]), true).await;
    assert_eq!(answer, (Ok(BatchResponse::default()), 0));
}

/// Whatever is left over costs one of the tries that a mapping allows.
#[tokio::test(start_paused = true)]
async fn no_report_uses_up_a_try_within_the_first_three_quarters_of_its_time() {
    let both = || event(&[(0, payment("k1", "alice", "bob")), (1, payment("k2", "amy", "broken"))]);
    let (answer, took) = pay(store(), both(), false).await;
    assert_eq!((answer, took), (Err(Unfinished::Records(1)), 45_000), "the batch fails as a whole");

    for fate in [Fate::Rejected, Fate::AllRejected, Fate::Unreadable] {
        let (answer, took) =
            pay(refusing(&store(), "k1", fate), event(&[(0, payment("k1", "alice", "bob"))]), true).await;
        assert_eq!((reported(&answer).as_str(), took), ("t-0:0", 45_000), "{fate:?}");
    }
    let unnamed: KafkaEvent = serde_json::from_str(r#"{"records":{"t-0":[{"topic":"t"}]}}"#).unwrap();
    let (answer, took) = pay(store(), unnamed, true).await;
    assert!(matches!(answer, Err(Unfinished::Unplaced { count: 1, .. })), "{answer:?}");
    assert_eq!(took, 45_000, "an element that can't be named");

    // What may pass by itself is tried for longer.
    let away = MemoryStore::with_faults(Faults { unavailable_before: 1_000, ..Faults::default() });
    for value in [payment("k1", "alice", "bob"), "no payment".into()] {
        let (answer, took) = pay(away.clone(), event(&[(0, value)]), true).await;
        assert_eq!(reported(&answer), "t-0:0");
        assert!((59_000..=59_600).contains(&took), "{took}");
    }

    let (answer, took) = apply(store(), event(&[(0, freeze("c1", "broken")), (1, freeze("c2", "alice"))])).await;
    assert_eq!((reported(&answer).as_str(), took), ("t-0:0", 45_000), "a command");
    let ledger = refusing(&store(), "c1", Fate::AllRejected);
    let (answer, took) = apply(ledger, event(&[(0, freeze("c1", "bob")), (1, freeze("c2", "alice"))])).await;
    assert_eq!((reported(&answer).as_str(), took), ("t-0:0", 45_000), "a command that the store rejects");
}

/// Somebody mends the item while the invocation waits: its partition goes on in the same batch.
#[tokio::test(start_paused = true)]
async fn what_is_mended_meanwhile_is_settled_in_the_same_batch() {
    let store = store();
    // Behind the stopped one: what was so at the beginning must not decide.
    store.insert_account(account("ben").status(AccountStatus::Frozen));
    let values = [(0, payment("k1", "amy", "broken")), (0, payment("k2", "ben", "bob"))];
    let mend = async {
        tokio::time::sleep(Duration::from_secs(12)).await;
        store.insert_account(account("ben"));
        store.insert_account(account("broken"));
    };
    let ((answer, took), ()) = tokio::join!(pay(store.clone(), event(&values), true), mend);
    assert_eq!(answer, Ok(BatchResponse::default()));
    assert!((12_000..=22_000).contains(&took), "a look comes every ten seconds at the least: {took}");
    let payments = store.payments().await.unwrap();
    assert!(payments.len() == 2 && payments.iter().all(|it| it.outcome.decision.is_ok()), "{payments:?}");
}

/// The same of commands: those of one account in their order.
#[tokio::test(start_paused = true)]
async fn commands_behind_an_item_that_is_mended_go_on() {
    let store = store();
    let unfreeze = command("c2", "unfreeze", "broken");
    let commands = [(0, freeze("c1", "broken")), (0, unfreeze), (0, freeze("c3", "alice"))];
    let mend = async {
        tokio::time::sleep(Duration::from_secs(5)).await;
        assert_eq!(store.commands().await.unwrap().len(), 1, "the other account does not wait");
        store.insert_account(account("broken"));
    };
    let ((answer, took), ()) = tokio::join!(apply(store.clone(), event(&commands)), mend);
    assert_eq!(answer, Ok(BatchResponse::default()));
    assert!((5_000..=15_000).contains(&took), "{took}");
    let recorded = store.commands().await.unwrap();
    assert_eq!(recorded.len(), 3);
    assert!(recorded.iter().all(|it| it.decision.is_ok()), "unfreezing comes after freezing: {recorded:?}");
}

/// Many accounts that can't be read hold up none that can: no place is kept for who waits.
#[tokio::test(start_paused = true)]
async fn damaged_accounts_keep_no_command_waiting() {
    let store = store();
    let mut commands = Vec::new();
    for ix in 0..40 {
        store.plant_corrupt_account(&id(&format!("broken-{ix}")));
        commands.push((0, freeze(&format!("b{ix}"), &format!("broken-{ix}"))));
    }
    commands.push((1, freeze("c1", "alice")));
    let watch = async {
        tokio::time::sleep(Duration::from_millis(1)).await;
        store.commands().await.unwrap().len()
    };
    let ((answer, took), applied) = tokio::join!(apply(store.clone(), event(&commands)), watch);
    assert_eq!((answer.unwrap().failures.len(), took, applied), (40, 45_000, 1));
}

/// A request that Giro built wrong stops its partition. Its transaction held payments of others too.
#[tokio::test(start_paused = true)]
async fn a_rejected_payment_stops_its_partition_and_no_other() {
    let values = [
        (0, payment("k0", "alice", "bob")),
        (0, payment("k1", "alice", "bob")),
        (0, payment("k2", "alice", "bob")),
        (1, payment("k3", "alice", "bob")),
    ];
    let memory = store();
    let ledger = refusing(&memory, "k1", Fate::Rejected);
    let (answer, _) = pay(ledger, event(&values), true).await;
    assert_eq!(reported(&answer), "t-0:1 t-0:2");
    assert_eq!(settled(&memory).await, ["k0", "k3"]);
    assert!(memory.usage().calls() < 10, "no rejected request is sent twice: {:?}", memory.usage());

    // A write of an account that is rejected stops whoever needs it.
    let memory = store();
    let values =
        [(0, payment("k1", "amy", "ben")), (1, payment("k2", "alice", "bob")), (1, payment("k3", "bob", "ben"))];
    let ledger = refusing(&memory, "ben", Fate::Rejected);
    let (answer, _) = pay(ledger, event(&values), true).await;
    assert_eq!(reported(&answer), "t-0:0 t-1:1");
    assert_eq!(settled(&memory).await, ["k2"]);
}

/// The Put of a payment finds a stored one that can't be read. It is looked at again in the same way.
#[tokio::test(start_paused = true)]
async fn a_stored_payment_that_cannot_be_read_is_told_as_damage() {
    let ledger = refusing(&store(), "k1", Fate::Unreadable);
    let payment = giro::wire::payment_request::decode_json(payment("k1", "alice", "bob").as_bytes()).unwrap();
    let batch = Batch::new(vec![payment.at(0, 0)]);
    let until = Instant::now() + MINUTE;
    let settled = settle::settle(&ledger, &batch, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await;
    assert!(matches!(settled.error, Some(StoreError::Corrupt(_))), "{settled:?}");
    assert!((5..=40).contains(&settled.rounds), "looked at now and then: {settled:?}");
}
