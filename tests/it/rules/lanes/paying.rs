//! Accounts without a limit that pay from lanes: what it costs, and what a limit makes of their lanes.

use giro::domain::{Batch, Lane};
use giro::store::LedgerQueries;
use giro_testkit::given::{id, lane};
use giro_testkit::memory_store::Faults;
use giro_testkit::scenario;

use crate::rules::batches::{SETTLED, balances, check_books, request, settle_within};

#[test]
fn a_payment_from_a_lane_reads_no_lane_and_leaves_the_main_item() {
    scenario::check(
        "account bank EUR 7 unlimited pays lanes 2x0
         account bob  EUR 0
         pay k0 bank bob EUR 9   -> settled
         after bank EUR 7 unlimited open v1
         lanes bank open -9 v2 open 0 v1
         calls accounts payments commit",
    );
}

#[test]
fn an_account_of_an_older_version_pays_from_its_main_item_until_it_is_brought_over() {
    scenario::check(
        "account old EUR 0 unlimited lanes 1x0
         account bob EUR 0
         pay k0 old bob EUR 5    -> settled
         add_lanes c1 old 1      -> applied
         add_lanes c2 old 1      -> applied
         pay k1 old bob EUR 3    -> settled
         after old EUR -5 unlimited open v3
         lanes old open -3 v2",
    );
    scenario::check(
        "account old EUR 0 unlimited lanes 1x0
         account bob EUR 0
         set_overdraft_limit c1 old unlimited -> applied
         set_overdraft_limit c2 old unlimited -> applied
         pay k1 old bob EUR 3    -> settled
         after old EUR 0 unlimited open v2
         lanes old open -3 v2",
    );
}

#[test]
fn a_first_limit_looks_at_all_that_the_account_holds() {
    scenario::check(
        "account bank EUR 3 unlimited pays lanes -5,9,-4
         account poor EUR 3 unlimited pays lanes -5,1
         account rich EUR 3 unlimited pays lanes 0,8
         account bob  EUR 0
         set_overdraft_limit c1 bank 0         -> applied
         set_overdraft_limit c2 poor 0         -> refused limit_below_balance
         set_overdraft_limit c3 poor 1         -> applied
         set_overdraft_limit c4 rich 0         -> applied
         after bank EUR 3 0 open v2
         lanes bank limited open 0 v2 limited open 0 v2 limited open 0 v2
         after poor EUR -1 1 open v2
         lanes poor limited open 0 v2 limited open 0 v2
         after rich EUR 3 0 open v2
         lanes rich limited open 0 v2 limited open 8 v2
         pay k1 bank bob EUR 4                 -> declined insufficient_funds",
    );
}

#[test]
fn an_account_that_loses_its_limit_again_pays_from_lanes() {
    scenario::check(
        "account bank EUR 0 unlimited pays lanes 2x0
         account bob  EUR 0
         set_overdraft_limit c1 bank 5         -> applied
         freeze              c2 bank           -> applied
         unfreeze            c3 bank           -> applied
         set_overdraft_limit c4 bank unlimited -> applied
         pay k1 bank bob EUR 9                 -> settled
         after bank EUR 0 unlimited open v5
         lanes bank open -9 v6 open 0 v5",
    );
}

#[test]
fn an_account_is_closed_when_its_lanes_owe_what_the_rest_holds() {
    scenario::check(
        "account bank EUR 4 unlimited pays lanes -7,3
         account owes EUR 4 unlimited pays lanes -7,0
         close c1 bank -> applied
         close c2 owes -> refused balance_not_zero",
    );
}

#[test]
fn very_many_lanes_get_a_limit_while_their_account_is_frozen() {
    scenario::check(
        "account bank EUR 0 unlimited pays lanes 60x-3,60x2
         set_overdraft_limit c1 bank 60        -> refused not_frozen
         freeze              c2 bank           -> applied
         set_overdraft_limit c3 bank 59        -> refused limit_below_balance
         set_overdraft_limit c4 bank 60        -> applied
         unfreeze            c5 bank           -> applied
         set_overdraft_limit c6 bank unlimited -> applied
         balances bank -60",
    );
}

/// A command over very many lanes may stop half-way, and never go on. The lanes that it told pay nothing.
#[tokio::test(start_paused = true)]
async fn lanes_that_are_limited_beside_an_account_without_a_limit_pay_nothing() {
    let store = scenario::ledger(
        "account bank EUR 0 unlimited pays lanes 3x0
         account bob  EUR 0",
    );
    let opened = balances(&store).await;
    for limited in ["bank/0", "bank/1", "bank/2"] {
        store.insert_lane(Lane { is_limited: true, ..lane(limited, 0) });
    }
    let batch = Batch::new(vec![request(0, 0, "bank", "bob", 5)]);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.dispositions, [SETTLED]);
    let bank = store.account(&id("bank")).await.unwrap().unwrap();
    assert_eq!(bank.account.balance.minor_units(), -5, "{bank:?}");
    assert!(bank.lanes.iter().all(|lane| lane.balance.minor_units() == 0), "{bank:?}");
    // One that isn't limited pays.
    store.insert_lane(lane("bank/1", 0));
    let batch = Batch::new(vec![request(0, 1, "bank", "bob", 5)]);
    assert_eq!(settle_within(&store, &batch, 10, 1).await.dispositions, [SETTLED]);
    let bank = store.account(&id("bank")).await.unwrap().unwrap();
    assert_eq!((bank.balance(), bank.account.balance.minor_units()), (-10, -5), "{bank:?}");
    assert_eq!(balances(&store).await.values().sum::<i64>(), opened.values().sum::<i64>());
}

/// Two partitions pay from one account at once, while others pay it. They never meet on it.
#[tokio::test(start_paused = true)]
async fn partitions_pay_from_lanes_of_their_own() {
    let store = super::store_of(16, Faults::default());
    let bank = "account bank EUR 0 unlimited pays lanes 4x0";
    let bank = scenario::ledger(bank).account(&id("bank")).await.unwrap().unwrap();
    store.insert_account(bank.account);
    let opened = balances(&store).await;
    let watched = super::watched(&store, std::time::Duration::from_millis(20));
    let batches: Vec<Batch> = (0..2)
        .map(|partition| {
            let pay = |offset: i64| {
                let customer = format!("a{}", offset * 2 + i64::from(partition));
                let (debtor, creditor) =
                    if offset % 4 == 3 { (customer.as_str(), "bank") } else { ("bank", &*customer) };
                request(partition, offset, debtor, creditor, 1)
            };
            Batch::new((0..200).map(pay).collect()).with_partitions(2)
        })
        .collect();
    let all = futures_util::future::join_all(batches.iter().map(|batch| settle_within(&watched, batch, 60, 1))).await;
    assert!(all.iter().all(|settled| settled.rounds == 1 && settled.conflicts == 0), "{all:?}");
    assert_eq!((watched.hooks.seen().conflicts, watched.hooks.seen().most_at_once), (0, 4));
    let bank = store.account(&id("bank")).await.unwrap().unwrap();
    assert_eq!((bank.account.balance.minor_units(), bank.balance(), bank.lanes.len()), (0, -200, 4), "{bank:?}");
    check_books(&store, &opened).await;
}
