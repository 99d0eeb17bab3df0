//! Account commands: the rules as text, and payments that run beside them.
//!
//! Each table is a ledger, commands on it, and what must come of them. It is applied twice over: one command a batch,
//! and all commands in one batch.
//!
//! ```text
//! account  ID CURRENCY BALANCE LIMIT STATUS [LANES]
//! lane     ID LANE STATUS BALANCE
//! COMMAND  COMMAND_ID ACCOUNT [CURRENCY] [LIMIT] [LANES]    -> applied | refused REASON | replayed
//!                                                              | dead-letter command_id_reused
//! after    ID CURRENCY BALANCE LIMIT STATUS vVERSION | after ID missing
//! lanes    ID STATUS BALANCE vVERSION …
//! ```

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, Change, CommandStep, Terms, decide};
use giro::domain::plan::{AccountUpdate, Entry, Transaction};
use giro::domain::{
    Account, AccountCommand, AccountId, AccountStatus, Amount, Balance, Batch, CommandId, CommandRequest, CreditLanes,
    Currency, DeadLetter, Holding, Lane, LaneId, OverdraftLimit, Payment, PaymentId, Refusal, Request, Source,
    Timestamp,
};
use giro::settle::{Backoff, End, settle};
use giro::store::{
    AccountLedger, AccountRead, CommandCommit, Commands, Commit, Inspect, LaneRead, Ledger, StoreError, Together, Usage,
};
use giro_testkit::memory_store::{Faults, MemoryStore};
use proptest::prelude::*;
use tokio::time::Instant;

use crate::rules::worlds::{is_whole, seeds};
use crate::wire::account_command::any_account_command;

fn limit(word: &str) -> OverdraftLimit {
    match word {
        "unlimited" => OverdraftLimit::Unlimited,
        limit => OverdraftLimit::Limited(limit.parse().unwrap()),
    }
}

fn account(id: &str, currency: &str, balance: &str, limit_word: &str, status: &str) -> Account {
    Account {
        id: AccountId::try_new(id).unwrap(),
        currency: Currency::try_new(currency).unwrap(),
        status: AccountStatus::from_name(status).unwrap(),
        balance: Balance::new(balance.parse().unwrap()),
        overdraft_limit: limit(limit_word),
        version: 1,
        opened_at: Timestamp::EPOCH,
        credit_lanes: CreditLanes::NONE,
    }
}

fn laned(account: Account, lanes: u16) -> Account {
    Account { credit_lanes: CreditLanes::try_new(lanes).unwrap(), ..account }
}

fn request(id: &str, account: &str, action: Action, offset: i64) -> CommandRequest {
    CommandRequest {
        command: AccountCommand {
            id: CommandId::try_new(id).unwrap(),
            account: AccountId::try_new(account).unwrap(),
            action,
            requested_at: None,
        },
        source: Source { topic: "account-commands".into(), partition: 0, offset },
    }
}

fn action(words: &[&str]) -> Action {
    match words {
        ["open", currency, limit_word, lanes @ ..] => Action::Open(Terms {
            currency: Currency::try_new(currency).unwrap(),
            overdraft_limit: limit(limit_word),
            credit_lanes: lanes.first().map_or(CreditLanes::NONE, |lanes| lanes.parse().unwrap()),
        }),
        ["add_lanes", lanes] => Action::AddLanes(lanes.parse().unwrap()),
        ["set_overdraft_limit", limit_word] => Action::SetOverdraftLimit(limit(limit_word)),
        ["freeze"] => Action::Freeze,
        ["unfreeze"] => Action::Unfreeze,
        ["close"] => Action::Close,
        _ => panic!("not understood: {words:?}"),
    }
}

fn shown(end: &End<Result<(), Refusal>>) -> String {
    match end {
        End::Decided(Ok(())) => "applied".into(),
        End::Decided(Err(refusal)) => format!("refused {refusal}"),
        End::Replayed => "replayed".into(),
        End::IdReused => "dead-letter command_id_reused".into(),
        End::Unfinished => "unfinished".into(),
    }
}

