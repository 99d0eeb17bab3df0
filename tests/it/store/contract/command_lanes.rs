//! Account commands that change lanes: all of them or none, in steps if they are very many.

use giro::domain::account_command::{AccountChange, Action, DecidedCommand, Policy, decide};
use giro::domain::plan::AccountUpdate;
use giro::domain::{Account, AccountStatus, Balance, CreditLanes, Holding, Lane, OverdraftLimit, Refusal, Timestamp};
use giro::store::{AccountRead, CancelledCommand, CommandCommit, Commit};
use giro_testkit::given::{Setters as _, eur, id, update};

use super::{Store, account, command, commit, decided_at, laned, lanes, open, recorded, request, rule};

contract! {
    a_command_changes_all_lanes_or_nothing
    a_command_of_very_many_lanes_takes_steps
    a_first_limit_takes_what_lanes_owe
    a_first_limit_of_very_many_lanes_moves_money_step_by_step
}

/// Another status of an account that never had limits.
fn turned(from: AccountStatus, to: AccountStatus, lanes: CreditLanes, balances: Option<&[i64]>) -> AccountChange {
    let balances = balances.map(|balances| balances.iter().copied().map(Balance::new).collect());
    AccountChange::Status { limits_version: 0, shut: false, from, to, lanes, currency: eur(), balances }
}

async fn a_command_changes_all_lanes_or_nothing(store: &impl Store) {
    use AccountStatus::{Closed, Frozen, Open};
    let lanes_of = |count| CreditLanes::try_new(count).unwrap();
    let turn = |from, to, count, balances: Option<&[i64]>| turned(from, to, lanes_of(count), balances);
    let shop = laned("shop", 2).holding(0);
    let more = |account: &Account, count| AccountChange::Lanes { account: account.clone(), to: lanes_of(count) };
    let close = |name: &str| command(name, "shop", Action::Close);
    assert_eq!(rule(store, &close("c0"), Ok(AccountChange::Open(shop.clone()))).await, CommandCommit::Applied);
    assert_eq!(lanes(store, "shop").await, []);
    let credit = update("shop/1", 7);
    assert_eq!(commit(store, &[(request("k1", 7), Ok(()))], &[credit]).await, Commit::Applied);
    let before = store.account(&id("shop")).await;
    let account = before.clone().unwrap().unwrap().account;

    let on_lane = CancelledCommand { lanes: true, ..CancelledCommand::default() };
    let on_main =
        CancelledCommand { account: Some(AccountRead::Found(account.clone())), ..CancelledCommand::default() };
    let frozen = account.clone().status(Frozen);
    let cases = [
        ("a lane's balance", turn(Open, Closed, 2, Some(&[0, 0, 0])), &on_lane),
        ("the balance of a lane that isn't there", turn(Open, Closed, 2, Some(&[0, 1, 7])), &on_lane),
        ("a lane's other balance", turn(Open, Closed, 2, Some(&[0, 0, 8])), &on_lane),
        ("main item's balance", turn(Open, Closed, 2, Some(&[1, 0, 7])), &on_main),
        ("fewer lanes", turn(Open, Frozen, 1, None), &on_main),
        ("no lanes", turn(Open, Frozen, 0, None), &on_main),
        ("new lanes for another status", more(&frozen, 3), &on_main),
        ("new lanes beside others", more(&account.clone().lanes(3), 4), &on_main),
    ];
    for (ix, (what, change, expected)) in cases.into_iter().enumerate() {
        let answer = rule(store, &close(&format!("n{ix}")), Ok(change)).await;
        assert_eq!(answer, CommandCommit::Cancelled(expected.clone()), "{what}");
        assert_eq!(store.account(&id("shop")).await, before, "{what}: no change");
        assert_eq!(store.stray_lanes().await, Ok(vec![]), "{what}: no lane");
    }
    // A lane in use is never made frozen by adding it; main item and lane are told.
    let used = CancelledCommand { account: on_main.account.clone(), lanes: true, ..CancelledCommand::default() };
    let answer = rule(store, &close("n8"), Ok(more(&frozen.lanes(1), 2))).await;
    assert_eq!(answer, CommandCommit::Cancelled(used));

    let shown = |lanes: Vec<Lane>| -> Vec<String> {
        lanes.iter().map(|lane| format!("{} {} v{}", lane.status, lane.balance, lane.version)).collect()
    };
    assert_eq!(rule(store, &close("c1"), Ok(turn(Open, Frozen, 2, None))).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["frozen 0 v1", "frozen 7 v2"]);
    let frozen = store.account(&id("shop")).await.unwrap().unwrap().account;
    assert_eq!(rule(store, &close("c2"), Ok(more(&frozen, 3))).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["frozen 0 v1", "frozen 7 v2", "frozen 0 v1"]);
    let closing = turn(Frozen, Closed, 3, Some(&[0, 0, 7, 0]));
    assert_eq!(rule(store, &close("c3"), Ok(closing)).await, CommandCommit::Applied);
    assert_eq!(shown(lanes(store, "shop").await), ["closed 0 v2", "closed 7 v3", "closed 0 v2"]);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!((held.account.status, held.account.version), (Closed, 6));
}

