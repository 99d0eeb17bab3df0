//! An audit that is killed at any call goes on where it was, and two at once do no harm.

use std::cell::Cell;
use std::time::Duration;

use giro::account_commands::apply;
use giro::audit::Pace;
use giro::audit::moved::{Proof, Settings, prove};
use giro::domain::account_command::{Action, Policy};
use giro::domain::audit::{AuditRun, Head};
use giro::domain::limits::WindowLimit;
use giro::domain::{Limits, Request, Timestamp};
use giro::settle::{Backoff, Disposition};
use giro::store::Checkpoints;
use giro_testkit::given::{self, Placed as _, Setters as _, account, command, refund};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

use super::super::request;
use super::{MINUTE_MS, SETTINGS, found, minute, prove_at, settle_at};
use crate::rules::worlds::seeds;

/// Payments, legs and refunds at this minute, each with a name that begins so.
pub(super) fn requests(name: &str) -> Vec<Request> {
    let legs = [("alice", "shop", "EUR", 3), ("shop", "fees", "EUR", 1), ("alice", "fees", "EUR", 2)];
    vec![
        request(1, &format!("{name}-1"), "bank", "alice", 20),
        request(2, &format!("{name}-2"), "alice", "shop", 4),
        given::legged(&format!("{name}-3"), "alice", &legs).at(0, 3),
        refund(&format!("{name}-4"), &format!("{name}-2"), "shop", Some(2)).at(0, 4),
    ]
}

/// A ledger with checkpoints of minute 40, and payments of every kind since then.
pub(super) async fn ledger(faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    for account in [account("bank").unlimited(), account("alice"), account("shop").lanes(2), account("fees")] {
        store.insert_account(account);
    }
    settle_at(&store, requests("a"), 10).await;
    assert_eq!(found(&prove_at(&store, 60).await), "");
    settle_at(&store, requests("b"), 70).await;
    store
}

/// All heads, but for when their items were seen. That was now or in the invocation before.
fn heads(store: &MemoryStore) -> Vec<Head> {
    let heads = store.proved_heads();
    assert!(heads.iter().all(|head| head.seen_at == Some(minute(120)) || head.seen_at == Some(minute(130))));
    heads.into_iter().map(|head| Head { seen_at: None, ..head }).collect()
}

#[tokio::test(start_paused = true)]
async fn an_audit_that_is_killed_at_any_call_goes_on_where_it_was() {
    let store = ledger(Faults::default()).await;
    let undisturbed = store.copy();
    let before = undisturbed.calls();
    let whole = prove_at(&undisturbed, 120).await;
    let calls = undisturbed.calls() - before;
    assert!(calls > 30, "{calls}");
    for answered in 0..calls {
        let store = store.copy();
        store.answer_only(Some(answered));
        let killed = tokio::time::timeout(Duration::from_secs(60), prove_at(&store, 120)).await;
        assert!(killed.is_err(), "{answered} of {calls} calls");
        store.answer_only(None);
        // The next invocation comes later, and goes on with the same closed time, if the run was written.
        let rest = prove_at(&store, if answered < 2 { 120 } else { 130 }).await;
        assert_eq!((found(&rest).as_str(), rest.behind), ("", 0), "{answered}");
        assert_eq!(rest.closed, whole.closed, "{answered}");
        assert_eq!(store.proved_checkpoints(), undisturbed.proved_checkpoints(), "{answered}");
        assert_eq!(heads(&store), heads(&undisturbed), "{answered}");
        assert_eq!(store.proved_refunds(), undisturbed.proved_refunds(), "{answered}");
    }
}

