//! One contract for every store: each case runs on the memory store and on DynamoDB (the embedded engine).

use std::collections::BTreeSet;
use std::sync::Arc;

use giro::domain::account_command::{Action, Change, DecidedCommand, RecordedCommand, Terms};
use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountCommand, AccountId, AccountStatus, Amount, Balance, CommandId, CommandRequest, CreditLanes,
    Currency, DeadLetter, Decline, Header, Holding, Lane, LaneId, LetterId, OverdraftLimit, Payment, PaymentId,
    Refusal, Request, Source, Timestamp, Verdict,
};
use giro::store::dynamodb::DynamoDb;
use giro::store::{
    AccountLedger, AccountRead, Cancelled, CancelledCommand, CommandCommit, Commands, Commit, Inspect, LaneRead,
    Ledger, Redrive, Segment, StoreError, Survey, Surveyed, Table, Tables,
};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::open_accounts::OpenAccounts;

use giro_testkit::engine::Engine;

trait Store: Ledger + Inspect + OpenAccounts + AccountLedger + Commands + Redrive + Survey {}
impl<S: Ledger + Inspect + OpenAccounts + AccountLedger + Commands + Redrive + Survey> Store for S {}

/// Runs each case on both stores, each time a fresh one.
macro_rules! contract {
    ($($(#[$doc:meta])* $case:ident)*) => {$(
        mod $case {
            #[tokio::test]
            async fn memory() {
                super::$case(&super::MemoryStore::new()).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                super::$case(&super::Engine::start().await.unwrap().ledger()).await;
            }
        }
    )*};
}

contract! {
    accounts_read_back_found_and_missing
    accounts_and_lanes_are_read_together
    a_transaction_happens_whole
    each_condition_alone_stops_the_whole_transaction
    conditions_that_hold_at_their_edge_let_it_happen
    a_payment_that_is_there_comes_back
    every_reason_comes_back_at_once
    a_transaction_of_a_hundred_items
    what_is_too_large_or_writes_an_item_twice_is_refused
    a_declined_payment_moves_nothing
    an_account_is_opened_once
    an_account_is_opened_with_its_lanes
    more_lanes_than_a_transaction_holds_are_opened_in_steps
    lanes_are_added_to_a_living_account
    a_lane_is_credited_under_its_own_conditions
    lanes_are_swept_with_a_payment
    dead_letters_keep_every_byte
    parking_again_changes_nothing
    a_letter_is_marked_as_redriven_once
    a_redriven_letter_whose_record_comes_again_is_parked_again
    another_record_at_a_place_used_before_is_another_letter
    letters_of_older_versions_are_read_listed_and_marked
    a_letter_that_two_set_aside_at_once_is_one
    lists_come_in_order
    the_longest_values_are_kept
    a_command_happens_whole_and_reads_back
    each_condition_of_a_command_stops_all_of_it
    a_command_that_is_there_comes_back
    a_command_changes_all_lanes_or_nothing
    a_command_of_very_many_lanes_takes_steps
    commands_come_in_the_order_of_their_answers
    a_survey_meets_every_item_once
}

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

async fn accounts_read_back_found_and_missing(store: &impl Store) {
    let variants = [
        account("alice", 1_000),
        Account {
            overdraft_limit: OverdraftLimit::Unlimited,
            balance: Balance::new(i64::MIN),
            ..account("settlement", 0)
        },
        Account { overdraft_limit: OverdraftLimit::Limited(9_007_199_254_740_991), ..account("deep", i64::MAX) },
        Account { status: AccountStatus::Frozen, ..account("frozen", 1) },
        Account { status: AccountStatus::Closed, currency: Currency::try_new("USD").unwrap(), ..account("closed", 0) },
    ];
    open(store, &variants).await;
    for account in &variants {
        assert_eq!(store.account(&account.id).await, Ok(Some(plain(account.clone()))));
    }
    assert_eq!(store.account(&id("nobody")).await, Ok(None));
    // A hundred at once, the known ones among them: the answer is in the order of the question.
    let ids: Vec<AccountId> = (0..95).map(|ix| id(&format!("nobody-{ix}"))).collect();
    let asked: Vec<&AccountId> = ids.iter().chain(variants.iter().map(|account| &account.id)).collect();
    let before = store.usage().read_calls;
    let reads = store.read_accounts(&asked).await.unwrap();
    assert_eq!(store.usage().read_calls, before + 1);
    assert!(reads[..95].iter().all(|read| *read == AccountRead::Missing));
    let found: Vec<AccountRead> = variants.into_iter().map(AccountRead::Found).collect();
    assert_eq!(reads[95..], found);
}

async fn accounts_and_lanes_are_read_together(store: &impl Store) {
    open(store, &[account("alice", 1_000), laned("shop", 2)]).await;
    let (alice, shop, nobody) = (id("alice"), id("shop"), id("nobody"));
    let lanes: Vec<LaneId> = [1, 7, 0].map(|lane| LaneId { account: shop.clone(), lane }).into();
    let before = store.usage();
    let read = store.read_together(&[&shop, &nobody, &alice], &lanes.iter().collect::<Vec<_>>()).await.unwrap();
    let found = |account: Account| AccountRead::Found(account);
    assert_eq!(read.accounts, [found(laned("shop", 2)), AccountRead::Missing, found(account("alice", 1_000))]);
    let lane = |lane| LaneRead::Found(Lane::new(&laned("shop", 2), lane));
    assert_eq!(read.lanes, [lane(1), LaneRead::Missing, lane(0)]);
    let usage = store.usage();
    assert_eq!((usage.read_calls - before.read_calls, usage.read_milliunits - before.read_milliunits), (1, 12_000));

    // A hundred at the most, and one at the least.
    let ids: Vec<AccountId> = (0..98).map(|ix| id(&format!("nobody-{ix}"))).collect();
    let (most, lanes): (Vec<&AccountId>, Vec<&LaneId>) = (ids.iter().collect(), lanes.iter().collect());
    let read = store.read_together(&most, &lanes[..2]).await.unwrap();
    assert_eq!((read.accounts.len(), read.lanes), (98, vec![lane(1), LaneRead::Missing]));
    assert!(matches!(store.read_together(&most, &lanes).await, Err(StoreError::Rejected(_))));
    assert!(matches!(store.read_together(&[], &[]).await, Err(StoreError::Rejected(_))));
}

async fn a_transaction_happens_whole(store: &impl Store) {
    open(store, &[account("alice", 1_000), account("bob", 5)]).await;
    let before = store.usage();
    let requests = [(request("k1", 400), Ok(()))];
    assert_eq!(commit(store, &requests, &[update("alice", -400), update("bob", 400)]).await, Commit::Applied);
    let after = store.usage();
    assert_eq!((after.transactions - before.transactions, after.cancelled), (1, 0));
    // A payment with two index entries, and two accounts: 2·3 + 2.
    assert_eq!(after.write_milliunits - before.write_milliunits, 8_000);

    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    assert_eq!((alice.balance.minor_units(), alice.version), (600, 4));
    let bob = store.account(&id("bob")).await.unwrap().unwrap().account;
    assert_eq!((bob.balance.minor_units(), bob.version), (405, 4));
    let recorded = store.payment(&requests[0].0.payment.id).await.unwrap().unwrap();
    assert_eq!(recorded.outcome.payment, requests[0].0.payment);
    assert_eq!(recorded.fingerprint, requests[0].0.payment.fingerprint());
    assert_eq!((recorded.outcome.verdict, recorded.outcome.decided_at), (Ok(()), decided_at()));
    assert_eq!(recorded.outcome.source, source(42));
}

/// What an account may be, and a condition on it that doesn't hold.
async fn each_condition_alone_stops_the_whole_transaction(store: &impl Store) {
    let usd = Currency::try_new("USD").unwrap();
    let limited = |limit| Some(OverdraftLimit::Limited(limit));
    let cases: [(&str, Account, AccountUpdate); 12] = [
        ("frozen", Account { status: AccountStatus::Frozen, ..account("x", 10) }, update("x", 1)),
        ("closed", Account { status: AccountStatus::Closed, ..account("x", 10) }, update("x", 1)),
        ("currency", Account { currency: usd, ..account("x", 10) }, update("x", 1)),
        ("balance_min", account("x", 10), AccountUpdate { balance_min: Some(11), ..update("x", 1) }),
        ("balance_min far", account("x", 10), AccountUpdate { balance_min: Some(1 << 80), ..update("x", 1) }),
        ("balance_max", account("x", 10), AccountUpdate { balance_max: Some(9), ..update("x", 1) }),
        ("balance_max far", account("x", 10), AccountUpdate { balance_max: Some(-(1 << 80)), ..update("x", 1) }),
        ("limit", account("x", 10), AccountUpdate { overdraft_limit: limited(1), ..update("x", 1) }),
        (
            "limit gone",
            account("x", 10),
            AccountUpdate { overdraft_limit: Some(OverdraftLimit::Unlimited), ..update("x", 1) },
        ),
        (
            "limit new",
            Account { overdraft_limit: OverdraftLimit::Unlimited, ..account("x", 10) },
            AccountUpdate { overdraft_limit: limited(0), ..update("x", 1) },
        ),
        ("version", account("x", 10), AccountUpdate { version: Some(2), ..update("x", 1) }),
        ("missing", account("y", 10), update("x", 1)),
    ];
    open(store, &[account("alice", 1_000)]).await;
    for (ix, (what, account, update_x)) in cases.into_iter().enumerate() {
        // Each case has an account of its own.
        let account = Account { id: id(&format!("{}{ix}", account.id)), ..account };
        let update_x = AccountUpdate { account: id(&format!("{}{ix}", update_x.account)), ..update_x };
        open(store, std::slice::from_ref(&account)).await;
        let requests = [(request(&format!("k{ix}"), 1), Ok(()))];
        let answer = cancelled(commit(store, &requests, &[update("alice", -1), update_x.clone()]).await);
        let now = if what == "missing" { AccountRead::Missing } else { AccountRead::Found(account.clone()) };
        let expected = Cancelled { accounts: vec![(1, now)], ..Cancelled::default() };
        assert_eq!(answer, expected, "{what}");
        assert_eq!(store.payment(&requests[0].0.payment.id).await, Ok(None), "{what}: no payment");
        assert_eq!(store.account(&account.id).await, Ok(Some(plain(account))), "{what}: no change");
    }
    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    assert_eq!((alice.balance.minor_units(), alice.version), (1_000, 3), "not even where the conditions held");
}

async fn conditions_that_hold_at_their_edge_let_it_happen(store: &impl Store) {
    let unlimited = Account { overdraft_limit: OverdraftLimit::Unlimited, ..account("settlement", -5) };
    open(store, &[account("alice", 10), unlimited]).await;
    let alice = AccountUpdate {
        overdraft_limit: Some(OverdraftLimit::Limited(0)),
        balance_min: Some(10),
        balance_max: Some(10),
        version: Some(3),
        ..update("alice", -10)
    };
    let settlement = AccountUpdate {
        overdraft_limit: Some(OverdraftLimit::Unlimited),
        balance_min: Some(-5),
        ..update("settlement", 10)
    };
    assert_eq!(commit(store, &[(request("k1", 10), Ok(()))], &[alice, settlement]).await, Commit::Applied);
    assert_eq!(store.account(&id("alice")).await.unwrap().unwrap().account.balance, Balance::ZERO);
}

async fn a_payment_that_is_there_comes_back(store: &impl Store) {
    open(store, &[account("alice", 10), account("bob", 0)]).await;
    let updates = [update("alice", -1), update("bob", 1)];
    let first = [(request("k1", 1), Ok(()))];
    assert_eq!(commit(store, &first, &updates).await, Commit::Applied);
    let other = Request { source: source(43), ..request("k1", 7) };
    let answer = cancelled(commit(store, &[(request("k2", 1), Ok(())), (other, Ok(()))], &updates).await);
    let [(1, Ok(recorded))] = answer.duplicates.as_slice() else { panic!("{answer:?}") };
    assert_eq!((&recorded.outcome.payment, &recorded.outcome.source), (&first[0].0.payment, &source(42)));
    assert_eq!((answer.accounts, answer.transient), (vec![], None));
    assert_eq!(store.payments().await.unwrap().len(), 1, "k2 was not written either");
}

async fn every_reason_comes_back_at_once(store: &impl Store) {
    open(store, &[account("alice", 10), account("bob", 0)]).await;
    assert_eq!(commit(store, &[(request("k1", 1), Ok(()))], &[update("alice", -1)]).await, Commit::Applied);
    let requests = [(request("k0", 1), Ok(())), (request("k1", 1), Ok(())), (request("k2", 1), Ok(()))];
    let short = AccountUpdate { balance_min: Some(100), ..update("alice", -100) };
    let answer = cancelled(commit(store, &requests, &[update("bob", 1), short, update("nobody", 1)]).await);
    assert_eq!(answer.duplicates.iter().map(|(ix, _)| *ix).collect::<Vec<_>>(), [1]);
    let [(1, AccountRead::Found(alice)), (2, AccountRead::Missing)] = answer.accounts.as_slice() else {
        panic!("{answer:?}")
    };
    assert_eq!((alice.balance.minor_units(), alice.version), (9, 4), "as it is now");
}

async fn a_transaction_of_a_hundred_items(store: &impl Store) {
    open(store, &[account("alice", 100), account("bob", 0)]).await;
    let requests: Vec<(Request, Verdict)> = (0..98).map(|ix| (request(&format!("k{ix}"), 1), Ok(()))).collect();
    assert_eq!(commit(store, &requests, &[update("alice", -98), update("bob", 98)]).await, Commit::Applied);
    assert_eq!(store.payments().await.unwrap().len(), 98);
    // And again: every one of them comes back.
    let answer = cancelled(commit(store, &requests, &[update("alice", -98), update("bob", 98)]).await);
    assert_eq!(answer.duplicates.len(), 98);
    assert_eq!(store.account(&id("bob")).await.unwrap().unwrap().account.balance.minor_units(), 98);
}

/// Not cancelled: no item was looked at, and asking again won't help.
async fn what_is_too_large_or_writes_an_item_twice_is_refused(store: &impl Store) {
    open(store, &[account("alice", 100), laned("shop", 2)]).await;
    let payments = |count: usize| -> Vec<(Request, Verdict)> {
        (0..count).map(|ix| (request(&format!("k{ix}"), 1), Err(Decline::SameAccount))).collect()
    };
    let twice = |request: &(Request, Verdict)| vec![request.clone(), request.clone()];
    let lane = |number| AccountUpdate { lane: Some(number), ..update("shop", 1) };
    let cases = [
        ("nothing", payments(0), vec![]),
        ("101 payments", payments(101), vec![]),
        ("100 payments and an account", payments(100), vec![update("alice", -1)]),
        ("a payment twice", twice(&payments(1)[0]), vec![]),
        ("an account twice", payments(1), vec![update("alice", -1), update("alice", 1)]),
        ("a lane twice", payments(1), vec![lane(1), lane(1)]),
        ("both twice", twice(&payments(1)[0]), vec![lane(1), lane(1)]),
    ];
    for (what, requests, updates) in cases {
        let answer = store.commit(&transaction(&requests, &updates)).await;
        assert!(matches!(answer, Err(StoreError::Rejected(_))), "{what}: {answer:?}");
    }
    assert_eq!(store.payments().await, Ok(vec![]));
    // A main item and each of its lanes are items of their own.
    let updates = [update("shop", -2), lane(0), lane(1)];
    assert_eq!(commit(store, &payments(1), &updates).await, Commit::Applied);
    assert_eq!(commit(store, &[], &[update("alice", 1)]).await, Commit::Applied);

    let ids: Vec<AccountId> = (0..101).map(|ix| id(&format!("a{ix}"))).collect();
    let ids: Vec<&AccountId> = ids.iter().collect();
    assert!(matches!(store.read_accounts(&ids).await, Err(StoreError::Rejected(_))));
    assert_eq!(store.read_accounts(&ids[1..]).await.unwrap().len(), 100);
}

async fn a_declined_payment_moves_nothing(store: &impl Store) {
    for (ix, (decline, _, _)) in Decline::ALL.into_iter().enumerate() {
        let requests = [(request(&format!("k{ix}"), 5), Err(decline))];
        assert_eq!(commit(store, &requests, &[]).await, Commit::Applied);
        let recorded = store.payment(&requests[0].0.payment.id).await.unwrap().unwrap();
        assert_eq!(recorded.outcome.verdict, Err(decline));
    }
}

async fn an_account_is_opened_once(store: &impl Store) {
    open(store, &[account("alice", 10)]).await;
    assert_eq!(store.open_account(&account("alice", 99)).await, Ok(Some(account("alice", 10))));
    assert_eq!(store.account(&id("alice")).await, Ok(Some(plain(account("alice", 10)))));
}

fn laned(name: &str, lanes: u16) -> Account {
    Account { credit_lanes: CreditLanes::try_new(lanes).unwrap(), ..account(name, 10) }
}

fn lane_id(name: &str, lane: u16) -> LaneId {
    LaneId { account: id(name), lane }
}

async fn lanes(store: &impl Store, name: &str) -> Vec<Lane> {
    store.account(&id(name)).await.unwrap().unwrap().lanes
}

async fn an_account_is_opened_with_its_lanes(store: &impl Store) {
    let shop = laned("shop", 99);
    open(store, &[shop.clone(), account("shop-2", 5)]).await;
    let held = store.account(&shop.id).await.unwrap().unwrap();
    assert_eq!((&held.account, held.lanes.len(), held.balance()), (&shop, 99, 10));
    assert_eq!(held.lanes[98], Lane::new(&shop, 98));
    assert_eq!(store.accounts().await.unwrap(), [held, plain(account("shop-2", 5))]);
    // Again, with other terms: nothing changes.
    assert_eq!(store.open_account(&laned("shop", 7)).await, Ok(Some(shop.clone())));
    assert_eq!(store.open_account(&account("shop", 0)).await, Ok(Some(shop)));
    // Read by their keys, the last of them not there.
    let ids: Vec<LaneId> = (0..100).map(|lane| lane_id("shop", lane)).collect();
    let reads = store.read_lanes(&ids.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(reads[98], LaneRead::Found(Lane::new(&laned("shop", 99), 98)));
    assert_eq!(reads[99], LaneRead::Missing);
    assert!(
        reads
            .iter()
            .take(99)
            .enumerate()
            .all(|(ix, read)| matches!(read, LaneRead::Found(lane) if usize::from(lane.id.lane) == ix))
    );
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}

async fn more_lanes_than_a_transaction_holds_are_opened_in_steps(store: &impl Store) {
    let shop = laned("shop", 256);
    open(store, std::slice::from_ref(&shop)).await;
    assert_eq!(lanes(store, "shop").await.len(), 256);
    assert_eq!(store.open_account(&laned("shop", 300)).await, Ok(Some(shop)));
    assert_eq!(store.stray_lanes().await, Ok(vec![]), "an account that is there gets no lanes by opening it again");
}

async fn lanes_are_added_to_a_living_account(store: &impl Store) {
    let of = |count| CreditLanes::try_new(count).unwrap();
    assert_eq!(store.add_lanes(&id("shop"), of(4)).await, Ok(None));
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
    open(store, &[account("shop", 10)]).await;
    let credit = AccountUpdate { lane: Some(1), ..update("shop", 7) };
    for (count, version) in [(2, 4), (130, 5), (130, 5), (3, 5), (0, 5)] {
        let shop = store.add_lanes(&id("shop"), of(count)).await.unwrap().unwrap();
        assert_eq!((shop.credit_lanes.count(), shop.version), (count.max(if version == 5 { 130 } else { 2 }), version));
        if count == 2 {
            assert_eq!(
                commit(store, &[(request("k1", 7), Ok(()))], std::slice::from_ref(&credit)).await,
                Commit::Applied
            );
        }
    }
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((held.lanes.len(), held.balance(), held.lanes[1].balance), (130, 17, Balance::new(7)));
    // A frozen account's new lanes are frozen.
    open(store, &[Account { status: AccountStatus::Frozen, ..account("cold", 0) }]).await;
    store.add_lanes(&id("cold"), of(1)).await.unwrap();
    assert_eq!(lanes(store, "cold").await[0].status, AccountStatus::Frozen);
}

async fn a_lane_is_credited_under_its_own_conditions(store: &impl Store) {
    open(store, &[laned("shop", 2), Account { status: AccountStatus::Frozen, ..laned("cold", 1) }]).await;
    let credit = |name: &str| AccountUpdate { lane: Some(0), balance_max: Some(5), ..update(name, 5) };
    let before = store.usage();
    assert_eq!(commit(store, &[(request("k1", 5), Ok(()))], &[credit("shop")]).await, Commit::Applied);
    // A payment with two index entries, and a lane: 2·2 + 2.
    assert_eq!(store.usage().write_milliunits - before.write_milliunits, 6_000);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((held.account.balance.minor_units(), held.account.version), (10, 3), "the main item is not touched");
    assert_eq!((held.lanes[0].balance.minor_units(), held.lanes[0].version, held.balance()), (5, 2, 15));
    // Another 5 would still do; then the lane is too full.
    assert_eq!(commit(store, &[(request("k2", 5), Ok(()))], &[credit("shop")]).await, Commit::Applied);
    let usd = AccountUpdate { currency: Currency::try_new("USD").unwrap(), lane: Some(1), ..update("shop", 1) };
    let updates = [credit("shop"), credit("cold"), usd, AccountUpdate { lane: Some(2), ..update("shop", 1) }];
    let answer = cancelled(commit(store, &[(request("k3", 5), Ok(()))], &updates).await);
    let cold = Lane { status: AccountStatus::Frozen, ..Lane::new(&laned("cold", 1), 0) };
    let full = Lane { balance: Balance::new(10), version: 3, ..Lane::new(&laned("shop", 2), 0) };
    let expected = [
        (0, LaneRead::Found(full)),
        (1, LaneRead::Found(cold)),
        (2, LaneRead::Found(Lane::new(&laned("shop", 2), 1))),
        (3, LaneRead::Missing),
    ];
    assert_eq!(answer.lanes, expected);
    assert_eq!((answer.accounts, answer.transient), (vec![], None));
}

async fn lanes_are_swept_with_a_payment(store: &impl Store) {
    open(store, &[laned("shop", 2), account("alice", 0)]).await;
    for lane in 0..2 {
        let credit = AccountUpdate { lane: Some(lane), ..update("shop", 20) };
        assert_eq!(commit(store, &[(request(&format!("k{lane}"), 20), Ok(()))], &[credit]).await, Commit::Applied);
    }
    let swept = |lane, amount| AccountUpdate { lane: Some(lane), balance_min: Some(amount), ..update("shop", -amount) };
    let pay = |net, balance_min| AccountUpdate { balance_min: Some(balance_min), ..update("shop", net) };
    let short = [swept(0, 20), swept(1, 21), pay(-4, 4), update("alice", 45)];
    let answer = cancelled(commit(store, &[(request("k2", 45), Ok(()))], &short).await);
    let [(1, LaneRead::Found(lane))] = answer.lanes.as_slice() else { panic!("{answer:?}") };
    assert_eq!((lane.balance.minor_units(), lane.version), (20, 2));
    let whole = [swept(0, 20), swept(1, 20), pay(-5, 5), update("alice", 45)];
    assert_eq!(commit(store, &[(request("k2", 45), Ok(()))], &whole).await, Commit::Applied);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!(held.account.balance.minor_units(), 5);
    assert!(held.lanes.iter().all(|lane| lane.balance == Balance::ZERO && lane.version == 3), "{held:?}");
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

async fn dead_letters_keep_every_byte(store: &impl Store) {
    let bytes = |length: usize, seed: u64| -> Vec<u8> {
        let mut random = fastrand::Rng::with_seed(seed);
        std::iter::repeat_with(|| random.u8(..)).take(length).collect()
    };
    let header = |name: &str, value| Header { name: name.into(), value };
    let headers = vec![
        header("trace", Some(bytes(16, 1))),
        header("trace", Some(vec![])),
        header("none", None),
        header("", Some(b"no name".to_vec())),
        header("big", Some(bytes(700_000, 2))),
        header("after", Some(vec![0, 255])),
    ];
    let letters = [
        letter(1),
        DeadLetter { key: Some(vec![]), value: Some(vec![]), ..letter(2) },
        DeadLetter { key: Some(vec![0, 1, 255]), value: Some(bytes(900_000, 3)), headers, ..letter(3) },
        DeadLetter { key: Some(bytes(400_000, 4)), value: Some(bytes(307_200, 5)), ..letter(4) },
        DeadLetter { value: Some(bytes(307_200, 6)), ..letter(5) },
        DeadLetter { value: Some(bytes(307_201, 7)), ..letter(6) },
    ];
    for letter in &letters {
        store.park(letter).await.unwrap();
        let kept = store.dead_letter(&letter.id()).await.unwrap().unwrap();
        assert!(kept == *letter, "{}", letter.id());
    }
    assert!(store.dead_letters().await.unwrap() == letters);
    assert_eq!(store.dead_letter(&letter(99).id()).await, Ok(None));
    assert_eq!(store.dead_letters_at(&source(99)).await, Ok(vec![]));
}

async fn parking_again_changes_nothing(store: &impl Store) {
    let first = DeadLetter { value: Some(b"as it came".to_vec()), ..letter(7) };
    store.park(&first).await.unwrap();
    let again = DeadLetter { received_at: Timestamp::EPOCH, reason: "tombstone".into(), ..first.clone() };
    store.park(&again).await.unwrap();
    assert_eq!(store.dead_letter(&first.id()).await, Ok(Some(first)));
}

async fn a_letter_is_marked_as_redriven_once(store: &impl Store) {
    store.park(&letter(7)).await.unwrap();
    assert_eq!(store.mark_redriven(&letter(8).id()).await, Ok(false), "no such letter");
    let another = LetterId { digest: digest(1), ..letter(7).id() };
    assert_eq!(store.mark_redriven(&another).await, Ok(false), "another record of that place");
    assert_eq!(store.mark_redriven(&letter(7).id()).await, Ok(true));
    assert_eq!(store.mark_redriven(&letter(7).id()).await, Ok(false), "it was marked before");
    let marked = DeadLetter { status: DeadLetterStatus::Redriven, ..letter(7) };
    assert_eq!(store.dead_letter(&letter(7).id()).await, Ok(Some(marked)), "and nothing else of it changed");
}

async fn a_redriven_letter_whose_record_comes_again_is_parked_again(store: &impl Store) {
    for value in [None, Some(vec![7; 700_000])] {
        let first = DeadLetter { value, ..letter(7) };
        let first = DeadLetter { digest: digest(u64::from(first.value.is_some())), ..first };
        let id = first.id();
        store.park(&first).await.unwrap();
        for round in 1..3 {
            assert_eq!(store.mark_redriven(&id).await, Ok(true));
            let received_at = Timestamp::try_from_millis(1_700_000_000_000 + round).unwrap();
            let again = DeadLetter { received_at, reason: format!("reason_{round}"), ..first.clone() };
            store.park(&again).await.unwrap();
            // Parking again what is parked changes nothing, here too.
            store.park(&first).await.unwrap();
            assert!(store.dead_letter(&id).await == Ok(Some(again)), "{id}, round {round}");
        }
    }
    assert_eq!(store.dead_letters().await.unwrap().len(), 2);
}

/// Offsets begin again when a topic is made anew. A record of several parts stood where a small one had, and a small
/// one where it had.
async fn another_record_at_a_place_used_before_is_another_letter(store: &impl Store) {
    let value = |number: u64, length| DeadLetter { digest: digest(number), value: Some(vec![7; length]), ..letter(7) };
    let letters = [value(1, 3), value(2, 700_000), value(3, 4), value(4, 400_000)];
    for letter in &letters {
        store.park(letter).await.unwrap();
    }
    for offset in [70, 71, 77] {
        store.park(&letter(offset)).await.unwrap();
    }
    for letter in &letters {
        assert!(store.dead_letter(&letter.id()).await == Ok(Some(letter.clone())), "{}", letter.id());
    }
    assert!(store.dead_letters_at(&source(7)).await.unwrap() == letters);
    assert_eq!(store.dead_letters().await.unwrap().len(), 7);
    assert_eq!(store.mark_redriven(&letters[1].id()).await, Ok(true));
    let marked: Vec<bool> = store
        .dead_letters_at(&source(7))
        .await
        .unwrap()
        .iter()
        .map(|letter| letter.status == DeadLetterStatus::Redriven)
        .collect();
    assert_eq!(marked, [false, true, false, false]);
}

async fn letters_of_older_versions_are_read_listed_and_marked(store: &impl Store) {
    let old = DeadLetter { digest: None, value: Some(vec![7; 400_000]), ..letter(7) };
    let new = DeadLetter { value: Some(b"of now".to_vec()), ..letter(7) };
    store.park(&old).await.unwrap();
    store.park(&new).await.unwrap();
    assert_eq!(old.id().to_string(), "payment-requests/3/7");
    assert!(store.dead_letter(&old.id()).await == Ok(Some(old.clone())));
    assert!(store.dead_letters_at(&source(7)).await.unwrap() == [old.clone(), new.clone()]);
    assert!(store.dead_letters().await.unwrap() == [old.clone(), new.clone()]);
    assert_eq!(store.mark_redriven(&old.id()).await, Ok(true));
    assert_eq!(store.dead_letter(&old.id()).await.unwrap().unwrap().status, DeadLetterStatus::Redriven);
    assert_eq!(store.dead_letter(&new.id()).await, Ok(Some(new)));
}

async fn a_letter_that_two_set_aside_at_once_is_one(store: &impl Store) {
    let one = DeadLetter { value: Some(vec![7; 700_000]), ..letter(7) };
    let other = DeadLetter { received_at: Timestamp::EPOCH, ..one.clone() };
    assert_eq!(tokio::join!(store.park(&one), store.park(&other)), (Ok(()), Ok(())));
    let kept = store.dead_letters().await.unwrap();
    assert!(kept == [one.clone()] || kept == [other.clone()]);
    // While one marks it, its record comes again: it is parked again, or it still was.
    let id = one.id();
    let (marked, parked) = tokio::join!(store.mark_redriven(&id), store.park(&one));
    assert_eq!((marked, parked), (Ok(true), Ok(())));
    let (status, value) = store.dead_letter(&id).await.unwrap().map(|kept| (kept.status, kept.value)).unwrap();
    assert!(value == one.value, "{status:?}");
}

async fn lists_come_in_order(store: &impl Store) {
    for name in ["c", "a", "b"] {
        open(store, &[account(name, 0)]).await;
        commit(store, &[(request(name, 1), Err(Decline::SameAccount))], &[]).await;
    }
    let accounts: Vec<String> =
        store.accounts().await.unwrap().iter().map(|held| held.account.id.to_string()).collect();
    assert_eq!(accounts, ["a", "b", "c"]);
    let payments = store.payments().await.unwrap();
    assert!(payments.is_sorted_by_key(|recorded| recorded.outcome.payment.id.clone()));
    for offset in [10, 9, 100] {
        store.park(&letter(offset)).await.unwrap();
    }
    let offsets: Vec<i64> = store.dead_letters().await.unwrap().iter().map(|letter| letter.source.offset).collect();
    assert_eq!(offsets, [9, 10, 100]);
}

async fn the_longest_values_are_kept(store: &impl Store) {
    let long = "x".repeat(64);
    let topic = "t".repeat(249);
    let longest = Request {
        payment: Payment {
            id: PaymentId::try_new(&long).unwrap(),
            debtor: id(&long),
            creditor: id(&"y".repeat(64)),
            amount: Amount::try_new(9_007_199_254_740_991).unwrap(),
            currency: eur(),
            reference: Some("💶".repeat(140).into()),
            requested_at: Some(Timestamp::EPOCH),
        },
        source: Source { topic: topic.as_str().into(), partition: i32::MAX, offset: i64::MAX },
    };
    let requests = [(longest, Err(Decline::InsufficientFunds))];
    assert_eq!(commit(store, &requests, &[]).await, Commit::Applied);
    let recorded = store.payment(&requests[0].0.payment.id).await.unwrap().unwrap();
    assert_eq!(recorded.outcome.payment, requests[0].0.payment);
    assert_eq!(recorded.outcome.source, requests[0].0.source);
    // A hundred of the largest items stay far below a transaction's 4 MB, so that limit needs no counting.
    let entry = Entry { request: &requests[0].0, verdict: requests[0].1, creditor_lane: Some(1_023) };
    let size = giro::store::items::size(&giro::store::items::payment::encode(&entry, decided_at()));
    assert!((1_025..=2_048).contains(&size), "{size}: at most two write units");
}

// Account commands.

fn command(name: &str, account: &str, action: Action) -> CommandRequest {
    let requested_at = Some(Timestamp::try_from_millis(1_700_000_000_001).unwrap());
    let (id, account) = (CommandId::try_new(name).unwrap(), id(account));
    CommandRequest { command: AccountCommand { id, account, action, requested_at }, source: source(42) }
}

fn recorded(request: &CommandRequest, verdict: Result<(), Refusal>) -> RecordedCommand {
    RecordedCommand {
        command: request.command.clone(),
        verdict,
        decided_at: decided_at(),
        source: request.source.clone(),
        fingerprint: request.command.fingerprint(),
    }
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

fn status(from: AccountStatus, to: AccountStatus, balance: Option<i64>) -> Change {
    let balances = balance.map(|balance| vec![Balance::new(balance)]);
    Change::Status { from, to, lanes: CreditLanes::NONE, balances }
}

async fn a_command_happens_whole_and_reads_back(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let terms =
        |overdraft_limit| Action::Open(Terms { currency: eur(), overdraft_limit, credit_lanes: CreditLanes::NONE });
    let limit = |to| (Action::SetOverdraftLimit(to), Change::Limit { status: Open, to });
    let opened = account("alice", 0);
    let (lower, none) = (limit(OverdraftLimit::Limited(7)), limit(OverdraftLimit::Unlimited));
    let cases = [
        (terms(opened.overdraft_limit), Ok(Change::Open(opened.clone()))),
        (terms(OverdraftLimit::Unlimited), Err(Refusal::AccountExists)),
        (lower.0, Ok(lower.1)),
        (none.0, Ok(none.1)),
        (Action::Freeze, Ok(status(Open, Frozen, None))),
        (Action::Freeze, Ok(Change::Nothing)),
        (Action::Unfreeze, Ok(status(Frozen, Open, None))),
        (Action::Close, Ok(status(Open, Closed, Some(0)))),
    ];
    let mut expected = None;
    for (ix, (action, ruling)) in cases.into_iter().enumerate() {
        let request = command(&format!("c{ix}"), "alice", action);
        let before = store.usage();
        assert_eq!(rule(store, &request, ruling.clone()).await, CommandCommit::Applied, "{action:?}");
        // The command, and its account if that changes: two units each.
        let changes = matches!(&ruling, Ok(change) if *change != Change::Nothing);
        let units = store.usage().write_milliunits - before.write_milliunits;
        assert_eq!(units, if changes { 4_000 } else { 2_000 }, "{action:?}");
        expected = match &ruling {
            Ok(change) => change.applied_to(expected),
            Err(_) => expected,
        };
        assert_eq!(store.account(&id("alice")).await, Ok(expected.clone().map(plain)), "{action:?}");
        let verdict = ruling.map(|_| ());
        assert_eq!(store.command(&request.command.id).await, Ok(Some(recorded(&request, verdict))), "{action:?}");
    }
    assert_eq!(store.command(&CommandId::try_new("c99").unwrap()).await, Ok(None));
}

async fn each_condition_of_a_command_stops_all_of_it(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let limit = |status, limit| Change::Limit { status, to: OverdraftLimit::Limited(limit) };
    let is = |status| Account { status, ..account("x", -10) };
    let cases = [
        ("exists", is(Open), Change::Open(account("x", 0))),
        ("status", is(Frozen), status(Open, Frozen, None)),
        ("status and balance", is(Frozen), status(Open, Closed, Some(-10))),
        ("balance above", is(Open), status(Open, Closed, Some(-11))),
        ("balance below", is(Open), status(Open, Closed, Some(0))),
        ("limit", is(Open), limit(Open, 9)),
        ("limit's status", is(Closed), limit(Open, 10)),
        ("no limit's status", is(Closed), Change::Limit { status: Open, to: OverdraftLimit::Unlimited }),
    ];
    for (ix, (what, account, change)) in cases.into_iter().enumerate() {
        // Each case has an account of its own.
        let name = format!("x{ix}");
        let account = Account { id: id(&name), ..account };
        open(store, std::slice::from_ref(&account)).await;
        let change = match change {
            Change::Open(opened) => Change::Open(Account { id: id(&name), ..opened }),
            other @ (Change::Nothing | Change::Status { .. } | Change::Limit { .. } | Change::Lanes { .. }) => other,
        };
        let request = command(&format!("c{ix}"), &name, Action::Close);
        let expected =
            CancelledCommand { account: Some(AccountRead::Found(account.clone())), ..CancelledCommand::default() };
        assert_eq!(rule(store, &request, Ok(change.clone())).await, CommandCommit::Cancelled(expected), "{what}");
        assert_eq!(store.command(&request.command.id).await, Ok(None), "{what}: no record");
        assert_eq!(store.account(&account.id).await, Ok(Some(plain(account))), "{what}: no change");
        if !matches!(change, Change::Open(_)) {
            let request = command(&format!("c{ix}"), "nobody", Action::Close);
            let expected = CancelledCommand { account: Some(AccountRead::Missing), ..CancelledCommand::default() };
            assert_eq!(rule(store, &request, Ok(change)).await, CommandCommit::Cancelled(expected), "{what}: missing");
        }
    }
    // At their edge they hold.
    open(store, &[account("edge", -10)]).await;
    assert_eq!(rule(store, &command("e1", "edge", Action::Close), Ok(limit(Open, 10))).await, CommandCommit::Applied);
    let close = Ok(status(Open, Closed, Some(-10)));
    assert_eq!(rule(store, &command("e2", "edge", Action::Close), close).await, CommandCommit::Applied);
}

async fn a_command_that_is_there_comes_back(store: &impl Store) {
    use AccountStatus::{Frozen, Open};
    open(store, &[account("alice", 10)]).await;
    let first = command("c1", "alice", Action::Freeze);
    assert_eq!(rule(store, &first, Ok(status(Open, Frozen, None))).await, CommandCommit::Applied);
    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    // Alone, and beside a condition that fails.
    let other = CommandRequest { source: source(43), ..command("c1", "alice", Action::Unfreeze) };
    let duplicate = Some(Ok(recorded(&first, Ok(()))));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    let back = Ok(status(Frozen, Open, None));
    assert_eq!(rule(store, &other, back).await, CommandCommit::Cancelled(expected.clone()));
    let expected = CancelledCommand { account: Some(AccountRead::Found(alice.clone())), ..expected };
    let again = Ok(status(Open, Frozen, None));
    assert_eq!(rule(store, &first, again).await, CommandCommit::Cancelled(expected));
    assert_eq!(store.account(&id("alice")).await, Ok(Some(plain(alice))));
}

async fn a_command_changes_all_lanes_or_nothing(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let lanes_of = |count| CreditLanes::try_new(count).unwrap();
    let turn = |from, to, count, balances: Option<&[i64]>| Change::Status {
        from,
        to,
        lanes: lanes_of(count),
        balances: balances.map(|balances| balances.iter().copied().map(Balance::new).collect()),
    };
    let shop = Account { balance: Balance::ZERO, ..laned("shop", 2) };
    let more = |account: &Account, count| Change::Lanes { account: account.clone(), to: lanes_of(count) };
    let close = |name: &str| command(name, "shop", Action::Close);
    assert_eq!(rule(store, &close("c0"), Ok(Change::Open(shop.clone()))).await, CommandCommit::Applied);
    assert_eq!(lanes(store, "shop").await.len(), 2);
    let credit = AccountUpdate { lane: Some(1), ..update("shop", 7) };
    assert_eq!(commit(store, &[(request("k1", 7), Ok(()))], &[credit]).await, Commit::Applied);
    let before = store.account(&id("shop")).await;
    let account = before.clone().unwrap().unwrap().account;

    let on_lane = CancelledCommand { lanes: true, ..CancelledCommand::default() };
    let on_main =
        CancelledCommand { account: Some(AccountRead::Found(account.clone())), ..CancelledCommand::default() };
    let frozen = Account { status: Frozen, ..account.clone() };
    let cases = [
        ("a lane's balance", turn(Open, Closed, 2, Some(&[0, 0, 0])), &on_lane),
        ("a lane's other balance", turn(Open, Closed, 2, Some(&[0, 0, 8])), &on_lane),
        ("main item's balance", turn(Open, Closed, 2, Some(&[1, 0, 7])), &on_main),
        ("fewer lanes", turn(Open, Frozen, 1, None), &on_main),
        ("no lanes", turn(Open, Frozen, 0, None), &on_main),
        ("new lanes for another status", more(&frozen, 3), &on_main),
        ("new lanes beside others", more(&Account { credit_lanes: lanes_of(3), ..account.clone() }, 4), &on_main),
    ];
    for (ix, (what, change, expected)) in cases.into_iter().enumerate() {
        let answer = rule(store, &close(&format!("n{ix}")), Ok(change)).await;
        assert_eq!(answer, CommandCommit::Cancelled(expected.clone()), "{what}");
        assert_eq!(store.account(&id("shop")).await, before, "{what}: no change");
        assert_eq!(store.stray_lanes().await, Ok(vec![]), "{what}: no lane");
    }
    // A lane in use is never made new; main item and lane are told.
    let used = CancelledCommand { account: on_main.account.clone(), lanes: true, ..CancelledCommand::default() };
    let answer =
        rule(store, &close("n8"), Ok(more(&Account { credit_lanes: lanes_of(1), ..account.clone() }, 2))).await;
    assert_eq!(answer, CommandCommit::Cancelled(used));

    let shown = |lanes: Vec<Lane>| -> Vec<String> {
        lanes.iter().map(|lane| format!("{} {} v{}", lane.status, lane.balance, lane.version)).collect()
    };
    assert_eq!(rule(store, &close("c1"), Ok(turn(Open, Frozen, 2, None))).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["frozen 0 v2", "frozen 7 v3"]);
    let frozen = store.account(&id("shop")).await.unwrap().unwrap().account;
    assert_eq!(rule(store, &close("c2"), Ok(more(&frozen, 3))).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["frozen 0 v2", "frozen 7 v3", "frozen 0 v1"]);
    let closing = turn(Frozen, Closed, 3, Some(&[0, 0, 7, 0]));
    assert_eq!(rule(store, &close("c3"), Ok(closing)).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["closed 0 v3", "closed 7 v4", "closed 0 v2"]);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((held.account.status, held.account.version), (Closed, 6));
}

async fn a_command_of_very_many_lanes_takes_steps(store: &impl Store) {
    use AccountStatus::{Frozen, Open};
    let shop = laned("shop", 200);
    let opening = command("c1", "shop", Action::Close);
    assert_eq!(rule(store, &opening, Ok(Change::Open(shop.clone()))).await, CommandCommit::Applied);
    let freeze = command("c2", "shop", Action::Freeze);
    let ruling = Ok(Change::Status { from: Open, to: Frozen, lanes: shop.credit_lanes, balances: None });
    let decided = DecidedCommand { request: &freeze, ruling, decided_at: decided_at() };
    let steps = decided.steps();
    let sizes: Vec<(usize, bool)> = steps.iter().map(|step| (step.lanes.len(), step.last)).collect();
    assert_eq!(sizes, [(99, false), (99, false), (2, false), (0, true)]);
    let frozen = async || {
        let held = store.account(&id("shop")).await.unwrap().unwrap();
        (held.account.status, held.lanes.iter().filter(|lane| lane.status == Frozen).count())
    };
    // Twice, as after an answer that was lost; the command has not happened before its last step.
    for step in [&steps[0], &steps[0], &steps[1]] {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Applied));
        assert_eq!(store.command(&freeze.command.id).await, Ok(None));
    }
    assert_eq!(frozen().await, (Open, 198));
    for step in &steps {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Applied));
    }
    assert_eq!(frozen().await, (Frozen, 200));
    // And once it has, none of its steps happens again.
    let unfreeze = command("c3", "shop", Action::Unfreeze);
    let ruling = Ok(Change::Status { from: Frozen, to: Open, lanes: shop.credit_lanes, balances: None });
    assert_eq!(rule(store, &unfreeze, ruling).await, CommandCommit::Applied);
    let duplicate = Some(Ok(recorded(&freeze, Ok(()))));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    for step in &steps[..3] {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Cancelled(expected.clone())));
    }
    assert_eq!(frozen().await, (Open, 0));
}

