//! What audits have proved: a head and its checkpoint are written together, on the head before.

use giro::domain::audit::{AuditRun, Checkpoint, Digest, Draft, Head, RefundBase, Seen, WindowUse};
use giro::domain::limits::Used;
use giro::domain::{LegId, Timestamp};
use giro::store::{
    CHECKPOINTS_READ_MAX, HEADS_WRITTEN_MAX, NewHead, Newest, Proved, Read, ScannedHead, Segment, StoreError,
};
use giro_testkit::given::{eur, id};

use super::{Store, plain};

contract! {
    a_head_and_its_checkpoint_are_written_on_the_head_before
    heads_of_many_accounts_are_written_together
    heads_that_are_overtaken_hold_up_no_others
    a_call_takes_so_many_heads_of_different_accounts
    heads_are_scanned_once_each
    the_newest_checkpoint_up_to_a_time_is_read
    the_newest_checkpoints_are_read_newest_first
    what_is_proved_of_refunds_only_goes_on
    a_run_is_not_replaced_by_an_older_one
    a_draft_is_read_beside_the_newest_checkpoint_and_never_as_one
}

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(1_700_000_000_000 + ms).unwrap()
}

pub(super) fn head(name: &str, as_of_ms: i64, balance: i128, previous: Option<&Head>) -> Head {
    let checkpoint = Checkpoint {
        account: id(name),
        as_of: at(as_of_ms),
        currency: eur(),
        balance,
        postings: 2,
        digest: Digest::ZERO,
        windows: [None; 3],
        previous: previous.map(|head| head.checkpoint.chain()),
    };
    let seen = Seen { lanes: vec![0, 3], ..Seen::of(&plain(giro_testkit::given::account(name))) };
    Head { checkpoint, seen, pending: ["credits/1".parse().unwrap()].into(), seen_at: Some(at(as_of_ms)) }
}

/// Writes one head.
async fn prove(store: &impl Store, before: Option<&Head>, head: &Head) -> Result<Proved, StoreError> {
    let proved = store.prove(&[NewHead { before, head }]).await?;
    assert_eq!(proved.len(), 1);
    Ok(proved[0])
}

async fn a_head_and_its_checkpoint_are_written_on_the_head_before(store: &impl Store) {
    let first = head("alice", 1, -5, None);
    assert_eq!(store.head(&id("alice")).await, Ok(Read::Missing));
    assert_eq!(prove(store, None, &first).await, Ok(Proved::Written));
    assert_eq!(store.head(&id("alice")).await, Ok(Read::Found(first.clone())));
    assert_eq!(prove(store, None, &first).await, Ok(Proved::Written), "after a lost answer");
    let (second, other) = (head("alice", 2, 7, Some(&first)), head("alice", 3, 8, Some(&first)));
    assert_eq!(prove(store, None, &second).await, Ok(Proved::Overtaken));
    assert_eq!(prove(store, Some(&first), &second).await, Ok(Proved::Written));
    assert_eq!(prove(store, Some(&first), &other).await, Ok(Proved::Overtaken), "another audit was faster");
    assert_eq!(store.head(&id("alice")).await, Ok(Read::Found(second.clone())));
    // A checkpoint is never written over.
    let again = head("alice", 1, 9, Some(&second));
    assert_eq!(prove(store, Some(&second), &again).await, Ok(Proved::Overtaken));
    assert_eq!(store.head(&id("alice")).await, Ok(Read::Found(second)));
    assert_eq!(store.checkpoint(&id("alice"), at(1)).await, Ok(Read::Found(first.checkpoint)));
}

fn names(count: usize) -> Vec<String> {
    (0..count).map(|ix| format!("a{ix:02}")).collect()
}

/// The same head with so many lists that its item takes three kilobytes.
fn long(head: Head) -> Head {
    let pending = (0..200).map(|lane| format!("credits/{lane}").parse().unwrap()).collect();
    Head { pending, ..head }
}

