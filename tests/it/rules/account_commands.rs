//! Account commands: the rules as text, in the language of [`giro_testkit::scenario`].

mod beside_payments;
mod rests_on;

use std::time::Duration;

use giro::account_commands::{Applied, apply};
use giro::domain::account_command::{AccountChange, Action, Policy, decide};
use giro::domain::{CommandRequest, Timestamp};
use giro::settle::{Backoff, Disposition};
use giro::store::{AccountLedger, StoreError};
use giro_testkit::given::{Placed as _, Setters as _, account, command, id};
use giro_testkit::memory_store::{Faults, MemoryStore};
use giro_testkit::scenario::check;
use proptest::prelude::*;
use tokio::time::Instant;

use crate::wire::account_command::any_account_command;

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
         account bob EUR 0
         after bob EUR 0 0 closed v3",
    );
}

/// An owner is set and taken away while the account is open or frozen, and no payment minds.
#[test]
fn an_account_has_an_owner() {
    check(
        "account bank EUR 0 unlimited
         open      c1 alice EUR 0 owner ann  -> applied
         open      c2 alice EUR 0 owner ann  -> applied
         open      c3 alice EUR 0 owner bob  -> refused account_exists
         open      c4 alice EUR 0            -> refused account_exists
         set_owner c5 alice ann              -> applied
         after alice EUR 7 0 frozen v5
         set_owner c6 alice none             -> applied
         set_owner c7 alice none             -> applied
         pay p1 bank alice EUR 7             -> settled
         freeze    c8 alice                  -> applied
         set_owner c9 alice bob              -> applied
         owner alice bob
         open      o1 shop EUR 0 2 owner sue -> applied
         owner shop sue
         owner bank none
         set_owner c10 nobody ann            -> refused account_not_found
         open      d1 done EUR 0 owner ann   -> applied
         close     d2 done                   -> applied
         set_owner d3 done bob               -> refused account_closed
         owner done ann",
    );
}

#[test]
fn refusals() {
    check(
        "account rich   EUR  1
         account poor   EUR -5 limit 9
         account frozen EUR -5 limit 9 frozen
         account closed EUR  0 closed
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
        "account poor EUR -5 limit 9
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
         lanes shop closed 0 v3 closed 0 v3 closed 0 v3",
    );
    check(
        "account plain EUR 0
         add_lanes c1 plain 1        -> applied
         after plain EUR 0 0 open v2
         lanes plain",
    );
}

#[test]
fn an_account_is_closed_when_main_item_and_lanes_sum_to_zero() {
    check(
        "account shop EUR 0 lanes 0,7
         close c1 shop               -> refused balance_not_zero
         after shop EUR 0 0 open v1
         lanes shop open 0 v1 open 7 v1
         account even EUR -7 limit 10 frozen lanes 3,4
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
         account full EUR 0 lanes 98x0,1
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
        "account wide EUR 0 lanes frozen:0,99x0
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

/// Applies commands as an invocation does that has so many seconds.
async fn apply_within(ledger: &impl AccountLedger, commands: &[CommandRequest], seconds: u64, seed: u64) -> Applied {
    let until = Instant::now() + Duration::from_secs(seconds);
    let policy = Policy::default();
    apply(ledger, commands, policy, until, || Timestamp::EPOCH, || Backoff::with_seed(seed)).await
}

#[tokio::test(start_paused = true)]
async fn a_command_on_an_account_that_cannot_be_read_waits_and_no_other() {
    let (store, began) = (MemoryStore::new(), Instant::now());
    store.plant_corrupt_account(&id("broken"));
    store.insert_account(account("alice"));
    let commands = [command("c1", "broken", Action::Freeze).at(0, 1), command("c2", "alice", Action::Freeze).at(0, 2)];
    let applied = apply_within(&store, &commands, 1, 1).await;
    assert_eq!(applied.dispositions, [Disposition::Unfinished, Disposition::Decided(Ok(()))]);
    assert!(matches!(applied.error, Some(StoreError::Corrupt(_))));
    assert_eq!(began.elapsed(), Duration::from_secs(1), "somebody may have mended it");
}

#[tokio::test(start_paused = true)]
async fn time_that_is_up_leaves_commands_unfinished_and_in_order() {
    let store = MemoryStore::with_faults(Faults { throttle: 1_000, ..Faults::default() });
    let began = Instant::now();
    let commands = [command("c1", "alice", Action::Freeze).at(0, 1), command("c2", "alice", Action::Unfreeze).at(0, 2)];
    let applied = apply_within(&store, &commands, 3, 1).await;
    assert_eq!(applied.dispositions, [Disposition::Unfinished, Disposition::Unfinished]);
    assert!(matches!(applied.error, Some(StoreError::Throttled(_))));
    assert!(began.elapsed() <= Duration::from_secs(3));
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    /// An open account never becomes one that owes more than it may, whatever the command.
    #[test]
    fn no_command_leaves_a_balance_below_its_limit(command in any_account_command(), balance in -30_i64..30, had in 0_u64..30) {
        let before = account("a").holding(balance).limit(had);
        prop_assume!(before.overdraft_limit.allows(before.balance));
        if let Ok(change) = decide(&command, Some(&before), &[], Policy::default(), Timestamp::EPOCH) {
            prop_assert!(!matches!(change, AccountChange::Open(_)));
            let after = change.applied_to(Some(before)).unwrap();
            prop_assert!(after.overdraft_limit.allows(after.balance));
        }
    }
}
