//! Large accounts are proved in slices: what is proved is the same, nothing of it is lost, and what is wrong is found.

use std::time::Duration;

use giro::audit::moved::{AuditStore, Proof, Settings, prove};
use giro::audit::{Pace, audit};
use giro::domain::audit::{Checkpoint, Draft, Head, LegAnswers, Since, Times};
use giro::domain::limits::WindowLimit;
use giro::domain::{Instruction, Limits, Outcome, Source};
use giro::store::Checkpoints;
use giro_testkit::corruption::{CORRUPTIONS, Corruption, clean};
use giro_testkit::given::{Placed as _, Setters as _, account, eur, id, legged, refund};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

use super::super::request;
use super::corruptions::ROWS;
use super::killed::{clock_from_minute_100, ledger, requests};
use super::{Hand, SETTINGS, found, found_in_all, minute, prove_at, settle_at};
use crate::rules::worlds::seeds;

/// An audit that reads so many postings of an account at once.
async fn in_slices(store: &impl AuditStore, at: i64, postings_at_once: usize) -> Proof {
    let until = Instant::now() + Duration::from_secs(600);
    let settings = Settings { postings_at_once, ..SETTINGS };
    prove(store, || minute(at), Pace::per_second(1_000_000), settings, until).await.unwrap()
}

/// What was proved, but for the times when it was seen.
fn proved(store: &MemoryStore) -> (Vec<Checkpoint>, Vec<Head>, Vec<(String, u64)>) {
    let heads = store.proved_heads().into_iter().map(|head| Head { seen_at: None, ..head }).collect();
    let refunds = store.proved_refunds().into_iter().map(|(total, base)| (total.to_string(), base.sum)).collect();
    (store.proved_checkpoints(), heads, refunds)
}

/// The ledger of `killed`, with payments of six minutes since its checkpoints.
async fn busy(faults: Faults) -> MemoryStore {
    let store = ledger(faults).await;
    for at in 71..76 {
        settle_at(&store, requests(&format!("m{at}")), at).await;
        // A part of an earlier payment goes back in a later slice.
        let (name, original) = (format!("late-{at}"), format!("m{}-2", at - 1));
        settle_at(&store, vec![refund(&name, &original, "shop", Some(1)).at(0, at)], at).await;
    }
    store
}