async fn heads_of_many_accounts_are_written_together(store: &impl Store) {
    let before = store.usage();
    let firsts: Vec<Head> = names(HEADS_WRITTEN_MAX).iter().map(|name| head(name, 1, 5, None)).collect();
    let new: Vec<NewHead<'_>> = firsts.iter().map(|head| NewHead { before: None, head }).collect();
    assert_eq!(store.prove(&new).await, Ok(vec![Proved::Written; HEADS_WRITTEN_MAX]));
    assert_eq!(store.prove(&new).await, Ok(vec![Proved::Written; HEADS_WRITTEN_MAX]), "after a lost answer");
    let usage = store.usage();
    assert_eq!((usage.transactions - before.transactions, usage.cancelled - before.cancelled), (2, 1));
    // Two items of a kilobyte each, and twice as much as a plain write.
    assert_eq!(usage.write_milliunits - before.write_milliunits, 4_000 * HEADS_WRITTEN_MAX as u64);
    let seconds: Vec<Head> =
        firsts.iter().map(|first| head(first.checkpoint.account.as_str(), 2, 6, Some(first))).collect();
    let seconds: Vec<Head> = seconds.into_iter().map(long).collect();
    let new: Vec<NewHead<'_>> =
        firsts.iter().zip(&seconds).map(|(first, head)| NewHead { before: Some(first), head }).collect();
    assert_eq!(store.prove(&new).await, Ok(vec![Proved::Written; HEADS_WRITTEN_MAX]));
    let more = store.usage().write_milliunits - usage.write_milliunits;
    assert_eq!(more, (3 + 1) * 2_000 * HEADS_WRITTEN_MAX as u64);
    for (first, second) in firsts.iter().zip(&seconds) {
        let account = &first.checkpoint.account;
        assert_eq!(store.head(account).await, Ok(Read::Found(second.clone())));
        let checkpoints = [&second.checkpoint, &first.checkpoint].map(|checkpoint| Read::Found(checkpoint.clone()));
        assert_eq!(store.proved_up_to(account, Timestamp::MAX).await, Ok(checkpoints.to_vec()));
    }
}

async fn heads_that_are_overtaken_hold_up_no_others(store: &impl Store) {
    let firsts: Vec<Head> = names(6).iter().map(|name| head(name, 1, 5, None)).collect();
    let new: Vec<NewHead<'_>> = firsts.iter().map(|head| NewHead { before: None, head }).collect();
    // Another audit has proved two of them, and one is there after a lost answer.
    for taken in [1, 4] {
        let other = head(firsts[taken].checkpoint.account.as_str(), 2, 9, None);
        assert_eq!(prove(store, None, &other).await, Ok(Proved::Written));
    }
    assert_eq!(prove(store, None, &firsts[2]).await, Ok(Proved::Written));
    let told = [
        Proved::Unwritten,
        Proved::Overtaken,
        Proved::Written,
        Proved::Unwritten,
        Proved::Overtaken,
        Proved::Unwritten,
    ];
    for _ in 0..2 {
        assert_eq!(store.prove(&new).await, Ok(told.to_vec()));
        for unwritten in [0, 3, 5] {
            assert_eq!(store.head(&firsts[unwritten].checkpoint.account).await, Ok(Read::Missing));
            let checkpoint = store.checkpoint(&firsts[unwritten].checkpoint.account, Timestamp::MAX).await;
            assert_eq!(checkpoint, Ok(Read::Missing));
        }
    }
    let rest = [new[0], new[3], new[5]];
    assert_eq!(store.prove(&rest).await, Ok(vec![Proved::Written; 3]));
    // All of them have been overtaken.
    let seconds: Vec<Head> = names(6).iter().map(|name| head(name, 3, 7, None)).collect();
    let new: Vec<NewHead<'_>> = seconds.iter().map(|head| NewHead { before: None, head }).collect();
    assert_eq!(store.prove(&new).await, Ok(vec![Proved::Overtaken; 6]));
    for (ix, first) in firsts.iter().enumerate().filter(|(ix, _)| ![1, 4].contains(ix)) {
        assert_eq!(store.head(&first.checkpoint.account).await, Ok(Read::Found(first.clone())), "{ix}");
    }
}