/// With errors of the store, and with different closed times.
#[tokio::test(start_paused = true)]
async fn two_audits_at_once_do_no_harm() {
    for seed in seeds(100, 10) {
        let faults =
            Faults { seed, conflict: 50, throttle: 20, unavailable_after: 50, unread: 20, ..Faults::default() };
        let store = ledger(Faults::default()).await.with_other_faults(faults);
        let audit = async |at: i64, waits_ms: u64| -> Proof {
            let settings = Settings { for_indexes: Duration::from_millis(waits_ms), ..SETTINGS };
            let until = Instant::now() + Duration::from_secs(600);
            prove(&store, || minute(at), Pace::per_second(1_000_000), settings, until).await.unwrap()
        };
        let (one, other) = tokio::join!(audit(120, seed % 7), audit(120 + i64::try_from(seed % 3).unwrap(), seed % 5));
        for proof in [one, other] {
            assert_eq!((found(&proof).as_str(), proof.stopped), ("", None), "seed {seed}");
            // Who isn't behind is proved up to its closed time, also if another audit was faster.
            let earlier = store.proved_heads().into_iter().filter(|head| Some(head.checkpoint.as_of) < proof.closed);
            assert!(earlier.count() <= proof.behind, "seed {seed}");
        }
        settle_at(&store, requests("c"), 130).await;
        let rest = prove_at(&store, 240).await;
        assert_eq!((found(&rest).as_str(), rest.behind), ("", 0), "seed {seed}");
        for account in ["bank", "alice", "shop", "fees"] {
            let of_account = store.proved_checkpoints();
            let chain = of_account.iter().filter(|checkpoint| checkpoint.account.as_str() == account);
            let mut before = None;
            for checkpoint in chain {
                assert_eq!(checkpoint.previous, before, "seed {seed}, {account}");
                before = Some(checkpoint.chain());
            }
        }
    }
}

/// Sets limits, and audits a minute later.
async fn limited_and_proved(store: &MemoryStore, limits: Limits) -> Proof {
    let until = Instant::now() + Duration::from_secs(10);
    let policy = Policy { accepts_limits: true, ..Policy::default() };
    let requests = [command("c1", "alice", Action::SetLimits(limits)).at(0, 9)];
    let applied = apply(store, &requests, policy, until, || minute(121), || Backoff::with_seed(1)).await;
    assert_eq!(applied.dispositions, [Disposition::Decided(Ok(()))]);
    prove_at(store, 121).await
}

/// An audit has read an account. Then limits are taken away, and another audit proves the account. The first must not
/// judge what it has read by the checkpoint of the other.
#[tokio::test(start_paused = true)]
async fn items_are_never_older_than_the_checkpoint_that_judges_them() {
    let window = Some(WindowLimit { amount: Some(500), count: None });
    let limits = Limits { windows: [window, window, window], ..Limits::NONE };
    let interrupted = Cell::new(0);
    for call in 1..20 {
        let store = MemoryStore::new();
        store.insert_account(account("bank").unlimited());
        store.insert_account(account("alice").limit(1_000).limits(limits));
        settle_at(&store, vec![request(1, "p1", "alice", "bank", 20)], 10).await;
        assert_eq!(found(&prove_at(&store, 60).await), "");
        settle_at(&store, vec![request(2, "p2", "alice", "bank", 5)], 70).await;
        let calls = Cell::new(0);
        let clock = || {
            calls.set(calls.get() + 1);
            if calls.get() == call {
                let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build();
                let other = || runtime.unwrap().block_on(limited_and_proved(&store, Limits::NONE));
                let proof = std::thread::scope(|scope| scope.spawn(other).join().unwrap());
                assert_eq!((found(&proof).as_str(), proof.behind), ("", 0), "{call}");
                interrupted.set(interrupted.get() + 1);
            }
            minute(120)
        };
        let until = Instant::now() + Duration::from_secs(600);
        let proof = prove(&store, clock, Pace::per_second(1_000_000), SETTINGS, until).await.unwrap();
        assert_eq!(found(&proof), "", "{call}");
    }
    assert!(interrupted.get() > 5, "{interrupted:?}");
}

/// Heads are written together. One that can't be written holds up no other, and is not told as written.
#[tokio::test(start_paused = true)]
async fn a_head_that_is_never_written_holds_up_no_other() {
    let store = ledger(Faults::default()).await;
    let alice = given::id("alice");
    store.hold_head(Some(&alice));
    let until = Instant::now() + Duration::from_secs(60);
    let pace = Pace::per_second(1_000_000);
    let proof = prove(&store, || minute(120), pace, SETTINGS, until).await.unwrap();
    assert_eq!((found(&proof).as_str(), proof.behind, proof.closed), ("", 1, Some(minute(100))));
    assert!(proof.stopped.is_some(), "it has tried to the end");
    for head in store.proved_heads() {
        let is_held = head.checkpoint.account == alice;
        assert_eq!(head.checkpoint.as_of, minute(if is_held { 40 } else { 100 }), "{}", head.checkpoint.account);
    }
    assert_eq!(proof.oldest, Some(minute(40)));
    store.hold_head(None);
    let rest = prove_at(&store, 120).await;
    assert_eq!((found(&rest).as_str(), rest.behind), ("", 0));
}

