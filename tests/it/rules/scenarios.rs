//! The rules of payments as text, in the language of [`giro_testkit::scenario`]: a ledger, payments on it, and what
//! must come of them.

use giro_testkit::scenario::check;

#[test]
fn a_payment_settles_once() {
    check(
        "account alice EUR 1000
         account bob   EUR    0
         pay k1 alice bob EUR 400   -> settled
         pay k1 alice bob EUR 400   -> replayed
         pay k1 alice bob EUR 500   -> dead-letter payment_id_reused
         pay k2 alice bob EUR 601   -> declined insufficient_funds
         pay k2 alice bob EUR 601   -> replayed
         pay k3 alice bob EUR 600   -> settled
         balances alice 0 bob 1000",
    );
}

#[test]
fn each_decline_reason() {
    check(
        "account alice  EUR 100
         account bob    EUR 0
         account dollar USD 100
         account frozen EUR 100 frozen
         account closed EUR 0 closed
         account rich   EUR 9223372036854775807
         pay k0 alice  alice  EUR 1    -> declined same_account
         pay k1 nobody bob    EUR 1    -> declined debtor_not_found
         pay k2 alice  nobody EUR 1    -> declined creditor_not_found
         pay k3 closed bob    EUR 1    -> declined debtor_closed
         pay k4 alice  closed EUR 1    -> declined creditor_closed
         pay k5 frozen bob    EUR 1    -> declined debtor_frozen
         pay k6 alice  frozen EUR 1    -> declined creditor_frozen
         pay k7 alice  dollar EUR 1    -> declined currency_mismatch
         pay k8 dollar alice  EUR 1    -> declined currency_mismatch
         pay k9 alice  bob    USD 1    -> declined currency_mismatch
         pay ka alice  rich   EUR 1    -> declined balance_overflow
         pay kb alice  bob    EUR 101  -> declined insufficient_funds
         pay kc alice  bob    EUR 100  -> settled
         balances alice 0 bob 100 dollar 100 frozen 100 closed 0",
    );
}

/// Each line holds the reason it names and every later one that can hold beside it; the earlier one is the answer.
#[test]
fn the_first_reason_that_holds_is_the_answer() {
    check(
        "account poor    EUR 0
         account frozen  EUR 0 frozen
         account frozen2 USD 9223372036854775807 frozen
         account closed  USD 0 closed
         account closed2 EUR 9223372036854775807 closed
         account rich    EUR 9223372036854775807
         account rich-us USD 9223372036854775807
         pay k0 nobody  nobody  EUR 1   -> declined same_account
         pay k1 closed  closed  EUR 1   -> declined same_account
         pay k2 frozen  frozen  EUR 1   -> declined same_account
         pay k3 nobody  nobody2 EUR 1   -> declined debtor_not_found
         pay k4 nobody  closed  EUR 1   -> declined debtor_not_found
         pay k5 closed  nobody  EUR 1   -> declined creditor_not_found
         pay k6 frozen  nobody  EUR 1   -> declined creditor_not_found
         pay k7 closed  closed2 EUR 1   -> declined debtor_closed
         pay k8 closed  frozen  EUR 1   -> declined debtor_closed
         pay k9 frozen  closed  EUR 1   -> declined creditor_closed
         pay ka poor    closed2 EUR 1   -> declined creditor_closed
         pay kb frozen  frozen2 EUR 1   -> declined debtor_frozen
         pay kc frozen  rich    EUR 1   -> declined debtor_frozen
         pay kd poor    frozen2 EUR 1   -> declined creditor_frozen
         pay ke poor    rich-us EUR 1   -> declined currency_mismatch
         pay kf poor    rich    USD 1   -> declined currency_mismatch
         pay kg poor    rich    EUR 1   -> declined balance_overflow
         pay kh poor    poor2   EUR 1   -> declined creditor_not_found",
    );
}

#[test]
fn a_debit_may_reach_its_overdraft_limit_and_not_pass_it() {
    check(
        "account alice EUR 10 limit 90
         account deep  EUR -200 limit 90
         account bob   EUR 0
         pay k1 alice bob  EUR 100  -> settled
         pay k2 alice bob  EUR 1    -> declined insufficient_funds
         pay k3 deep  bob  EUR 1    -> declined insufficient_funds
         pay k4 bob   deep EUR 100  -> settled
         pay k5 deep  bob  EUR 1    -> declined insufficient_funds
         balances alice -90 bob 0 deep -100",
    );
}

#[test]
fn a_settlement_account_has_no_limit_but_what_a_balance_can_hold() {
    check(
        "account settlement EUR 0 unlimited
         account bottom     EUR -9223372036854775807 unlimited
         account alice      EUR 0
         pay k1 settlement alice EUR 9007199254740991   -> settled
         pay k2 settlement alice EUR 9007199254740991   -> settled
         pay k3 bottom     alice EUR 2                  -> declined balance_overflow
         pay k4 bottom     alice EUR 1                  -> settled
         balances settlement -18014398509481982 bottom -9223372036854775808 alice 18014398509481983",
    );
}