fn check(text: &str) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    for one_batch in [false, true] {
        let store = MemoryStore::new();
        let (mut requests, mut expected, mut after) = (Vec::new(), Vec::new(), Vec::new());
        let mut lanes_after = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
            let (left, right) = line.split_once("->").unwrap_or((line, ""));
            let words: Vec<&str> = left.split_whitespace().collect();
            match words.as_slice() {
                ["account", id, currency, balance, limit, status, lanes @ ..] => {
                    let lanes = lanes.first().map_or(0, |lanes| lanes.parse().unwrap());
                    store.insert_account(laned(account(id, currency, balance, limit, status), lanes));
                }
                ["lane", id, lane, status, balance] => {
                    let owner = account(id, "EUR", "0", "0", status);
                    let lane = Lane::new(&owner, lane.parse().unwrap());
                    store.insert_lane(Lane { balance: Balance::new(balance.parse().unwrap()), ..lane });
                }
                ["after", id, rest @ ..] => after.push((*id, rest.join(" "))),
                ["lanes", id, rest @ ..] => lanes_after.push((*id, rest.join(" "))),
                [command, id, account, parameters @ ..] => {
                    let action = action(&[&[*command], parameters].concat());
                    requests.push(request(id, account, action, requests.len() as i64));
                    expected.push(right.split_whitespace().collect::<Vec<_>>().join(" "));
                }
                _ => panic!("not understood: {line}"),
            }
        }
        let batches: Vec<&[CommandRequest]> = if one_batch { vec![&requests] } else { requests.chunks(1).collect() };
        runtime.block_on(async {
            let mut found = Vec::new();
            for batch in batches {
                let until = Instant::now() + Duration::from_secs(10);
                let applied = apply(&store, batch, until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await;
                found.extend(applied.ends.iter().map(shown));
            }
            let how = if one_batch { "in one batch" } else { "one by one" };
            assert_eq!(found, expected, "{how}:\n{text}");
            for (id, expected) in &after {
                let account = store.account(&AccountId::try_new(id).unwrap()).await.unwrap();
                let found = account.map_or("missing".to_owned(), |Holding { account, .. }| {
                    let limit = match account.overdraft_limit {
                        OverdraftLimit::Limited(limit) => limit.to_string(),
                        OverdraftLimit::Unlimited => "unlimited".into(),
                    };
                    let Account { currency, balance, status, version, .. } = account;
                    format!("{currency} {balance} {limit} {status} v{version}")
                });
                assert_eq!(found, *expected, "{id} {how}:\n{text}");
            }
            for (id, expected) in &lanes_after {
                let holding = store.account(&AccountId::try_new(id).unwrap()).await.unwrap().unwrap();
                let shown = |lane: &Lane| format!("{} {} v{}", lane.status, lane.balance, lane.version);
                let found: Vec<String> = holding.lanes.iter().map(shown).collect();
                assert_eq!(found.join(" "), *expected, "lanes of {id} {how}:\n{text}");
            }
        });
    }
}

#[test]
fn an_account_lives_from_open_to_close() {
    check(
        "open                c1 alice EUR 500     -> applied
         set_overdraft_limit c2 alice 700         -> applied
         freeze              c3 alice             -> applied
         unfreeze            c4 alice             -> applied
         set_overdraft_limit c5 alice unlimited   -> applied
         close               c6 alice             -> applied
         after alice EUR 0 unlimited closed v6",
    );
}

#[test]
fn a_command_that_finds_its_account_as_it_wants_it_changes_nothing() {
    check(
        "open                c1 alice EUR 0     -> applied
         open                c2 alice EUR 0     -> applied
         unfreeze            c3 alice           -> applied
         set_overdraft_limit c4 alice 0         -> applied
         after alice EUR 0 0 open v1
         freeze              c5 bob             -> applied
         freeze              c6 bob             -> applied
         close               c7 bob             -> applied
         close               c8 bob             -> applied
         account bob EUR 0 0 open
         after bob EUR 0 0 closed v3",
    );
}

#[test]
fn refusals() {
    check(
        "account rich   EUR  1 0 open
         account poor   EUR -5 9 open
         account frozen EUR -5 9 frozen
         account closed EUR  0 0 closed
         freeze              r1  nobody           -> refused account_not_found
         unfreeze            r2  nobody           -> refused account_not_found
         close               r3  nobody           -> refused account_not_found
         set_overdraft_limit r4  nobody unlimited -> refused account_not_found
         open                r5  closed EUR 0     -> refused account_closed
         freeze              r6  closed           -> refused account_closed
         unfreeze            r7  closed           -> refused account_closed
         set_overdraft_limit r8  closed 0         -> refused account_closed
         open                r9  rich USD 0       -> refused account_exists
         open                r10 rich EUR 1       -> refused account_exists
         open                r11 rich EUR unlimited -> refused account_exists
         open                r12 frozen EUR 9     -> refused account_exists
         close               r13 rich             -> refused balance_not_zero
         close               r14 poor             -> refused balance_not_zero
         close               r15 frozen           -> refused balance_not_zero
         set_overdraft_limit r16 poor 4           -> refused limit_below_balance
         set_overdraft_limit r17 frozen 4         -> refused limit_below_balance
         after nobody missing
         after rich   EUR  1 0 open v1
         after poor   EUR -5 9 open v1
         after frozen EUR -5 9 frozen v1
         after closed EUR  0 0 closed v1",
    );
}

