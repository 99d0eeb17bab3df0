//! The model of DynamoDB: each part of its behaviour by itself, and the same figures for the same seed.
//!
//! Time is virtual.

use std::time::Duration;

use giro::domain::plan::{AccountUpdate, Transaction};
use giro::domain::{Account, AccountId, CreditLanes, Request};
use giro::store::{Cancelled, Commit, Ledger, Read, StoreError};
use giro_cli::bench::contender::Contender;
use giro_cli::bench::model::throughput::{Need, Rate};
use giro_cli::bench::model::{Hindrances, Manners, Model};
use giro_cli::bench::modelled::Run;
use giro_cli::bench::workload::deliveries::Keys;
use giro_cli::bench::workload::{Kind, Workload};
use giro_testkit::given::{self, Placed as _, Setters as _, id, payment, update};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

fn account(name: &str) -> Account {
    given::account(name).holding(1_000_000)
}

fn model(manners: Manners) -> (Model, MemoryStore) {
    let store = MemoryStore::new();
    for id in ["alice", "bob", "carol", "dave", "shop"] {
        store.insert_account(account(id));
    }
    (Model::new(store.clone(), manners), store)
}

fn request(name: &str, debtor: &str, creditor: &str) -> Request {
    payment(name, debtor, creditor, 1).at(0, 0)
}

fn transaction(requests: &[Request]) -> Transaction<'_> {
    let mut updates: Vec<AccountUpdate> = Vec::new();
    for request in requests {
        for (account, net) in
            [(request.instruction.debtor(), -1), (request.instruction.transfer().unwrap().creditor, 1)]
        {
            match updates.iter_mut().find(|update| update.account == *account) {
                Some(update) => update.net += net,
                None => updates.push(update(account.as_str(), net)),
            }
        }
    }
    let entry = |request| given::entry(request, Ok(()));
    Transaction { totals: Vec::new(), entries: requests.iter().map(entry).collect(), updates }
}

fn transient(answer: Commit) -> Option<StoreError> {
    match answer {
        Commit::Applied => None,
        Commit::Cancelled(cancelled) => cancelled.transient,
    }
}

#[tokio::test(start_paused = true)]
async fn transactions_in_flight_that_share_an_item_conflict_and_the_later_one_is_cancelled() {
    let (model, store) = model(Manners::with_seed(1));
    let (first, second) = ([request("k1", "alice", "shop")], [request("k2", "bob", "shop")]);
    let (first, second) = (transaction(&first), transaction(&second));
    let (applied, cancelled) = tokio::join!(model.commit(&first), model.commit(&second));
    assert_eq!(applied, Ok(Commit::Applied));
    let busy_shop = Cancelled { busy: vec![1], transient: Some(StoreError::Conflict), ..Cancelled::default() };
    assert_eq!(cancelled, Ok(Commit::Cancelled(busy_shop)));
    assert_eq!(model.hindrances(), Hindrances { conflicts: 1, ..Hindrances::default() });
    // One after the other they don't conflict, and the cancelled one holds nothing.
    assert_eq!(model.commit(&second).await, Ok(Commit::Applied));
    assert_eq!(model.hindrances().conflicts, 1);
    let units = (model.usage().write_milliunits, store.usage().write_milliunits);
    assert_eq!(units, (2 * 8_000 + 6_000, 2 * 8_000), "a cancelled transaction is charged for its tables");
    assert_eq!((model.usage().transactions, model.usage().cancelled), (3, 1));
}

#[tokio::test(start_paused = true)]
async fn a_transaction_that_is_refused_holds_what_was_free_while_it_prepares() {
    let (model, _) = model(Manners::with_seed(1));
    let requests = [request("k1", "alice", "shop"), request("k2", "bob", "shop"), request("k3", "bob", "carol")];
    let [first, second, third] = requests.each_ref().map(|request| transaction(std::slice::from_ref(request)));
    let (first, second, third) = tokio::join!(model.commit(&first), model.commit(&second), model.commit(&third));
    assert_eq!(first, Ok(Commit::Applied));
    assert_eq!(transient(second.unwrap()), Some(StoreError::Conflict));
    assert_eq!(transient(third.unwrap()), Some(StoreError::Conflict), "the second one holds bob");
}

