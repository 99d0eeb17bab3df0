//! Account commands beside payments: whatever the order, money stays where it must.

use std::collections::BTreeMap;
use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, Policy, RecordedCommand, Terms};
use giro::domain::plan::{AccountUpdate, Transaction};
use giro::domain::{
    Account, AccountId, AccountStatus, Balance, Batch, CommandRequest, CreditLanes, Holding, Lane, OverdraftLimit,
    Refusal, Request, Timestamp,
};
use giro::settle::{Backoff, Disposition, settle};
use giro::store::{CommandQueries, Ledger, LedgerQueries};
use giro_testkit::given::{self, Placed as _, Setters as _, account, command, eur, id, lane, payment, update};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

use super::apply_within;
use crate::rules::worlds::{is_whole, seeds};

const ACCOUNTS: usize = 4;

fn any_payment(number: usize, random: &mut fastrand::Rng) -> Request {
    let debtor = random.usize(0..=ACCOUNTS);
    let creditor = (debtor + random.usize(1..=ACCOUNTS)) % (ACCOUNTS + 1);
    let name = |ix: usize| if ix == ACCOUNTS { "bank".into() } else { format!("a{ix}") };
    payment(&format!("p{number}"), &name(debtor), &name(creditor), random.u64(1..=3)).at(0, number as i64)
}

fn any_command(number: usize, random: &mut fastrand::Rng) -> CommandRequest {
    let action = match random.u32(0..8) {
        0..=1 => Action::Freeze,
        2..=4 => Action::Unfreeze,
        5 => Action::Close,
        6 => Action::SetOverdraftLimit(OverdraftLimit::Limited(random.u64(0..20))),
        _ => Action::Open(Terms {
            currency: eur(),
            overdraft_limit: OverdraftLimit::Limited(10),
            credit_lanes: CreditLanes::NONE,
            owner: None,
        }),
    };
    let account = format!("a{}", random.usize(0..ACCOUNTS));
    command(&format!("c{number}"), &account, action).at(0, number as i64)
}

/// Settles batches until each has its end, as Kafka does by delivering again.
async fn settle_all(store: &MemoryStore, requests: Vec<Request>, seed: u64) {
    for chunk in requests.chunks(7) {
        let batch = Batch::new(chunk.to_vec());
        loop {
            let until = Instant::now() + Duration::from_millis(300);
            let settled = settle(store, &batch, until, || Timestamp::EPOCH, Backoff::with_seed(seed)).await;
            assert!(!settled.dispositions.contains(&Disposition::IdReused));
            if !settled.dispositions.contains(&Disposition::Unfinished) {
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
            let applied =
                apply(store, batch, Policy::default(), until, || Timestamp::EPOCH, || Backoff::with_seed(seed)).await;
            assert!(!applied.dispositions.contains(&Disposition::IdReused));
            if !applied.dispositions.contains(&Disposition::Unfinished) {
                break;
            }
        }
    }
}

/// Two workers settle payments and two apply the same commands, all on a store with faults. No money is lost or made.
#[tokio::test(start_paused = true)]
async fn payments_beside_commands_never_move_money_wrongly() {
    let mut closed = 0;
    let mut refused = std::collections::BTreeSet::new();
    for seed in 0..60 {
        let faults = Faults { conflict: 100, unavailable_after: 100, late: 100, ..Faults::all(seed, 50) };
        let store = MemoryStore::with_faults(faults);
        for ix in 0..ACCOUNTS {
            store.insert_account(account(&format!("a{ix}")).limit(10));
        }
        store.insert_account(account("bank").unlimited());
        let mut random = fastrand::Rng::with_seed(seed);
        let mut next = 0..;
        let mut payments = |random: &mut fastrand::Rng| -> Vec<Request> {
            (0..60).map(|_| any_payment(next.next().unwrap(), random)).collect()
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
        let last: Vec<CommandRequest> = (0..ACCOUNTS)
            .map(|ix| command(&format!("last{ix}"), &format!("a{ix}"), Action::Freeze).at(0, 1_000))
            .collect();
        let trailing = payments(&mut random);
        let frozen = async {
            apply_all(&store, &last, seed).await;
            store.accounts().await.unwrap()
        };
        let (frozen, ()) = tokio::join!(frozen, settle_all(&store, trailing, seed));
        settle_all(&store, payments(&mut random), seed).await;

        let accounts = main_items(store.accounts().await.unwrap());
        closed += stood_still(&accounts, &main_items(frozen), seed);
        balances_equal_their_postings(&store, &accounts, seed).await;
        let recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), commands.len() + last.len(), "seed {seed}: one record a command");
        refused.extend(recorded.iter().filter_map(|recorded| recorded.decision.err()));
        statuses_are_told(recorded, &accounts, seed);
    }
    assert!(closed > 20, "the test closed {closed} accounts only");
    let met: Vec<Refusal> = refused.into_iter().collect();
    let every = [Refusal::AccountClosed, Refusal::AccountExists, Refusal::BalanceNotZero, Refusal::LimitBelowBalance];
    assert_eq!(met, every, "the test met every refusal of an account that exists");
}

