//! `giro audit --full` checks checkpoints by all payments, and reads them back to the first.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use giro::audit::moved::{Proof, Settings, prove};
use giro::audit::{Pace, audit};
use giro::domain::audit::{Checkpoint, Head};
use giro::domain::{AccountId, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::dynamodb::DynamoDb;
use giro::store::items::{self, Item};
use giro::store::{Checkpoints, Read};
use giro_cli::recount::{Recount, Tapped};
use giro_testkit::corruption::{Hand, clean};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, legged, payment, refund};
use tokio::time::Instant;

const SETTINGS: Settings = Settings {
    for_indexes: Duration::from_millis(1),
    before_another_look: [Duration::from_millis(1); 2],
    before_told: Duration::ZERO,
    postings_at_once: usize::MAX,
};

fn minute(minute: i64) -> Timestamp {
    Timestamp::try_from_millis(minute * 60_000).unwrap()
}

fn until() -> Instant {
    Instant::now() + Duration::from_secs(600)
}

async fn prove_at(store: &DynamoDb, at: i64) -> Proof {
    let proof = prove(store, || minute(at), Pace::per_second(1_000_000), SETTINGS, until()).await.unwrap();
    assert_eq!((proof.findings.as_slice(), proof.behind), (&[][..], 0));
    proof
}

/// A ledger with three checkpoints of `alice`, of minutes 40, 100 and 160, and payments later than the last.
async fn proved(store: &DynamoDb) {
    clean(store).await;
    prove_at(store, 60).await;
    let legs = [("alice", "shop", "EUR", 1), ("shop", "fees", "EUR", 1)];
    for (at, requests) in [
        (80, vec![payment("n1", "bank", "alice", 7).at(0, 21), legged("n2", "alice", &legs).at(0, 22)]),
        (140, vec![refund("n3", "p1", "alice", Some(2)).at(0, 23)]),
        (190, vec![payment("n4", "bank", "alice", 1).at(0, 24)]),
    ] {
        let count = requests.len();
        let settled = settle_requests(store, requests, 1, until(), || minute(at), Backoff::with_seed(1)).await;
        assert_eq!(settled.dispositions.len(), count);
        if at < 190 {
            prove_at(store, at + 40).await;
        }
    }
}

/// What is found beside the other audit, and how many checkpoints there are.
async fn full(store: &DynamoDb) -> (String, u64, usize) {
    let tapped = Tapped::new(store, Recount::begin(store, until()).await.unwrap());
    let audited = audit(&tapped, Pace::per_second(1_000_000), until()).await.unwrap();
    let (findings, checkpoints) = tapped.counted().end(store, until()).await.unwrap();
    let lines: Vec<String> = findings.iter().map(ToString::to_string).collect();
    (lines.join("\n"), checkpoints, audited.report.findings.len())
}

struct Planted {
    engine: Engine,
    store: DynamoDb,
}

impl Planted {
    async fn new() -> Self {
        let engine = Engine::start().await.unwrap();
        let store = engine.ledger();
        proved(&store).await;
        Self { engine, store }
    }

    async fn checkpoint(&self, at: i64) -> Checkpoint {
        let alice: AccountId = "alice".parse().unwrap();
        let read = self.store.checkpoint(&alice, minute(at)).await.unwrap();
        let Read::Found(checkpoint) = read else { panic!("minute {at}: {read:?}") };
        assert_eq!(checkpoint.as_of, minute(at));
        checkpoint
    }

    async fn put(&self, table: &str, item: Item) {
        self.engine.client().put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
    }

    async fn put_checkpoint(&self, checkpoint: &Checkpoint) {
        self.put(&self.engine.tables().checkpoints, items::checkpoint::encode(checkpoint)).await;
    }

    async fn found(&self) -> String {
        full(&self.store).await.0
    }
}

#[tokio::test]
async fn clean_checkpoints_are_not_accused() {
    let it = Planted::new().await;
    let (found, checkpoints, others) = full(&it.store).await;
    assert_eq!((found.as_str(), others), ("", 0));
    // All nine accounts are looked at once more in the second run. The third looks at two that moved again, and once
    // more at two that had moved before.
    assert_eq!(checkpoints, 9 + 9 + 4);
    // A second scan, of an audit that looks again, is not counted.
    let tapped = Tapped::new(&it.store, Recount::begin(&it.store, until()).await.unwrap());
    for _ in 0..2 {
        audit(&tapped, Pace::per_second(1_000_000), until()).await.unwrap();
    }
    assert_eq!(tapped.counted().end(&it.store, until()).await.unwrap().0, []);
}

#[tokio::test]
async fn what_is_older_than_a_checkpoint_is_found_by_it() {
    let it = Planted::new().await;
    let hand = Hand::Dynamo(it.engine.client(), it.engine.tables().clone());
    hand.lose_payment("p2").await;
    let of = |account| {
        format!(
            "account {account}, its checkpoint: expected its newest checkpoint to be what all postings up to its time \
             make"
        )
    };
    assert_eq!(it.found().await, format!("{}\n{}", of("alice"), of("bob")));
}

#[tokio::test]
async fn a_forged_checkpoint_is_found_by_all_postings() {
    let it = Planted::new().await;
    let newest = it.checkpoint(160).await;
    let Ok(Read::Found(head)) = it.store.head(&newest.account).await else { panic!("it is there") };
    // Whoever knows the encoding can write a chain and a seal that fit.
    for forged in [
        Checkpoint { balance: newest.balance + 1, ..newest.clone() },
        Checkpoint { postings: newest.postings + 1, ..newest.clone() },
        Checkpoint { digest: newest.digest.and(newest.chain()), ..newest.clone() },
    ] {
        it.put_checkpoint(&forged).await;
        let head = Head { checkpoint: forged, ..head.clone() };
        it.put(&it.engine.tables().audit_heads, items::audit_head::encode(&head)).await;
        let found = it.found().await;
        assert!(found.starts_with("account alice, its checkpoint: expected its newest checkpoint"), "{found}");
        assert_eq!(found.lines().count(), 1, "{found}");
    }
}

#[tokio::test]
async fn an_older_checkpoint_that_was_changed_or_lost_is_found() {
    let it = Planted::new().await;
    let chain = "account alice, its checkpoint: expected each checkpoint to hold the chain of the one before";
    let middle = it.checkpoint(100).await;
    it.put_checkpoint(&Checkpoint { balance: middle.balance + 1, ..middle.clone() }).await;
    assert_eq!(it.found().await, chain);
    let mut item = items::checkpoint::encode(&middle);
    item.insert("balance".into(), AttributeValue::N("1".into()));
    it.put(&it.engine.tables().checkpoints, item).await;
    assert_eq!(it.found().await, "account alice, its checkpoint: expected a checkpoint that can be read");
    let table = &it.engine.tables().checkpoints;
    let key = items::checkpoint::key(&middle.account, middle.as_of);
    it.engine.client().delete_item().table_name(table).set_key(Some(key)).send().await.unwrap();
    assert_eq!(it.found().await, chain);
    it.put_checkpoint(&middle).await;
    assert_eq!(it.found().await, "");
    // One that no audit wrote stands before the first.
    let first = it.checkpoint(40).await;
    it.put_checkpoint(&Checkpoint { as_of: minute(10), ..first }).await;
    assert_eq!(it.found().await, chain);
}