#[test]
fn limits_at_their_edge() {
    check(
        "account poor EUR -5 9 open
         set_overdraft_limit c1 poor 5         -> applied
         set_overdraft_limit c2 poor 4         -> refused limit_below_balance
         after poor EUR -5 5 open v2
         account bank EUR -5 unlimited frozen
         set_overdraft_limit c3 bank 5         -> applied
         unfreeze            c4 bank           -> applied
         after bank EUR -5 5 open v3
         open                c5 max EUR 9007199254740991 -> applied
         after max EUR 0 9007199254740991 open v1",
    );
}

#[test]
fn lanes_go_with_their_account() {
    check(
        "open      c1 shop EUR 0 2   -> applied
         open      c2 shop EUR 0 1   -> applied
         open      c3 shop EUR 0 3   -> refused account_exists
         freeze    c4 shop           -> applied
         add_lanes c5 shop 3         -> applied
         add_lanes c6 shop 2         -> applied
         unfreeze  c7 shop           -> applied
         close     c8 shop           -> applied
         add_lanes c9 shop 4         -> refused account_closed
         add_lanes c10 nobody 4      -> refused account_not_found
         after shop EUR 0 0 closed v5
         lanes shop closed 0 v4 closed 0 v4 closed 0 v3",
    );
    check(
        "account plain EUR 0 0 open
         add_lanes c1 plain 1        -> applied
         after plain EUR 0 0 open v2
         lanes plain open 0 v1",
    );
}

#[test]
fn an_account_is_closed_when_main_item_and_lanes_sum_to_zero() {
    check(
        "account shop EUR 0 0 open 2
         lane shop 1 open 7
         close c1 shop               -> refused balance_not_zero
         after shop EUR 0 0 open v1
         lanes shop open 0 v1 open 7 v1
         account even EUR -7 10 frozen 2
         lane even 0 frozen 3
         lane even 1 frozen 4
         close c2 even               -> applied
         after even EUR -7 10 closed v2
         lanes even closed 3 v2 closed 4 v2",
    );
}

#[test]
fn an_account_of_very_many_lanes_is_frozen_before_it_is_closed() {
    check(
        "open     c1 wide EUR 0 98   -> applied
         close    c2 wide            -> applied
         open     c3 wider EUR 0 99  -> applied
         close    c4 wider           -> refused not_frozen
         freeze   c5 wider           -> applied
         close    c6 wider           -> applied
         close    c7 wider           -> applied
         after wide EUR 0 0 closed v2
         after wider EUR 0 0 closed v3
         account full EUR 0 0 open 99
         lane full 98 open 1
         freeze    c8 full           -> applied
         close     c9 full           -> refused balance_not_zero
         unfreeze  c10 full          -> applied
         add_lanes c11 full 1024     -> applied
         after full EUR 0 0 open v4",
    );
}

/// What a command of several steps left half-done is taken up when it comes again.
#[test]
fn steps_that_stopped_half_way_are_taken_up() {
    check(
        "account wide EUR 0 0 open 100
         lane wide 0 frozen 0
         freeze   c1 wide            -> applied
         unfreeze c2 wide            -> applied
         after wide EUR 0 0 open v3",
    );
}

#[test]
fn an_id_is_obeyed_once_and_never_means_something_else() {
    check(
        "open     c1 alice EUR 0   -> applied
         open     c1 alice EUR 0   -> replayed
         open     c1 alice EUR 1   -> dead-letter command_id_reused
         freeze   c2 alice         -> applied
         unfreeze c3 alice         -> applied
         freeze   c2 alice         -> replayed
         unfreeze c2 alice         -> dead-letter command_id_reused
         after alice EUR 0 0 open v3
         freeze   c4 bob           -> refused account_not_found
         open     c5 bob EUR 0     -> applied
         freeze   c4 bob           -> replayed
         after bob EUR 0 0 open v1",
    );
}

// Beside payments.

const ACCOUNTS: usize = 4;

fn payment(id: usize, random: &mut fastrand::Rng) -> Request {
    let debtor = random.usize(0..=ACCOUNTS);
    let creditor = (debtor + random.usize(1..=ACCOUNTS)) % (ACCOUNTS + 1);
    let name = |ix: usize| AccountId::try_new(&if ix == ACCOUNTS { "bank".into() } else { format!("a{ix}") }).unwrap();
    Request {
        payment: Payment {
            id: PaymentId::try_new(&format!("p{id}")).unwrap(),
            debtor: name(debtor),
            creditor: name(creditor),
            amount: Amount::try_new(random.u64(1..=3)).unwrap(),
            currency: Currency::try_new("EUR").unwrap(),
            reference: None,
            requested_at: None,
        },
        source: Source { topic: "payment-requests".into(), partition: 0, offset: id as i64 },
    }
}