#[tokio::test(start_paused = true)]
async fn reads_and_transactions_apart_never_conflict() {
    let (model, _) = model(Manners::with_seed(1));
    let (first, second) = ([request("k1", "alice", "bob")], [request("k2", "carol", "dave")]);
    let (first, second) = (transaction(&first), transaction(&second));
    let ids = ["alice", "bob", "nobody"].map(id);
    let ids: Vec<&AccountId> = ids.iter().collect();
    let (first, second, reads) = tokio::join!(model.commit(&first), model.commit(&second), model.read_accounts(&ids));
    assert_eq!((first, second), (Ok(Commit::Applied), Ok(Commit::Applied)));
    assert!(matches!(reads.unwrap()[..], [Read::Found(_), Read::Found(_), Read::Missing]));
    assert_eq!(model.usage().read_milliunits, 3_000);
}

#[tokio::test(start_paused = true)]
async fn a_caller_that_gives_up_before_a_transaction_is_prepared_undoes_it_and_frees_its_items() {
    let (model, store) = model(Manners::with_seed(1));
    let requests = [request("k1", "alice", "shop")];
    let transaction = transaction(&requests);
    assert!(tokio::time::timeout(Duration::from_micros(10), model.commit(&transaction)).await.is_err());
    assert_eq!(store.usage().transactions, 0);
    assert_eq!(model.commit(&transaction).await, Ok(Commit::Applied));
}

/// How many one-payment transactions to `shop`, one after the other, are applied until one is throttled.
async fn until_throttled(model: &Model, prefix: &str, of: usize) -> usize {
    for ix in 0..of {
        let requests = [request(&format!("{prefix}{ix}"), ["alice", "bob"][ix % 2], "shop")];
        match transient(model.commit(&transaction(&requests)).await.unwrap()) {
            None => {}
            Some(StoreError::Throttled(text)) => {
                assert!(!text.contains("shop"), "no account holder's data: {text}");
                return ix;
            }
            Some(other) => panic!("{other}"),
        }
    }
    of
}

#[tokio::test(start_paused = true)]
async fn a_partition_key_takes_its_rate_and_what_it_saved_in_a_second() {
    // No latency, so that only the units count: shop's item takes two a payment.
    let mut manners = Manners::with_seed(1);
    manners.latencies.put = giro_cli::bench::model::latency::LogNormal { p50_us: 0, p99_us: 1 };
    manners.latencies.item_us = 0;
    manners.write = Rate { units_a_second: 100 };
    let (model, _) = model(manners);
    assert_eq!(until_throttled(&model, "a", 1_000).await, 50, "a full bucket");
    let before = model.usage().write_milliunits;
    assert_eq!(until_throttled(&model, "b", 1_000).await, 0);
    assert_eq!(model.usage().write_milliunits, before, "what is throttled is not charged");
    tokio::time::advance(Duration::from_millis(200)).await;
    let refilled = until_throttled(&model, "c", 1_000).await;
    assert!((10..=11).contains(&refilled), "a fifth of a second's units: {refilled}");
    assert_eq!(model.hindrances().throttled, 3);
}

#[tokio::test(start_paused = true)]
async fn a_throttled_index_throttles_its_table() {
    let mut manners = Manners::with_seed(1);
    manners.write = Rate { units_a_second: 3 };
    let (model, _) = model(manners);
    // Three payments to shop: its item takes two units once, and its statement one for each.
    let three = [request("k1", "alice", "shop"), request("k2", "bob", "shop"), request("k3", "carol", "shop")];
    assert_eq!(model.commit(&transaction(&three)).await, Ok(Commit::Applied));
    tokio::time::advance(Duration::from_secs(2)).await;
    let four = ["k4", "k5", "k6", "k7"].map(|id| request(id, "dave", "shop"));
    let refused = transient(model.commit(&transaction(&four)).await.unwrap());
    assert!(matches!(&refused, Some(StoreError::Throttled(text)) if text.contains("by-")), "{refused:?}");
}

