//! What an account's limits allow, what counts in its windows, and which commands set them.

mod counted;
mod half_way;
mod naive;

use giro_testkit::scenario::check;

const TIME: &str = "clock 2026-11-29T23:30:00Z";

/// An account of 1,000 and one of none, at half past eleven in the evening.
fn at_night(text: &str) {
    check(&format!(
        "account alice EUR 1000 limit 0
         account bob   EUR 0 limit 0
         account bank  EUR 0 unlimited
         {TIME}
         {text}"
    ));
}

#[test]
fn a_payment_may_be_too_large() {
    at_night(
        "set_limits c1 alice payment 60 -> applied
         pay p1 alice bob EUR 60 -> settled
         pay p2 alice bob EUR 61 -> declined payment_limit
         pay p3 bob alice EUR 60 -> settled
         limits alice v1 payment 60
         balances alice 1000 bob 0",
    );
}

#[test]
fn payments_of_a_period_may_take_so_much_and_be_so_many() {
    at_night(
        "set_limits c1 alice hour 100 - day - 3 -> applied
         pay p1 alice bob EUR 60 -> settled
         pay p2 alice bob EUR 41 -> declined velocity_limit hour
         pay p3 alice bob EUR 40 -> settled
         pay p4 alice bob EUR 1 -> declined velocity_limit hour
         limits alice v1 hour 100 - 2026-11-29T23:00:00.000Z 100 2 day - 3 2026-11-29T00:00:00.000Z 100 2
         balances alice 900 bob 100",
    );
    at_night(
        "set_limits c1 alice hour 100 - day - 2 -> applied
         pay p1 alice bob EUR 1 -> settled
         pay p2 alice bob EUR 1 -> settled
         pay p3 alice bob EUR 1 -> declined velocity_limit day
         pay p4 alice bob EUR 99 -> declined velocity_limit hour",
    );
    at_night(
        "set_limits c1 alice day 0 - -> applied
         pay p1 alice bob EUR 1 -> declined velocity_limit day
         limits alice v1 day 0 - unused",
    );
}

/// The first millisecond of a period belongs to it, and the last one of the period before doesn't.
#[test]
fn a_window_begins_anew_with_its_period() {
    at_night(
        "set_limits c1 alice hour 100 - day 150 - month 160 - -> applied
         pay p1 alice bob EUR 100 -> settled
         clock 2026-11-29T23:59:59.999Z
         pay p2 alice bob EUR 1 -> declined velocity_limit hour
         clock 2026-11-30T00:00:00Z
         pay p3 alice bob EUR 60 -> settled
         pay p4 alice bob EUR 1 -> declined velocity_limit month
         clock 2026-11-30T23:59:59.999Z
         pay p5 alice bob EUR 1 -> declined velocity_limit month
         clock 2026-12-01T00:00:00Z
         pay p6 alice bob EUR 100 -> settled
         limits alice v1 hour 100 - 2026-12-01T00:00:00.000Z 100 1 day 150 - 2026-12-01T00:00:00.000Z 100 1 month 160 - 2026-12-01T00:00:00.000Z 100 1",
    );
}

/// A worker's clock may be behind another's. Its payments count in the period that the other has begun.
#[test]
fn no_window_goes_back() {
    at_night(
        "set_limits c1 alice hour 100 - day 150 - -> applied
         clock 2026-11-30T00:00:00Z
         pay p1 alice bob EUR 60 -> settled
         clock 2026-11-29T23:59:59.999Z
         pay p2 alice bob EUR 41 -> declined velocity_limit hour
         pay p3 alice bob EUR 40 -> settled
         limits alice v1 hour 100 - 2026-11-30T00:00:00.000Z 100 2 day 150 - 2026-11-30T00:00:00.000Z 100 2",
    );
}

#[test]
fn what_was_declined_or_came_back_does_not_count() {
    at_night(
        "set_limits c1 alice payment 90 hour 100 2 -> applied
         pay p1 alice bob EUR 91 -> declined payment_limit
         pay p2 alice nobody EUR 90 -> declined creditor_not_found
         pay p3 alice bob USD 90 -> declined currency_mismatch
         pay p4 alice bob EUR 80 -> settled
         pay p4 alice bob EUR 80 -> replayed
         refund r1 p4 bob all -> settled
         pay p5 alice bob EUR 21 -> declined velocity_limit hour
         limits alice v1 payment 90 hour 100 2 2026-11-29T23:00:00.000Z 80 1",
    );
    // A refund takes no part of its debtor's limits either.
    at_night(
        "pay p1 alice bob EUR 500 -> settled
         set_limits c1 bob payment 1 hour 1 1 -> applied
         refund r1 p1 bob 400 -> settled
         limits bob v1 payment 1 hour 1 1 unused",
    );
}

#[test]
fn reasons_come_in_their_order() {
    at_night(
        "set_limits c1 alice payment 2000 hour 1500 - -> applied
         set_limits c2 bob balance 100 -> applied
         pay p1 alice alice EUR 9999 -> declined same_account
         pay p2 alice bob EUR 2001 -> declined payment_limit
         pay p3 alice bob EUR 1501 -> declined velocity_limit hour
         pay p4 alice bob EUR 1500 -> declined balance_limit
         pay p5 alice bob EUR 100 -> settled
         set_limits c3 bob -> applied
         pay p6 alice bob EUR 1000 -> declined insufficient_funds",
    );
}

