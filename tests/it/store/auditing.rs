//! The audit: each planted corruption is found on both stores, and no clean ledger is accused while payments run.

mod in_flight;
mod legs;
mod refunds;

use std::time::Duration;

use aws_sdk_dynamodb::Client;
use giro::audit::{Audited, Pace, audit};
use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountId, Balance, Batch, DeadLetter, DeadLetterId, Lane, LaneId, PaymentId, Request, Timestamp,
};
use giro::settle::{Backoff, Disposition, settle};
use giro::store::items::{self, Item};
use giro::store::{Commit, Ledger, LedgerQueries, TableScan, Tables};
use giro_testkit::given::{
    self, Placed as _, Setters as _, account, currency, eur, id, payment, payment_in, source, update,
};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;
use tokio::time::Instant;

fn request(offset: i64, name: &str, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(name, debtor, creditor, amount).at(0, offset)
}

async fn settle_all(store: &impl Ledger, requests: Vec<Request>, seed: u64) -> usize {
    let until = Instant::now() + Duration::from_secs(60);
    let settled = settle(store, &Batch::new(requests), until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await;
    settled.dispositions.iter().filter(|end| **end == Disposition::Decided(Ok(()))).count()
}

async fn audit_within(store: &impl TableScan, seconds: u64) -> Audited {
    audit(store, Pace::per_second(1_000_000), Instant::now() + Duration::from_secs(seconds)).await.unwrap()
}

/// The findings, one a line: the name, and what it is about.
fn found(audited: &Audited) -> String {
    let mut lines: Vec<String> =
        audited.report.findings.iter().map(|finding| format!("{} {}", finding.name(), finding.at_fault())).collect();
    lines.sort();
    lines.join("\n")
}

/// A hand that reaches past the ports and their conditions.
enum Hand {
    Memory(MemoryStore),
    Dynamo(Client, Tables),
}

impl Hand {
    async fn put(client: &Client, table: &str, item: Item) {
        client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    async fn delete(client: &Client, table: &str, key: Item) {
        client.delete_item().table_name(table).set_key(Some(key)).send().await.unwrap();
    }

    async fn put_account(&self, account: Account) {
        match self {
            Self::Memory(store) => store.insert_account(account),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::encode(&account)).await,
        }
    }

    async fn put_lane(&self, lane: Lane) {
        match self {
            Self::Memory(store) => store.insert_lane(lane),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::lane::encode(&lane)).await,
        }
    }

    async fn lose_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_payment(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.payments, items::payment::key(&id)).await,
        }
    }

    async fn lose_lane(&self, id: &str) {
        let id: LaneId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.lose_lane(&id),
            Self::Dynamo(client, tables) => Self::delete(client, &tables.accounts, items::lane::key(&id)).await,
        }
    }

    async fn lose_part(&self, letter: &DeadLetterId, part: usize) {
        match self {
            Self::Memory(store) => store.lose_letter_part(letter, part),
            Self::Dynamo(client, tables) => {
                Self::delete(client, &tables.dead_letters, items::dead_letter::key(letter, part)).await;
            }
        }
    }

    async fn spoil_account(&self, id: &str) {
        let id: AccountId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_account(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.accounts, items::account::key(&id)).await,
        }
    }

    async fn spoil_payment(&self, id: &str) {
        let id: PaymentId = id.parse().unwrap();
        match self {
            Self::Memory(store) => store.plant_corrupt_payment(&id),
            Self::Dynamo(client, tables) => Self::put(client, &tables.payments, items::payment::key(&id)).await,
        }
    }
}

trait Store: Ledger + LedgerQueries + OpenAccounts + TableScan {}
impl<S: Ledger + LedgerQueries + OpenAccounts + TableScan> Store for S {}

