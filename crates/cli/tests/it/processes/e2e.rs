//! End to end under faults: payments by HTTP and by topic, through every function, to their outcomes on the topic.
//! Meanwhile the publisher is killed three times, and Kafka goes away and comes back.
//!
//! `GIRO_E2E_PAYMENTS` and `GIRO_E2E_OUTAGE_SECONDS` ask for more than the short form's; `make e2e` does.

use std::collections::BTreeSet;
use std::time::Duration;

use giro::domain::{AccountId, OverdraftLimit};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::stack::{KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};
use giro_testkit::workload::Record;
use serde_json::Value;

use crate::processes::stack::{http, http_with, ledger, missing_for_apache_kafka, open, payment};

/// The publisher is killed in each quarter but the last, which is Kafka's outage.
const KILLS: usize = 3;
/// Clients that post side by side.
const CLIENTS: usize = 4;
/// One payment in so many goes by HTTP.
const BY_HTTP: usize = 4;
/// How long anything that must come may take.
const PATIENCE: Duration = Duration::from_secs(180);

pub(crate) fn setting(name: &str, otherwise: usize) -> usize {
    std::env::var(name).map_or(otherwise, |text| text.parse().unwrap_or_else(|_| panic!("{name}: {text}")))
}

/// Posts each payment until it is accepted, as a client does that may try again. Returns how often it was told to.
async fn post(endpoint: String, payments: Vec<String>) -> usize {
    let mut again = 0;
    for payment in payments {
        loop {
            let (status, head, body) = http(&endpoint, "POST /payments", &payment).await;
            match status {
                200 | 202 => break,
                503 => again += 1,
                _ => panic!("{head} {body}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }
    again
}

/// Puts each record on the topic until the broker has acknowledged it. Returns how often one was tried again.
pub(crate) async fn publish(producer: &KafkaProducer, records: Vec<Record>) -> usize {
    let (mut left, mut again) = (records, 0);
    while !left.is_empty() {
        let mut sending = Vec::new();
        for record in left {
            let sent = producer.send(REQUESTS_TOPIC, record.key.as_deref(), record.value.as_deref(), &[]).await;
            sending.push((record, sent));
        }
        left = Vec::new();
        for (record, sent) in sending {
            let placed = match sent {
                Ok(sent) => sent.placed().await,
                Err(error) => Err(error),
            };
            if placed.is_err() {
                left.push(record);
            }
        }
        again += left.len();
    }
    again
}

/// Hands payments over in both ways. Returns how often one was tried again.
async fn hand_over(endpoint: &str, bootstrap_servers: &str, payments: &[String]) -> usize {
    let mut clients = vec![Vec::new(); CLIENTS];
    let mut by_topic = Vec::new();
    for (ix, payment) in payments.iter().enumerate() {
        match ix % BY_HTTP {
            0 => clients[ix / BY_HTTP % CLIENTS].push(payment.clone()),
            _ => by_topic.push(Record { key: Some(b"settlement".into()), value: Some(payment.clone().into_bytes()) }),
        }
    }
    let producer = kafka::producer(bootstrap_servers).unwrap();
    let mut tasks = vec![tokio::spawn(async move { publish(&producer, by_topic).await })];
    tasks.extend(clients.into_iter().map(|payments| tokio::spawn(post(endpoint.to_owned(), payments))));
    let mut again = 0;
    for task in tasks {
        again += task.await.unwrap();
    }
    again
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

/// Asks until the API answers so. Returns the body.
async fn answered(endpoint: &str, request: &str, wanted: u16) -> Value {
    let asked = async {
        loop {
            let (status, _, body) = http(endpoint, request, "").await;
            if status == wanted {
                return serde_json::from_str(&body).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{request}: no {wanted}"))
}

/// One key twice: with one body one payment; with another body 409, or a dead letter, and GET tells which.
async fn one_key_twice(endpoint: &str, ledger: &DynamoDb) {
    let twice = |id: &'static str, amount| async move {
        let key = format!("Idempotency-Key: {id}\r\n");
        http_with(endpoint, "POST /payments", &key, &payment(id, "settlement", "twice", amount)).await
    };
    for _ in 0..2 {
        let (status, head, body) = twice("one-body", 5).await;
        assert!([200, 202].contains(&status), "{head} {body}");
    }
    answered(endpoint, "GET /payments/one-body", 200).await;
    assert_eq!(twice("one-body", 5).await.0, 200, "the outcome is known");
    assert_eq!(twice("one-body", 6).await.0, 409, "and answers another body");

    let (first, second) = tokio::join!(twice("two-bodies", 7), twice("two-bodies", 8));
    let outcome = answered(endpoint, "GET /payments/two-bodies", 200).await;
    let statuses = BTreeSet::from([first.0, second.0]);
    let both = statuses == BTreeSet::from([202]);
    assert!(both || statuses == BTreeSet::from([202, 409]), "{first:?} {second:?}");
    let mut told = Vec::new();
    for (status, _, body) in [&first, &second] {
        if *status == 202 {
            let accepted: Value = serde_json::from_str(body).unwrap();
            let fingerprint = accepted["fingerprint"].as_str().unwrap();
            let wanted = if outcome["fingerprint"] == fingerprint { 200 } else { 409 };
            let asked = format!("GET /payments/two-bodies?fingerprint={fingerprint}");
            assert_eq!(http(endpoint, &asked, "").await.0, wanted);
            told.push(wanted);
        }
    }
    told.sort_unstable();
    assert_eq!(told, if both { vec![200, 409] } else { vec![200] });
    let set_aside = async {
        loop {
            let letters = ledger.dead_letters().await.unwrap();
            if letters.len() == usize::from(both) {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letters = tokio::time::timeout(PATIENCE, set_aside).await.expect("the dead letter comes");
    assert!(letters.iter().all(|letter| letter.reason.as_str() == "payment_id_reused"), "{letters:?}");
    let amount = i128::from(outcome["amount"].as_i64().unwrap());
    let account = ledger.account(&AccountId::try_new("twice").unwrap()).await.unwrap().unwrap();
    assert_eq!(account.balance(), 5 + amount, "each key moved money once");
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