fn any_command(id: usize, random: &mut fastrand::Rng) -> CommandRequest {
    let action = match random.u32(0..8) {
        0..=1 => Action::Freeze,
        2..=4 => Action::Unfreeze,
        5 => Action::Close,
        6 => Action::SetOverdraftLimit(OverdraftLimit::Limited(random.u64(0..20))),
        _ => Action::Open(Terms {
            currency: Currency::try_new("EUR").unwrap(),
            overdraft_limit: OverdraftLimit::Limited(10),
            credit_lanes: CreditLanes::NONE,
        }),
    };
    request(&format!("c{id}"), &format!("a{}", random.usize(0..ACCOUNTS)), action, id as i64)
}

/// Settles batches until each has its end, as Kafka does by delivering again.
async fn settle_all(store: &MemoryStore, requests: Vec<Request>, seed: u64) {
    for chunk in requests.chunks(7) {
        let batch = Batch::new(chunk.to_vec());
        loop {
            let until = Instant::now() + Duration::from_millis(300);
            let settled = settle(store, &batch, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await;
            assert!(!settled.ends.contains(&End::IdReused));
            if !settled.ends.contains(&End::Unfinished) {
                break;
            }
        }
    }
}

/// Applies batches until each has its end. What an applied freeze or close found is checked at once, and again later.
async fn apply_all(store: &MemoryStore, requests: &[CommandRequest], seed: u64) {
    for batch in requests.chunks(3) {
        loop {
            let until = Instant::now() + Duration::from_millis(300);
            let applied = apply(store, batch, until, || Timestamp::EPOCH, || Backoff::with_seed(seed)).await;
            assert!(!applied.ends.contains(&End::IdReused));
            if !applied.ends.contains(&End::Unfinished) {
                break;
            }
        }
    }
}

/// Two workers settle payments, two apply the same commands, all on a store with faults: money stays where it must.
#[tokio::test(start_paused = true)]
async fn payments_beside_commands_never_move_money_wrongly() {
    let mut closed = 0;
    let mut refused = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let faults = Faults {
            seed,
            conflict: 100,
            throttle: 50,
            unavailable_before: 50,
            unavailable_after: 100,
            late: 100,
            unread: 50,
        };
        let store = MemoryStore::with_faults(faults);
        for ix in 0..ACCOUNTS {
            store.insert_account(account(&format!("a{ix}"), "EUR", "0", "10", "open"));
        }
        store.insert_account(account("bank", "EUR", "0", "unlimited", "open"));
        let mut random = fastrand::Rng::with_seed(seed);
        let mut next = 0..;
        let mut payments = |random: &mut fastrand::Rng| -> Vec<Request> {
            (0..60).map(|_| payment(next.next().unwrap(), random)).collect()
        };
        let (one, other) = (payments(&mut random), payments(&mut random));
        let commands: Vec<CommandRequest> = (0..40).map(|id| any_command(id, &mut random)).collect();
        // The second delivery runs beside the first, as after a time-out.
        tokio::join!(
            settle_all(&store, one, seed),
            settle_all(&store, other, seed + 1),
            apply_all(&store, &commands, seed + 2),
            apply_all(&store, &commands, seed + 3),
        );

        // Freeze what isn't closed. From the moment that this is known, no balance moves, whatever is still on its way.
        let last: Vec<CommandRequest> =
            (0..ACCOUNTS).map(|ix| request(&format!("last{ix}"), &format!("a{ix}"), Action::Freeze, 1_000)).collect();
        let trailing = payments(&mut random);
        let frozen = async {
            apply_all(&store, &last, seed).await;
            store.accounts().await.unwrap()
        };
        let (frozen, ()) = tokio::join!(frozen, settle_all(&store, trailing, seed));
        settle_all(&store, payments(&mut random), seed).await;

        let (accounts, frozen) = (main_items(store.accounts().await.unwrap()), main_items(frozen));
        for account in accounts.iter().filter(|account| account.id.as_str() != "bank") {
            assert!(frozen.contains(account), "seed {seed}: {account:?} changed after it was frozen");
            assert!(account.overdraft_limit.allows(account.balance), "seed {seed}: {account:?}");
            match account.status {
                AccountStatus::Closed => {
                    closed += 1;
                    assert_eq!(account.balance, Balance::ZERO, "seed {seed}: {account:?}");
                }
                AccountStatus::Frozen => {}
                AccountStatus::Open => panic!("seed {seed}: {account:?} is not frozen"),
            }
        }
        // Every balance equals its postings.
        let mut expected: BTreeMap<AccountId, i64> = accounts.iter().map(|account| (account.id.clone(), 0)).collect();
        for recorded in store.payments().await.unwrap() {
            let payment = recorded.outcome.payment;
            if recorded.outcome.verdict.is_ok() {
                *expected.get_mut(&payment.debtor).unwrap() -= payment.amount.minor_units() as i64;
                *expected.get_mut(&payment.creditor).unwrap() += payment.amount.minor_units() as i64;
            }
        }
        for account in &accounts {
            assert_eq!(account.balance.minor_units(), expected[&account.id], "seed {seed}: {}", account.id);
        }
        // One record a command, and the statuses that they tell, in order, are those that the accounts have.
        let mut recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), commands.len() + last.len(), "seed {seed}");
        recorded.sort_by_key(|recorded| recorded.source.offset);
        refused.extend(recorded.iter().filter_map(|recorded| recorded.verdict.err()));
        for account in accounts.iter().filter(|account| account.id.as_str() != "bank") {
            let mut status = AccountStatus::Open;
            for recorded in recorded.iter().filter(|recorded| recorded.command.account == account.id) {
                status = told(status, recorded.command.action, recorded.verdict);
            }
            assert_eq!(account.status, status, "seed {seed}: {}", account.id);
        }
    }
    assert!(closed > 20, "the test closed {closed} accounts only");
    let met: Vec<Refusal> = refused.into_iter().collect();
    let every = [Refusal::AccountClosed, Refusal::AccountExists, Refusal::BalanceNotZero, Refusal::LimitBelowBalance];
    assert_eq!(met, every, "the test met every refusal of an account that exists");
}

