//! What payments with legs move, and when they are declined.

mod counted;
mod naive;
mod races;

use giro_testkit::scenario::check;

/// A customer, a shop, a platform that takes fees, and accounts of the bank without a limit.
const ACCOUNTS: &str = "
    account alice  EUR 100 limit 0
    account bob    EUR 20 limit 0
    account shop   EUR 0 limit 0
    account fees   EUR 0 limit 0
    account bank   EUR 0 unlimited
    account fx-eur EUR 0 unlimited
    account fx-usd USD 0 unlimited
    account carol  USD 5 limit 0
";

fn legs(text: &str) {
    check(&format!("{ACCOUNTS}\n{text}"));
}

#[test]
fn a_split_pays_several_creditors() {
    legs(
        "legs p1 alice  alice shop EUR 70  alice bob EUR 30 -> settled
         balances alice 0 shop 70 bob 50",
    );
    // The last leg is short by one, so nothing moves.
    legs(
        "legs p1 alice  alice shop EUR 70  alice bob EUR 31 -> declined insufficient_funds leg 2
         pay  p2 alice shop EUR 100 -> settled
         balances alice 0 shop 100 bob 20",
    );
    // The same account twice on a side.
    legs(
        "legs p1 alice  alice shop EUR 40  alice shop EUR 60 -> settled
         legs p2 shop  shop bob EUR 50  shop bob EUR 51 -> declined insufficient_funds leg 2
         balances alice 0 shop 100",
    );
}

#[test]
fn a_fee_is_taken_from_what_was_just_received() {
    legs(
        "legs p1 alice  alice shop EUR 60  shop fees EUR 2 -> settled
         balances alice 40 shop 58 fees 2
         after shop EUR 58 0 open v2",
    );
    // Its own money doesn't count, however much it has.
    legs(
        "pay  p0 bank shop EUR 1000 -> settled
         legs p1 alice  alice shop EUR 60  shop fees EUR 61 -> declined leg_debtor_not_allowed leg 2
         balances alice 100 shop 1000 fees 0",
    );
    // What an account received counts once.
    legs(
        "legs p1 alice  alice shop EUR 60  shop fees EUR 40  shop bob EUR 20 -> settled
         legs p2 alice  alice shop EUR 40  shop fees EUR 30  shop bob EUR 11 -> declined leg_debtor_not_allowed leg 3
         balances alice 40 shop 0 fees 40 bob 40",
    );
    // Only earlier legs count.
    legs(
        "legs p1 alice  shop fees EUR 2  alice shop EUR 60 -> declined leg_debtor_not_allowed leg 1
         balances alice 100 shop 0",
    );
}

#[test]
fn a_chain_passes_money_on() {
    legs(
        "legs p1 alice  alice bob EUR 50  bob shop EUR 50  shop fees EUR 50 -> settled
         balances alice 50 bob 20 shop 0 fees 50",
    );
    // The middle is short, although bob has money of his own.
    legs(
        "legs p1 alice  alice bob EUR 50  bob shop EUR 51 -> declined leg_debtor_not_allowed leg 2
         balances alice 100 bob 20 shop 0",
    );
    // A chain that comes back: what the debtor receives, it may spend.
    legs(
        "legs p1 alice  alice bob EUR 100  bob alice EUR 60  alice shop EUR 60 -> settled
         balances alice 0 bob 60 shop 60",
    );
    legs(
        "legs p1 alice  alice bob EUR 100  bob alice EUR 60  alice shop EUR 61 -> declined insufficient_funds leg 3
         balances alice 100 bob 20 shop 0",
    );
}

#[test]
fn two_currencies_go_through_accounts_without_a_limit() {
    legs(
        "legs p1 alice  alice fx-eur EUR 50  fx-usd carol USD 55 -> settled
         balances alice 50 fx-eur 50 fx-usd -55 carol 60",
    );
    legs(
        "legs p1 alice  alice fx-eur EUR 50  fx-usd carol EUR 55 -> declined currency_mismatch leg 2
         legs p2 alice  alice fx-eur EUR 50  fx-eur carol USD 55 -> declined currency_mismatch leg 2
         legs p3 alice  fx-usd carol USD 55  alice fx-eur EUR 50 -> settled
         balances alice 50 fx-eur 50 fx-usd -55 carol 60",
    );
    // An account with a limit lends to nobody.
    legs(
        "legs p1 alice  alice fx-eur EUR 50  carol fx-usd USD 5 -> declined leg_debtor_not_allowed leg 2
         balances alice 100 carol 5",
    );
}