async fn a_command_of_very_many_lanes_takes_steps(store: &impl Store) {
    use AccountStatus::{Frozen, Open};
    let shop = laned("shop", 200);
    let opening = command("c1", "shop", Action::Close);
    assert_eq!(rule(store, &opening, Ok(AccountChange::Open(shop.clone()))).await, CommandCommit::Applied);
    let freeze = command("c2", "shop", Action::Freeze);
    let turn = |from, to| {
        let (lanes, currency) = (shop.credit_lanes, shop.currency);
        Ok(AccountChange::Status { limits_version: 0, shut: false, from, to, lanes, currency, balances: None })
    };
    let decision = turn(Open, Frozen);
    let decided = DecidedCommand { request: &freeze, decision, decided_at: decided_at() };
    let steps = decided.steps();
    let sizes: Vec<(usize, bool)> = steps.iter().map(|step| (step.lanes.len(), step.last)).collect();
    assert_eq!(sizes, [(98, false), (98, false), (4, false), (0, true)]);
    let frozen = async || {
        let held = store.account(&id("shop")).await.unwrap().unwrap();
        (held.account.status, held.lanes.iter().filter(|lane| lane.status == Frozen).count())
    };
    // Twice, as after an answer that was lost; the command has not happened before its last step.
    for step in [&steps[0], &steps[0], &steps[1]] {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Applied));
        assert_eq!(store.command(&freeze.command.id).await, Ok(None));
    }
    assert_eq!(frozen().await, (Open, 196));
    for step in &steps {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Applied));
    }
    assert_eq!(frozen().await, (Frozen, 200));
    // And once it has, none of its steps happens again.
    let unfreeze = command("c3", "shop", Action::Unfreeze);
    assert_eq!(rule(store, &unfreeze, turn(Frozen, Open)).await, CommandCommit::Applied);
    let duplicate = Some(Ok(recorded(&freeze, Ok(()))));
    let expected = CancelledCommand { duplicate, ..CancelledCommand::default() };
    for step in &steps[..3] {
        assert_eq!(store.commit_command(step).await, Ok(CommandCommit::Cancelled(expected.clone())));
    }
    assert_eq!(frozen().await, (Open, 0));
}

