//! What a decision rests on: money moves between what a command reads and what it writes.

use giro::store::Ledger;
use giro_testkit::scenario::check;

/// The last of the money is paid out while the limit is being set. The condition on the limit lets that pass, so
/// closing finds another balance than the one that was read.
#[test]
fn a_command_after_another_looks_at_the_account_again() {
    check(
        "account bank EUR -7 unlimited
         account shop EUR 7
         set_overdraft_limit c1 shop 5   -> applied
         close               c2 shop     -> applied
         before command 1 shop -7 bank 7",
    );
}

/// A refusal changes nothing, but is written only if its preconditions hold. Here they held at the read, and hold no
/// longer.
#[test]
fn a_refusal_holds_when_it_is_written() {
    for (what, opened, asked, written) in [
        ("money is paid out", "7 limit 9", "close c1 shop", "shop -7"),
        ("a debt is paid", "-7 limit 9", "close c1 shop", "shop 7"),
        ("a debt is paid in part", "-7 limit 9", "set_overdraft_limit c1 shop 5", "shop 2"),
        ("a lane is swept and paid out", "0 limit 9 lanes 0,7", "close c1 shop", "shop/1 -7"),
        ("a debt is paid on a lane", "-7 limit 9 lanes 3,0", "close c1 shop", "shop/1 4"),
        ("lanes are swept for a debt", "-3 limit 9 lanes 2,7", "close c1 shop", "shop/1 -7 shop 1"),
    ] {
        check(&format!("# {what}\naccount shop EUR {opened}\n{asked} -> applied\nbefore command 1 {written}"));
    }
}

/// Payments that leave the reason standing don't keep a refusal from being written.
#[test]
fn money_that_comes_in_does_not_hold_up_a_refusal() {
    for (opened, written) in [("7 limit 9 lanes 0,0", "shop 1 shop/0 1"), ("0 limit 9 lanes 2,7", "shop/1 1 shop/0 1")]
    {
        let store = check(&format!(
            "account shop EUR {opened}
             close c1 shop -> refused balance_not_zero
             before command 1 {written}"
        ));
        assert_eq!((store.usage().transactions, store.usage().cancelled), (1, 0), "the first try was written");
    }
}

/// Payments move what lanes hold between each read and each try, although they were asked to wait. After twelve tries
/// the answer says what helps. So a freeze behind the command is applied.
#[test]
fn a_command_that_rests_on_lanes_which_never_rest_asks_for_a_freeze() {
    let meddling = |tries: std::ops::RangeInclusive<u32>| -> String {
        tries.map(|nth| format!("\nbefore command {nth} bank/0 1 bank/1 -1")).collect()
    };
    for asked in ["set_overdraft_limit c1 bank 5", "close c1 bank"] {
        let opened = "account bank EUR 0 unlimited lanes -1,1";
        check(&format!("{opened}\n{asked} -> applied{}", meddling(1..=12)));
        check(&format!(
            "{opened}\n{asked} -> refused not_frozen\nfreeze c2 bank -> applied\n\
             after bank EUR 0 unlimited frozen v2{}",
            // The third step asks payments to wait.
            meddling(1..=13)
        ));
        // Nothing moves on a frozen account, so a command that was cancelled for another reason is tried again.
        let frozen = "account bank EUR 0 unlimited frozen lanes -1,1";
        check(&format!("{frozen}\n{asked} -> applied{}", meddling(1..=5)));
    }
}