async fn commands_come_in_the_order_of_their_answers(store: &impl Store) {
    for (name, at, offset) in [("b", 2, 3), ("c", 1, 3), ("a", 2, 2)] {
        let request = CommandRequest { source: source(offset), ..command(name, "nobody", Action::Close) };
        let decided_at = Timestamp::try_from_millis(at).unwrap();
        let decided = DecidedCommand { request: &request, ruling: Err(Refusal::AccountNotFound), decided_at };
        let steps = decided.steps();
        assert_eq!((steps.len(), store.commit_command(&steps[0]).await), (1, Ok(CommandCommit::Applied)));
    }
    let commands = store.commands().await.unwrap();
    assert_eq!(commands.iter().map(|recorded| recorded.command.id.as_str()).collect::<Vec<_>>(), ["c", "a", "b"]);
}

/// All items of a segment, page by page.
async fn segment(store: &impl Store, table: Table, segment: Segment) -> Vec<Surveyed> {
    let (mut items, mut mark) = (Vec::new(), None);
    loop {
        let page = store.page(table, segment, mark).await.unwrap();
        items.extend(page.items);
        mark = page.next;
        if mark.is_none() {
            return items;
        }
    }
}

async fn a_survey_meets_every_item_once(store: &impl Store) {
    let accounts: Vec<Account> = (0..40).map(|ix| laned(&format!("a{ix}"), ix % 2)).collect();
    open(store, &accounts).await;
    for ix in 0..20 {
        commit(store, &[(request(&format!("k{ix}"), 1), Err(Decline::SameAccount))], &[]).await;
    }
    store.park(&DeadLetter { value: Some(vec![7; 700_000]), ..letter(1) }).await.unwrap();
    store.park(&letter(2)).await.unwrap();
    let name = |item: &Surveyed| match item {
        Surveyed::Account(account) => account.id.to_string(),
        Surveyed::Lane(lane) => lane.id.to_string(),
        Surveyed::Payment(recorded) => recorded.outcome.payment.id.to_string(),
        Surveyed::LetterPart { letter, part, .. } => format!("{letter} {part}"),
        Surveyed::Unreadable { key, expected } => panic!("{key}: {expected}"),
    };
    for (table, count) in [(Table::Accounts, 60), (Table::Payments, 20), (Table::DeadLetters, 4)] {
        for of in [1, 3] {
            let (mut names, mut largest) = (Vec::new(), 0);
            for number in 0..of {
                let items = segment(store, table, Segment { number, of }).await;
                largest = largest.max(items.len());
                names.extend(items.iter().map(name));
            }
            names.sort();
            assert_eq!(
                (names.len(), names.windows(2).any(|two| two[0] == two[1])),
                (count, false),
                "{table:?} {names:?}"
            );
            assert!(of == 1 || count == 4 || largest < count, "{table:?}: the segments share");
        }
    }
}

