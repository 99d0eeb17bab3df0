//! Credit lanes: made by their first credits, added to their account, credited and swept.

use giro::domain::plan::AccountUpdate;
use giro::domain::{AccountStatus, Balance, CreditLanes, Lane, LaneId};
use giro::store::{Commit, LaneRead, LedgerQueries, StoreError};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Setters as _, currency, id, lane, update};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;

use super::{Store, account, cancelled, commit, laned, lanes, open, plain, request};

contract! {
    an_account_is_opened_without_lane_items
    an_account_that_is_not_open_has_every_lane
    lanes_are_added_to_a_living_account
    the_first_credit_makes_its_lane
    a_lane_is_credited_under_its_own_conditions
    lanes_are_swept_with_a_payment
}

fn lane_id(name: &str, lane: u16) -> LaneId {
    LaneId { account: id(name), lane }
}

async fn an_account_is_opened_without_lane_items(store: &impl Store) {
    let shop = laned("shop", 99);
    open(store, &[shop.clone(), account("shop-2", 5)]).await;
    assert_eq!(store.accounts().await.unwrap(), [plain(shop.clone()), plain(account("shop-2", 5))]);
    // Again, with other terms: nothing changes.
    assert_eq!(store.open_account(&laned("shop", 7)).await, Ok(Some(shop.clone())));
    assert_eq!(store.open_account(&account("shop", 0)).await, Ok(Some(shop)));
    let ids: Vec<LaneId> = (0..100).map(|lane| lane_id("shop", lane)).collect();
    let reads = store.read_lanes(&ids.iter().collect::<Vec<_>>()).await.unwrap();
    assert_eq!(reads, vec![LaneRead::Missing; 100]);
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
}

async fn an_account_that_is_not_open_has_every_lane(store: &impl Store) {
    let cold = laned("cold", 256).status(AccountStatus::Frozen);
    open(store, std::slice::from_ref(&cold)).await;
    let expected: Vec<Lane> = (0..256).map(|lane| Lane::new(&cold, lane)).collect();
    assert_eq!(lanes(store, "cold").await, expected);
    assert_eq!(store.open_account(&laned("cold", 300)).await, Ok(Some(cold)));
    assert_eq!(store.stray_lanes().await, Ok(vec![]), "an account that is there gets no lanes by opening it again");
}

async fn lanes_are_added_to_a_living_account(store: &impl Store) {
    let of = |count| CreditLanes::try_new(count).unwrap();
    assert_eq!(store.add_lanes(&id("shop"), of(4)).await, Ok(None));
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
    open(store, &[account("shop", 10)]).await;
    let credit = update("shop/1", 7);
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
    assert_eq!((held.balance(), held.lanes), (17, vec![lane("shop/1", 7)]));
    // A frozen account's new lanes are there, and frozen. More than one transaction takes are added in steps.
    let cold = account("cold", 0).status(AccountStatus::Frozen);
    open(store, std::slice::from_ref(&cold)).await;
    for count in [1, 130] {
        store.add_lanes(&id("cold"), of(count)).await.unwrap();
        let expected: Vec<Lane> = (0..count).map(|lane| Lane::new(&cold, lane)).collect();
        assert_eq!(lanes(store, "cold").await, expected);
    }
}

async fn the_first_credit_makes_its_lane(store: &impl Store) {
    let shop = laned("shop", 2);
    open(store, std::slice::from_ref(&shop)).await;
    let credit = AccountUpdate { balance_max: Some(5), ..update("shop/1", 9) };
    let before = store.usage();
    assert_eq!(commit(store, &[(request("k1", 9), Ok(()))], &[credit]).await, Commit::Applied);
    // A payment with two index entries, and a lane: 2·2 + 2.
    assert_eq!(store.usage().write_milliunits - before.write_milliunits, 6_000);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((&held.account, held.balance()), (&shop, 19), "the main item is not touched");
    assert_eq!(held.lanes, [Lane { balance: Balance::new(9), ..Lane::new(&shop, 1) }]);
    // A sweep makes none, nor does whoever rests on a version.
    let sweep = AccountUpdate { balance_min: Some(0), ..update("shop/0", 0) };
    let exact = AccountUpdate { version: Some(0), ..update("shop/0", 1) };
    for (ix, update) in [sweep, exact].into_iter().enumerate() {
        let answer = cancelled(commit(store, &[(request(&format!("n{ix}"), 1), Ok(()))], &[update]).await);
        assert_eq!(answer.lanes, [(0, LaneRead::Missing)]);
    }
    assert_eq!(lanes(store, "shop").await.len(), 1);
}

