//! A command that shuts or opens very many lanes stops half-way, and is never finished. Then unfreezing the account
//! puts its lanes right.

use std::time::Duration;

use giro::account_commands::apply;
use giro::domain::account_command::{Action, DecidedCommand, Policy, decide};
use giro::domain::{CommandRequest, Holding, Lane, Limits, Timestamp};
use giro::settle::{Backoff, Disposition};
use giro::store::{AccountLedger, CommandCommit, LedgerQueries};
use giro_testkit::given::{Placed as _, command, id};
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::scenario::ledger;
use tokio::time::Instant;

const LANES: u16 = 120;

fn maximum(most: u64) -> Action {
    Action::SetLimits(Limits { max_balance: Some(most), ..Limits::NONE })
}

async fn held(store: &MemoryStore) -> Holding {
    store.account(&id("shop")).await.unwrap().unwrap()
}

/// Commits only the first step of a command.
async fn begin(store: &MemoryStore, action: Action) {
    let Holding { account, lanes } = held(store).await;
    let request: CommandRequest = command("c-half", "shop", action).at(0, 1);
    let policy = Policy { accepts_limits: true, ..Policy::default() };
    let decision = decide(&request.command, Some(&account), &lanes, policy, Timestamp::EPOCH);
    let decided = DecidedCommand { request: &request, decision, decided_at: Timestamp::EPOCH };
    let steps = decided.steps();
    assert!(steps.len() > 1, "{decided:?}");
    assert_eq!(store.commit_command(&steps[0]).await, Ok(CommandCommit::Applied));
}

async fn ask(store: &MemoryStore, name: &str, action: Action) -> Disposition<Result<(), giro::domain::Refusal>> {
    let until = Instant::now() + Duration::from_secs(10);
    let requests = [command(name, "shop", action).at(0, 2)];
    let policy = Policy { accepts_limits: true, ..Policy::default() };
    let backoff = || Backoff::with_seed(1);
    apply(store, &requests, policy, until, || Timestamp::EPOCH, backoff).await.dispositions.remove(0)
}

fn shut(lanes: &[Lane]) -> usize {
    lanes.iter().filter(|lane| lane.is_shut).count()
}

#[tokio::test(start_paused = true)]
async fn lanes_that_were_shut_for_a_maximum_that_never_came_are_opened_with_the_account() {
    let store = ledger(&format!("account shop EUR 10 limit 0 frozen lanes {LANES}x3"));
    begin(&store, maximum(1_000)).await;
    assert_eq!(shut(&held(&store).await.lanes), 98);
    assert_eq!(ask(&store, "c1", Action::Unfreeze).await, Disposition::Decided(Ok(())));
    let after = held(&store).await;
    assert_eq!((shut(&after.lanes), after.balance()), (0, i128::from(10 + 3 * LANES)));
}

#[tokio::test(start_paused = true)]
async fn lanes_that_were_opened_beside_a_maximum_that_stayed_are_shut_with_the_account() {
    let store = ledger(&format!("account shop EUR 10 limit 0 frozen lanes {LANES}x0"));
    assert_eq!(ask(&store, "c1", maximum(1_000)).await, Disposition::Decided(Ok(())));
    begin(&store, Action::SetLimits(Limits::NONE)).await;
    assert_eq!(shut(&held(&store).await.lanes), usize::from(LANES) - 98);
    assert_eq!(ask(&store, "c2", Action::Unfreeze).await, Disposition::Decided(Ok(())));
    assert_eq!(shut(&held(&store).await.lanes), usize::from(LANES));
}