// What needs a hand in the tables.

async fn check_strays(store: &impl Store, plant: impl AsyncFn(Lane)) {
    open(store, &[laned("shop", 2)]).await;
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
    plant(Lane::new(&laned("shop", 3), 2)).await;
    plant(Lane::new(&laned("gone", 1), 0)).await;
    let strays: Vec<String> = store.stray_lanes().await.unwrap().iter().map(|lane| lane.id.to_string()).collect();
    assert_eq!(strays, ["gone/0", "shop/2"]);
    assert_eq!(lanes(store, "shop").await.len(), 2);
    // What an opening or an adding that stopped half-way left behind is taken up by the next.
    assert_eq!(store.open_account(&laned("gone", 2)).await, Ok(None));
    store.add_lanes(&id("shop"), CreditLanes::try_new(4).unwrap()).await.unwrap();
    assert_eq!((lanes(store, "gone").await.len(), lanes(store, "shop").await.len()), (2, 4));
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}

#[tokio::test]
async fn lanes_that_no_account_counts_are_found_and_taken_up() {
    let store = MemoryStore::new();
    check_strays(&store, async |lane| store.insert_lane(lane)).await;
    let engine = Engine::start().await.unwrap();
    let put = async |lane: Lane| {
        let item = giro::store::items::lane::encode(&lane);
        engine.client().put_item().table_name(&engine.tables().accounts).set_item(Some(item)).send().await.unwrap();
    };
    check_strays(&engine.ledger(), put).await;
}

