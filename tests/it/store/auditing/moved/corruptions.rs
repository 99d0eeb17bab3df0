//! Each corruption is planted after an audit has written checkpoints. Then it is found by the next, or it stands in the
//! table of those that only an audit of all payments finds.

use giro::store::{LedgerQueries, Read};
use giro_testkit::corruption::{self, CORRUPTIONS, Corruption, clean};
use giro_testkit::given::{Placed as _, id, refund};
use giro_testkit::memory_store::MemoryStore;

use super::super::{audit_within, request};
use super::{AuditStore, Hand, found, found_in_all, minute, prove_at, settle_at};

trait Store: corruption::Store + AuditStore + LedgerQueries {}
impl<S: corruption::Store + AuditStore + LedgerQueries> Store for S {}

/// What the scheduled audit finds of a corruption.
pub(super) struct Row {
    pub(super) corruption: Corruption,
    /// It is planted in a ledger without a closed payment: all of them are newer than the checkpoints.
    pub(super) newer: &'static [&'static str],
    /// It is planted in a ledger whose payments are all in checkpoints.
    pub(super) older: &'static [&'static str],
}

const fn row(corruption: Corruption, newer: &'static [&'static str], older: &'static [&'static str]) -> Row {
    Row { corruption, newer, older }
}

/// It is found wherever it is planted.
const fn both(corruption: Corruption, found: &'static [&'static str]) -> Row {
    row(corruption, found, found)
}

const LETTER: &str = "dead_letter dead letter payment-requests/0/8/0123456789abcdef";

/// docs/auditing.md has the same, by kinds. What an audit of all payments finds of each stands in [`CORRUPTIONS`].
/// `not_zero` isn't here: the sums of checkpoints are judged once every account is proved.
pub(super) const ROWS: [Row; 28] = [
    both(Corruption::BalanceOffByOne, &["balance account alice"]),
    row(Corruption::PaymentLost, &["balance account alice", "balance account bob"], &[]),
    row(Corruption::CreditorMissing, &["no_account payment p9, account ghost"], &["balance account bank"]),
    both(Corruption::PaymentDoubled, &["balance account alice", "balance account bob"]),
    row(
        Corruption::BelowLimit,
        &["below_limit account alice"],
        &["balance account alice", "balance account bank", "below_limit account alice"],
    ),
    row(
        Corruption::OtherCurrency,
        &["currency payment p9, account alice", "currency payment p9, account bank"],
        &["balance account alice", "balance account bank"],
    ),
    both(Corruption::AccountUnreadable, &["unreadable table accounts, key \"bob\""]),
    row(Corruption::PaymentUnreadable, &["balance account alice", "balance account bob"], &[]),
    both(Corruption::PartLost, &[LETTER]),
    both(Corruption::FirstPartLost, &[LETTER]),
    both(Corruption::LaneLost, &["balance account shop"]),
    both(Corruption::LaneStray, &["stray_lane lane alice/4"]),
    both(Corruption::LaneOfOtherCurrency, &["lane lane shop/1"]),
    both(Corruption::LaneFrozen, &["lane lane shop/1"]),
    both(Corruption::LaneOwes, &["lane lane shop/0"]),
    both(Corruption::LaneShut, &["lane lane shop/1"]),
    both(Corruption::LaneNotShut, &["lane lane capped/0"]),
    both(Corruption::LaneMissing, &["no_lane lane cold/1"]),
    row(
        Corruption::AboveMaximum,
        &["above_maximum account capped"],
        &["above_maximum account capped", "balance account bank", "balance account capped"],
    ),
    both(Corruption::WindowOffByOne, &["window account metered"]),
    both(Corruption::WindowLost, &["window account metered"]),
    row(Corruption::LegLost, &["balance account bank", "balance account merchant", "leg leg l1/3"], &[]),
    row(Corruption::LegOther, &["balance account fees", "balance account merchant", "leg leg l1/2"], &[]),
    row(
        Corruption::LeggedLost,
        &[
            "balance account bank",
            "balance account merchant",
            "leg leg l1/2",
            "leg leg l1/3",
            "over_refunded payment l1/2",
        ],
        &[],
    ),
    row(Corruption::RefundSumLow, &["refunded payment p6"], &[]),
    row(Corruption::RefundSumHigh, &["over_refunded payment p6", "refunded payment p6"], &[]),
    row(Corruption::RefundSumStray, &[], &[]),
    row(Corruption::RefundLost, &["balance account bank", "balance account capped"], &[]),
];

