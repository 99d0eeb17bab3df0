//! Limits: payments count in windows on the condition that these stand as they were read. Commands replace them, and
//! lanes of an account with a maximum balance take no payment.

use giro::domain::account_command::{Action, Policy, decide};
use giro::domain::limits::{Used, WindowLimit};
use giro::domain::plan::{AccountUpdate, WindowUpdate};
use giro::domain::{Account, AccountLimits, Amount, Lane, Limits, Period, Timestamp};
use giro::store::{AccountRead, CommandCommit, Commit};
use giro_testkit::given::{id, update};

use super::{Store, account, cancelled, command, commit, laned, lanes, open, request, rule};

contract! {
    /// Also with all conditions and windows at once.
    payments_count_in_the_windows_of_their_debtor
    a_window_begins_only_if_it_is_older_or_was_never_used
    whoever_read_older_limits_is_refused
    commands_replace_limits_and_windows_keep_what_was_used
    lanes_of_an_account_with_a_maximum_take_no_payment
}

const NIGHT: &str = "2026-11-29T00:00:00Z";

fn at(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn limit(amount: Option<u64>, count: Option<u64>) -> Option<WindowLimit> {
    Some(WindowLimit { amount, count })
}

fn day(amount: Option<u64>, count: Option<u64>) -> Limits {
    Limits { windows: [None, limit(amount, count), None], ..Limits::NONE }
}

fn limited(name: &str, balance: i64, limits: Limits) -> Account {
    Account { limits: Some(Box::new(AccountLimits::replaced(None, limits))), ..account(name, balance) }
}

/// Takes this much from `alice`, in one payment or several, which count in these windows.
fn debit(amount: u64, count: u64, windows: &[(Period, &str, bool, WindowLimit)]) -> AccountUpdate {
    let window = |&(period, start, begins, limit): &(Period, &str, bool, WindowLimit)| WindowUpdate {
        period,
        begins,
        used: Used { start: at(start), amount, count },
        limit,
    };
    AccountUpdate {
        limits_version: Some(1),
        windows: windows.iter().map(window).collect(),
        ..update("alice", -i128::from(amount))
    }
}

async fn used(store: &impl Store, period: Period) -> Option<(Timestamp, u64, u64)> {
    let account = store.account(&id("alice")).await.unwrap().unwrap().account;
    let window = account.limits.unwrap().windows().find(|(its, _)| *its == period).unwrap().1;
    window.used.map(|used| (used.start, used.amount, used.count))
}

async fn pay(store: &impl Store, name: &str, debit: AccountUpdate) -> Commit {
    let net = u64::try_from(-debit.net).unwrap();
    commit(store, &[(request(name, net), Ok(()))], &[debit, update("bob", i128::from(net))]).await
}

async fn payments_count_in_the_windows_of_their_debtor(store: &impl Store) {
    let all =
        Limits { windows: [limit(Some(50), None), limit(None, Some(3)), limit(Some(99), Some(9))], ..Limits::NONE };
    open(store, &[limited("alice", 1_000, all), account("bob", 0)]).await;
    let windows = |begins| {
        let window =
            |(place, start): (usize, &'static str)| (Period::ALL[place], start, begins, all.windows[place].unwrap());
        [(0, "2026-11-29T13:00:00Z"), (1, NIGHT), (2, "2026-11-01T00:00:00Z")].map(window)
    };
    let with_all = AccountUpdate {
        overdraft_limit: Some(giro::domain::OverdraftLimit::Limited(0)),
        balance_min: Some(20),
        balance_max: Some(5_000),
        version: Some(3),
        ..debit(20, 1, &windows(true))
    };
    assert_eq!(pay(store, "k1", with_all).await, Commit::Applied);
    assert_eq!(used(store, Period::Hour).await, Some((at("2026-11-29T13:00:00Z"), 20, 1)));
    // Up to the limit, and not a unit more.
    let before = store.account(&id("alice")).await.unwrap().unwrap().account;
    let refused = cancelled(pay(store, "k2", debit(31, 1, &windows(false))).await);
    assert_eq!(refused.accounts, [(0, AccountRead::Found(before))], "and the account tells why");
    assert_eq!(pay(store, "k2", debit(30, 1, &windows(false))).await, Commit::Applied);
    assert_eq!(used(store, Period::Month).await, Some((at("2026-11-01T00:00:00Z"), 50, 2)));
    // No more payments than the limit, however small.
    let days = [windows(false)[1]];
    assert_eq!(cancelled(pay(store, "k3", debit(2, 2, &days)).await).accounts.len(), 1);
    assert_eq!(pay(store, "k3", debit(1, 1, &days)).await, Commit::Applied);
    assert_eq!(used(store, Period::Day).await, Some((at(NIGHT), 51, 3)));
}

async fn a_window_begins_only_if_it_is_older_or_was_never_used(store: &impl Store) {
    open(store, &[limited("alice", 1_000, day(Some(50), None)), account("bob", 0)]).await;
    let window = |start, begins| [(Period::Day, start, begins, WindowLimit { amount: Some(50), count: None })];
    // It can't go on before it began.
    assert_eq!(cancelled(pay(store, "k1", debit(5, 1, &window(NIGHT, false))).await).accounts.len(), 1);
    assert_eq!(pay(store, "k1", debit(5, 1, &window(NIGHT, true))).await, Commit::Applied);
    // It begins once.
    assert_eq!(cancelled(pay(store, "k2", debit(5, 1, &window(NIGHT, true))).await).accounts.len(), 1);
    let tomorrow = "2026-11-30T00:00:00Z";
    assert_eq!(cancelled(pay(store, "k2", debit(5, 1, &window(tomorrow, false))).await).accounts.len(), 1);
    assert_eq!(pay(store, "k2", debit(7, 1, &window(tomorrow, true))).await, Commit::Applied);
    // And it never goes back.
    assert_eq!(cancelled(pay(store, "k3", debit(5, 1, &window(NIGHT, true))).await).accounts.len(), 1);
    assert_eq!(cancelled(pay(store, "k3", debit(5, 1, &window(NIGHT, false))).await).accounts.len(), 1);
    assert_eq!(used(store, Period::Day).await, Some((at(tomorrow), 7, 1)));
}

async fn whoever_read_older_limits_is_refused(store: &impl Store) {
    open(store, &[account("alice", 100), limited("bob", 0, Limits::NONE)]).await;
    let with = |version, item, net| AccountUpdate { limits_version: Some(version), ..update(item, net) };
    for (ix, (alice, bob, refused)) in
        [(0, 1, vec![]), (1, 1, vec![0]), (0, 0, vec![1]), (0, 2, vec![1]), (1, 0, vec![0, 1])].into_iter().enumerate()
    {
        let updates = [with(alice, "alice", -1), with(bob, "bob", 1)];
        let requests = [(request(&format!("k{ix}"), 1), Ok(()))];
        match commit(store, &requests, &updates).await {
            Commit::Applied => assert_eq!(refused, Vec::<usize>::new(), "{alice} {bob}"),
            Commit::Cancelled(why) => {
                assert_eq!(why.accounts.iter().map(|(ix, _)| *ix).collect::<Vec<_>>(), refused, "{alice} {bob}");
            }
        }
    }
}

/// Decides a command that sets limits, and commits it.
async fn set(store: &impl Store, name: &str, account: &str, limits: Limits) -> CommandCommit {
    let request = command(name, account, Action::SetLimits(limits));
    let held = store.account(&id(account)).await.unwrap().unwrap();
    let mut all: Vec<Lane> = held.account.lane_ids().map(|id| Lane::unborn(&held.account, id.lane)).collect();
    for lane in held.lanes {
        let place = usize::from(lane.id.lane);
        all[place] = lane;
    }
    let policy = Policy { accepts_limits: true, ..Policy::default() };
    let decision = decide(&request.command, Some(&held.account), &all, policy, Timestamp::EPOCH);
    rule(store, &request, decision).await
}

async fn commands_replace_limits_and_windows_keep_what_was_used(store: &impl Store) {
    open(store, &[limited("alice", 1_000, day(Some(50), None)), account("bob", 0)]).await;
    let window = [(Period::Day, NIGHT, true, WindowLimit { amount: Some(50), count: None })];
    assert_eq!(pay(store, "k1", debit(5, 1, &window)).await, Commit::Applied);
    let limits = Limits {
        max_payment: Amount::try_new(7).ok(),
        max_balance: Some(2_000),
        windows: [limit(Some(1), Some(2)), limit(None, Some(4)), None],
    };
    let before = store.account(&id("alice")).await.unwrap().unwrap().account;
    assert_eq!(set(store, "c1", "alice", limits).await, CommandCommit::Applied);
    let after = store.account(&id("alice")).await.unwrap().unwrap().account;
    let expected = AccountLimits::replaced(before.limits.as_deref(), limits);
    assert_eq!(after, Account { limits: Some(Box::new(expected)), version: before.version + 1, ..before });
    assert_eq!(used(store, Period::Day).await, Some((at(NIGHT), 5, 1)));
    assert_eq!(set(store, "c2", "alice", Limits::NONE).await, CommandCommit::Applied);
    assert_eq!(set(store, "c3", "alice", day(Some(9), None)).await, CommandCommit::Applied);
    let now = store.account(&id("alice")).await.unwrap().unwrap().account.limits.unwrap();
    assert_eq!((now.version, now.limits()), (4, day(Some(9), None)));
    assert_eq!(used(store, Period::Day).await, None, "a window that was taken away counts anew");
    assert_eq!(now.windows[1].unwrap().since, 4);
}

async fn lanes_of_an_account_with_a_maximum_take_no_payment(store: &impl Store) {
    open(store, &[laned("shop", 3), account("alice", 100)]).await;
    let credit =
        |name: &'static str, item: &str| ([(request(name, 7), Ok(()))], [update("alice", -7), update(item, 7)]);
    let (requests, updates) = credit("k1", "shop/1");
    assert_eq!(commit(store, &requests, &updates).await, Commit::Applied);
    let maximum = Limits { max_balance: Some(17), ..Limits::NONE };
    assert_eq!(set(store, "c1", "shop", maximum).await, CommandCommit::Applied);
    let held = store.account(&id("shop")).await.unwrap().unwrap();
    assert_eq!(held.account.balance.minor_units(), 17, "the lanes gave what they held");
    let told = |lane: &Lane| (lane.is_shut, lane.balance.minor_units());
    assert_eq!(held.lanes.iter().map(told).collect::<Vec<_>>(), [(true, 0); 3], "also those that weren't there");
    let (requests, updates) = credit("k2", "shop/1");
    let why = cancelled(commit(store, &requests, &updates).await);
    assert_eq!(why.lanes.len(), 1, "a worker that doesn't know of the maximum is told: {why:?}");
    assert_eq!(set(store, "c2", "shop", Limits::NONE).await, CommandCommit::Applied);
    assert!(lanes(store, "shop").await.iter().all(|lane| !lane.is_shut));
    assert_eq!(commit(store, &requests, &updates).await, Commit::Applied);
}