/// Runs each case on both stores, on a clean ledger of its own. What stands before a case is true of DynamoDB alone.
macro_rules! on_both {
    ($($(#[$attribute:meta])* $case:ident)*) => {$(
        mod $case {
            #[tokio::test(start_paused = true)]
            async fn memory() {
                let store = super::MemoryStore::new();
                super::clean(&store, &super::Hand::Memory(store.clone())).await;
                super::$case(&store, &super::Hand::Memory(store.clone())).await;
            }

            $(#[$attribute])*
            #[tokio::test]
            async fn dynamodb() {
                let engine = giro_testkit::engine::Engine::start().await.unwrap();
                let (store, hand) = (engine.ledger(), super::Hand::Dynamo(engine.client(), engine.tables().clone()));
                super::clean(&store, &hand).await;
                super::$case(&store, &hand).await;
            }
        }
    )*};
}

on_both! {
    a_clean_ledger_is_proved
    a_balance_off_by_one
    a_missing_payment
    a_payment_to_a_missing_account
    a_payment_doubled_in_effect
    an_account_below_its_limit
    a_payment_of_another_currency
    an_account_that_cannot_be_read
    a_payment_that_cannot_be_read
    // The audit waits ten real seconds for a part that may be on its way: too long for each mutant.
        a_dead_letter_without_a_part
    dead_letters_of_older_versions_are_judged_alike
    a_lane_forgotten
    a_lane_that_no_account_counts
}

/// bank -20, alice 12, bob 3, shop 5 of which 2 on a lane; a declined payment; two dead letters, a long one among them.
async fn clean(store: &impl Store, hand: &Hand) {
    let accounts = [account("bank").unlimited(), account("alice"), account("bob"), account("shop").lanes(2)];
    for account in &accounts {
        assert_eq!(store.open_account(account).await, Ok(None));
    }
    let requests = vec![
        request(1, "p1", "bank", "alice", 20),
        request(2, "p2", "alice", "bob", 3),
        request(3, "p3", "alice", "bob", 300),
    ];
    assert_eq!(settle_all(store, requests, 1).await, 2);
    // The shop's credit in two halves, as two payments on main item and lane would leave it.
    let credit = request(4, "p4", "alice", "shop", 5);
    let entries = vec![Entry { lanes: given::on_lane(Some(1)), ..given::entry(&credit, Ok(())) }];
    let updates = vec![update("alice", -5), update("shop", 3), update("shop/1", 2)];
    commit(store, entries, updates).await;
    for (offset, length) in [(7, 3), (8, 700_000)] {
        store.write_dead_letter(&letter(offset, length)).await.unwrap();
    }
    let _ = hand;
}

/// The digest of every dead letter here: their places are different.
const DIGEST: &str = "0123456789abcdef";

fn letter(offset: i64, length: usize) -> DeadLetter {
    DeadLetter {
        source: source(0, offset),
        digest: RecordDigest::parse(DIGEST),
        key: None,
        value: Some(vec![7; length]),
        headers: vec![],
        reason: "not_json".into(),
        detail: "value: expected JSON".into(),
        received_at: Timestamp::EPOCH,
        status: DeadLetterStatus::Parked,
    }
}

async fn commit(store: &impl Store, entries: Vec<Entry<'_>>, updates: Vec<AccountUpdate>) {
    let transaction = Transaction { totals: Vec::new(), entries, updates };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
}

/// What the audit finds, in the words of its lines.
async fn check(store: &impl Store, expected: &str) {
    let audited = audit_within(store, 60).await;
    assert_eq!(found(&audited), expected);
    assert_eq!((audited.report.undecided, audited.stopped.as_deref(), audited.report.looks), (0, None, 1));
}

async fn a_clean_ledger_is_proved(store: &impl Store, _: &Hand) {
    let audited = audit_within(store, 60).await;
    assert_eq!(found(&audited), "");
    let report = &audited.report;
    assert_eq!((report.accounts, report.settled, audited.letters, report.undecided), (4, 3, 2, 0));
    assert_eq!(report.circulation[&eur()], 20);
    assert!(audited.read_milliunits > 0);
}

async fn a_balance_off_by_one(store: &impl Store, hand: &Hand) {
    let mut alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    alice.balance = Balance::new(alice.balance.minor_units() + 1);
    hand.put_account(alice).await;
    check(store, "balance account alice\nnot_zero currency EUR").await;
}

async fn a_missing_payment(store: &impl Store, hand: &Hand) {
    hand.lose_payment("p2").await;
    check(store, "balance account alice\nbalance account bob").await;
}

async fn a_payment_to_a_missing_account(store: &impl Store, _: &Hand) {
    let lost = request(9, "p9", "bank", "ghost", 1);
    let entries = vec![given::entry(&lost, Ok(()))];
    commit(store, entries, vec![update("bank", -1)]).await;
    check(store, "no_account payment p9, account ghost\nnot_zero currency EUR").await;
}

async fn a_payment_doubled_in_effect(store: &impl Store, _: &Hand) {
    commit(store, vec![], vec![update("alice", -3), update("bob", 3)]).await;
    check(store, "balance account alice\nbalance account bob").await;
}

async fn an_account_below_its_limit(store: &impl Store, hand: &Hand) {
    let overdrawn = request(9, "p9", "alice", "bank", 13);
    let entries = vec![given::entry(&overdrawn, Ok(()))];
    commit(store, entries, vec![update("alice", -13), update("bank", 13)]).await;
    check(store, "below_limit account alice").await;
    let _ = hand;
}

async fn a_payment_of_another_currency(store: &impl Store, _: &Hand) {
    let mut dollars = request(9, "p9", "bank", "alice", 1);
    payment_in(&mut dollars).currency = currency("USD");
    let entries = vec![given::entry(&dollars, Ok(()))];
    commit(store, entries, vec![update("bank", -1), update("alice", 1)]).await;
    check(store, "currency payment p9, account alice\ncurrency payment p9, account bank").await;
}

async fn an_account_that_cannot_be_read(store: &impl Store, hand: &Hand) {
    hand.spoil_account("bob").await;
    check(store, "not_zero currency EUR\nunreadable table accounts, key \"bob\"").await;
}

async fn a_payment_that_cannot_be_read(store: &impl Store, hand: &Hand) {
    hand.spoil_payment("p2").await;
    check(store, "balance account alice\nbalance account bob\nunreadable table payments, key \"p2\"").await;
}

async fn a_dead_letter_without_a_part(store: &impl Store, hand: &Hand) {
    let long = DeadLetterId { source: source(0, 8), digest: RecordDigest::parse(DIGEST) };
    hand.lose_part(&long, 1).await;
    check(store, &format!("dead_letter dead letter payment-requests/0/8/{DIGEST}")).await;
    hand.lose_part(&long, 0).await;
    let audited = audit_within(store, 60).await;
    let text = audited.report.findings[0].to_string();
    assert_eq!(text, format!("dead letter payment-requests/0/8/{DIGEST} lacks its first part"));
}

/// Dead letters that an older version named by their place alone, beside one of now at the same place.
async fn dead_letters_of_older_versions_are_judged_alike(store: &impl Store, hand: &Hand) {
    let old = |offset| DeadLetter { source: source(0, offset), digest: None, ..letter(offset, 700_000) };
    store.write_dead_letter(&old(8)).await.unwrap();
    store.write_dead_letter(&old(9)).await.unwrap();
    let audited = audit_within(store, 60).await;
    assert_eq!((found(&audited).as_str(), audited.letters), ("", 4));
    hand.lose_part(&old(9).id(), 2).await;
    check(store, "dead_letter dead letter payment-requests/0/9").await;
}

async fn a_lane_forgotten(store: &impl Store, hand: &Hand) {
    hand.lose_lane("shop/1").await;
    check(store, "balance account shop\nnot_zero currency EUR").await;
}

async fn a_lane_that_no_account_counts(store: &impl Store, hand: &Hand) {
    hand.put_lane(Lane::new(&account("alice").unlimited(), 4)).await;
    check(store, "stray_lane lane alice/4").await;
}

// The deadline, the store's errors, the handler.

#[tokio::test(start_paused = true)]
async fn it_stops_at_its_deadline_and_says_how_far_it_came() {
    let store = MemoryStore::new();
    for ix in 0..500 {
        store.insert_account(account(&format!("a{ix}")));
    }
    store.insert_account(account("below").holding(-1));
    let (started, until) = (Instant::now(), Instant::now() + Duration::from_secs(20));
    let audited = audit(&store, Pace::per_second(2), until).await.unwrap();
    let stopped = audited.stopped.unwrap();
    assert!(stopped.starts_with("while reading accounts, after "), "{stopped}");
    assert!(started.elapsed() <= Duration::from_secs(20));
    // Two a second, the full bucket at the start, and the pages in flight when it ran dry.
    assert!((38_000..=46_000).contains(&audited.read_milliunits), "{}", audited.read_milliunits);

    let away = MemoryStore::with_faults(Faults { unavailable_before: 1_000, ..Faults::default() });
    let audited = audit_within(&away, 20).await;
    assert!(audited.stopped.unwrap().contains("the call was lost"));
    assert_eq!(audited.report.count(), 0);
}
