//! Transactions of payments and accounts: they happen whole, or tell why they don't.

use giro::domain::plan::{AccountUpdate, Entry};
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, Decision, Decline, Instruction, OverdraftLimit, Payment, Principal,
    Request, Source, Timestamp, Trace,
};
use giro::store::{AccountRead, Cancelled, Commit, StoreError};
use giro_testkit::given::{self, Setters as _, currency, id, payment, update};

use super::{Store, account, cancelled, commit, decided_at, laned, letter, open, plain, request, source, transaction};

contract! {
    accounts_read_back_found_and_missing
    a_check_changes_nothing_and_stops_all
    a_transaction_happens_whole
    each_condition_alone_stops_the_whole_transaction
    conditions_that_hold_at_their_edge_let_it_happen
    a_payment_that_is_there_comes_back
    every_reason_comes_back_at_once
    a_transaction_of_a_hundred_items
    what_is_too_large_or_writes_an_item_twice_is_refused
    a_declined_payment_moves_nothing
    an_account_is_opened_once
    lists_come_in_order
    the_longest_values_are_kept
}

async fn accounts_read_back_found_and_missing(store: &impl Store) {
    let variants = [
        account("alice", 1_000),
        account("settlement", i64::MIN).unlimited(),
        account("deep", i64::MAX).limit(9_007_199_254_740_991),
        account("frozen", 1).status(AccountStatus::Frozen),
        account("closed", 0).status(AccountStatus::Closed).currency(currency("USD")),
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

/// A check changes nothing, and stops the whole transaction if the version is another one.
async fn a_check_changes_nothing_and_stops_all(store: &impl Store) {
    open(store, &[account("alice", 1_000), laned("shop", 2)]).await;
    let check = |version| AccountUpdate { version: Some(version), ..update("shop", 0) };
    assert!(check(3).is_check());
    let before = store.usage().write_milliunits;
    let short = [(request("k1", 5), Err(Decline::InsufficientFunds))];
    let version = laned("shop", 2).version;
    assert_eq!(commit(store, &short, &[check(version)]).await, Commit::Applied);
    // A payment with two index entries, and a check: 2·1 + 2 and 2.
    assert_eq!(store.usage().write_milliunits - before, 6_000);
    assert_eq!(store.account(&id("shop")).await.unwrap().unwrap().account, laned("shop", 2));

    let short = [(request("k2", 5), Err(Decline::InsufficientFunds))];
    let answer = cancelled(commit(store, &short, &[update("alice", 1), check(version + 1)]).await);
    assert_eq!(answer.accounts, [(1, AccountRead::Found(laned("shop", 2)))], "as it is now");
    assert_eq!(store.payment(short[0].0.instruction.id()).await, Ok(None));
    let missing = AccountUpdate { version: Some(1), ..update("nobody", 0) };
    let answer = cancelled(commit(store, &short, &[missing]).await);
    assert_eq!(answer.accounts, [(0, AccountRead::Missing)]);
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
    let recorded = store.payment(requests[0].0.instruction.id()).await.unwrap().unwrap();
    assert_eq!(recorded.outcome.instruction, requests[0].0.instruction);
    assert_eq!(recorded.fingerprint, requests[0].0.instruction.fingerprint());
    assert_eq!((recorded.outcome.decision, recorded.outcome.decided_at), (Ok(()), decided_at()));
    assert_eq!(recorded.outcome.source, source(42));
}

/// What an account may be, and a condition on it that doesn't hold.
async fn each_condition_alone_stops_the_whole_transaction(store: &impl Store) {
    let limited = |limit| Some(OverdraftLimit::Limited(limit));
    let cases: [(&str, Account, AccountUpdate); 12] = [
        ("frozen", account("x", 10).status(AccountStatus::Frozen), update("x", 1)),
        ("closed", account("x", 10).status(AccountStatus::Closed), update("x", 1)),
        ("currency", account("x", 10).currency(currency("USD")), update("x", 1)),
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
        ("limit new", account("x", 10).unlimited(), AccountUpdate { overdraft_limit: limited(0), ..update("x", 1) }),
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
        assert_eq!(store.payment(requests[0].0.instruction.id()).await, Ok(None), "{what}: no payment");
        assert_eq!(store.account(&account.id).await, Ok(Some(plain(account))), "{what}: no change");
    }
    let alice = store.account(&id("alice")).await.unwrap().unwrap().account;
    assert_eq!((alice.balance.minor_units(), alice.version), (1_000, 3), "not even where the conditions held");
}

async fn conditions_that_hold_at_their_edge_let_it_happen(store: &impl Store) {
    let unlimited = account("settlement", -5).unlimited();
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
    assert_eq!((&recorded.outcome.instruction, &recorded.outcome.source), (&first[0].0.instruction, &source(42)));
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
    let requests: Vec<(Request, Decision)> = (0..98).map(|ix| (request(&format!("k{ix}"), 1), Ok(()))).collect();
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
    let payments = |count: usize| -> Vec<(Request, Decision)> {
        (0..count).map(|ix| (request(&format!("k{ix}"), 1), Err(Decline::SameAccount))).collect()
    };
    let twice = |request: &(Request, Decision)| vec![request.clone(), request.clone()];
    let lane = |number: u16| update(&format!("shop/{number}"), 1);
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
        let recorded = store.payment(requests[0].0.instruction.id()).await.unwrap().unwrap();
        assert_eq!(recorded.outcome.decision, Err(decline));
    }
}

async fn an_account_is_opened_once(store: &impl Store) {
    open(store, &[account("alice", 10)]).await;
    assert_eq!(store.open_account(&account("alice", 99)).await, Ok(Some(account("alice", 10))));
    assert_eq!(store.account(&id("alice")).await, Ok(Some(plain(account("alice", 10)))));
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
    assert!(payments.is_sorted_by_key(|recorded| recorded.outcome.instruction.id().clone()));
    for offset in [10, 9, 100] {
        store.write_dead_letter(&letter(offset)).await.unwrap();
    }
    let offsets: Vec<i64> = store.dead_letters().await.unwrap().iter().map(|letter| letter.source.offset).collect();
    assert_eq!(offsets, [9, 10, 100]);
}

async fn the_longest_values_are_kept(store: &impl Store) {
    let long = "x".repeat(64);
    let topic = "t".repeat(249);
    let longest = Request {
        requested_by: Principal::try_new("ann").ok(),
        trace: Trace::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"),
        instruction: Instruction::Payment(Payment {
            reference: Some("💶".repeat(140).into()),
            requested_at: Some(Timestamp::EPOCH),
            ..payment(&long, &long, &"y".repeat(64), 9_007_199_254_740_991)
        }),
        source: Source { topic: topic.as_str().into(), partition: i32::MAX, offset: i64::MAX },
    };
    let requests = [(longest, Err(Decline::InsufficientFunds))];
    assert_eq!(commit(store, &requests, &[]).await, Commit::Applied);
    let recorded = store.payment(requests[0].0.instruction.id()).await.unwrap().unwrap();
    assert_eq!(recorded.outcome.instruction, requests[0].0.instruction);
    assert_eq!(recorded.outcome.source, requests[0].0.source);
    assert!(recorded.outcome.trace.is_some() && recorded.outcome.trace == requests[0].0.trace);
    // A hundred of the largest items stay far below a transaction's 4 MB, so that limit needs no counting.
    let entry = Entry { lanes: given::on_lane(Some(1_023)), ..given::entry(&requests[0].0, requests[0].1) };
    let size = giro::store::items::size(&giro::store::items::payment::encode(&entry));
    assert!((1_025..=2_048).contains(&size), "{size}: at most two write units");
}