fn main_items(held: Vec<Holding>) -> Vec<Account> {
    held.into_iter().map(|holding| holding.account).collect()
}

/// The status after a recorded command on an account of that status; checks the verdict where it rests on that alone.
fn told(status: AccountStatus, action: Action, verdict: Result<(), Refusal>) -> AccountStatus {
    match (status, action) {
        (AccountStatus::Closed, Action::Close) => assert_eq!(verdict, Ok(())),
        (AccountStatus::Closed, _) => assert_eq!(verdict, Err(Refusal::AccountClosed)),
        (_, Action::Freeze | Action::Unfreeze) => assert_eq!(verdict, Ok(())),
        (_, Action::Open(_) | Action::SetOverdraftLimit(_) | Action::Close | Action::AddLanes(_)) => {}
    }
    match (status, action, verdict) {
        (AccountStatus::Open | AccountStatus::Frozen, Action::Freeze, Ok(())) => AccountStatus::Frozen,
        (AccountStatus::Open | AccountStatus::Frozen, Action::Unfreeze, Ok(())) => AccountStatus::Open,
        (_, Action::Close, Ok(())) => AccountStatus::Closed,
        (status, _, _) => status,
    }
}

fn update(account: &str, lane: Option<u16>, net: i128, version: Option<u64>) -> AccountUpdate {
    AccountUpdate {
        account: AccountId::try_new(account).unwrap(),
        lane,
        net,
        currency: Currency::try_new("EUR").unwrap(),
        overdraft_limit: None,
        balance_min: None,
        balance_max: None,
        version,
    }
}

/// Moves money on an account's lanes as settling does: credits on a lane alone, sweeps and debits on versions. What
/// stands in the way is no matter: none of these must happen, but each happens whole.
async fn move_money(store: &MemoryStore, name: &str, first: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    let id = AccountId::try_new(name).unwrap();
    for ix in first..first + 80 {
        let Holding { account, lanes } = store.account(&id).await.unwrap().unwrap();
        let lane = &lanes[random.usize(0..lanes.len().min(5))];
        let (held, version) = (i128::from(lane.balance.minor_units()), Some(lane.version));
        let main = i128::from(account.balance.minor_units());
        let updates = match random.u32(0..4) {
            0 => vec![update("bank", None, -3, None), update(name, Some(lane.id.lane), 3, None)],
            // Out of the lane into the main item; out of it and away; out of the main item.
            1 => vec![update(name, Some(lane.id.lane), -held, version), update(name, None, held, None)],
            2 => vec![
                update(name, Some(lane.id.lane), -held, version),
                update(name, None, 0, None),
                update("bank", None, held, None),
            ],
            _ => vec![update(name, None, -main, Some(account.version)), update("bank", None, main, None)],
        };
        let request = payment(ix, &mut random);
        let entries = vec![Entry { request: &request, verdict: Ok(()), creditor_lane: None }];
        let _ = store.commit(&Transaction { entries, updates, decided_at: Timestamp::EPOCH }).await;
    }
}