/// Whoever sets a letter aside may stop between two parts: the next one finishes it, and until then it isn't there.
#[tokio::test]
async fn a_letter_whose_writer_stopped_between_parts_is_finished_by_the_next() {
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let long = DeadLetter { value: Some(vec![7; 700_000]), ..letter(7) };
    let parts = giro::store::items::dead_letter::encode(&long);
    assert_eq!(parts.len(), 3);
    for part in parts[1..].iter().rev() {
        client.put_item().table_name(&tables.dead_letters).set_item(Some(part.clone())).send().await.unwrap();
        assert_eq!(store.dead_letter(&long.id()).await, Ok(None));
        assert_eq!(store.dead_letters().await, Ok(vec![]));
    }
    store.park(&long).await.unwrap();
    assert!(store.dead_letters().await.unwrap() == [long]);
}

#[tokio::test]
async fn a_used_lane_is_never_written_over() {
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let used = Lane { balance: Balance::new(1), version: 2, ..Lane::new(&laned("shop", 1), 0) };
    let item = giro::store::items::lane::encode(&used);
    client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
    assert!(matches!(store.open_account(&laned("shop", 2)).await, Err(StoreError::Corrupt(_))));
    open(&store, &[account("shop", 0)]).await;
    let added = store.add_lanes(&id("shop"), CreditLanes::try_new(2).unwrap()).await;
    assert_eq!(added, Err(StoreError::Conflict));
    assert_eq!(store.stray_lanes().await, Ok(vec![used]));
}

