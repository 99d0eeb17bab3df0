//! What a decline for insufficient funds rests on. In each case money comes at the worst time, between read and write,
//! and must not be missed. In the language of [`giro_testkit::scenario`].

use giro_testkit::scenario::check;

/// Found by the simulation, seed 1795613906040. The earlier debit committed after a credit on a lane, and the decline
/// beside it rested on the lanes from before.
#[test]
fn a_decline_after_a_debit_sees_what_came_onto_a_lane_before_the_debit() {
    check(
        "account shop EUR 100 lanes 0,0
         account bob  EUR 0
         pay k0 shop bob EUR 90   -> settled
         pay k1 shop bob EUR 50   -> settled
         before commit 1 shop/1 50",
    );
}

/// Nothing came: the decline stands.
#[test]
fn a_decline_after_a_debit_of_an_account_with_lanes_stands() {
    check(
        "account shop EUR 100 lanes 0,0
         account bob  EUR 0
         pay k0 shop bob EUR 90   -> settled
         pay k1 shop bob EUR 50   -> declined insufficient_funds
         pay k2 shop bob EUR 7    -> settled
         pay k3 shop bob EUR 4    -> declined insufficient_funds
         pay k4 shop bob EUR 5    -> declined insufficient_funds
         pay k5 shop bob EUR 3    -> settled
         pay k6 shop bob EUR 1    -> declined insufficient_funds",
    );
}

/// The shop always had 110. 50 went from a lane to the main item after the read of the main item, and before that of
/// the lane.
#[test]
fn lanes_and_main_item_are_of_one_moment() {
    check(
        "account shop EUR 60 lanes 0,0
         account bob  EUR 0
         pay k0 shop bob EUR 65   -> settled
         before accounts 1 shop/0 50
         before lanes 1    shop/0 -50 shop 50",
    );
}

/// The shop had 60 in all. The transaction that brought 50 splits one call into two. Between them 10 come onto the lane
/// that was read, and 10 go from the main item.
#[test]
fn a_confirmation_in_two_calls_is_of_one_moment() {
    check(
        "account shop EUR 10 lanes 0,0
         account bob  EUR 0
         pay k0 shop bob EUR 60   -> settled
         pay k1 shop bob EUR 1    -> declined insufficient_funds
         before together 1      ~shop/1 50
         before together-done 1 shop -10 shop/0 10",
    );
}

/// Found by the simulation, seed 3329701388: a sweep brought 60 from a lane to the main item, and was seen on the lane
/// alone. The shop had 60 all along.
#[test]
fn a_sweep_that_is_seen_half_is_no_lack_of_money() {
    check(
        "account shop EUR 0 lanes 0,0
         account bob  EUR 0
         pay k0 shop bob EUR 50   -> settled
         before accounts 1 shop/0 60
         before lanes 1    ~shop 60 shop/0 -60",
    );
}

/// Found by the simulation, seed 14843283246173. A transaction was seen on its debtor's item, and an answer rested on
/// that. A record that was delivered after that answer didn't yet see the transaction on its creditor's item.
#[test]
fn what_somebody_was_answered_on_is_seen_on_every_item() {
    for (debtor, item) in [("a", "~a"), ("shop", "~shop"), ("shop", "~shop/1")] {
        check(&format!(
            "account a    EUR 0
             account shop EUR 0 lanes 0,0
             account bob  EUR 0
             pay k0 {debtor} bob EUR 50   -> settled
             pay k1 {debtor} bob EUR 1    -> declined insufficient_funds
             before accounts 1 {item} 50"
        ));
    }
}

/// One that can't pay is asked for once more, all of them in one call, and whoever can pay isn't.
#[test]
fn all_that_cannot_pay_are_confirmed_in_one_call() {
    check(
        "account a   EUR 9
         account x   EUR 2
         account y   EUR 4
         account z   EUR 5
         account bob EUR 0
         pay k0 a bob EUR 3   -> settled
         pay k1 a bob EUR 3   -> settled
         pay k2 x bob EUR 3   -> declined insufficient_funds
         pay k3 y bob EUR 5   -> declined insufficient_funds
         pay k4 a bob EUR 3   -> settled
         pay k5 z bob EUR 5   -> settled
         calls accounts together together-done commit",
    );
}

/// What a debit of the same plan pins isn't asked for: `a` is short after its debit only.
#[test]
fn a_decline_after_a_debit_of_its_plan_needs_no_read() {
    check(
        "account a   EUR 9
         account bob EUR 0
         pay k0 a bob EUR 7   -> settled
         pay k1 a bob EUR 3   -> declined insufficient_funds
         pay k2 a bob EUR 2   -> settled
         calls accounts commit",
    );
}

/// The same after fifty payments of `a` that fill a transaction, so that what is asked for stands in the next.
fn check_after_a_full_transaction(text: &str) {
    let creditors = (0..49).map(|ix| format!("account c{ix} EUR 0\n"));
    let filling = (0..50).map(|ix| format!("pay f{ix} a c{} EUR 1 -> settled\n", ix % 49));
    let filling: String = creditors.chain(filling).collect();
    check(&(filling + text));
}

/// A decline that waits for the transaction before it: money that came before that one is there when it is decided.
#[test]
fn a_decline_in_the_next_transaction_sees_what_came_before_the_first() {
    let opened = "account a EUR 50\naccount x EUR 0\n";
    check_after_a_full_transaction(&format!("{opened}pay k0 a x EUR 40 -> settled\nbefore commit 1 a 50"));
    check_after_a_full_transaction(&format!("{opened}pay k0 a x EUR 40 -> declined insufficient_funds"));
}

/// A debit counted on a credit that then fails. Money from before an earlier transaction of the same batch covers it,
/// and only a new read shows that.
#[test]
fn a_decline_of_a_later_round_sees_what_came_before_an_earlier_one() {
    check_after_a_full_transaction(
        "account a EUR 50
         account x EUR 0
         account y EUR 40
         pay k0 y a EUR 40   -> declined insufficient_funds
         pay k1 a x EUR 40   -> settled
         before commit 1 a 50
         before commit 2 y -40",
    );
}