/// The same with lanes, few and more than fit one transaction: main item and lanes stay of one status, and when a
/// freeze or a close is known nothing moves on any of them.
#[tokio::test(start_paused = true)]
async fn lanes_beside_commands_never_move_money_wrongly() {
    let mut closed = 0;
    for seed in seeds(60, 20) {
        let faults = Faults {
            seed,
            conflict: 50,
            throttle: 50,
            unavailable_before: 50,
            unavailable_after: 50,
            late: 50,
            unread: 50,
        };
        let store = MemoryStore::with_faults(faults);
        store.insert_account(account("bank", "EUR", "0", "unlimited", "open"));
        let names = [("few", 3), ("many", 120)];
        for (name, lanes) in names {
            store.insert_account(laned(account(name, "EUR", "0", "0", "open"), lanes));
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let commands: Vec<CommandRequest> = (0..24)
            .map(|id| {
                let action = match random.u32(0..8) {
                    0..=1 => Action::Freeze,
                    2..=3 => Action::Unfreeze,
                    4..=6 => Action::Close,
                    _ => Action::AddLanes(CreditLanes::try_new(random.u16(0..130)).unwrap()),
                };
                request(&format!("c{id}"), names[random.usize(0..2)].0, action, id)
            })
            .collect();
        tokio::join!(
            move_money(&store, "few", 0, seed),
            move_money(&store, "many", 100, seed),
            apply_all(&store, &commands, seed + 2),
            apply_all(&store, &commands, seed + 3),
        );
        let last: Vec<CommandRequest> =
            names.map(|(name, _)| request(&format!("last-{name}"), name, Action::Freeze, 1_000)).into();
        let frozen = async {
            apply_all(&store, &last, seed).await;
            store.accounts().await.unwrap()
        };
        let (frozen, (), ()) =
            tokio::join!(frozen, move_money(&store, "few", 200, seed), move_money(&store, "many", 300, seed));
        move_money(&store, "few", 400, seed + 1).await;

        let held = store.accounts().await.unwrap();
        assert_eq!(held.iter().map(Holding::balance).sum::<i128>(), 0, "seed {seed}");
        let mut recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), commands.len() + last.len(), "seed {seed}");
        recorded.sort_by_key(|recorded| recorded.source.offset);
        for holding in held.iter().filter(|holding| holding.account.id.as_str() != "bank") {
            let Account { id, status, credit_lanes, .. } = &holding.account;
            assert!(frozen.contains(holding), "seed {seed}: {id} changed after it was frozen");
            assert_eq!(holding.lanes.len(), usize::from(credit_lanes.count()), "seed {seed}: {id}");
            assert!(holding.lanes.iter().all(|lane| lane.status == *status), "seed {seed}: {id} and its lanes");
            if *status == AccountStatus::Closed {
                closed += 1;
                assert_eq!(holding.balance(), 0, "seed {seed}: {id}");
            }
            let mine = recorded.iter().filter(|recorded| recorded.command.account == *id);
            let told = mine
                .fold(AccountStatus::Open, |status, recorded| told(status, recorded.command.action, recorded.verdict));
            assert_eq!(told, *status, "seed {seed}: {id}");
        }
    }
    assert!(closed > 10 || !is_whole(), "the test closed {closed} accounts only");
}

/// Money that goes round between main item and lanes while they are read doesn't look like a balance that isn't zero.
#[tokio::test(start_paused = true)]
async fn a_sum_is_taken_of_one_moment() {
    for seed in 0..40 {
        let store = MemoryStore::new();
        let shop = laned(account("shop", "EUR", "-5", "5", "open"), 2);
        store.insert_account(shop.clone());
        store.insert_lane(Lane { balance: Balance::new(5), ..Lane::new(&shop, 1) });
        let round = async {
            let mut random = fastrand::Rng::with_seed(seed);
            for ix in 0..20 {
                let net = if ix % 2 == 0 { 5 } else { -5 };
                let updates = vec![update("shop", None, net, None), update("shop", Some(1), -net, None)];
                let request = payment(ix, &mut random);
                let entries = vec![Entry { request: &request, verdict: Ok(()), creditor_lane: None }];
                let _ = store.commit(&Transaction { entries, updates, decided_at: Timestamp::EPOCH }).await;
                for _ in 0..random.u32(0..4) {
                    tokio::task::yield_now().await;
                }
            }
        };
        let close = [request("c1", "shop", Action::Close, 1)];
        let until = Instant::now() + Duration::from_secs(10);
        let closing = apply(&store, &close, until, || Timestamp::EPOCH, || Backoff::with_seed(seed));
        let (applied, ()) = tokio::join!(closing, round);
        assert_eq!(applied.ends, [End::Decided(Ok(()))], "seed {seed}: the sum was zero all along");
    }
}