// What only one of them can show.

#[tokio::test]
async fn an_engine_that_is_not_there_is_unavailable() {
    // A port that was free a moment ago.
    let address = std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap();
    let store = DynamoDb::new(giro_testkit::dynamodb::client(&format!("http://{address}")), Tables::default());
    let error = store.read_accounts(&[&id("alice")]).await.unwrap_err();
    assert!(matches!(&error, StoreError::Unavailable(text) if text.starts_with("BatchGetItem: ")), "{error}");
}

#[tokio::test]
async fn a_missing_table_is_named() {
    let engine = Engine::without_tables().unwrap();
    let (store, tables) = (engine.ledger(), engine.tables());
    let error = store.read_accounts(&[&id("alice")]).await.unwrap_err();
    assert!(matches!(&error, StoreError::NoTable(text) if text.contains(&tables.accounts)), "{error}");
    let requests = [(request("k1", 1), Ok(()))];
    let error = store.commit(&transaction(&requests, &[])).await.unwrap_err();
    let both = |text: &str| [&tables.payments, &tables.accounts].iter().all(|name| text.contains(*name));
    assert!(matches!(&error, StoreError::NoTable(text) if both(text)), "{error}");
}

#[tokio::test]
async fn items_that_cannot_be_read_are_corrupt_and_name_the_attribute() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let mut item = giro::store::items::account::encode(&account("alice", 10));
    item.insert("balance".into(), AttributeValue::N("1.5".into()));
    client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
    let expected = AccountRead::Corrupt("balance: expected a whole number (N) in range".into());
    assert_eq!(store.read_accounts(&[&id("alice")]).await.unwrap(), std::slice::from_ref(&expected));
    // Also where it comes back from a failed condition.
    let together = store.read_together(&[&id("alice")], &[]).await.unwrap();
    assert_eq!(together.accounts, std::slice::from_ref(&expected));
    let condition = AccountUpdate { version: Some(99), ..update("alice", 1) };
    let answer = cancelled(commit(&store, &[(request("k1", 1), Ok(()))], &[condition]).await);
    assert_eq!(answer.accounts, [(0, expected)]);

    // A key that is neither an account's nor a lane's, and a lane that can't be read, are never passed over.
    let lane = Lane::new(&laned("shop", 1), 0);
    let mut broken = giro::store::items::lane::encode(&lane);
    broken.insert("balance".into(), AttributeValue::N("1.5".into()));
    client.put_item().table_name(&tables.accounts).set_item(Some(broken.clone())).send().await.unwrap();
    assert_eq!(
        store.read_lanes(&[&lane.id]).await.unwrap(),
        [LaneRead::Corrupt("balance: expected a whole number (N) in range".into())]
    );
    for key in ["a b", "shop/01", "shop/0/0", "/", "shop/1024"] {
        let engine = Engine::start().await.unwrap();
        let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
        let mut item = giro::store::items::lane::encode(&lane);
        item.insert("account_id".into(), AttributeValue::S(key.into()));
        client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
        let expected = format!("{}: account_id: expected", tables.accounts);
        assert!(
            matches!(store.accounts().await, Err(StoreError::Corrupt(text)) if text.starts_with(&expected)),
            "{key}"
        );
        assert!(matches!(store.stray_lanes().await, Err(StoreError::Corrupt(_))), "{key}");
    }

    client
        .put_item()
        .table_name(&tables.payments)
        .item("payment_id", AttributeValue::S("k2".into()))
        .send()
        .await
        .unwrap();
    let answer = cancelled(commit(&store, &[(request("k2", 1), Ok(()))], &[]).await);
    assert_eq!(answer.duplicates, [(0, Err("status: expected a string (S), got none".into()))]);

    let id = AttributeValue::S("c1".into());
    client.put_item().table_name(&tables.account_commands).item("command_id", id).send().await.unwrap();
    let answer = rule(&store, &command("c1", "nobody", Action::Close), Err(Refusal::AccountNotFound)).await;
    let duplicate = Some(Err("status: expected a string (S), got none".into()));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    assert_eq!(answer, CommandCommit::Cancelled(expected));
}