#[tokio::test(start_paused = true)]
async fn what_slices_prove_is_what_is_proved_at_once() {
    let store = busy(Faults::default()).await;
    let whole = store.copy();
    let at_once = prove_at(&whole, 120).await;
    assert_eq!((found(&at_once).as_str(), at_once.behind), ("", 0));
    for postings_at_once in [1, 2, 3, 5, 8, 13, 21] {
        let store = store.copy();
        let before = store.drafts_written();
        let proof = in_slices(&store, 120, postings_at_once).await;
        assert_eq!((found(&proof).as_str(), proof.behind, &proof.stopped), ("", 0, &None), "{postings_at_once}");
        assert_eq!(proved(&store), proved(&whole), "{postings_at_once}");
        assert_eq!(store.drafts(), [], "{postings_at_once}");
        assert!(store.drafts_written() > before, "{postings_at_once}: no draft was written");
        // What comes later is proved on top of it.
        settle_at(&store, requests("z"), 130).await;
        let next = in_slices(&store, 240, postings_at_once).await;
        assert_eq!((found(&next).as_str(), next.behind), ("", 0), "{postings_at_once}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_sliced_audit_that_is_killed_at_any_call_goes_on_where_it_was() {
    let store = busy(Faults::default()).await;
    let undisturbed = store.copy();
    let before = undisturbed.calls();
    in_slices(&undisturbed, 120, 6).await;
    let calls = undisturbed.calls() - before;
    assert!(calls > 100, "{calls}");
    let mut left = 0;
    for answered in 2..calls {
        let store = store.copy();
        store.answer_only(Some(answered));
        let killed = tokio::time::timeout(Duration::from_secs(60), in_slices(&store, 120, 6)).await;
        assert!(killed.is_err(), "{answered} of {calls} calls");
        store.answer_only(None);
        left += usize::from(!store.drafts().is_empty());
        let rest = in_slices(&store, 130, 6).await;
        assert_eq!((found(&rest).as_str(), rest.behind), ("", 0), "{answered}");
        assert_eq!(proved(&store), proved(&undisturbed), "{answered}");
        // A draft that outlived its head is dropped as soon as its account is looked at.
        let next = in_slices(&store, 240, 6).await;
        assert_eq!((found(&next).as_str(), next.behind, store.drafts()), ("", 0, Vec::new()), "{answered}");
    }
    assert!(left > 10, "{left} were killed beside a draft");
}

/// With errors of the store, with different closed times, and with slices of different lengths.
#[tokio::test(start_paused = true)]
async fn two_sliced_audits_at_once_do_no_harm() {
    for seed in seeds(100, 10) {
        let faults =
            Faults { seed, conflict: 50, throttle: 20, unavailable_after: 50, unread: 20, ..Faults::default() };
        let store = busy(Faults::default()).await.with_other_faults(faults);
        let audit = async |at: i64, waits_ms: u64, postings_at_once: usize| -> Proof {
            let settings = Settings { for_indexes: Duration::from_millis(waits_ms), postings_at_once, ..SETTINGS };
            let until = Instant::now() + Duration::from_secs(600);
            prove(&store, || minute(at), Pace::per_second(1_000_000), settings, until).await.unwrap()
        };
        let later = 120 + i64::try_from(seed % 3).unwrap();
        let (one, other) = tokio::join!(audit(120, seed % 7, 4), audit(later, seed % 5, 9));
        for proof in [one, other] {
            assert_eq!((found(&proof).as_str(), proof.stopped), ("", None), "seed {seed}");
        }
        let rest = in_slices(&store, 240, 5).await;
        assert_eq!((found(&rest).as_str(), rest.behind), ("", 0), "seed {seed}");
        let postings: u64 = store.proved_heads().iter().map(|head| head.checkpoint.postings).sum();
        // Seven times twelve, and the late refunds. The first of these names a payment that isn't there.
        assert_eq!(postings, 7 * 12 + 4 * 2, "seed {seed}");
    }
}

/// The postings of the shop are more than an invocation reads. Each goes on where the one before was, whatever its
/// closed time is.
#[tokio::test(start_paused = true)]
async fn an_account_that_is_too_large_for_an_invocation_is_proved_by_several() {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("a-shop"));
    for at in 0..25 {
        let requests = (0..100).map(|ix| request(ix, &format!("p{at}-{ix}"), "bank", "a-shop", 1)).collect();
        settle_at(&store, requests, at).await;
    }
    let clock = clock_from_minute_100();
    let (mut drafted, mut invocations) = (Vec::new(), 0);
    let last = loop {
        invocations += 1;
        let until = Instant::now() + Duration::from_secs(10);
        let settings = Settings { postings_at_once: 300, ..SETTINGS };
        let proof = prove(&store, &clock, Pace::per_second(15), settings, until).await.unwrap();
        assert_eq!(found(&proof), "");
        drafted.extend(store.drafts().iter().map(Draft::as_of).max());
        if proof.behind == 0 && proof.stopped.is_none() {
            break proof;
        }
        assert!(invocations < 60, "{drafted:?}");
    };
    assert!(invocations > 3 && drafted.is_sorted(), "{invocations} {drafted:?}");
    assert!(last.oldest == last.closed, "{last:?}");
    let heads = store.proved_heads();
    assert!(heads.iter().all(|head| head.checkpoint.postings == 2_500), "{heads:?}");
    assert_eq!(store.drafts(), []);
}

/// Each is found with slices of any length, as long as it isn't mended. Some findings hide others: what is wrong in a
/// slice is told before the balance is compared.
#[tokio::test(start_paused = true)]
async fn each_corruption_is_found_in_slices() {
    for row in &ROWS {
        for (expected, audited) in [(row.newer, 10), (row.older, 60)] {
            for postings_at_once in [1, 3] {
                let store = MemoryStore::new();
                clean(&store).await;
                assert_eq!(found(&in_slices(&store, audited, postings_at_once).await), "");
                row.corruption.plant(&store, &Hand::Memory(store.clone())).await;
                for hours in 1..=2 {
                    let proof = in_slices(&store, audited + 60 * hours, postings_at_once).await;
                    let what = format!("{:?} {audited} {postings_at_once} {hours}: {proof:?}", row.corruption);
                    assert_eq!(proof.stopped, None, "{what}");
                    let lines = found(&proof);
                    let is_known = |line: &str| expected.contains(&line);
                    assert!(lines.lines().all(is_known), "{what}");
                    assert_eq!(lines.is_empty(), expected.is_empty(), "{what}");
                }
            }
        }
    }
    assert_eq!(ROWS.len(), CORRUPTIONS.len());
    assert!(ROWS.iter().any(|row| row.corruption == Corruption::RefundSumHigh));
}

/// A sum of refunds is judged by all refunds since it was proved, in whatever slices they are.
#[tokio::test(start_paused = true)]
async fn a_sum_of_refunds_is_judged_over_all_slices() {
    for (sum, expected) in [(3, ""), (2, "refunded payment p1"), (4, "refunded payment p1"), (0, "refunded payment p1")]
    {
        for postings_at_once in [1, 2, 4, 100] {
            let store = MemoryStore::new();
            store.insert_account(account("bank").unlimited());
            store.insert_account(account("shop"));
            settle_at(&store, vec![request(1, "p1", "bank", "shop", 9)], 10).await;
            for at in [20, 30] {
                let name = format!("r{at}");
                settle_at(&store, vec![refund(&name, "p1", "shop", Some(at / 10 - 1)).at(0, 2)], at as i64).await;
                let other = format!("o{at}");
                settle_at(&store, vec![request(3, &other, "bank", "shop", 1)], at as i64 + 5).await;
            }
            Hand::Memory(store.clone()).put_refund_sum("p1", sum).await;
            for at in [120, 180] {
                let proof = in_slices(&store, at, postings_at_once).await;
                assert_eq!(found(&proof), expected, "{sum} {postings_at_once} {at}");
            }
            // Once it is mended, the account is proved.
            Hand::Memory(store.clone()).put_refund_sum("p1", 3).await;
            let proof = in_slices(&store, 240, postings_at_once).await;
            assert_eq!((found(&proof).as_str(), proof.behind), ("", 0), "{sum} {postings_at_once}");
            assert_eq!(proved(&store).2, [("p1".to_owned(), 3)]);
        }
    }
}

/// An error in a slice is found in each run, and what came before it isn't read again.
#[tokio::test(start_paused = true)]
async fn what_is_wrong_in_a_slice_is_found_until_it_is_mended() {
    let store = busy(Faults::default()).await;
    store.lose_account(&id("fees"));
    for at in [120, 180, 240] {
        let proof = in_slices(&store, at, 4).await;
        assert!(found(&proof).contains("no_account"), "{at}: {}", found(&proof));
        assert!(found(&proof).contains("lost_account account fees"), "{at}: {}", found(&proof));
    }
}

/// What its items show by themselves and what its slices show are looked at apart. Neither hides the other.
#[tokio::test(start_paused = true)]
async fn a_large_account_that_is_wrong_in_two_ways_is_found_in_both() {
    let store = busy(Faults::default()).await;
    store.insert_account(account("alice").holding(-900));
    let legs = store.copy();
    Hand::Memory(legs.clone()).lose_leg("m73-3/3").await;
    for (store, expected) in [
        (store, ["balance account alice", "below_limit account alice"]),
        (legs, ["below_limit account alice", "leg leg m73-3/3"]),
    ] {
        for at in [120, 180] {
            let lines = found(&in_slices(&store, at, 4).await);
            for line in expected {
                assert!(lines.contains(line), "{at}: {line} in\n{lines}");
            }
        }
    }
}

/// Slices take a few places of the pool. So a small account is proved while more large ones than places go on.
#[tokio::test(start_paused = true)]
async fn many_large_accounts_hold_up_no_other() {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    let large: Vec<String> = (0..20).map(|ix| format!("a{ix:02}")).collect();
    large.iter().for_each(|name| store.insert_account(account(name)));
    store.insert_account(account("small"));
    for at in 0..40 {
        let pays = |(ix, name): (i64, &String)| request(ix, &format!("p{at}-{ix}"), "bank", name, 1);
        settle_at(&store, (0..).zip(&large).map(pays).collect(), at).await;
    }
    settle_at(&store, vec![request(1, "one", "bank", "small", 1)], 41).await;
    let settings = Settings { postings_at_once: 2, ..SETTINGS };
    let until = Instant::now() + Duration::from_secs(120);
    let proof = prove(&store, || minute(100), Pace::per_second(10), settings, until).await.unwrap();
    assert!(proof.stopped.is_some() && proof.behind > 10, "{proof:?}");
    assert!(store.proved_heads().iter().any(|head| head.checkpoint.account == id("small")), "{proof:?}");
}

/// What somebody changes behind a draft isn't read again, as behind a checkpoint.
#[tokio::test(start_paused = true)]
async fn what_is_lost_behind_a_draft_is_found_by_all_payments() {
    let store = busy(Faults::default()).await;
    let is_drafted = |draft: &Draft| draft.made.account == id("alice") && draft.as_of() > minute(71);
    while !store.drafts().iter().any(is_drafted) {
        let until = Instant::now() + Duration::from_secs(10);
        let settings = Settings { postings_at_once: 4, ..SETTINGS };
        let proof = prove(&store, || minute(120), Pace::per_second(5), settings, until).await.unwrap();
        assert!(proof.stopped.is_some(), "{proof:?}");
    }
    Hand::Memory(store.clone()).lose_payment("m71-1").await;
    in_slices(&store, 120, 4).await;
    let heads = store.proved_heads();
    let alice = heads.iter().find(|head| head.checkpoint.account == id("alice")).unwrap();
    assert_eq!(alice.checkpoint.as_of, minute(100), "its postings still fit");
    let until = Instant::now() + Duration::from_secs(60);
    let all = audit(&store, Pace::per_second(1_000_000), until).await.unwrap();
    assert!(found_in_all(&all).contains("balance account alice"), "{}", found_in_all(&all));
}

/// The items of a large account that show by themselves that they are wrong are told before its slices begin.
#[tokio::test(start_paused = true)]
async fn a_large_account_below_its_limit_is_found_at_once() {
    let store = busy(Faults::default()).await;
    let alice = account("alice").holding(-900);
    store.insert_account(alice);
    let until = Instant::now() + Duration::from_secs(200);
    let settings = Settings { postings_at_once: 1, ..Settings::default() };
    // It is so slow that no slice of alice is read to its end.
    let proof = prove(&store, || minute(120), Pace::per_second(1), settings, until).await.unwrap();
    assert!(proof.stopped.is_some() && found(&proof).contains("below_limit account alice"), "{proof:?}");
}

/// A draft that was changed, that is of another head, or whose account somebody began anew, is not gone on with.
#[tokio::test(start_paused = true)]
async fn a_draft_that_does_not_fit_is_dropped() {
    let store = busy(Faults::default()).await;
    let whole = store.copy();
    prove_at(&whole, 120).await;
    let head = store.proved_heads().into_iter().find(|head| head.checkpoint.account == id("alice")).unwrap();
    let made = Checkpoint { balance: 1_000, as_of: minute(72), ..head.checkpoint.clone() };
    let chain = head.checkpoint.chain();
    for (what, previous, as_of) in
        [("of no head", None, 72), ("of another head", Some(made.chain()), 72), ("older", Some(chain), 40)]
    {
        let store = store.copy();
        let made = Checkpoint { previous, as_of: minute(as_of), ..made.clone() };
        store.write_draft(&Draft { made, refunds: [].into() }).await.unwrap();
        let proof = in_slices(&store, 120, 5).await;
        assert_eq!((found(&proof).as_str(), proof.behind), ("", 0), "{what}");
        assert_eq!((proved(&store), store.drafts()), (proved(&whole), Vec::new()), "{what}");
    }
    let spoiled = store.copy();
    spoiled.spoil_draft(&id("alice"));
    assert_eq!(found(&in_slices(&spoiled, 120, 5).await), "");
    assert_eq!(proved(&spoiled), proved(&whole));
    // One that fits is gone on with, whatever it says. Its balance is compared in the end, and then it is dropped.
    let forged = store.copy();
    let made = Checkpoint { previous: Some(chain), ..made };
    forged.write_draft(&Draft { made, refunds: [].into() }).await.unwrap();
    assert_eq!(found(&in_slices(&forged, 120, 5).await), "balance account alice");
    assert_eq!(forged.drafts(), []);
    let proof = in_slices(&forged, 180, 5).await;
    assert_eq!((found(&proof).as_str(), proof.behind), ("", 0));
}

/// An account that isn't large costs no call more than before there were slices.
#[tokio::test(start_paused = true)]
async fn an_ordinary_account_is_read_once() {
    let store = busy(Faults::default()).await;
    let other = store.copy();
    let (one, two) = (prove_at(&store, 120).await, in_slices(&other, 120, 1_000).await);
    assert_eq!((one.read_milliunits, one.postings), (two.read_milliunits, two.postings));
    assert_eq!((store.calls(), store.drafts_written()), (other.calls(), 0));
}

/// What is kept of payments with legs doesn't grow with their number, but for an account with windows.
#[test]
fn the_ids_of_payments_with_legs_are_kept_for_windows_alone() {
    let window = Some(WindowLimit { amount: None, count: Some(9) });
    let limits = Limits { windows: [window, None, None], ..Limits::NONE };
    for (account, expected) in [(account("alice"), 0), (account("alice").limits(limits), 50)] {
        let times = Times::look(minute(40), minute(50));
        let mut since = Since::new(&account, None, times);
        for ix in 0..50 {
            let legs = [("alice", "shop", "EUR", 3), ("alice", "fees", "EUR", 2)];
            let request = legged(&format!("p{ix}"), "alice", &legs).at(0, ix);
            let Instruction::Legged(payment) = &request.instruction else { panic!("it has legs") };
            let further = payment.further(minute(10));
            let outcome = Outcome {
                requested_by: None,
                trace: None,
                repayment: None,
                decision: Ok(()),
                declined_leg: None,
                decided_at: minute(10),
                limits_version: None,
                source: Source { topic: "t".into(), partition: 0, offset: ix },
                instruction: request.instruction.clone(),
            };
            since.payment("debits".parse().unwrap(), &outcome, |_| Some(eur()));
            let mut answers = LegAnswers::default();
            further.for_each(|leg| answers.leg(leg));
            since.told(&answers);
        }
        assert_eq!((since.kept(), since.count(), since.found()), (expected, 50, &[][..]));
    }
}