/// Opens an account without limit that pays from lanes which hold this much.
async fn paying(store: &impl Store, name: &str, main: i64, balances: &[i64], status: AccountStatus) -> Holding {
    let bank = account(name, main).paying_from_lanes(balances.len().try_into().unwrap());
    open(store, std::slice::from_ref(&bank)).await;
    for (number, balance) in balances.iter().enumerate().filter(|(_, balance)| **balance != 0) {
        let paid = AccountUpdate {
            overdraft_limit: Some(OverdraftLimit::Unlimited),
            balance_min: Some(0),
            ..update(&format!("{name}/{number}"), i128::from(*balance))
        };
        let payments = [(request(&format!("{name}-{number}"), 1), Ok(()))];
        assert_eq!(commit(store, &payments, &[paid]).await, Commit::Applied, "it makes its lane, whatever it takes");
    }
    if status == AccountStatus::Frozen {
        let (from, currency) = (bank.status, bank.currency);
        let change = AccountChange::Status {
            limits_version: 0,
            shut: false,
            from,
            to: status,
            lanes: bank.credit_lanes,
            currency,
            balances: None,
        };
        let freeze = command(&format!("{name}-frozen"), name, Action::Freeze);
        let decided = DecidedCommand { request: &freeze, decision: Ok(change), decided_at: decided_at() };
        for step in decided.steps() {
            assert_eq!(store.commit_command(&step).await, Ok(CommandCommit::Applied));
        }
    }
    store.account(&bank.id).await.unwrap().unwrap()
}

/// What this version decides for a new limit of an account as it is.
fn limiting(held: &Holding, to: OverdraftLimit) -> Result<AccountChange, Refusal> {
    let lane = |number| held.lanes.iter().find(|lane| lane.id.lane == number).cloned();
    let numbers = held.account.credit_lanes.numbers();
    let lanes: Vec<Lane> =
        numbers.map(|number| lane(number).unwrap_or_else(|| Lane::unborn(&held.account, number))).collect();
    let request = command("c", held.account.id.as_str(), Action::SetOverdraftLimit(to));
    decide(&request.command, Some(&held.account), &lanes, Policy::default(), Timestamp::EPOCH)
}

/// Whether a payment may be taken from a lane whose account has no limit.
async fn pays(store: &impl Store, lane: &str, name: &str) -> bool {
    let paid = AccountUpdate {
        overdraft_limit: Some(OverdraftLimit::Unlimited),
        balance_min: Some(-(1 << 62)),
        ..update(lane, -1)
    };
    commit(store, &[(request(name, 1), Ok(()))], &[paid]).await == Commit::Applied
}

async fn a_first_limit_takes_what_lanes_owe(store: &impl Store) {
    let bank = paying(store, "bank", 3, &[-5, 9, 0, -4, 2], AccountStatus::Open).await;
    let shown = |held: &Holding| -> Vec<(i64, bool)> {
        held.lanes.iter().map(|lane| (lane.balance.minor_units(), lane.is_limited)).collect()
    };
    assert_eq!(shown(&bank), [(-5, false), (9, false), (-4, false), (2, false)], "one isn't there");
    let to = OverdraftLimit::Limited(5);
    let change = limiting(&bank, to).unwrap();
    let set = |name: &str| command(name, "bank", Action::SetOverdraftLimit(to));
    // Money that moved since it was read stops it.
    for (ix, lane) in ["bank/0", "bank/1", "bank/2"].into_iter().enumerate() {
        assert!(pays(store, lane, &format!("moves-{ix}")).await);
        let on_lane = CancelledCommand { lanes: true, ..CancelledCommand::default() };
        assert_eq!(rule(store, &set("c0"), Ok(change.clone())).await, CommandCommit::Cancelled(on_lane), "{lane}");
        let back = commit(store, &[(request(&format!("back-{ix}"), 1), Ok(()))], &[update(lane, 1)]).await;
        assert_eq!(back, Commit::Applied);
    }
    assert_eq!(rule(store, &set("c1"), Ok(change)).await, CommandCommit::Applied);
    let held = store.account(&id("bank")).await.unwrap().unwrap();
    assert_eq!((held.balance(), held.account.overdraft_limit, held.account.lane_debits), (5, to, true));
    assert!(held.account.balance >= Balance::new(-5), "{held:?}");
    assert!(held.lanes.iter().all(|lane| lane.is_limited && lane.balance >= Balance::ZERO), "{held:?}");
    assert_eq!(held.lanes.len(), 5, "all are told");
    for lane in 0..5 {
        assert!(!pays(store, &format!("bank/{lane}"), &format!("late-{lane}")).await);
    }
    // Freezing and thawing say nothing about the limit; another limit changes the main item alone.
    let turn = |from, to| {
        let (lanes, currency) = (held.account.credit_lanes, eur());
        Ok(AccountChange::Status { limits_version: 0, shut: false, from, to, lanes, currency, balances: None })
    };
    let (is_open, frozen) = (AccountStatus::Open, AccountStatus::Frozen);
    for (name, from, to) in [("c2", is_open, frozen), ("c3", frozen, is_open)] {
        assert_eq!(rule(store, &command(name, "bank", Action::Freeze), turn(from, to)).await, CommandCommit::Applied);
    }
    let held = store.account(&id("bank")).await.unwrap().unwrap();
    assert!(held.lanes.iter().all(|lane| lane.is_limited));
    let lower = limiting(&held, OverdraftLimit::Limited(9)).unwrap();
    assert_eq!(rule(store, &set("c4"), Ok(lower)).await, CommandCommit::Applied);
    let held = store.account(&id("bank")).await.unwrap().unwrap();
    let none = limiting(&held, OverdraftLimit::Unlimited).unwrap();
    assert_eq!(rule(store, &set("c5"), Ok(none)).await, CommandCommit::Applied);
    let after = store.account(&id("bank")).await.unwrap().unwrap();
    assert!(after.account.pays_from_lanes() && after.lanes.iter().all(|lane| !lane.is_limited), "{after:?}");
    assert_eq!((after.balance(), pays(store, "bank/2", "paid").await), (held.balance(), true));
}