/// The statements of an account with lanes are spread over index keys as its credits are over items.
#[tokio::test]
async fn a_payment_stands_in_the_statement_of_its_lane() {
    use aws_sdk_dynamodb::types::AttributeValue;
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    for (ix, (creditor_lane, expected)) in [(None, "bob"), (Some(3), "bob/3")].into_iter().enumerate() {
        let request = request(&format!("k{ix}"), 1);
        let entry = Entry { request: &request, verdict: Err(Decline::CreditorNotFound), creditor_lane };
        let transaction = Transaction { entries: vec![entry], updates: vec![], decided_at: decided_at() };
        assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));
        let key = giro::store::items::payment::key(&request.payment.id);
        let item =
            client.get_item().table_name(&tables.payments).set_key(Some(key)).send().await.unwrap().item.unwrap();
        let statement = |name: &str| item.get(name).and_then(|text: &AttributeValue| text.as_s().ok()).cloned();
        assert_eq!(statement("creditor_statement").as_deref(), Some(expected));
        assert_eq!(statement("debtor_statement").as_deref(), Some("alice"));
    }
}

#[tokio::test]
async fn tables_are_created_once_and_kept_in_their_folder() {
    let folder = tempfile::tempdir().unwrap();
    for round in 0..2 {
        let engine = giro_testkit::dynamodb::EmbeddedDynamoDb::start(Some(folder.path())).unwrap();
        let client = giro_testkit::dynamodb::client(engine.endpoint());
        giro_testkit::tables::create(&client, &Tables::default(), false).await.unwrap();
        let store = DynamoDb::new(client, Tables::default());
        let existing = store.open_account(&account("alice", 10)).await.unwrap();
        assert_eq!(existing.is_some(), round == 1);
    }
}