async fn a_call_takes_so_many_heads_of_different_accounts(store: &impl Store) {
    let heads: Vec<Head> = names(HEADS_WRITTEN_MAX + 1).iter().map(|name| head(name, 1, 5, None)).collect();
    let new: Vec<NewHead<'_>> = heads.iter().map(|head| NewHead { before: None, head }).collect();
    let later = head("a00", 2, 5, None);
    let twice = [new[0], NewHead { before: None, head: &later }];
    for (refused, why) in [(&new[..], "too many"), (&twice, "one account twice"), (&[], "none")] {
        let answer = store.prove(refused).await;
        assert!(matches!(answer, Err(StoreError::Rejected(_))), "{why}: {answer:?}");
    }
    assert_eq!(store.head(&heads[0].checkpoint.account).await, Ok(Read::Missing));
}

async fn heads_are_scanned_once_each(store: &impl Store) {
    let heads: Vec<Head> = (0..40).map(|ix| head(&format!("a{ix:02}"), 1, ix, None)).collect();
    for head in &heads {
        assert_eq!(prove(store, None, head).await, Ok(Proved::Written));
    }
    for of in [1, 3] {
        let mut found = Vec::new();
        for number in 0..of {
            let mut mark = None;
            loop {
                let page = store.heads(Segment { number, of }, mark).await.unwrap();
                assert!(page.read_milliunits > 0);
                found.extend(page.items.into_iter().map(|head| match head {
                    ScannedHead::Head(head) => *head,
                    ScannedHead::Unreadable { key, expected } => panic!("{key}: {expected}"),
                }));
                mark = page.next;
                if mark.is_none() {
                    break;
                }
            }
        }
        found.sort_by(|one, other| one.checkpoint.account.cmp(&other.checkpoint.account));
        assert_eq!(found, heads, "{of}");
    }
}

async fn the_newest_checkpoint_up_to_a_time_is_read(store: &impl Store) {
    let first = head("alice", 10, 1, None);
    let second = head("alice", 20, 2, Some(&first));
    prove(store, None, &first).await.unwrap();
    prove(store, Some(&first), &second).await.unwrap();
    prove(store, None, &head("alic", 5, 3, None)).await.unwrap();
    for (ms, expected) in [(9, None), (10, Some(&first)), (19, Some(&first)), (20, Some(&second)), (99, Some(&second))]
    {
        let expected = expected.map_or(Read::Missing, |head| Read::Found(head.checkpoint.clone()));
        assert_eq!(store.checkpoint(&id("alice"), at(ms)).await, Ok(expected), "{ms}");
    }
}

async fn the_newest_checkpoints_are_read_newest_first(store: &impl Store) {
    let mut heads: Vec<Head> = Vec::new();
    for ix in 0..12 {
        let next = head("alice", 10 * ix, ix.into(), heads.last());
        assert_eq!(prove(store, heads.last(), &next).await, Ok(Proved::Written));
        heads.push(next);
    }
    prove(store, None, &head("alic", 5, 3, None)).await.unwrap();
    assert_eq!(store.proved_head(&id("alice")).await, Ok(Read::Found(heads[11].clone())));
    assert_eq!(store.proved_head(&id("bob")).await, Ok(Read::Missing));
    for (ms, newest) in [(-1, 0), (0, 1), (29, 3), (30, 4), (999, 12)] {
        let expected: Vec<_> = heads[..newest].iter().rev().take(CHECKPOINTS_READ_MAX).collect();
        let expected: Vec<_> = expected.into_iter().map(|head| Read::Found(head.checkpoint.clone())).collect();
        assert_eq!(store.proved_up_to(&id("alice"), at(ms)).await, Ok(expected), "{ms}");
    }
    for (ms, oldest) in [(-1, Some(0)), (0, Some(1)), (29, Some(3)), (30, Some(4)), (109, Some(11)), (110, None)] {
        let expected = oldest.map_or(Read::Missing, |ix: usize| Read::Found(heads[ix].checkpoint.clone()));
        assert_eq!(store.proved_after(&id("alice"), at(ms)).await, Ok(expected), "{ms}");
    }
}