async fn a_first_limit_of_very_many_lanes_moves_money_step_by_step(store: &impl Store) {
    let balances: Vec<i64> = (0..120).map(|lane| if lane % 2 == 0 { -3 } else { 2 }).collect();
    assert_eq!(
        limiting(&paying(store, "open", 0, &balances, AccountStatus::Open).await, OverdraftLimit::Limited(60)),
        Err(Refusal::NotFrozen)
    );
    let bank = paying(store, "bank", 0, &balances, AccountStatus::Frozen).await;
    assert_eq!(limiting(&bank, OverdraftLimit::Limited(59)), Err(Refusal::LimitBelowBalance));
    let request = command("c1", "bank", Action::SetOverdraftLimit(OverdraftLimit::Limited(60)));
    let decided = |held: &Holding| limiting(held, OverdraftLimit::Limited(60));
    let first = DecidedCommand { request: &request, decision: decided(&bank), decided_at: decided_at() };
    let steps = first.steps();
    assert_eq!(
        steps.iter().map(|step| (step.lanes.len(), step.last)).collect::<Vec<_>>(),
        [(98, false), (22, false), (0, true)]
    );
    let held = async || store.account(&id("bank")).await.unwrap().unwrap();
    // It stops after one step. Nothing is lost, and it still has no limit.
    assert_eq!(store.commit_command(&steps[0]).await, Ok(CommandCommit::Applied));
    assert_eq!((held().await.balance(), held().await.account.overdraft_limit), (-60, OverdraftLimit::Unlimited));
    // Whoever takes it up decides anew, because the first step can't happen twice.
    let on_lane = CancelledCommand { lanes: true, ..CancelledCommand::default() };
    assert_eq!(store.commit_command(&steps[0]).await, Ok(CommandCommit::Cancelled(on_lane)));
    let again = DecidedCommand { request: &request, decision: decided(&held().await), decided_at: decided_at() };
    for step in again.steps() {
        assert_eq!(store.commit_command(&step).await, Ok(CommandCommit::Applied));
    }
    let held = held().await;
    assert_eq!((held.balance(), held.account.overdraft_limit), (-60, OverdraftLimit::Limited(60)));
    assert!(held.lanes.iter().all(|lane| lane.is_limited && lane.balance >= Balance::ZERO), "{held:?}");
}
