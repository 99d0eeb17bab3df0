//! The preconditions of a command that changes nothing. Each is tried at its edge and past it, on the memory store and
//! on DynamoDB (the embedded engine), and compared with the domain.

use giro::domain::account_command::{AccountChange, Action, BalanceBound, DecidedCommand, Precondition};
use giro::domain::plan::Transaction;
use giro::domain::{Account, AccountStatus, Balance, CreditLanes, Lane, LaneId, OverdraftLimit, Timestamp};
use giro::store::{AccountLedger, AccountRead, CancelledCommand, CommandCommit, CommandQueries, Commit, LedgerQueries};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, Setters as _, account, command, update};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::open_accounts::OpenAccounts;

/// An account of 5, written twice since it was opened.
fn given(name: &str) -> Account {
    account(name).holding(5).version(3)
}

fn grounds(shop: &Account, bank: &Account) -> Vec<(&'static str, Precondition)> {
    let on = |main: Option<Account>| Precondition { main, balance: None, same_version: false, lanes: Vec::new() };
    let shops = |change: fn(&mut Account)| {
        let mut read = shop.clone();
        change(&mut read);
        on(Some(read))
    };
    let balance = |bound| Precondition { balance: Some(bound), ..on(Some(shop.clone())) };
    let (least, most) =
        (|units| BalanceBound::AtLeast(Balance::new(units)), |units| BalanceBound::AtMost(Balance::new(units)));
    let lane = |lane, bound| Precondition {
        lanes: vec![(LaneId { account: shop.id.clone(), lane }, bound)],
        ..on(Some(shop.clone()))
    };
    let version = |version| Precondition { same_version: true, ..on(Some(Account { version, ..shop.clone() })) };
    vec![
        ("shop", on(None)),
        ("nobody", on(None)),
        ("nobody", on(Some(shop.clone()))),
        ("shop", shops(|_| {})),
        ("shop", shops(|read| read.version = 1)),
        ("shop", shops(|read| read.balance = Balance::ZERO)),
        ("shop", shops(|read| read.status = AccountStatus::Frozen)),
        ("shop", shops(|read| read.overdraft_limit = OverdraftLimit::Limited(8))),
        ("shop", shops(|read| read.overdraft_limit = OverdraftLimit::Unlimited)),
        ("shop", shops(|read| read.credit_lanes = CreditLanes::NONE)),
        ("shop", shops(|read| read.credit_lanes = CreditLanes::try_new(3).unwrap())),
        ("bank", on(Some(bank.clone()))),
        ("bank", shops(|read| read.credit_lanes = CreditLanes::NONE)),
        ("shop", balance(least(5))),
        ("shop", balance(least(6))),
        ("shop", balance(most(5))),
        ("shop", balance(most(4))),
        ("shop", version(3)),
        ("shop", version(2)),
        ("shop", lane(1, least(7))),
        ("shop", lane(1, least(8))),
        ("shop", lane(1, most(7))),
        ("shop", lane(1, most(6))),
        // Of a lane that isn't there: it holds zero.
        ("shop", lane(0, least(0))),
        ("shop", lane(0, least(1))),
        ("shop", lane(0, most(0))),
        ("shop", lane(0, most(-1))),
    ]
}

async fn each_ground_stops_the_answer_unless_it_holds(
    store: &(impl AccountLedger + CommandQueries + LedgerQueries + OpenAccounts),
) {
    let (shop, bank) = (given("shop").limit(9).lanes(2), given("bank").unlimited());
    for account in [&shop, &bank] {
        assert_eq!(store.open_account(account).await, Ok(None));
    }
    let credit = update("shop/1", 7);
    let transaction = Transaction { totals: Vec::new(), entries: Vec::new(), updates: vec![credit] };
    assert_eq!(store.commit(&transaction).await, Ok(Commit::Applied));

    let mut holding = 0;
    for (ix, (name, precondition)) in grounds(&shop, &bank).into_iter().enumerate() {
        let request = command(&format!("c{ix}"), name, Action::Freeze).at(0, 1);
        let held = store.account(&request.command.account).await.unwrap();
        let (main, lanes) = held.map_or((None, Vec::new()), |held| (Some(held.account), held.lanes));
        let lane = |(id, bound): &(LaneId, BalanceBound)| {
            Precondition::holds_of_lane(*bound, lanes.iter().find(|lane: &&Lane| lane.id == *id))
        };
        let (on_main, on_lanes) = (precondition.holds(main.as_ref()), precondition.lanes.iter().all(lane));

        let decided =
            DecidedCommand { request: &request, decision: Ok(AccountChange::Nothing), decided_at: Timestamp::EPOCH };
        let answer = store.commit_command(&decided.steps_on(Some(precondition.clone()))[0]).await.unwrap();
        let recorded = store.command(&request.command.id).await.unwrap();
        if on_main && on_lanes {
            holding += 1;
            assert_eq!(answer, CommandCommit::Applied, "{precondition:?}");
            assert_eq!(recorded.map(|recorded| recorded.decision), Some(Ok(())), "{precondition:?}");
        } else {
            let found = main.clone().map_or(AccountRead::Missing, AccountRead::Found);
            let account = (!on_main).then_some(found);
            let expected = CancelledCommand { account, lanes: !on_lanes, ..CancelledCommand::default() };
            assert_eq!(answer, CommandCommit::Cancelled(expected), "{precondition:?}");
            assert_eq!(recorded, None, "{precondition:?}");
        }
        let after = store.account(&request.command.account).await.unwrap();
        assert_eq!(after.map(|held| (held.account, held.lanes)), main.map(|main| (main, lanes)), "nothing changed");
    }
    assert_eq!(holding, 12, "some hold, and some don't");
}

#[tokio::test]
async fn memory() {
    each_ground_stops_the_answer_unless_it_holds(&MemoryStore::new()).await;
}

#[tokio::test]
async fn dynamodb() {
    each_ground_stops_the_answer_unless_it_holds(&Engine::start().await.unwrap().ledger()).await;
}
