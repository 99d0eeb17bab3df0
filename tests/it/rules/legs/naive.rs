//! Small worlds against a naive model: every payment of two legs, and of three, between three accounts, beside other
//! payments, in one batch and one by one, with lanes and without.

use std::time::Duration;

use giro::domain::{Account, Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::LedgerQueries;
use giro_testkit::given::{self, Placed as _, Setters as _, account, payment};
use giro_testkit::memory_store::MemoryStore;
use tokio::time::Instant;

/// Two customers that must stay in credit, and a bank that need not.
const NAMES: [&str; 3] = ["ann", "bob", "bank"];
const ANN: i64 = 2;
const BOB: i64 = 1;

type Leg = (usize, usize, u64);

/// The model: plain numbers, one leg after the other.
#[derive(Clone)]
struct Naive([i64; 3]);

impl Naive {
    fn new() -> Self {
        Self([ANN, BOB, 0])
    }

    /// A payment of ann's with these legs. Says how it ends.
    fn pay(&mut self, legs: &[Leg]) -> String {
        let (mut after, mut received) = (self.clone(), [0_i64; 3]);
        for (place, &(debtor, creditor, amount)) in legs.iter().enumerate() {
            let units = i64::try_from(amount).unwrap();
            let own = NAMES[debtor] == "ann";
            let reason = if debtor == creditor {
                "same_account"
            } else if !own && received[debtor] < units && NAMES[debtor] != "bank" {
                "leg_debtor_not_allowed"
            } else if own && after.0[debtor] < units {
                "insufficient_funds"
            } else {
                after.0[debtor] -= units;
                after.0[creditor] += units;
                received[debtor] -= units;
                received[creditor] += units;
                continue;
            };
            return format!("{reason} {}", place + 1);
        }
        *self = after;
        "settled".into()
    }
}

/// How the accounts are built.
#[derive(Debug, Clone, Copy)]
enum Ledger {
    MainItems,
    Lanes,
    PayingLanes,
}

fn ledger(kind: Ledger) -> MemoryStore {
    let store = MemoryStore::new();
    let built = |account: Account| match kind {
        Ledger::MainItems => account,
        Ledger::Lanes | Ledger::PayingLanes => account.lanes(2),
    };
    store.insert_account(built(account("ann").holding(ANN)));
    store.insert_account(built(account("bob").holding(BOB)));
    store.insert_account(match kind {
        Ledger::PayingLanes => account("bank").paying_from_lanes(2),
        Ledger::MainItems | Ledger::Lanes => built(account("bank").unlimited()),
    });
    store
}

/// Settles these requests of one batch, or one by one. Gives the end of each, and what the accounts hold.
async fn ends(kind: Ledger, requests: &[Request], together: bool) -> (Vec<String>, [i64; 3]) {
    let store = ledger(kind);
    let size = if together { requests.len() } else { 1 };
    for batch in requests.chunks(size) {
        let until = Instant::now() + Duration::from_secs(60);
        settle_requests(&store, batch.to_vec(), 1, until, || Timestamp::EPOCH, Backoff::with_seed(1)).await;
    }
    let mut ends = Vec::new();
    for request in requests {
        let outcome = store.payment(request.instruction.id()).await.unwrap().unwrap().outcome;
        let leg = outcome.declined_leg.map(|leg| format!(" {leg}")).unwrap_or_default();
        ends.push(outcome.decision.map_or_else(|decline| format!("{decline}{leg}"), |()| "settled".into()));
    }
    let mut held = [0; 3];
    for (held, name) in held.iter_mut().zip(NAMES) {
        *held = store.account(&given::id(name)).await.unwrap().unwrap().balance().try_into().unwrap();
    }
    (ends, held)
}

/// Every choice of so many legs, of which ann pays at least one.
fn payments(legs: usize) -> impl Iterator<Item = Vec<Leg>> {
    let choices = NAMES.len() * NAMES.len() * 2;
    (0..choices.pow(u32::try_from(legs).unwrap())).filter_map(move |mut number| {
        let leg = |_| {
            let choice = number % choices;
            number /= choices;
            (choice % 3, choice / 3 % 3, if choice / 9 == 0 { 1 } else { 2 })
        };
        let legs: Vec<Leg> = (0..legs).map(leg).collect();
        legs.iter().any(|leg| NAMES[leg.0] == "ann").then_some(legs)
    })
}

fn legged(name: &str, legs: &[Leg], offset: i64) -> Request {
    let told = |&(debtor, creditor, amount): &Leg| (NAMES[debtor], NAMES[creditor], "EUR", amount);
    given::legged(name, "ann", &legs.iter().map(told).collect::<Vec<_>>()).at(0, offset)
}

/// A payment of bob's before it and one of ann's after it, so that both spend what the batch credits.
async fn check(legs: &[Leg], kind: Ledger) {
    let requests = [
        payment("p0", "bob", "ann", 1).at(0, 0),
        legged("p1", legs, 1),
        payment("p2", "bob", "bank", 2).at(0, 2),
        payment("p3", "ann", "bob", 1).at(0, 3),
    ];
    let mut naive = Naive::new();
    let alone = |naive: &mut Naive, debtor: usize, creditor: usize, units: i64| {
        if naive.0[debtor] < units {
            return "insufficient_funds".to_owned();
        }
        naive.0[debtor] -= units;
        naive.0[creditor] += units;
        "settled".into()
    };
    let expected =
        vec![alone(&mut naive, 1, 0, 1), naive.pay(legs), alone(&mut naive, 1, 2, 2), alone(&mut naive, 0, 1, 1)];
    for together in [true, false] {
        assert_eq!(ends(kind, &requests, together).await, (expected.clone(), naive.0), "{kind:?} {together} {legs:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn every_payment_of_two_legs_is_as_the_naive_model_says() {
    for kind in [Ledger::MainItems, Ledger::Lanes, Ledger::PayingLanes] {
        for legs in payments(2) {
            check(&legs, kind).await;
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_payment_of_three_legs_is_as_the_naive_model_says() {
    for (number, legs) in payments(3).enumerate() {
        let kind = [Ledger::MainItems, Ledger::Lanes, Ledger::PayingLanes][number % 3];
        check(&legs, kind).await;
    }
}