async fn a_lane_is_credited_under_its_own_conditions(store: &impl Store) {
    let (frozen, closed) = (AccountStatus::Frozen, AccountStatus::Closed);
    open(store, &[laned("shop", 2), laned("cold", 1).status(frozen), laned("gone", 1).status(closed)]).await;
    let credit = |lane: &str| AccountUpdate { balance_max: Some(5), ..update(lane, 5) };
    for number in 0..2 {
        let credits = [credit("shop/0"), update("shop/1", 1)];
        let requests = [(request(&format!("k{number}"), 5), Ok(()))];
        assert_eq!(commit(store, &requests, &credits).await, Commit::Applied);
    }
    // Now the first lane is too full.
    let usd = AccountUpdate { currency: currency("USD"), ..update("shop/1", 1) };
    let updates = [credit("shop/0"), credit("cold/0"), credit("gone/0"), usd];
    let answer = cancelled(commit(store, &[(request("k3", 5), Ok(()))], &updates).await);
    let full = Lane { version: 2, ..lane("shop/0", 10) };
    let other = Lane { version: 2, ..lane("shop/1", 2) };
    let at_zero = |name: &str, status| Lane { status, ..lane(name, 0) };
    let expected = [full, at_zero("cold/0", frozen), at_zero("gone/0", closed), other].map(LaneRead::Found);
    assert_eq!(answer.lanes, (0..).zip(expected).collect::<Vec<_>>());
    assert_eq!((answer.accounts, answer.transient), (vec![], None));
}

async fn lanes_are_swept_with_a_payment(store: &impl Store) {
    open(store, &[laned("shop", 2), account("alice", 0)]).await;
    for lane in 0..2 {
        let credit = update(&format!("shop/{lane}"), 20);
        assert_eq!(commit(store, &[(request(&format!("k{lane}"), 20), Ok(()))], &[credit]).await, Commit::Applied);
    }
    let swept = |lane: &str, amount| AccountUpdate { balance_min: Some(amount), ..update(lane, -amount) };
    let pay = |net, balance_min| AccountUpdate { balance_min: Some(balance_min), ..update("shop", net) };
    let short = [swept("shop/0", 20), swept("shop/1", 21), pay(-4, 4), update("alice", 45)];
    let answer = cancelled(commit(store, &[(request("k2", 45), Ok(()))], &short).await);
    let [(1, LaneRead::Found(lane))] = answer.lanes.as_slice() else { panic!("{answer:?}") };
    assert_eq!((lane.balance.minor_units(), lane.version), (20, 1));
    let whole = [swept("shop/0", 20), swept("shop/1", 20), pay(-5, 5), update("alice", 45)];
    assert_eq!(commit(store, &[(request("k2", 45), Ok(()))], &whole).await, Commit::Applied);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!(held.account.balance.minor_units(), 5);
    assert!(held.lanes.iter().all(|lane| lane.balance == Balance::ZERO && lane.version == 2), "{held:?}");
}

async fn check_strays(store: &impl Store, plant: impl AsyncFn(Lane)) {
    open(store, &[laned("shop", 2)]).await;
    assert_eq!(store.stray_lanes().await, Ok(vec![]));
    plant(lane("shop/2", 0)).await;
    plant(lane("gone/0", 0)).await;
    let strays: Vec<String> = store.stray_lanes().await.unwrap().iter().map(|lane| lane.id.to_string()).collect();
    assert_eq!(strays, ["gone/0", "shop/2"]);
    assert_eq!(lanes(store, "shop").await, []);
    // What an opening or an adding of an older version left behind, when it stopped half-way, is taken up by the next.
    assert_eq!(store.open_account(&laned("gone", 2)).await, Ok(None));
    store.add_lanes(&id("shop"), CreditLanes::try_new(4).unwrap()).await.unwrap();
    assert_eq!((lanes(store, "gone").await.len(), lanes(store, "shop").await.len()), (1, 1));
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

#[tokio::test]
async fn a_used_lane_is_never_written_over() {
    let engine = Engine::start().await.unwrap();
    let (store, client, tables) = (engine.ledger(), engine.client(), engine.tables());
    let used = Lane { version: 2, ..lane("shop/0", 1) };
    let item = giro::store::items::lane::encode(&used);
    client.put_item().table_name(&tables.accounts).set_item(Some(item)).send().await.unwrap();
    let frozen = account("shop", 0).status(AccountStatus::Frozen);
    assert!(matches!(store.open_account(&frozen.clone().lanes(2)).await, Err(StoreError::Corrupt(_))));
    open(&store, &[frozen]).await;
    let added = store.add_lanes(&id("shop"), CreditLanes::try_new(2).unwrap()).await;
    assert_eq!(added, Err(StoreError::Conflict));
    assert_eq!(store.stray_lanes().await, Ok(vec![used]));
}