#[test]
fn an_account_holds_no_more_than_its_maximum() {
    at_night(
        "set_limits c1 bob balance 100 -> applied
         pay p1 alice bob EUR 60 -> settled
         pay p2 alice bob EUR 41 -> declined balance_limit
         pay p3 alice bob EUR 40 -> settled
         pay p4 bob alice EUR 30 -> settled
         pay p5 alice bob EUR 31 -> declined balance_limit
         pay p6 alice bob EUR 30 -> settled
         balances bob 100",
    );
    // A refund is a credit too.
    at_night(
        "pay p1 alice bob EUR 500 -> settled
         set_limits c1 alice balance 600 -> applied
         refund r1 p1 bob 101 -> declined balance_limit
         refund r2 p1 bob all -> declined balance_limit
         refund r3 p1 bob 501 -> declined exceeds_refundable
         refund r4 p1 bob 100 -> settled",
    );
}

/// The maximum needs one item that knows the whole balance: lanes give what they hold, and take no payment.
#[test]
fn an_account_with_a_maximum_is_on_its_main_item_alone() {
    at_night(
        "account shop EUR 10 limit 0 lanes 5,0,7
         set_limits c1 shop balance 21 -> refused balance_above_limit
         set_limits c2 shop balance 30 -> applied
         pay p1 alice shop EUR 9 -> declined balance_limit
         pay p2 alice shop EUR 8 -> settled
         pay p3 shop alice EUR 30 -> settled
         pay p4 shop alice EUR 1 -> declined insufficient_funds
         add_lanes c3 shop 4 -> applied
         freeze c4 shop -> applied
         unfreeze c5 shop -> applied
         limits shop v1 balance 30
         lanes shop shut open 0 v4 shut open 0 v4 shut open 0 v4 shut open 0 v3",
    );
    at_night(
        "account shop EUR 10 limit 0 lanes 5,0
         set_limits c1 shop balance 30 hour - 9 -> applied
         set_limits c2 shop hour - 9 -> applied
         pay p1 alice shop EUR 50 -> settled
         pay p2 shop alice EUR 65 -> settled
         limits shop v2 hour - 9 2026-11-29T23:00:00.000Z 65 1
         balances shop 0",
    );
}

#[test]
fn more_lanes_than_fit_one_transaction_are_shut_while_the_account_is_frozen() {
    at_night(
        "account shop EUR 10 limit 0 lanes 120x3
         set_limits c1 shop balance 1000 -> refused not_frozen
         set_limits c2 shop hour 5 - -> applied
         freeze c3 shop -> applied
         set_limits c4 shop balance 369 -> refused balance_above_limit
         set_limits c5 shop balance 370 -> applied
         set_limits c6 shop balance 370 -> applied
         unfreeze c7 shop -> applied
         pay p1 alice shop EUR 1 -> declined balance_limit
         pay p2 shop alice EUR 370 -> settled
         set_limits c8 shop -> refused not_frozen
         freeze c9 shop -> applied
         set_limits c10 shop -> applied
         unfreeze c11 shop -> applied
         pay p3 alice shop EUR 371 -> settled
         limits shop v3
         balances shop 371",
    );
}

#[test]
fn commands_replace_all_limits_and_keep_what_was_used() {
    at_night(
        "set_limits c1 alice day 100 - -> applied
         pay p1 alice bob EUR 60 -> settled
         set_limits c2 alice hour 50 - day 90 - -> applied
         pay p2 alice bob EUR 31 -> declined velocity_limit day
         pay p3 alice bob EUR 30 -> settled
         set_limits c3 alice hour 50 - day 90 - -> applied
         set_limits c4 alice month - 1 -> applied
         limits alice v3 month - 1 unused",
    );
    at_night(
        "set_limits c1 alice month - 1 -> applied
         pay p1 alice bob EUR 500 -> settled
         pay p2 alice bob EUR 1 -> declined velocity_limit month
         set_limits c2 alice -> applied
         set_limits c3 alice -> applied
         pay p3 alice bob EUR 500 -> settled
         limits alice v2",
    );
    // A limit below what is used already declines what follows.
    at_night(
        "set_limits c1 alice day 100 - -> applied
         pay p1 alice bob EUR 60 -> settled
         set_limits c2 alice day 10 - -> applied
         pay p2 alice bob EUR 1 -> declined velocity_limit day
         limits alice v2 day 10 - 2026-11-29T00:00:00.000Z 60 1",
    );
}

#[test]
fn limits_need_an_overdraft_limit() {
    at_night(
        "set_limits c1 bank payment 5 -> refused limits_need_overdraft_limit
         set_limits c2 bank hour 5 - -> refused limits_need_overdraft_limit
         set_limits c3 bank balance 5 -> refused limits_need_overdraft_limit
         set_limits c4 bank -> applied
         set_limits c5 alice payment 5 -> applied
         set_overdraft_limit c6 alice unlimited -> refused limits_need_overdraft_limit
         set_overdraft_limit c7 alice 10 -> applied
         set_limits c8 alice -> applied
         set_overdraft_limit c9 alice unlimited -> applied
         set_limits c10 nobody payment 5 -> refused account_not_found
         freeze c11 bob -> applied
         set_limits c12 bob payment 5 -> applied
         close c13 bob -> applied
         set_limits c14 bob -> refused account_closed",
    );
}

/// Somebody else's payment uses a window up, or begins it, after the account was read.
#[test]
fn a_window_that_moved_meanwhile_is_looked_at_again() {
    check(&format!(
        "account alice EUR 1000 limit 0
         account bob   EUR 0 limit 0
         {TIME}
         set_limits c1 alice hour 100 - -> applied
         pay p1 alice bob EUR 50 -> settled
         clock 2026-11-30T00:10:00Z
         pay p2 alice bob EUR 100 -> settled
         pay p3 alice bob EUR 1 -> declined velocity_limit hour
         limits alice v1 hour 100 - 2026-11-30T00:00:00.000Z 100 1"
    ));
}