#[tokio::test(start_paused = true)]
async fn a_key_without_read_units_is_left_out_of_the_answer() {
    let mut manners = Manners::with_seed(1);
    manners.read = Rate { units_a_second: 1 };
    let (model, _) = model(manners);
    let (alice, bob) = (id("alice"), id("bob"));
    assert!(matches!(model.read_accounts(&[&alice]).await.unwrap()[..], [Read::Found(_)]));
    assert!(matches!(model.read_accounts(&[&alice, &bob]).await.unwrap()[..], [Read::Unread, Read::Found(_)]));
    assert!(matches!(model.read_accounts(&[&alice]).await, Err(StoreError::Throttled(_))));
    assert_eq!(model.usage().read_milliunits, 2_000);
}

#[tokio::test(start_paused = true)]
async fn the_units_of_a_transaction_are_those_that_the_memory_store_counts() {
    let (model, store) = model(Manners::with_seed(1));
    let requests = [request("k1", "alice", "shop"), request("k2", "bob", "shop"), request("k3", "bob", "carol")];
    let transaction = transaction(&requests);
    let need = Need::of(&transaction);
    assert_eq!(need.all_milliunits, 3 * 4_000 + 4 * 2_000);
    assert_eq!(need.tables_milliunits, 3 * 2_000 + 4 * 2_000);
    assert_eq!(need.keys.iter().map(|(_, milliunits)| milliunits).sum::<u64>(), need.all_milliunits);
    assert_eq!(model.commit(&transaction).await, Ok(Commit::Applied));
    assert_eq!((store.usage().write_milliunits, model.usage().write_milliunits), (20_000, 20_000));
}

#[tokio::test(start_paused = true)]
async fn a_cancelled_transaction_answers_when_it_would_have_been_prepared() {
    let (model, _) = model(Manners::with_seed(1));
    let requests = [request("k1", "alice", "shop")];
    let transaction = transaction(&requests);
    let took = async |model: &Model| {
        let started = Instant::now();
        let answer = model.commit(&transaction).await.unwrap();
        (answer, started.elapsed())
    };
    let (applied, whole) = took(&model).await;
    assert_eq!(applied, Commit::Applied);
    let mut refused = Duration::ZERO;
    for _ in 0..20 {
        let (answer, time) = took(&model).await;
        assert!(matches!(answer, Commit::Cancelled(cancelled) if cancelled.duplicates.len() == 1));
        refused += time / 20;
    }
    assert!(refused < whole, "{refused:?} {whole:?}");
    assert_eq!(model.usage().write_milliunits, 8_000 + 20 * 6_000);
}

#[test]
fn a_seed_gives_the_same_run_to_the_microsecond() {
    let lanes = CreditLanes::try_new(4).unwrap();
    for (contender, workload) in [
        (Contender::Giro, Workload::new(Kind::Zipf)),
        (Contender::Giro, Workload::with_lanes(Kind::Merchant, lanes)),
        (Contender::Control16, Workload::new(Kind::Merchant)),
    ] {
        let run = |seed| {
            Run { contender, workload, partitions: 4, batch: 50, batches: 2, keys: Keys::Even, seed }.measure().unwrap()
        };
        assert_eq!(run(7), run(7), "{}", workload.name());
        assert_ne!(run(7).batch_times, run(8).batch_times);
    }
}

/// The short form of `make bench-check`: what holds in the whole form must hold here.
#[test]
fn the_exact_figures_meet_their_goals() {
    let figures = giro_cli::bench::goals::on_the_model(giro_cli::bench::goals::Size::SHORT).unwrap();
    assert!(figures.len() >= 18, "{}", figures.len());
    let missed: Vec<&str> =
        figures.iter().filter(|figure| !figure.is_met()).map(|figure| figure.name.as_str()).collect();
    let all: Vec<String> = figures.iter().map(ToString::to_string).collect();
    assert!(missed.is_empty(), "{missed:?} fall short\n{}", all.join("\n"));
}