/// No call that writes heads ever succeeds.
#[tokio::test(start_paused = true)]
async fn nothing_is_told_as_proved_if_no_head_is_written() {
    let faults = Faults { seed: 1, conflict: 1_000, ..Faults::default() };
    let store = ledger(Faults::default()).await;
    let before = store.proved_heads();
    let store = store.with_other_faults(faults);
    let until = Instant::now() + Duration::from_secs(60);
    let proof = prove(&store, || minute(120), Pace::per_second(1_000_000), SETTINGS, until).await.unwrap();
    assert!(Instant::now() <= until && proof.stopped.is_some());
    assert_eq!((found(&proof).as_str(), proof.behind, proof.oldest), ("", proof.moved, Some(minute(40))));
    assert!(proof.moved >= 3 && store.proved_heads() == before);
}

/// A clock that shows minute 100 now.
pub(super) fn clock_from_minute_100() -> impl Fn() -> Timestamp {
    let began = Instant::now();
    move || {
        let ms = i64::try_from(began.elapsed().as_millis()).unwrap();
        Timestamp::try_from_millis(100 * MINUTE_MS + ms).unwrap()
    }
}

/// Its postings are more than an invocation reads. All others are proved, and the next run has a later closed time.
#[tokio::test(start_paused = true)]
async fn an_account_that_is_too_large_holds_up_no_other() {
    let store = MemoryStore::new();
    store.insert_account(account("bank").unlimited());
    store.insert_account(account("a-shop"));
    let requests = (0..2_500).map(|ix| request(ix, &format!("p{ix}"), "bank", "a-shop", 1)).collect();
    settle_at(&store, requests, 10).await;
    for ix in 0..40 {
        store.insert_account(account(&format!("c{ix}")));
    }
    settle_at(&store, vec![request(9_000, "other", "c0", "c1", 1)], 11).await;
    let clock = clock_from_minute_100();
    let mut behind = Vec::new();
    for _ in 0..12 {
        let until = Instant::now() + Duration::from_secs(10);
        let proof = prove(&store, &clock, Pace::per_second(15), SETTINGS, until).await.unwrap();
        assert_eq!(found(&proof), "");
        assert!(proof.stopped.is_some(), "the large ones are not through");
        behind.push((proof.closed.unwrap().millis() - 80 * MINUTE_MS, proof.behind));
    }
    let (closed, count) = *behind.last().unwrap();
    assert!(count == 2 && closed > 10_000, "{behind:?}");
    // An invocation that reads more proves them.
    let proof = prove_at(&store, 200).await;
    assert_eq!((found(&proof).as_str(), proof.behind, proof.stopped), ("", 0, None));
}

/// `/run` may be spoiled, too. A time that isn't closed is not taken from it.
#[tokio::test(start_paused = true)]
async fn a_run_of_a_time_that_is_not_closed_is_not_gone_on_with() {
    let store = ledger(Faults::default()).await;
    let run = AuditRun { closed: minute(119), began_at: minute(119), finished_at: None, proved_at: None };
    store.write_run(&run).await.unwrap();
    assert_eq!(prove_at(&store, 120).await.closed, Some(minute(100)));
    let run = AuditRun { closed: minute(160), began_at: minute(180), finished_at: None, proved_at: None };
    store.write_run(&run).await.unwrap();
    assert_eq!(prove_at(&store, 190).await.closed, Some(minute(160)), "one that was interrupted goes on");
}

#[tokio::test(start_paused = true)]
async fn it_stops_at_its_deadline_and_the_next_goes_on() {
    let store = MemoryStore::new();
    for ix in 0..200 {
        store.insert_account(account(&format!("a{ix}")));
    }
    // What it finds before its deadline is told.
    store.insert_account(account("a0").holding(1));
    let clock = clock_from_minute_100();
    let mut behind = Vec::new();
    for _ in 0..20 {
        let until = Instant::now() + Duration::from_secs(10);
        let proof = prove(&store, &clock, Pace::per_second(20), SETTINGS, until).await.unwrap();
        assert!(Instant::now() <= until);
        assert_eq!(proof.closed, Some(minute(80)), "the same in all of its invocations");
        assert_eq!(found(&proof), "balance account a0");
        behind.push(proof.behind);
        match proof.stopped {
            Some(text) => assert!(text.starts_with("while "), "{text}"),
            None => break,
        }
    }
    assert_eq!(behind.last(), Some(&1), "{behind:?}");
    assert!(behind.len() >= 3 && behind.is_sorted_by(|one, next| one > next), "{behind:?}");
    let next = prove_at(&store, 200).await;
    assert_eq!((next.moved, next.closed), (1, Some(minute(180))));
}