/// None but the bank has changed since it was frozen, and a closed one is empty; counts those.
fn stood_still(accounts: &[Account], frozen: &[Account], seed: u64) -> usize {
    let mut closed = 0;
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
    closed
}

async fn balances_equal_their_postings(store: &MemoryStore, accounts: &[Account], seed: u64) {
    let mut expected: BTreeMap<AccountId, i64> = accounts.iter().map(|account| (account.id.clone(), 0)).collect();
    for recorded in store.payments().await.unwrap() {
        if recorded.outcome.decision.is_ok() {
            let transfer = recorded.outcome.transfer().unwrap();
            *expected.get_mut(transfer.debtor).unwrap() -= transfer.amount.minor_units() as i64;
            *expected.get_mut(transfer.creditor).unwrap() += transfer.amount.minor_units() as i64;
        }
    }
    for account in accounts {
        assert_eq!(account.balance.minor_units(), expected[&account.id], "seed {seed}: {}", account.id);
    }
}

/// The statuses that the records of commands tell, in order, are those that the accounts have.
fn statuses_are_told(mut recorded: Vec<RecordedCommand>, accounts: &[Account], seed: u64) {
    recorded.sort_by_key(|recorded| recorded.source.offset);
    for account in accounts.iter().filter(|account| account.id.as_str() != "bank") {
        let mine = recorded.iter().filter(|recorded| recorded.command.account == account.id);
        let told = mine
            .fold(AccountStatus::Open, |status, recorded| told(status, &recorded.command.action, recorded.decision));
        assert_eq!(account.status, told, "seed {seed}: {}", account.id);
    }
}

fn main_items(held: Vec<Holding>) -> Vec<Account> {
    held.into_iter().map(|holding| holding.account).collect()
}

/// The status after a recorded command on an account of that status. Checks the answer if it rests on the status alone.
fn told(status: AccountStatus, action: &Action, decision: Result<(), Refusal>) -> AccountStatus {
    match (status, action) {
        (AccountStatus::Closed, Action::Close) => assert_eq!(decision, Ok(())),
        (AccountStatus::Closed, _) => assert_eq!(decision, Err(Refusal::AccountClosed)),
        (_, Action::Freeze | Action::Unfreeze) => assert_eq!(decision, Ok(())),
        (
            _,
            Action::Open(_)
            | Action::SetOverdraftLimit(_)
            | Action::Close
            | Action::AddLanes(_)
            | Action::SetLimits(_)
            | Action::SetOwner(_),
        ) => {}
    }
    match (status, action, decision) {
        (AccountStatus::Open | AccountStatus::Frozen, Action::Freeze, Ok(())) => AccountStatus::Frozen,
        (AccountStatus::Open | AccountStatus::Frozen, Action::Unfreeze, Ok(())) => AccountStatus::Open,
        (_, Action::Close, Ok(())) => AccountStatus::Closed,
        (status, _, _) => status,
    }
}

/// Commits a payment's money, if it may be moved: what stands in the way is no matter, but it moves whole.
async fn move_by(store: &MemoryStore, request: &Request, updates: Vec<AccountUpdate>) {
    let entries = vec![given::entry(request, Ok(()))];
    let _ = store.commit(&Transaction { totals: Vec::new(), entries, updates }).await;
}

/// Moves money on an account's lanes as settling does: credits on a lane alone, sweeps and debits on versions.
async fn move_money(store: &MemoryStore, name: &str, first: usize, seed: u64) {
    let mut random = fastrand::Rng::with_seed(seed);
    for ix in first..first + 80 {
        let Holding { account, lanes } = store.account(&id(name)).await.unwrap().unwrap();
        let number = random.u16(0..account.credit_lanes.count().min(5));
        let there = lanes.iter().find(|lane| lane.id.lane == number).cloned();
        let lane = there.unwrap_or_else(|| Lane::unborn(&account, number));
        let on_lane = lane.id.to_string();
        let (held, main) = (i128::from(lane.balance.minor_units()), i128::from(account.balance.minor_units()));
        let swept = AccountUpdate { version: Some(lane.version), ..update(&on_lane, -held) };
        let updates = match random.u32(0..4) {
            0 => vec![update("bank", -3), update(&on_lane, 3)],
            // Out of the lane into the main item; out of it and away; out of the main item.
            1 => vec![swept, update(name, held)],
            2 => vec![swept, update(name, 0), update("bank", held)],
            _ => vec![AccountUpdate { version: Some(account.version), ..update(name, -main) }, update("bank", main)],
        };
        move_by(store, &any_payment(ix, &mut random), updates).await;
    }
}