/// All payments of the clean ledger are of minute 0. An audit at this minute proves accounts before them.
const BEFORE_ALL: i64 = 10;
/// An audit at this minute proves them with all payments.
const AFTER_ALL: i64 = 60;

/// Plants a corruption after an audit at this minute, and asks what the next two find, an hour apart. It is found as
/// long as it isn't mended.
async fn corrupt(store: &impl Store, hand: &Hand, corruption: Corruption, audited: i64) -> [String; 2] {
    clean(store).await;
    let proof = prove_at(store, audited).await;
    assert_eq!((found(&proof).as_str(), proof.behind, proof.moved), ("", 0, 9));
    corruption.plant(store, hand).await;
    let mut texts = [String::new(), String::new()];
    for (text, hours) in texts.iter_mut().zip(1..) {
        let proof = prove_at(store, audited + 60 * hours).await;
        assert_eq!(proof.stopped, None);
        *text = found(&proof);
    }
    texts
}

#[tokio::test(start_paused = true)]
async fn each_corruption_is_found_in_memory() {
    for Row { corruption, newer, older } in ROWS {
        for (expected, audited) in [(newer, BEFORE_ALL), (older, AFTER_ALL)] {
            let store = MemoryStore::new();
            let texts = corrupt(&store, &Hand::Memory(store.clone()), corruption, audited).await;
            let expected = expected.join("\n");
            assert_eq!(texts, [expected.clone(), expected], "{corruption:?} {audited}");
            // The table of both audits: the other one finds each, whatever has checkpoints.
            let all = CORRUPTIONS.iter().find(|(of, _)| *of == corruption).unwrap().1.join("\n");
            assert_eq!(found_in_all(&audit_within(&store, 60).await), all, "{corruption:?}");
        }
    }
}

#[tokio::test]
async fn each_corruption_is_found_on_dynamodb() {
    for Row { corruption, newer, older } in ROWS {
        for (expected, audited) in [(newer, BEFORE_ALL), (older, AFTER_ALL)] {
            let engine = giro_testkit::engine::Engine::start().await.unwrap();
            let (store, hand) = (engine.ledger(), Hand::Dynamo(engine.client(), engine.tables().clone()));
            let texts = corrupt(&store, &hand, corruption, audited).await;
            let expected = expected.join("\n");
            assert_eq!(texts, [expected.clone(), expected], "{corruption:?} {audited}");
        }
    }
}

/// Runs each case on both stores, on a ledger of its own.
macro_rules! on_both {
    ($($case:ident)*) => {$(
        mod $case {
            #[tokio::test(start_paused = true)]
            async fn memory() {
                let store = super::MemoryStore::new();
                super::$case(&store, &super::Hand::Memory(store.clone())).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                let engine = giro_testkit::engine::Engine::start().await.unwrap();
                let (store, hand) = (engine.ledger(), super::Hand::Dynamo(engine.client(), engine.tables().clone()));
                super::$case(&store, &hand).await;
            }
        }
    )*};
}

on_both! {
    a_clean_ledger_is_proved_and_only_what_moved_is_read_again
    corruptions_of_heads_and_checkpoints_are_found
    an_account_that_was_lost_is_found
    a_sum_of_refunds_is_found_with_the_next_refund
}

