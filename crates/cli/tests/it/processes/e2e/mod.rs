//! End to end under faults: payments by HTTP and by topic, through every function, to their outcomes on the topic.
//! Meanwhile the publisher is killed three times, and Kafka goes away and comes back.
//!
//! | part | where |
//! |---|---|
//! | clients that hand requests over | `clients` |
//! | one idempotency key, given twice | `keys` |
//! | the run, its faults, and what must hold | here |
//!
//! `GIRO_E2E_PAYMENTS` and `GIRO_E2E_OUTAGE_SECONDS` ask for more than the short form's; `make e2e` does.

mod clients;
mod keys;

use std::collections::BTreeSet;
use std::time::Duration;

use giro::domain::{AccountId, OverdraftLimit};
use giro::store::LedgerQueries;
use giro_cli::local::stack::{KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};

use crate::processes::stack::{ledger, missing_for_apache_kafka, open, payment};
use clients::hand_over;
pub(crate) use clients::publish;
use keys::one_key_twice;

/// The publisher is killed in each quarter but the last, which is Kafka's outage.
const KILLS: usize = 3;
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// `kill -9` for a process of the publisher that has an invocation now, by its id. It must not be one that was killed
/// already, which the local Lambda may not have noticed yet.
async fn kill_the_publisher(stack: &Stack, killed: &mut BTreeSet<u32>) {
    let busy = async {
        loop {
            if let Some(pid) = stack.busy_pids(OUTCOME_PUBLISHER).into_iter().find(|pid| !killed.contains(pid)) {
                return pid;
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    let pid = tokio::time::timeout(PATIENCE, busy).await.expect("the publisher has something to do");
    let kill = std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
    assert!(kill.success(), "process {pid}");
    killed.insert(pid);
}

/// Reads outcomes until every payment's was there.
async fn outcomes(stack: &Stack, mut missing: BTreeSet<String>) -> Vec<Polled> {
    let mut reader =
        TopicReader::from_start(&stack.endpoints().kafka_bootstrap_servers, "payment-outcomes").await.unwrap();
    let mut records = Vec::new();
    let all = async {
        while !missing.is_empty() {
            if let Read::Record(record) = reader.next().await.unwrap() {
                missing.remove(std::str::from_utf8(record.key.as_deref().unwrap_or_default()).unwrap());
                records.push(record);
            }
        }
    };
    let in_time = tokio::time::timeout(PATIENCE, all).await;
    assert!(
        in_time.is_ok(),
        "{} outcomes are missing, such as {:?}; publisher {:?}; processor {:?}",
        missing.len(),
        missing.first(),
        stack.activity_of(OUTCOME_PUBLISHER),
        stack.activity()
    );
    records
}

async fn nothing_is_missing(engine: KafkaEngine) {
    let count = setting("GIRO_E2E_PAYMENTS", 300);
    let outage = Duration::from_secs(setting("GIRO_E2E_OUTAGE_SECONDS", 2) as u64);
    let way = ["payment-api", PAYMENT_PROCESSOR, OUTCOME_PUBLISHER];
    let options = StackOptions {
        kafka: engine.clone(),
        run: Run::Only(way.map(str::to_owned).to_vec()),
        partitions: Some(4),
        batch_window: Some(Duration::from_millis(100)),
        ..StackOptions::default()
    };
    let mut stack = Stack::start(options).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "settlement", OverdraftLimit::Unlimited).await;
    open(&ledger, "shop", OverdraftLimit::Limited(0)).await;
    open(&ledger, "twice", OverdraftLimit::Limited(0)).await;
    let endpoint = stack.endpoints().http.clone().unwrap();
    let bootstrap_servers = stack.endpoints().kafka_bootstrap_servers.clone();

    let mut ids: BTreeSet<String> = (0..count).map(|ix| format!("p{ix}")).collect();
    let payments: Vec<String> = (0..count).map(|ix| payment(&format!("p{ix}"), "settlement", "shop", 3)).collect();
    let (mut again, mut killed) = (0, BTreeSet::new());
    for (ix, quarter) in payments.chunks(count.div_ceil(KILLS + 1)).enumerate() {
        let handed_over = hand_over(&endpoint, &bootstrap_servers, quarter);
        if ix < KILLS {
            again += tokio::join!(handed_over, kill_the_publisher(&stack, &mut killed)).0;
        } else {
            let (tried, back) = tokio::join!(handed_over, stack.interrupt_kafka(outage));
            back.unwrap();
            again += tried;
        }
    }
    one_key_twice(&endpoint, &ledger).await;
    ids.extend(["one-body".to_owned(), "two-bodies".to_owned()]);

    let told = outcomes(&stack, ids.clone()).await;
    let recorded = ledger.payments().await.unwrap();
    let have: BTreeSet<String> = recorded.iter().map(|it| it.outcome.instruction.id().as_str().to_owned()).collect();
    assert_eq!((recorded.len(), &have), (ids.len(), &ids), "one item a payment, and no other");
    assert_eq!(giro_cli::commands::check_topic(&recorded, &told), Vec::<String>::new());
    assert!(recorded.iter().all(|it| it.outcome.decision.is_ok()));
    let shop = ledger.account(&AccountId::try_new("shop").unwrap()).await.unwrap().unwrap();
    assert_eq!(shop.balance(), 3 * count as i128, "each payment moved its amount once");
    let publisher = stack.activity_of(OUTCOME_PUBLISHER);
    assert!(publisher.failed >= KILLS as u64, "each kill was felt: {publisher:?}");
    println!(
        "{engine:?}: {count} payments and 2 keys twice, publisher killed {KILLS} times, Kafka away for {outage:?}: {} \
         records for {} outcomes, {again} requests tried again, {} invocations of the publisher failed",
        told.len(),
        ids.len(),
        publisher.failed
    );
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    nothing_is_missing(KafkaEngine::Apache).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_on_the_embedded_broker() {
    nothing_is_missing(KafkaEngine::Embedded).await;
}