/// The same with lanes, few and more than fit one transaction. Main item and lanes keep one status. Once a freeze or a
/// close is known, nothing moves on any of them.
#[tokio::test(start_paused = true)]
async fn lanes_beside_commands_never_move_money_wrongly() {
    let mut closed = 0;
    for seed in seeds(60, 20) {
        let faults = Faults::all(seed, 50);
        let store = MemoryStore::with_faults(faults);
        store.insert_account(account("bank").unlimited());
        let names = [("few", 3), ("many", 120)];
        for (name, lanes) in names {
            store.insert_account(account(name).lanes(lanes));
        }
        let mut random = fastrand::Rng::with_seed(seed);
        let commands: Vec<CommandRequest> = (0..24)
            .map(|number| {
                let action = match random.u32(0..8) {
                    0..=1 => Action::Freeze,
                    2..=3 => Action::Unfreeze,
                    4..=6 => Action::Close,
                    _ => Action::AddLanes(CreditLanes::try_new(random.u16(0..130)).unwrap()),
                };
                command(&format!("c{number}"), names[random.usize(0..2)].0, action).at(0, number)
            })
            .collect();
        tokio::join!(
            move_money(&store, "few", 0, seed),
            move_money(&store, "many", 100, seed),
            apply_all(&store, &commands, seed + 2),
            apply_all(&store, &commands, seed + 3),
        );
        let last: Vec<CommandRequest> =
            names.map(|(name, _)| command(&format!("last-{name}"), name, Action::Freeze).at(0, 1_000)).into();
        let frozen = async {
            apply_all(&store, &last, seed).await;
            store.accounts().await.unwrap()
        };
        let (frozen, (), ()) =
            tokio::join!(frozen, move_money(&store, "few", 200, seed), move_money(&store, "many", 300, seed));
        move_money(&store, "few", 400, seed + 1).await;

        let held = store.accounts().await.unwrap();
        assert_eq!(held.iter().map(Holding::balance).sum::<i128>(), 0, "seed {seed}");
        let recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), commands.len() + last.len(), "seed {seed}");
        for holding in held.iter().filter(|holding| holding.account.id.as_str() != "bank") {
            let Account { id, status, credit_lanes, .. } = &holding.account;
            assert!(frozen.contains(holding), "seed {seed}: {id} changed after it was frozen");
            assert_eq!(holding.lanes.len(), usize::from(credit_lanes.count()), "seed {seed}: {id}");
            assert!(holding.lanes.iter().all(|lane| lane.status == *status), "seed {seed}: {id} and its lanes");
            if *status == AccountStatus::Closed {
                closed += 1;
                assert_eq!(holding.balance(), 0, "seed {seed}: {id}");
            }
        }
        statuses_are_told(recorded, &main_items(held), seed);
    }
    assert!(closed > 10 || !is_whole(), "the test closed {closed} accounts only");
}

/// Money that goes round between main item and lanes while they are read doesn't look like a balance that isn't zero.
#[tokio::test(start_paused = true)]
async fn a_sum_is_taken_of_one_moment() {
    for seed in 0..40 {
        let store = MemoryStore::new();
        store.insert_account(account("shop").holding(-5).limit(5).lanes(2));
        store.insert_lane(lane("shop/1", 5));
        let round = async {
            let mut random = fastrand::Rng::with_seed(seed);
            for ix in 0..20 {
                let net = if ix % 2 == 0 { 5 } else { -5 };
                let updates = vec![update("shop", net), update("shop/1", -net)];
                move_by(&store, &any_payment(ix, &mut random), updates).await;
                for _ in 0..random.u32(0..4) {
                    tokio::task::yield_now().await;
                }
            }
        };
        let close = [command("c1", "shop", Action::Close).at(0, 1)];
        let (applied, ()) = tokio::join!(apply_within(&store, &close, 10, seed), round);
        assert_eq!(applied.dispositions, [Disposition::Decided(Ok(()))], "seed {seed}: the sum was zero all along");
    }
}