/// The next two audits, an hour apart, find this: it is found as long as it isn't mended.
async fn check(store: &impl Store, at: &mut i64, expected: &str) {
    for _ in 0..2 {
        *at += 60;
        let proof = prove_at(store, *at).await;
        assert_eq!((found(&proof).as_str(), proof.stopped), (expected, None), "minute {at}");
    }
}

async fn a_clean_ledger_is_proved_and_only_what_moved_is_read_again(store: &impl Store, _: &Hand) {
    clean(store).await;
    let first = prove_at(store, 10).await;
    assert_eq!((found(&first).as_str(), first.behind, first.accounts), ("", 0, 9));
    let again = prove_at(store, 15).await;
    assert_eq!((found(&again).as_str(), again.behind), ("", 0), "postings after the closed time are pending");
    let proof = prove_at(store, 60).await;
    assert_eq!((found(&proof).as_str(), proof.behind, proof.letters), ("", 0, 2));
    // Six payments and two refunds have two sides each, and l1 has six.
    assert_eq!((proof.postings, proof.widest), (22, 0));
    assert_eq!((proof.closed, proof.oldest), (Some(minute(40)), Some(minute(40))));
    let rest = prove_at(store, 120).await;
    assert_eq!((rest.moved, rest.postings, rest.behind, rest.closed), (0, 0, 0, Some(minute(100))), "nothing moved");
    // The next payment is proved from there.
    settle_at(store, vec![request(17, "n5", "alice", "bob", 1)], 125).await;
    let last = prove_at(store, 180).await;
    assert_eq!((found(&last).as_str(), last.moved, last.postings, last.behind), ("", 2, 2, 0));
    let Ok(Read::Found(newest)) = store.checkpoint(&id("bob"), minute(160)).await else { panic!("it was written") };
    let Ok(Read::Found(before)) = store.checkpoint(&id("bob"), minute(159)).await else { panic!("it was written") };
    assert_eq!((newest.balance, newest.postings, newest.previous), (4, 2, Some(before.chain())));
    // All payments, from the first on, say the same.
    assert_eq!(found_in_all(&audit_within(store, 60).await), "");
}

async fn corruptions_of_heads_and_checkpoints_are_found(store: &impl Store, hand: &Hand) {
    clean(store).await;
    let mut at = 60;
    prove_at(store, at).await;
    settle_at(store, vec![request(17, "n5", "alice", "bob", 1)], at).await;
    let all = "checkpoint account alice";
    let Ok(Read::Found(head)) = store.head(&id("alice")).await else { panic!("it is there") };
    hand.spoil_head(&head).await;
    check(store, &mut at, all).await;
    hand.lose_head("alice").await;
    check(store, &mut at, all).await;
    // Without either, the account is proved from its first posting.
    hand.lose_checkpoints("alice").await;
    check(store, &mut at, "").await;
    settle_at(store, vec![request(18, "n6", "alice", "bob", 1)], at + 1).await;
    hand.lose_checkpoints("bob").await;
    let proof = prove_at(store, at + 60).await;
    assert_eq!(found(&proof), "checkpoint account bob");
}

async fn an_account_that_was_lost_is_found(store: &impl Store, hand: &Hand) {
    clean(store).await;
    let mut at = 60;
    prove_at(store, at).await;
    let bob = store.account(&id("bob")).await.unwrap().unwrap().account;
    hand.lose_account("bob").await;
    check(store, &mut at, "lost_account account bob").await;
    hand.put_account(bob).await;
    check(store, &mut at, "").await;
}

/// A sum that is older than the checkpoint isn't read again, until the next refund of that payment.
async fn a_sum_of_refunds_is_found_with_the_next_refund(store: &impl Store, hand: &Hand) {
    clean(store).await;
    let mut at = 60;
    prove_at(store, at).await;
    hand.put_refund_sum("p6", 3).await;
    check(store, &mut at, "").await;
    settle_at(store, vec![refund("r3", "p6", "capped", Some(1)).at(0, 31)], at + 1).await;
    check(store, &mut at, "refunded payment p6").await;
}
