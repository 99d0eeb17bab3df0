//! Records of Kafka that a mapping gave up: they come back byte for byte.

use std::time::Duration;

use giro::domain::{AccountId, Header, OverdraftLimit};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro::wire::failed_record::{self, Failure};
use giro_cli::local::failed_topic::{Begin, FailedTopic};
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::stack::{KafkaEngine, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::Polled;
use giro_template::Templates;

use super::{giro, lines, records, until};
use crate::processes::cli;
use crate::processes::stack::{ledger, missing_for_apache_kafka, open, payment};

const FAILED_TOPIC: &str = "payment-requests-failed";

/// The largest request that a topic takes with Kafka's usual `max.message.bytes`, less some bytes of its batch.
const LARGEST_BYTES: usize = 1_048_588 - 200;

async fn balance(ledger: &DynamoDb, id: &str) -> i128 {
    ledger.account(&AccountId::try_new(id).unwrap()).await.unwrap().unwrap().balance()
}

/// The template, with mappings on Kafka that try each record twice.
fn impatient() -> Templates {
    let mut texts = Templates::embedded_texts();
    let template = texts.get_mut("template.yaml").unwrap();
    *template = template.replace("BisectBatchOnFunctionError: true", "BisectBatchOnFunctionError: false");
    let lines = template.lines().map(|line| match line.split_once("MaximumRetryAttempts: ") {
        Some((indent, count)) if indent.trim().is_empty() && count != "-1" => {
            format!("{indent}MaximumRetryAttempts: 1")
        }
        Some(_) | None => line.to_owned(),
    });
    *template = lines.collect::<Vec<_>>().join("\n");
    Templates::Texts(texts)
}

/// A folder whose payment processor fails at its start while the file `broken` is there.
fn breakable() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let script = format!(
        "#!/bin/sh\n[ -e {}/broken ] && {{ echo 'broken on purpose' >&2; exit 1; }}\nexec {}\n",
        folder.path().display(),
        crate::binary("payment-processor")
    );
    let binary = folder.path().join(PAYMENT_PROCESSOR);
    cli::script(&binary, &script);
    std::fs::write(folder.path().join("broken"), "").unwrap();
    folder
}

fn header(name: &str, value: Option<&[u8]>) -> Header {
    Header { name: name.into(), value: value.map(Into::into) }
}

struct Sent {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<Header>,
}

/// Records with every odd key, value and header; two of them are payments, one as large as this.
fn odd(largest_bytes: usize) -> Vec<Sent> {
    let sent = |key: Option<&[u8]>, value: Option<&[u8]>, headers: Vec<Header>| Sent {
        key: key.map(Into::into),
        value: value.map(Into::into),
        headers,
    };
    let odd = vec![
        header("trace", Some(&[0, 127, 128, 255])),
        header("trace", None),
        header("trace", Some(b"")),
        header("Köln", Some("Köln".as_bytes())),
    ];
    // A byte over 127 is five characters of the JSON, so this makes the largest record.
    let largest = largest_bytes - payment("p2", "bank", "alice", 7).len();
    vec![
        sent(Some(b"bank"), Some(payment("p1", "bank", "alice", 5).as_bytes()), odd),
        sent(None, None, vec![]),
        sent(Some(b""), Some(b""), vec![header("", Some(&[1]))]),
        sent(Some(&[0, 255]), Some(&[255, 254, 0]), vec![]),
        sent(None, Some(payment("p2", "bank", "alice", 7).as_bytes()), vec![header("h", Some(&vec![128; largest]))]),
    ]
}

/// Whether records are those that were sent, byte for byte, each with where it stood first, if it was redriven.
fn are(records: &[Polled], sent: &[Sent], redriven: bool) {
    assert_eq!(records.len(), sent.len());
    for (offset, (record, sent)) in records.iter().zip(sent).enumerate() {
        let from = format!("{REQUESTS_TOPIC}/0/{offset}");
        let mut headers = sent.headers.clone();
        headers.extend(redriven.then(|| header("giro-redriven-from", Some(from.as_bytes()))));
        assert!(record.headers == headers, "the headers of {offset}");
        assert_eq!((&record.key, &record.value), (&sent.key, &sent.value), "{offset}");
    }
}