#[test]
fn any_leg_declines_all_of_them() {
    legs(
        "freeze c1 shop -> applied
         legs p1 alice  alice bob EUR 5  alice shop EUR 5 -> declined creditor_frozen leg 2
         legs p2 alice  alice bob EUR 5  bob fees EUR 1  shop fees EUR 1 -> declined debtor_frozen leg 3
         legs p3 alice  alice bob EUR 5  alice nobody EUR 5 -> declined creditor_not_found leg 2
         legs p4 alice  alice bob EUR 5  nobody bob EUR 5 -> declined debtor_not_found leg 2
         legs p5 alice  alice bob EUR 5  bob bob EUR 5 -> declined same_account leg 2
         legs p6 nobody  nobody bob EUR 5  bob shop EUR 5 -> declined debtor_not_found leg 1
         balances alice 100 bob 20 shop 0",
    );
}

/// The reasons of a leg come before those of the next, whatever their own order.
#[test]
fn the_first_leg_that_has_a_reason_gives_it() {
    legs(
        "legs p1 alice  alice shop EUR 101  alice alice EUR 1 -> declined insufficient_funds leg 1
         legs p2 alice  shop bob EUR 1  alice alice EUR 1 -> declined leg_debtor_not_allowed leg 1
         legs p3 alice  alice shop EUR 1  alice alice EUR 1 -> declined same_account leg 2",
    );
}

/// A balance that is too large in the middle counts, though a later leg would take it back.
#[test]
fn a_balance_that_overflows_in_the_middle_declines() {
    let most = i64::MAX;
    check(&format!(
        "account alice EUR 100 limit 0
         account full  EUR {most} limit 0
         account fees  EUR 0 limit 0
         account owes  EUR -{most} unlimited
         legs p1 alice  alice full EUR 1  full fees EUR 1 -> declined balance_overflow leg 1
         pay  p2 full fees EUR 1 -> settled
         legs p3 alice  alice full EUR 1  full fees EUR 1 -> settled
         balances alice 99 fees 2"
    ));
}

#[test]
fn limits_hold_for_the_sum_of_the_debtors_legs_once() {
    legs(
        "set_limits c1 alice payment 50 day 60 2 -> applied
         legs p1 alice  alice shop EUR 30  alice bob EUR 21 -> declined payment_limit leg 2
         legs p2 alice  alice shop EUR 30  alice bob EUR 20  shop fees EUR 30 -> settled
         legs p3 alice  alice shop EUR 5  alice bob EUR 6 -> declined velocity_limit day leg 2
         legs p4 alice  alice shop EUR 5  bank bob EUR 900 -> settled
         legs p5 alice  alice shop EUR 1  alice bob EUR 1 -> declined velocity_limit day leg 1
         limits alice v1 payment 50 day 60 2 1970-01-01T00:00:00.000Z 55 2
         balances alice 45 bob 940",
    );
    // The limits of an account in the middle don't hold.
    legs(
        "set_limits c1 shop payment 1 day 1 1 -> applied
         legs p1 alice  alice shop EUR 60  shop fees EUR 50 -> settled
         limits shop v1 payment 1 day 1 1 unused
         balances shop 10",
    );
    // A maximum holds for each credit, also if a later leg takes it back.
    legs(
        "set_limits c1 shop balance 50 -> applied
         legs p1 alice  alice shop EUR 51  shop fees EUR 2 -> declined balance_limit leg 1
         legs p2 alice  alice shop EUR 50  shop fees EUR 2 -> settled
         balances shop 48",
    );
}

#[test]
fn a_payment_has_one_outcome() {
    legs(
        "legs p1 alice  alice shop EUR 60  shop fees EUR 2 -> settled
         legs p1 alice  alice shop EUR 60  shop fees EUR 2 -> replayed
         legs p1 alice  alice shop EUR 60  shop fees EUR 3 -> dead-letter payment_id_reused
         pay  p1 alice shop EUR 60 -> dead-letter payment_id_reused
         balances alice 40 shop 58 fees 2",
    );
}

