//! Two workers and payments with legs: the same payment twice, and debtors, fees and lanes in common.

use std::time::Duration;

use giro::domain::{Account, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::LedgerQueries;
use giro_testkit::given::{self, Placed as _, Setters as _, account};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

fn ledger(seed: u64, lanes: bool) -> MemoryStore {
    let store = MemoryStore::with_faults(Faults::all(seed, 40));
    let built = |account: Account| if lanes { account.lanes(4) } else { account };
    store.insert_account(account("ann").holding(30));
    store.insert_account(account("bob").holding(30));
    store.insert_account(built(account("shop")));
    store.insert_account(built(account("fees")));
    store.insert_account(if lanes { account("bank").paying_from_lanes(4) } else { account("bank").unlimited() });
    store
}

/// Ann and bob pay the shop, which pays its fee, and buy from the bank. Each has enough for three of four.
fn payments(partition: i32, debtor: &str) -> Vec<Request> {
    let payment = |n: i64| {
        let legs = [(debtor, "shop", "EUR", 10), ("shop", "fees", "EUR", 2), ("bank", debtor, "EUR", 1)];
        given::legged(&format!("{debtor}-{n}"), debtor, &legs).at(partition, n)
    };
    (0..4).map(payment).collect()
}

#[tokio::test(start_paused = true)]
async fn two_workers_move_all_of_a_payment_or_nothing() {
    let (mut declined, mut settled) = (0, 0);
    for seed in 0..200 {
        let store = ledger(seed, seed % 2 == 0);
        let settle = |requests| {
            let until = Instant::now() + Duration::from_secs(60);
            settle_requests(&store, requests, 2, until, || Timestamp::EPOCH, Backoff::with_seed(seed))
        };
        // The first worker is thought dead, and its batch is delivered again.
        tokio::join!(settle(payments(0, "ann")), settle(payments(0, "ann")), settle(payments(1, "bob")));
        let mut expected = [("ann", 30), ("bob", 30), ("shop", 0), ("fees", 0), ("bank", 0)];
        let payments = store.payments().await.unwrap();
        assert_eq!(payments.len(), 8, "seed {seed}");
        for outcome in payments.iter().map(|recorded| &recorded.outcome) {
            if outcome.decision.is_err() {
                declined += 1;
                assert_eq!(outcome.declined_leg.map(|leg| leg.get()), Some(1), "seed {seed}");
                continue;
            }
            settled += 1;
            for transfer in outcome.transfers() {
                let amount = i128::from(transfer.amount.minor_units());
                for (name, held) in &mut expected {
                    *held -= if *name == transfer.debtor.as_str() { amount } else { 0 };
                    *held += if *name == transfer.creditor.as_str() { amount } else { 0 };
                }
            }
        }
        for (name, held) in expected {
            let account = store.account(&given::id(name)).await.unwrap().unwrap();
            assert_eq!(account.balance(), held, "seed {seed}: {name}");
            assert!(held >= 0 || name == "bank", "seed {seed}: {name} holds {held}");
        }
    }
    assert!(settled > 1_000 && declined > 200, "{settled} settled, {declined} declined");
}