async fn what_is_proved_of_refunds_only_goes_on(store: &impl Store) {
    let (one, leg): (LegId, LegId) = ("p1".parse().unwrap(), "p1/2".parse().unwrap());
    let base = |sum, ms| RefundBase { sum, as_of: at(ms) };
    assert_eq!(store.refund_bases(&[&one, &leg]).await.unwrap(), [Read::Missing, Read::Missing]);
    for (sum, ms, there) in [(5, 10, (5, 10)), (6, 10, (5, 10)), (7, 9, (5, 10)), (9, 11, (9, 11))] {
        store.prove_refunds(&one, base(sum, ms)).await.unwrap();
        let expected = [Read::Missing, Read::Found(base(there.0, there.1))];
        assert_eq!(store.refund_bases(&[&leg, &one]).await.unwrap(), expected);
    }
}

async fn a_run_is_not_replaced_by_an_older_one(store: &impl Store) {
    let run = |began, finished_at| AuditRun {
        closed: at(began - 10),
        began_at: at(began),
        finished_at,
        proved_at: finished_at,
    };
    assert_eq!(store.run().await, Ok(Read::Missing));
    for (written, there) in [
        (run(20, None), run(20, None)),
        (run(20, Some(at(30))), run(20, Some(at(30)))),
        (run(19, None), run(20, Some(at(30)))),
        (run(40, None), run(40, None)),
    ] {
        store.write_run(&written).await.unwrap();
        assert_eq!(store.run().await, Ok(Read::Found(there)));
    }
    // One that can't be trusted is replaced all the same.
    store.replace_run(&run(30, None)).await.unwrap();
    assert_eq!(store.run().await, Ok(Read::Found(run(30, None))));
}

async fn a_draft_is_read_beside_the_newest_checkpoint_and_never_as_one(store: &impl Store) {
    let alice = id("alice");
    let of = |checkpoint: Option<&Head>, draft: Option<&Draft>| Newest {
        checkpoint: checkpoint.map_or(Read::Missing, |head| Read::Found(head.checkpoint.clone())),
        draft: draft.map_or(Read::Missing, |draft| Read::Found(draft.clone())),
    };
    let draft = |ms: i64, previous: Option<&Head>, refunds: usize| {
        let used = Some(Used { start: at(0), amount: 7, count: 2 });
        let windows = [None, Some(WindowUse { since: 3, used: None }), Some(WindowUse { since: 1, used })];
        let total = |ix: usize| (format!("p{ix}/2").parse().unwrap(), RefundBase { sum: 5, as_of: at(1) });
        let made = Checkpoint { windows, ..head("alice", ms, -3, previous).checkpoint };
        Draft { made, refunds: (0..refunds).map(total).collect() }
    };
    assert_eq!(store.newest(&alice).await, Ok(of(None, None)));
    let new = draft(10, None, 0);
    store.write_draft(&new).await.unwrap();
    assert_eq!(store.newest(&alice).await, Ok(of(None, Some(&new))));
    assert_eq!(store.checkpoint(&alice, Timestamp::MAX).await, Ok(Read::Missing), "it is no checkpoint");
    // Heads and checkpoints come and go on, whatever drafts there are.
    let (first, second) = (head("alice", 5, 1, None), head("alice", 9, 2, Some(&head("alice", 5, 1, None))));
    assert_eq!(prove(store, None, &first).await, Ok(Proved::Written));
    assert_eq!(prove(store, Some(&first), &second).await, Ok(Proved::Written));
    assert_eq!(store.newest(&alice).await, Ok(of(Some(&second), Some(&new))));
    let next = draft(20, Some(&second), 2_000);
    store.write_draft(&next).await.unwrap();
    assert_eq!(store.newest(&alice).await, Ok(of(Some(&second), Some(&next))));
    assert_eq!(store.checkpoint(&alice, Timestamp::MAX).await, Ok(Read::Found(second.checkpoint.clone())));
    assert_eq!(store.proved_after(&alice, at(999)).await, Ok(Read::Missing));
    for _ in 0..2 {
        store.drop_draft(&alice).await.unwrap();
        assert_eq!(store.newest(&alice).await, Ok(of(Some(&second), None)));
    }
    assert_eq!(store.newest(&id("alic")).await, Ok(of(None, None)));
}
