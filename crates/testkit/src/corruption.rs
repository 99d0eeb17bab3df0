//! What: Ledgers that don't add up: a clean one, and what a hand does to it that reaches past the ports. Whatever
//! checks a ledger must find each of them, and must name the same things.
//!
//! | module | what it is |
//! |---|---|
//! | `hand` | reaches past the ports of both stores |
//! | `ledger` | the clean ledger |
//!
//! Data: A store in memory or on DynamoDB, and its [`Hand`]. [`CORRUPTIONS`] lists each corruption with the findings
//! that it makes: a name, and what it is about.
#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test stops at the first surprise")]

mod hand;
mod ledger;

use giro::domain::limits::Used;
use giro::domain::{Account, AccountStatus, Balance, Lane, Period, Request, Timestamp};

use crate::given::{self, Setters as _, account, currency, id, lane, legged, payment_in, update};
pub use hand::Hand;
pub use ledger::{DIGEST, Store, clean, letter, settle_all};
use ledger::{commit, request};

/// What a hand does to a clean ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Corruption {
    /// A balance is off by one.
    BalanceOffByOne,
    /// A payment was lost, and its postings stay.
    PaymentLost,
    /// A payment is to an account that isn't there.
    CreditorMissing,
    /// The money of a payment moved twice.
    PaymentDoubled,
    /// A payment took an account below its limit.
    BelowLimit,
    /// A payment is of another currency than its accounts.
    OtherCurrency,
    /// An account can't be read.
    AccountUnreadable,
    /// A payment can't be read.
    PaymentUnreadable,
    /// A dead letter lacks a part.
    PartLost,
    /// A dead letter lacks its first part.
    FirstPartLost,
    /// A lane was lost with what it held.
    LaneLost,
    /// A lane is there that no account counts.
    LaneStray,
    /// A lane is of another currency than its account.
    LaneOfOtherCurrency,
    /// A lane of an open account is frozen.
    LaneFrozen,
    /// A lane owes, and its account doesn't pay from lanes.
    LaneOwes,
    /// A lane takes no payment, and its account has no maximum balance.
    LaneShut,
    /// A lane takes payments beside a maximum balance.
    LaneNotShut,
    /// A frozen account lacks a lane, so that a credit could make it.
    LaneMissing,
    /// A payment took an account above its maximum balance.
    AboveMaximum,
    /// More is used of a window than its payments make.
    WindowOffByOne,
    /// What is used of a window was lost.
    WindowLost,
    /// The item of a further leg was lost.
    LegLost,
    /// The item of a further leg says another amount than its payment.
    LegOther,
    /// A payment with legs was lost, and the items of its further legs stay.
    LeggedLost,
    /// A sum of refunds is too low.
    RefundSumLow,
    /// A sum of refunds is more than was paid.
    RefundSumHigh,
    /// A sum of refunds is there of a payment that isn't.
    RefundSumStray,
    /// A refund was lost, and its postings stay.
    RefundLost,
}

/// Each corruption, with what must be found.
pub const CORRUPTIONS: [(Corruption, &[&str]); 28] = [
    (Corruption::BalanceOffByOne, &["balance account alice", "not_zero currency EUR"]),
    (Corruption::PaymentLost, &["balance account alice", "balance account bob"]),
    (Corruption::CreditorMissing, &["no_account payment p9, account ghost", "not_zero currency EUR"]),
    (Corruption::PaymentDoubled, &["balance account alice", "balance account bob"]),
    (Corruption::BelowLimit, &["below_limit account alice"]),
    (Corruption::OtherCurrency, &["currency payment p9, account alice", "currency payment p9, account bank"]),
    (Corruption::AccountUnreadable, &["not_zero currency EUR", "unreadable table accounts, key \"bob\""]),
    (
        Corruption::PaymentUnreadable,
        &["balance account alice", "balance account bob", "unreadable table payments, key \"p2\""],
    ),
    (Corruption::PartLost, &["dead_letter dead letter payment-requests/0/8/0123456789abcdef"]),
    (Corruption::FirstPartLost, &["dead_letter dead letter payment-requests/0/8/0123456789abcdef"]),
    (Corruption::LaneLost, &["balance account shop", "not_zero currency EUR"]),
    (Corruption::LaneStray, &["stray_lane lane alice/4"]),
    (Corruption::LaneOfOtherCurrency, &["lane lane shop/1", "not_zero currency EUR", "not_zero currency USD"]),
    (Corruption::LaneFrozen, &["lane lane shop/1"]),
    (Corruption::LaneOwes, &["lane lane shop/0"]),
    (Corruption::LaneShut, &["lane lane shop/1"]),
    (Corruption::LaneNotShut, &["lane lane capped/0"]),
    (Corruption::LaneMissing, &["no_lane lane cold/1"]),
    (Corruption::AboveMaximum, &["above_maximum account capped"]),
    (Corruption::WindowOffByOne, &["window account metered"]),
    (Corruption::WindowLost, &["window account metered"]),
    (Corruption::LegLost, &["leg leg l1/3"]),
    (Corruption::LegOther, &["leg leg l1/2"]),
    (
        Corruption::LeggedLost,
        &[
            "balance account bank",
            "balance account fees",
            "balance account merchant",
            "leg leg l1/2",
            "leg leg l1/3",
            "over_refunded payment l1/2",
        ],
    ),
    (Corruption::RefundSumLow, &["refunded payment p6"]),
    (Corruption::RefundSumHigh, &["over_refunded payment p6", "refunded payment p6"]),
    (Corruption::RefundSumStray, &["over_refunded payment p99", "refunded payment p99"]),
    (Corruption::RefundLost, &["balance account bank", "balance account capped", "refunded payment p6"]),
];