/// A stack whose function is broken, with these records given up; then the function is mended.
async fn given_up(kafka: KafkaEngine, sent: &[Sent]) -> (Stack, DynamoDb, KafkaProducer, tempfile::TempDir) {
    let folder = breakable();
    let options = StackOptions {
        kafka,
        templates: impatient(),
        run: Run::Only(vec![PAYMENT_PROCESSOR.into()]),
        binaries: Some(folder.path().to_owned()),
        partitions: Some(1),
        batch_window: Some(Duration::from_millis(10)),
        ..StackOptions::default()
    };
    let stack = Stack::start(options).await.unwrap();
    let at = stack.endpoints();
    let ledger = ledger(&stack).await;
    open(&ledger, "bank", OverdraftLimit::Unlimited).await;
    open(&ledger, "alice", OverdraftLimit::Limited(0)).await;
    let producer = kafka::producer(&at.kafka_bootstrap_servers).unwrap();
    let mut sending = Vec::new();
    for Sent { key, value, headers } in sent {
        sending.push(producer.send(REQUESTS_TOPIC, key.as_deref(), value.as_deref(), headers).await.unwrap());
    }
    for sending in sending {
        sending.placed().await.unwrap();
    }
    are(&records(at, REQUESTS_TOPIC, sent.len()).await, sent, false);
    let count = u64::try_from(sent.len()).unwrap();
    until("all are given up", async || stack.activity().given_up == count).await;
    std::fs::remove_file(folder.path().join("broken")).unwrap();
    let held = records(at, FAILED_TOPIC, sent.len()).await;
    assert!(held.iter().zip(sent).all(|(record, sent)| record.key == sent.key), "each under its own key");
    (stack, ledger, producer, folder)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_given_up_comes_back_byte_for_byte_and_settles_once() {
    // The embedded broker keeps 5 MiB a partition, which is less than the largest record takes there.
    let sent = odd(LARGEST_BYTES / 8);
    let (stack, ledger, producer, _folder) = given_up(KafkaEngine::Embedded, &sent).await;
    let at = stack.endpoints().clone();
    // An unreadable record is between readable ones.
    let unreadable = producer.send(FAILED_TOPIC, None, Some(b"\x1b[2J"), &[]).await.unwrap();
    assert_eq!(unreadable.placed().await.unwrap().offset, 5);

    let listed = lines(&giro(&at, &["failed", "list"], 0, "").await);
    assert_eq!(listed.len(), 6, "{listed:?}");
    for (offset, line) in listed.iter().take(5).enumerate() {
        let words: Vec<&str> = line.split_whitespace().collect();
        let place = format!("{REQUESTS_TOPIC}/0/{offset}");
        assert_eq!(words[..4], [&place, "waiting", "RetriesExhausted", PAYMENT_PROCESSOR], "{line}");
        assert_eq!(words[5], format!("{FAILED_TOPIC}/0/{offset}"), "{line}");
    }
    assert!(listed[5].contains("unreadable  expected an object") && listed[5].ends_with("payment-requests-failed/0/5"));
    let shown = giro(&at, &["failed", "show", "payment-requests/0/3", "--value"], 0, "").await;
    assert_eq!(shown.stdout, [255, 254, 0]);
    let shown =
        giro(&at, &["failed", "show", "payment-requests-failed/0/5"], 0, "unreadable: expected an object").await;
    assert!(!shown.stdout.contains(&0x1b), "nothing reaches the terminal raw");
    let shown = giro(&at, &["failed", "show", "payment-requests-failed/0/5", "--value"], 0, "").await;
    assert_eq!(shown.stdout, b"\x1b[2J");

    // One alone: it is marked as redriven, and those before it still wait.
    let one = ["failed", "redrive", "payment-requests/0/3"];
    giro(&at, &one, 0, "redriven payment-requests/0/3 to payment-requests/0/5").await;
    giro(&at, &one, 1, "was redriven before; --again").await;
    let one_is_nowhere = ["failed", "redrive", "payment-requests/0/0", "payment-requests/0/9"];
    giro(&at, &one_is_nowhere, 1, "stood at payment-requests/0/9").await;
    let waiting = lines(&giro(&at, &["failed", "list", "--waiting"], 0, "").await);
    assert_eq!(waiting.len(), 5, "{waiting:?}");
    assert!(!waiting.iter().any(|line| line.starts_with("payment-requests/0/3")), "{waiting:?}");

    // All: an unreadable record is reported each time, and nothing is published twice.
    let all = ["failed", "redrive", "--all"];
    let output = giro(&at, &all, 1, "1 can't be put back, and stay where they are").await;
    assert_eq!(lines(&output).len(), 4, "{output:?}");
    let output = giro(&at, &all, 1, "payment-requests-failed/0/5").await;
    assert_eq!(lines(&output).len(), 0, "{output:?}");
    let mut back = records(&at, REQUESTS_TOPIC, 10).await.split_off(5);
    let third = back.remove(0);
    back.insert(3, third);
    are(&back, &sent, true);
    until("the payments are settled", async || ledger.payments().await.unwrap().len() == 2).await;
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "bank").await), (12, -12));

    // Once more on purpose: replays, in their order.
    let output = giro(&at, &["failed", "redrive", "--all", "--again"], 1, "redriven payment-requests/0/0 to").await;
    assert_eq!(lines(&output).len(), 5, "{output:?}");
    are(&records(&at, REQUESTS_TOPIC, 15).await.split_off(10), &sent, true);
    until("all are answered", async || stack.activity().acknowledged == 10).await;
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "bank").await), (12, -12));
    assert_eq!(ledger.payments().await.unwrap().len(), 2);
    stack.stop().await.unwrap();
}