#[test]
fn lanes_take_the_net_of_an_account_in_the_middle() {
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 7 limit 0 lanes 0,0
         account fees  EUR 0 limit 0 lanes 0
         legs p1 alice  alice shop EUR 60  shop fees EUR 2 -> settled
         balances alice 40 shop 65 fees 2
         after shop EUR 7 0 open v1
         lanes fees open 2 v2",
    );
    // A debit of the shop gathers what the batch credits, and what legs took back with it.
    check(
        "account alice EUR 100 limit 0
         account shop  EUR 0 limit 0 lanes 0,0
         account fees  EUR 0 limit 0
         legs p1 alice  alice shop EUR 60  shop fees EUR 2 -> settled
         pay  p2 shop fees EUR 58 -> settled
         pay  p3 shop fees EUR 1 -> declined insufficient_funds
         balances alice 40 shop 0 fees 60",
    );
    // The debtor spends what an earlier leg gives it, from its lanes.
    check(
        "account bank  EUR 0 unlimited
         account shop  EUR 0 limit 0 lanes 5,0
         account fees  EUR 0 limit 0
         legs p1 shop  bank shop EUR 60  shop fees EUR 65 -> settled
         legs p2 shop  bank shop EUR 60  shop fees EUR 61 -> declined insufficient_funds leg 2
         balances bank -60 shop 0 fees 65",
    );
    // A leg from an account that pays from lanes.
    check(
        "account alice EUR 100 limit 0
         account bank  EUR 0 unlimited pays lanes 0,0
         account carol EUR 0 limit 0
         legs p1 alice  alice bank EUR 10  bank carol EUR 30 -> settled
         legs p2 alice  alice bank EUR 10  bank carol EUR 5 -> settled
         balances alice 80 bank -15 carol 35
         after bank EUR 0 unlimited open v1",
    );
}

#[test]
fn a_declined_payment_leaves_lanes_as_they_were() {
    check(
        "account alice EUR 0 limit 0 lanes 50,0
         account shop  EUR 0 limit 0 lanes 0
         legs p1 alice  alice shop EUR 40  shop nobody EUR 1 -> declined creditor_not_found leg 2
         legs p2 alice  alice shop EUR 40  alice shop EUR 10 -> settled
         balances alice 0 shop 50",
    );
}

#[test]
fn a_leg_is_refunded_by_its_number() {
    legs(
        "legs   p1 alice  alice shop EUR 60  shop fees EUR 2 -> settled
         refund r1 p1 shop 10 -> declined refund_mismatch
         refund r2 p1/1 fees 2 -> declined refund_mismatch
         refund r3 p1/3 fees 2 -> declined refund_mismatch
         refund r4 p1/2 fees 3 -> declined exceeds_refundable
         refund r5 p1/2 fees all -> settled
         refund r6 p1/1 shop 50 -> settled
         refund r7 p1/1 shop 11 -> declined exceeds_refundable
         refund r8 p1/1 shop all -> settled
         refund r9 p1/2 fees all -> declined exceeds_refundable
         refunded p1/1 60 p1/2 2
         balances alice 100 shop 0 fees 0",
    );
    legs(
        "pay    p1 alice shop EUR 60 -> settled
         legs   p2 alice  alice shop EUR 60  shop fees EUR 2 -> declined insufficient_funds leg 1
         refund r1 p1/1 shop 10 -> declined refund_mismatch
         refund r2 p2/1 shop 10 -> declined original_not_settled
         refund r3 p2 shop 10 -> declined original_not_settled
         refund r4 p1 shop 10 -> settled
         refunded p1 10",
    );
}

/// A worker that read an account without a limit is refused once it has one.
#[test]
fn an_account_that_gets_a_limit_lends_no_more() {
    check(
        "account alice EUR 100 limit 0
         account bank  EUR 0 unlimited
         account carol EUR 0 limit 0
         legs p1 alice  alice bank EUR 10  bank carol EUR 30 -> settled
         set_overdraft_limit c1 bank 20 -> applied
         legs p2 alice  alice bank EUR 10  bank carol EUR 11 -> declined leg_debtor_not_allowed leg 2
         legs p3 alice  alice bank EUR 10  bank carol EUR 10 -> settled
         balances alice 80 bank -20 carol 40",
    );
}