#[tokio::test(start_paused = true)]
async fn a_command_on_an_account_that_cannot_be_read_waits_and_no_other() {
    let store = MemoryStore::new();
    let broken = AccountId::try_new("broken").unwrap();
    store.plant_corrupt_account(&broken);
    store.insert_account(account("alice", "EUR", "0", "0", "open"));
    let requests = [request("c1", "broken", Action::Freeze, 1), request("c2", "alice", Action::Freeze, 2)];
    let until = Instant::now() + Duration::from_secs(1);
    let applied = apply(&store, &requests, until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await;
    assert_eq!(applied.ends, [End::Unfinished, End::Decided(Ok(()))]);
    assert!(matches!(applied.fault, Some(StoreError::Corrupt(_))));
    assert_eq!(Instant::now(), until, "somebody may have mended it");
}

#[tokio::test(start_paused = true)]
async fn time_that_is_up_leaves_commands_unfinished_and_in_order() {
    let store = MemoryStore::with_faults(Faults { throttle: 1_000, ..Faults::default() });
    let requests = [request("c1", "alice", Action::Freeze, 1), request("c2", "alice", Action::Unfreeze, 2)];
    let until = Instant::now() + Duration::from_secs(3);
    let applied = apply(&store, &requests, until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await;
    assert_eq!(applied.ends, [End::Unfinished, End::Unfinished]);
    assert!(matches!(applied.fault, Some(StoreError::Throttled(_))));
    assert!(Instant::now() <= until);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// An open account never becomes one that owes more than it may, whatever the command.
    #[test]
    fn no_command_leaves_a_balance_below_its_limit(command in any_account_command(), balance in -30_i64..30, had in 0_u64..30) {
        let before = account("a", "EUR", &balance.to_string(), &had.to_string(), "open");
        prop_assume!(before.overdraft_limit.allows(before.balance));
        if let Ok(change) = decide(&command, Some(&before), &[], Timestamp::EPOCH) {
            prop_assert!(!matches!(change, Change::Open(_)));
            let after = change.applied_to(Some(before)).unwrap();
            prop_assert!(after.overdraft_limit.allows(after.balance));
        }
    }
}

// What a ruling rests on.

/// What somebody else adds to main items and lanes (`shop`, `shop/0`).
type Writes = &'static [(&'static str, i64)];

/// A ledger on which money moves before the n-th command is committed, counted from 1.
struct Meddled {
    store: MemoryStore,
    commits: AtomicUsize,
    meddling: (usize, Writes),
}

impl Meddled {
    fn new(store: &MemoryStore, before: usize, writes: Writes) -> Self {
        Self { store: store.clone(), commits: AtomicUsize::new(0), meddling: (before, writes) }
    }

    async fn meddle(&self) {
        if self.commits.fetch_add(1, Ordering::SeqCst) + 1 != self.meddling.0 {
            return;
        }
        for (item, net) in self.meddling.1 {
            let (name, lane) = item.split_once('/').unwrap_or((item, ""));
            let held = self.store.account(&AccountId::try_new(name).unwrap()).await.unwrap().unwrap();
            let moved = |balance: Balance| Balance::new(balance.minor_units() + net);
            match lane.parse::<usize>() {
                Ok(lane) => {
                    let Lane { balance, version, .. } = held.lanes[lane];
                    let lane = Lane { balance: moved(balance), version: version + 1, ..held.lanes[lane].clone() };
                    self.store.insert_lane(lane);
                }
                Err(_) => {
                    let Account { balance, version, .. } = held.account;
                    let main = Account { balance: moved(balance), version: version + 1, ..held.account };
                    self.store.insert_account(main);
                }
            }
        }
    }
}

impl Ledger for Meddled {
    async fn read_accounts(&self, ids: &[&AccountId]) -> Result<Vec<AccountRead>, StoreError> {
        self.store.read_accounts(ids).await
    }

    async fn read_lanes(&self, ids: &[&LaneId]) -> Result<Vec<LaneRead>, StoreError> {
        self.store.read_lanes(ids).await
    }