/// The broker has its own limit: the largest request, as JSON, must fit the on-failure topic.
#[tokio::test(flavor = "multi_thread")]
async fn the_largest_request_is_given_up_and_comes_back_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    let sent = odd(LARGEST_BYTES);
    let (stack, ledger, _producer, _folder) = given_up(KafkaEngine::Apache, &sent).await;
    let at = stack.endpoints().clone();
    let output = giro(&at, &["failed", "redrive", "--all"], 0, "redriven payment-requests/0/0 to").await;
    assert_eq!(lines(&output).len(), 5, "{output:?}");
    until("all are answered", async || stack.activity().acknowledged + stack.activity().given_up == 10).await;
    assert_eq!(stack.activity().given_up, 5, "{:?}", stack.activity());
    giro(&at, &["failed", "redrive", "--all"], 0, "nothing waits").await;
    are(&records(&at, REQUESTS_TOPIC, 10).await.split_off(5), &sent, true);
    until("the payments are settled", async || ledger.payments().await.unwrap().len() == 2).await;
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "bank").await), (12, -12));
    stack.stop().await.unwrap();
}

/// Stopped between publishing and marking: only unmarked records are published again, also if offsets have gaps.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_marked_waits() {
    let topic =
        kafka::NewTopic { name: "t-failed".into(), partitions: 2, replication: None, config: Default::default() };
    let broker = kafka::EmbeddedKafka::start(&[topic]).await.unwrap();
    let address = broker.bootstrap_servers();
    let producer = kafka::producer(address).unwrap();
    for offset in 0..4_i64 {
        for partition in [0, 1] {
            let failure = Failure {
                function_arn: "f",
                condition: "RetriesExhausted",
                invocations: 1,
                at: giro::domain::Timestamp::EPOCH,
                bootstrap_servers: address,
                offset,
                timestamp: None,
            };
            let event = format!(r#"{{"records":{{"t-{partition}":[{{"offset":{offset}}}]}}}}"#);
            let value = failed_record::encode(&failure, &event);
            let sent = producer.send_to("t-failed", Some(partition), None, Some(value.as_bytes()), &[]).await.unwrap();
            sent.placed().await.unwrap();
        }
    }
    let waiting = async |begin| {
        let mut failed = FailedTopic::open(address, "t-failed", begin).await.unwrap();
        let mut waiting = Vec::new();
        while let Some(given) = failed.next().await.unwrap() {
            waiting.extend((!given.redriven).then_some((given.record.partition, given.record.offset)));
        }
        waiting.sort_unstable();
        waiting
    };
    let mark = async |marked: &[(i32, i64)]| {
        let mut failed = FailedTopic::open(address, "t-failed", Begin::Oldest).await.unwrap();
        let mut given = Vec::new();
        while let Some(next) = failed.next().await.unwrap() {
            given.extend(Some(next).filter(|it| marked.contains(&(it.record.partition, it.record.offset))));
        }
        failed.mark(&given.iter().collect::<Vec<_>>()).await.unwrap();
    };
    assert_eq!(waiting(Begin::NotRedriven).await.len(), 8);
    assert_eq!(waiting(Begin::NotRedriven).await.len(), 8, "reading marks nothing");
    mark(&[(0, 0), (0, 1), (1, 2)]).await;
    let expected = [(0, 2), (0, 3), (1, 0), (1, 1), (1, 3)];
    assert_eq!(waiting(Begin::NotRedriven).await, expected);
    assert_eq!(waiting(Begin::Oldest).await, expected);
    mark(&[(1, 0), (1, 1)]).await;
    assert_eq!(waiting(Begin::NotRedriven).await, [(0, 2), (0, 3), (1, 3)]);
    mark(&expected).await;
    assert_eq!(waiting(Begin::NotRedriven).await, []);
}