impl Corruption {
    /// Does it to a clean ledger.
    pub async fn plant(self, store: &impl Store, hand: &Hand) {
        match self {
            Self::BalanceOffByOne => hand.put_account(more(main_item(store, "alice").await)).await,
            Self::PaymentLost => hand.lose_payment("p2").await,
            Self::CreditorMissing => settled(store, request(9, "p9", "bank", "ghost", 1), &[("bank", -1)]).await,
            Self::PaymentDoubled => commit(store, vec![], vec![update("alice", -3), update("bob", 3)]).await,
            Self::BelowLimit => {
                settled(store, request(9, "p9", "alice", "bank", 13), &[("alice", -13), ("bank", 13)]).await;
            }
            Self::OtherCurrency => {
                let mut dollars = request(9, "p9", "bank", "alice", 1);
                payment_in(&mut dollars).currency = currency("USD");
                settled(store, dollars, &[("bank", -1), ("alice", 1)]).await;
            }
            Self::AccountUnreadable => hand.spoil_account("bob").await,
            Self::PaymentUnreadable => hand.spoil_payment("p2").await,
            Self::PartLost => lose_parts(hand, &[1]).await,
            Self::FirstPartLost => lose_parts(hand, &[0, 1]).await,
            Self::LaneLost => hand.lose_lane("shop/1").await,
            Self::LaneStray => hand.put_lane(Lane::new(&account("alice").unlimited(), 4)).await,
            Self::LaneOfOtherCurrency => hand.put_lane(Lane { currency: currency("USD"), ..lane("shop/1", 2) }).await,
            Self::LaneFrozen => hand.put_lane(Lane { status: AccountStatus::Frozen, ..lane("shop/1", 2) }).await,
            Self::LaneOwes => {
                hand.put_lane(lane("shop/0", -1)).await;
                hand.put_account(more(main_item(store, "shop").await)).await;
            }
            Self::LaneShut => hand.put_lane(Lane { is_shut: true, ..lane("shop/1", 2) }).await,
            Self::LaneNotShut => hand.put_lane(lane("capped/0", 0)).await,
            Self::LaneMissing => hand.lose_lane("cold/1").await,
            Self::AboveMaximum => {
                settled(store, request(9, "p9", "bank", "capped", 100), &[("bank", -100), ("capped", 100)]).await;
            }
            Self::WindowOffByOne => {
                use_window(store, hand, |used| Some(Used { amount: used.amount.saturating_add(1), ..used })).await
            }
            Self::WindowLost => use_window(store, hand, |_| None).await,
            Self::LegLost => hand.lose_leg("l1/3").await,
            Self::LegOther => {
                let other = legged("l1", "bank", &[("bank", "merchant", "EUR", 10), ("merchant", "fees", "EUR", 7)]);
                hand.put_leg(other.further(Timestamp::EPOCH).next().unwrap()).await;
            }
            Self::LeggedLost => hand.lose_payment("l1").await,
            Self::RefundSumLow => hand.put_refund_sum("p6", 3).await,
            Self::RefundSumHigh => hand.put_refund_sum("p6", 10).await,
            Self::RefundSumStray => hand.put_refund_sum("p99", 1).await,
            Self::RefundLost => hand.lose_payment("r1").await,
        }
    }
}

/// Writes a payment as settled, and moves this much on these items, without any rule.
async fn settled(store: &impl Store, request: Request, moves: &[(&str, i128)]) {
    let updates = moves.iter().map(|(item, net)| update(item, *net)).collect();
    commit(store, vec![given::entry(&request, Ok(()))], updates).await;
}

async fn lose_parts(hand: &Hand, parts: &[usize]) {
    for part in parts {
        hand.lose_part(&letter(8, 0).id(), *part).await;
    }
}

/// Changes what is used of a window.
async fn use_window(store: &impl Store, hand: &Hand, to: impl FnOnce(Used) -> Option<Used>) {
    let mut metered = main_item(store, "metered").await;
    let window = metered.limits.as_mut().unwrap().window_mut(Period::Hour).unwrap();
    window.used = window.used.and_then(to);
    hand.put_account(metered).await;
}

async fn main_item(store: &impl Store, name: &str) -> Account {
    store.account(&id(name)).await.unwrap().unwrap().account
}

/// The account with one minor unit more.
fn more(account: Account) -> Account {
    Account { balance: Balance::new(account.balance.minor_units().saturating_add(1)), ..account }
}