    async fn read_together(&self, accounts: &[&AccountId], lanes: &[&LaneId]) -> Result<Together, StoreError> {
        self.store.read_together(accounts, lanes).await
    }

    async fn commit(&self, transaction: &Transaction<'_>) -> Result<Commit, StoreError> {
        self.store.commit(transaction).await
    }

    async fn park(&self, letter: &DeadLetter) -> Result<(), StoreError> {
        self.store.park(letter).await
    }

    fn usage(&self) -> Usage {
        self.store.usage()
    }
}

impl AccountLedger for Meddled {
    async fn commit_command(&self, step: &CommandStep<'_>) -> Result<CommandCommit, StoreError> {
        self.meddle().await;
        self.store.commit_command(step).await
    }
}

async fn apply_meddled(
    store: &MemoryStore,
    commands: &[CommandRequest],
    before: usize,
    writes: Writes,
) -> Vec<End<Result<(), Refusal>>> {
    let ledger = Meddled::new(store, before, writes);
    let until = Instant::now() + Duration::from_secs(10);
    apply(&ledger, commands, until, || Timestamp::EPOCH, || Backoff::with_seed(1)).await.ends
}

/// The last of the money is paid out while the limit is being set: the condition on the limit lets that pass, so the
/// balance that was read before is not the one that closing finds.
#[tokio::test(start_paused = true)]
async fn a_command_after_another_looks_at_the_account_again() {
    let store = MemoryStore::new();
    store.insert_account(account("bank", "EUR", "-7", "unlimited", "open"));
    store.insert_account(account("shop", "EUR", "7", "0", "open"));
    let commands = [
        request("c1", "shop", Action::SetOverdraftLimit(OverdraftLimit::Limited(5)), 1),
        request("c2", "shop", Action::Close, 2),
    ];
    let ends = apply_meddled(&store, &commands, 1, &[("shop", -7), ("bank", 7)]).await;
    assert_eq!(ends, [End::Decided(Ok(())), End::Decided(Ok(()))]);
}

/// A refusal changes nothing, and still is written only if what it rests on is so: here it was so when it was read, and
/// is not any more.
#[tokio::test(start_paused = true)]
async fn a_refusal_holds_when_it_is_written() {
    let limit = Action::SetOverdraftLimit(OverdraftLimit::Limited(5));
    let cases: [(&str, i64, &[i64], Action, Writes); 6] = [
        ("money is paid out", 7, &[], Action::Close, &[("shop", -7)]),
        ("a debt is paid", -7, &[], Action::Close, &[("shop", 7)]),
        ("a debt is paid in part", -7, &[], limit, &[("shop", 2)]),
        ("a lane is swept and paid out", 0, &[0, 7], Action::Close, &[("shop/1", -7)]),
        ("a debt is paid on a lane", -7, &[3, 0], Action::Close, &[("shop/1", 4)]),
        ("lanes are swept for a debt", -3, &[2, 7], Action::Close, &[("shop/1", -7), ("shop", 1)]),
    ];
    for (what, main, lanes, action, writes) in cases {
        let store = MemoryStore::new();
        let shop = laned(account("shop", "EUR", &main.to_string(), "9", "open"), lanes.len() as u16);
        store.insert_account(shop.clone());
        for (number, balance) in (0..).zip(lanes) {
            store.insert_lane(Lane { balance: Balance::new(*balance), ..Lane::new(&shop, number) });
        }
        let ends = apply_meddled(&store, &[request("c1", "shop", action, 1)], 1, writes).await;
        assert_eq!(ends, [End::Decided(Ok(()))], "{what}");
    }
}

/// Payments that leave the reason standing don't keep a refusal from being written.
#[tokio::test(start_paused = true)]
async fn money_that_comes_in_does_not_hold_up_a_refusal() {
    let cases: [(i64, [i64; 2], Writes); 2] =
        [(7, [0, 0], &[("shop", 1), ("shop/0", 1)]), (0, [2, 7], &[("shop/1", 1), ("shop/0", 1)])];
    for (main, lanes, writes) in cases {
        let store = MemoryStore::new();
        let shop = laned(account("shop", "EUR", &main.to_string(), "9", "open"), 2);
        store.insert_account(shop.clone());
        for (number, balance) in (0..).zip(lanes) {
            store.insert_lane(Lane { balance: Balance::new(balance), ..Lane::new(&shop, number) });
        }
        let ends = apply_meddled(&store, &[request("c1", "shop", Action::Close, 1)], 1, writes).await;
        assert_eq!(ends, [End::Decided(Err(Refusal::BalanceNotZero))]);
        assert_eq!((store.usage().transactions, store.usage().cancelled), (1, 0), "the first try was written");
    }
}