#[tokio::test]
async fn the_memory_stores_faults_strike() {
    let strike = |faults: Faults| async move {
        let store = MemoryStore::with_faults(faults);
        store.insert_account(account("alice", 10));
        let requests = [(request("k1", 1), Ok(()))];
        let answer = store.commit(&transaction(&requests, &[update("alice", -1)])).await;
        let written = store.payments().await.unwrap().len();
        (answer, written, store)
    };
    let none = Faults::default();
    let (answer, written, _) = strike(Faults { conflict: 1_000, ..none }).await;
    let busy = Cancelled { transient: Some(StoreError::Conflict), busy: vec![0], ..Cancelled::default() };
    assert_eq!((cancelled(answer.unwrap()), written), (busy, 0));
    let store = MemoryStore::with_faults(Faults { conflict: 1_000, ..none });
    let requests = [(request("k1", 1), Err(Decline::SameAccount))];
    let answer = cancelled(commit(&store, &requests, &[]).await);
    assert_eq!(
        (answer.transient, answer.busy),
        (Some(StoreError::Conflict), vec![]),
        "a payment is not held by update"
    );
    let (answer, written, _) = strike(Faults { throttle: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Throttled(_))) && written == 0);
    let (answer, written, _) = strike(Faults { unavailable_before: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 0);
    let (answer, written, _) = strike(Faults { unavailable_after: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 1, "it happened all the same");
    let (answer, written, store) = strike(Faults { late: 1_000, ..none }).await;
    assert!(matches!(answer, Err(StoreError::Unavailable(_))) && written == 0);
    for _ in 0..8 {
        store.read_accounts(&[&id("alice")]).await.unwrap();
    }
    assert_eq!(store.payments().await.unwrap().len(), 1, "it happened later");
    for (faults, fault) in [
        (Faults { conflict: 1_000, ..none }, StoreError::Conflict),
        (Faults { throttle: 1_000, ..none }, StoreError::Throttled("injected".into())),
    ] {
        assert_eq!(MemoryStore::with_faults(faults).read_together(&[&id("alice")], &[]).await, Err(fault));
    }
    let unread = MemoryStore::with_faults(Faults { unread: 1_000, ..none });
    assert_eq!(unread.read_together(&[&id("alice")], &[]).await.unwrap().accounts, [AccountRead::Missing]);
    assert_eq!(unread.read_accounts(&[&id("alice")]).await.unwrap(), [AccountRead::Unread]);
}

/// Seven items, so that whoever reads a small ledger meets what happens between two pages.
#[tokio::test]
async fn the_memory_stores_pages_are_small() {
    let store = MemoryStore::new();
    let all = Segment { number: 0, of: 1 };
    for (count, pages) in [(7, &[7][..]), (8, &[7, 1])] {
        (0..count).for_each(|ix| store.insert_account(account(&format!("a{ix}"), 0)));
        let (mut lengths, mut mark) = (Vec::new(), None);
        loop {
            let page = store.page(Table::Accounts, all, mark).await.unwrap();
            lengths.push(page.items.len());
            // A unit for each 4 KB begun.
            assert_eq!(page.read_milliunits, 1_000);
            mark = page.next;
            if mark.is_none() {
                break;
            }
        }
        assert_eq!(lengths, pages);
    }
}

/// A fault that isn't asked for draws nothing: the same seed makes the same faults strike, whatever else there is.
#[tokio::test]
async fn faults_strike_as_their_seed_says() {
    let store = MemoryStore::with_faults(Faults { seed: 7, throttle: 500, ..Faults::default() });
    let mut random = fastrand::Rng::with_seed(7);
    for call in 0..5_000 {
        let strikes = random.u32(0..1_000) < 500;
        assert_eq!(store.read_lanes(&[]).await.is_err(), strikes, "{call}");
    }
}

/// What was given up and is still under way happens within eight calls, sooner or later.
#[tokio::test]
async fn what_comes_late_happens_a_few_calls_later() {
    let (mut payments, mut commands) = (BTreeSet::new(), BTreeSet::new());
    for seed in 0..100 {
        let late = || MemoryStore::with_faults(Faults { seed, late: 1_000, ..Faults::default() });
        let store = late();
        let requests = [(request("k1", 1), Err(Decline::SameAccount))];
        assert!(store.commit(&transaction(&requests, &[])).await.is_err());
        let mut calls = 0;
        while store.payments().await.unwrap().is_empty() {
            store.read_lanes(&[]).await.unwrap();
            calls += 1;
            assert!(calls <= 8, "seed {seed}");
        }
        payments.insert(calls);

        let store = late();
        let request = command("c1", "nobody", Action::Close);
        let decided =
            DecidedCommand { request: &request, ruling: Err(Refusal::AccountNotFound), decided_at: decided_at() };
        assert!(store.commit_command(&decided.steps()[0]).await.is_err());
        let mut calls = 0;
        while store.commands().await.unwrap().is_empty() {
            store.read_lanes(&[]).await.unwrap();
            calls += 1;
            assert!(calls <= 8, "seed {seed}");
        }
        commands.insert(calls);
    }
    assert_eq!((payments, commands), ((1..=8).collect(), (1..=8).collect()));
}