#[test]
fn an_intermediate_overdraft_counts() {
    check(
        "account alice EUR 5
         account bob   EUR 5
         pay k1 alice bob   EUR 6   -> declined insufficient_funds
         pay k2 bob   alice EUR 5   -> settled
         pay k3 alice bob   EUR 6   -> settled
         pay k4 alice bob   EUR 5   -> declined insufficient_funds
         balances alice 4 bob 6",
    );
}

#[test]
fn an_account_may_receive_and_then_pay_in_one_batch_and_the_reverse() {
    check(
        "account alice EUR 10
         account bob   EUR 0
         account carol EUR 0
         pay k1 bob   carol EUR 10   -> declined insufficient_funds
         pay k2 alice bob   EUR 10   -> settled
         pay k3 bob   carol EUR 10   -> settled
         pay k4 carol alice EUR 10   -> settled
         pay k5 carol alice EUR 1    -> declined insufficient_funds
         balances alice 10 bob 0 carol 0",
    );
}

#[test]
fn a_decline_between_two_accepted_debits_leaves_both() {
    check(
        "account alice EUR 10
         account bob   EUR 0
         pay k1 alice bob EUR 6   -> settled
         pay k2 alice bob EUR 5   -> declined insufficient_funds
         pay k3 alice bob EUR 4   -> settled
         balances alice 0 bob 10",
    );
}

#[test]
fn a_reused_id_moves_nothing_whoever_uses_it() {
    check(
        "account alice EUR 10
         account bob   EUR 10
         pay k1 alice bob   EUR 1   -> settled
         pay k1 bob   alice EUR 1   -> dead-letter payment_id_reused
         pay k1 alice bob   EUR 1   -> replayed
         pay k2 alice nobody EUR 1  -> declined creditor_not_found
         pay k2 alice bob    EUR 1  -> dead-letter payment_id_reused
         balances alice 9 bob 11",
    );
}

#[test]
fn an_account_with_lanes_is_one_account() {
    check(
        "account shop  EUR 1 lanes 0,0,0
         account alice EUR 30
         account bob   EUR 0
         pay k1 alice shop  EUR 10   -> settled
         pay k2 alice shop  EUR 20   -> settled
         pay k3 alice shop  EUR 1    -> declined insufficient_funds
         pay k4 shop  bob   EUR 32   -> declined insufficient_funds
         pay k5 shop  bob   EUR 31   -> settled
         pay k5 shop  bob   EUR 31   -> replayed
         pay k6 shop  bob   EUR 1    -> declined insufficient_funds
         balances shop 0 alice 0 bob 31",
    );
}

#[test]
fn a_debit_spends_what_lanes_hold_before_what_the_batch_credits() {
    check(
        "account shop  EUR 0 lanes 5,7,0
         account alice EUR 10
         account bob   EUR 0
         pay k1 shop  bob   EUR 13  -> declined insufficient_funds
         pay k2 shop  bob   EUR 6   -> settled
         pay k3 alice shop  EUR 10  -> settled
         pay k4 shop  bob   EUR 6   -> settled
         pay k5 shop  bob   EUR 10  -> settled
         pay k6 bob   shop  EUR 22  -> settled
         pay k7 shop  alice EUR 22  -> settled
         balances shop 0 alice 22 bob 0",
    );
}

#[test]
fn lanes_keep_to_the_overdraft_limit_and_to_every_other_rule() {
    check(
        "account shop   EUR -10 limit 10 lanes 4,0
         account bank   EUR 0 unlimited lanes 3
         account ice    EUR 0 frozen lanes 9
         account gone   EUR 0 closed lanes 0
         account dollar USD 0 lanes 0
         account alice  EUR 0
         pay k1 shop  alice  EUR 5   -> declined insufficient_funds
         pay k2 shop  alice  EUR 4   -> settled
         pay k3 shop  alice  EUR 1   -> declined insufficient_funds
         pay k4 bank  alice  EUR 50  -> settled
         pay k5 ice   alice  EUR 1   -> declined debtor_frozen
         pay k6 alice ice    EUR 1   -> declined creditor_frozen
         pay k7 alice gone   EUR 1   -> declined creditor_closed
         pay k8 alice dollar EUR 1   -> declined currency_mismatch
         pay k9 shop  shop   EUR 1   -> declined same_account
         balances shop -10 bank -47 ice 9 alice 54",
    );
}

#[test]
fn two_accounts_with_lanes_pay_each_other() {
    check(
        "account shop EUR 0 lanes 6,0
         account mall EUR 0 lanes 0,0
         pay k1 shop mall EUR 6  -> settled
         pay k2 mall shop EUR 6  -> settled
         pay k3 shop mall EUR 6  -> settled
         pay k4 mall shop EUR 7  -> declined insufficient_funds
         balances shop 0 mall 6",
    );
}
