//! What event sources give up, brought back by the command line: records of Kafka byte for byte, outcomes from the
//! table.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use giro::domain::{AccountId, Header, OverdraftLimit};
use giro::publish::Publish;
use giro::publish::kafka::KafkaProducer;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro::wire::failed_record::{self, Failure};
use giro_cli::local::failed_topic::{Begin, FailedTopic};
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::stack::{Endpoints, KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};
use giro_template::Templates;

use crate::processes::cli;
use crate::processes::stack::{ledger, missing_for_apache_kafka, open, payment};

const FAILED_TOPIC: &str = "payment-requests-failed";
const OUTCOMES_TOPIC: &str = "payment-outcomes";

/// The largest request that a topic takes with Kafka's usual `max.message.bytes`, less some bytes of its batch.
const LARGEST_BYTES: usize = 1_048_588 - 200;

/// Runs the command line on a stack, and holds its exit code and something that it says. Returns its output.
async fn giro(at: &Endpoints, arguments: &[&str], code: i32, says: &str) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(arguments, folder.path());
    command.env("KAFKA_BOOTSTRAP_SERVERS", &at.kafka_bootstrap_servers);
    command.env("AWS_ENDPOINT_URL_DYNAMODB", &at.dynamodb);
    let output = tokio::task::spawn_blocking(move || cli::run(&mut command, b"")).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text:.2000}");
    assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text:.2000}");
    output
}

fn lines(output: &Output) -> Vec<String> {
    String::from_utf8(output.stdout.clone()).unwrap().lines().map(str::to_owned).collect()
}

/// Every record of a topic that has so many, in order.
async fn records(at: &Endpoints, topic: &str, count: usize) -> Vec<Polled> {
    let all = async {
        loop {
            let mut reader = TopicReader::from_start(&at.kafka_bootstrap_servers, topic).await.unwrap();
            let mut records = Vec::new();
            while let Read::Record(record) = reader.next().await.unwrap() {
                records.push(record);
            }
            if records.len() >= count {
                return records;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let records = tokio::time::timeout(Duration::from_secs(60), all).await.expect("the records come");
    assert_eq!(records.len(), count, "{topic}");
    records
}

async fn until(what: &str, is_so: impl AsyncFn() -> bool) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), wait).await.unwrap_or_else(|_| panic!("{what}"));
}

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
    std::fs::write(&binary, script).unwrap();
    std::fs::set_permissions(&binary, std::fs::Permissions::from_mode(0o755)).unwrap();
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
    giro(
        &at,
        &["failed", "redrive", "payment-requests/0/0", "payment-requests/0/9"],
        1,
        "stood at payment-requests/0/9",
    )
    .await;
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

/// What a consumer missed, from the table: the same bytes, in the order of the decisions, and nothing that wasn't asked
/// for.
#[tokio::test(flavor = "multi_thread")]
async fn outcomes_are_published_again_as_they_were_published_first() {
    // It takes a while to start, and is wanted last.
    let emulator = Emulator::start();
    let options = StackOptions {
        run: Run::Only([PAYMENT_PROCESSOR, OUTCOME_PUBLISHER].map(str::to_owned).to_vec()),
        partitions: Some(1),
        batch_window: Some(Duration::from_millis(10)),
        ..StackOptions::default()
    };
    let stack = Stack::start(options).await.unwrap();
    let at = stack.endpoints().clone();
    let ledger = ledger(&stack).await;
    open(&ledger, "bank", OverdraftLimit::Unlimited).await;
    open(&ledger, "alice", OverdraftLimit::Limited(0)).await;
    let producer = kafka::producer(&at.kafka_bootstrap_servers).unwrap();
    let with_reference = payment("b", "bank", "alice", 2).replace('}', r#","reference":"\u00fc \"7\" \n"}"#);
    let values = [payment("c", "bank", "alice", 1), with_reference, payment("a", "alice", "bank", 1_000)];
    for (ix, value) in values.iter().enumerate() {
        let sent = producer.send(REQUESTS_TOPIC, Some(b"bank"), Some(value.as_bytes()), &[]).await.unwrap();
        sent.placed().await.unwrap();
        // One after the other, so that no two are decided at the same time.
        until("it is decided", async || ledger.payments().await.unwrap().len() == ix + 1).await;
    }
    let mut first = records(&at, OUTCOMES_TOPIC, 3).await;
    first.sort_by_key(|record| b"cba".iter().position(|id| record.key.as_deref() == Some(&[*id])));
    let decided =
        async |id: &str| ledger.payment(&id.parse().unwrap()).await.unwrap().unwrap().outcome.decided_at.to_string();
    let (c, a) = (decided("c").await, decided("a").await);

    let republish = ["outcomes", "republish"];
    giro(&at, &[&republish[..], &["--payment", "a", "nobody"]].concat(), 1, "the payment 'nobody' has no outcome")
        .await;
    giro(&at, &[&republish[..], &["--from", &a, "--to", &a]].concat(), 2, "a time range that is not empty").await;
    giro(&at, &[&republish[..], &["--from", &a]].concat(), 2, "--to").await;
    giro(&at, &republish, 2, "--payment, or a time range by --from and --to, or say --undelivered").await;
    giro(&at, &[&republish[..], &["--payment", "a", "--topic", "nowhere"]].concat(), 2, "no topic nowhere").await;
    giro(&at, &[&republish[..], &["--undelivered"]].concat(), 2, "A local stack has no queue").await;
    records(&at, OUTCOMES_TOPIC, 3).await;
    giro(&at, &[&republish[..], &["--payment", "a", "c"]].concat(), 0, "published 2 outcomes").await;
    // From the first on and before the last: the first two.
    giro(&at, &[&republish[..], &["--from", &c, "--to", &a]].concat(), 0, "published 2 outcomes").await;
    giro(&at, &[&republish[..], &["--from", &a, "--to", "9999-01-01T00:00:00Z"]].concat(), 0, "published 1 outcomes")
        .await;

    let mut all = records(&at, OUTCOMES_TOPIC, 8).await;
    for (ix, first) in first.iter().enumerate() {
        let same = all.iter().filter(|record| record.key == first.key);
        assert!(same.clone().all(|record| record.value == first.value && record.headers == first.headers), "{first:?}");
        assert_eq!(same.count(), [3, 2, 3][ix], "{first:?}");
    }
    // One partition has its outcomes in the order in which they were decided.
    all.retain(|record| record.partition == first[0].partition);
    assert!(all.len() >= 3);

    match emulator {
        Some(emulator) => undelivered(&stack, &first, &emulator).await,
        None => eprintln!("SKIPPED: the queue of undelivered outcomes needs .tools/ministack, which is not here"),
    }
    stack.stop().await.unwrap();
}

/// The queue of a stream's mapping, on an emulator of SQS: each message is deleted once all that it covers was
/// published.
async fn undelivered(stack: &Stack, first: &[Polled], emulator: &Emulator) {
    emulator.ready().await;
    let at = stack.endpoints();
    let sqs = giro_cli::local::aws::sqs(Some(&emulator.endpoint)).await.unwrap();
    let queue = sqs.create_queue().queue_name("undelivered-outcomes").send().await.unwrap().queue_url.unwrap();
    let (arn, shard, numbers) = stream_of_payments(at).await;
    let info = |stream: &str, shard: &str, first: &str, last: &str, count: usize, arrivals: [&str; 2]| {
        format!(
            r#"{{"version":"1.0","DDBStreamBatchInfo":{{"streamArn":"{stream}","shardId":"{shard}",
            "startSequenceNumber":"{first}","endSequenceNumber":"{last}","batchSize":{count},
            "approximateArrivalOfFirstRecord":"{}","approximateArrivalOfLastRecord":"{}"}}}}"#,
            arrivals[0], arrivals[1]
        )
    };
    let long_ago = ["2020-01-01T00:00:00Z"; 2];
    let now = ["c", "a"].map(|id| first.iter().find(|record| record.key.as_deref() == Some(id.as_bytes())).unwrap());
    let now =
        now.map(|record| giro::wire::outcome::decode(record.value.as_deref().unwrap()).unwrap().decided_at.to_string());
    let now = [now[0].as_str(), now[1].as_str()];
    let run = async |code, says: &str| {
        let arguments = ["outcomes", "republish", "--undelivered", "--sqs-endpoint", &emulator.endpoint];
        giro(at, &arguments, code, says).await
    };
    run(0, "published 0 outcomes, and took 0 messages out of the queue").await;
    for body in [
        // By the stream: the first two; times would find nothing.
        info(&arn, &shard, &numbers[0], &numbers[1], 2, long_ago),
        // The stream is gone, so by time: all three, once, though two messages cover them.
        info(&arn.replace("/payments/", "/gone/"), &shard, &numbers[0], &numbers[1], 2, now),
        info(&arn, "shardId-00000000000000000000-00000000", &numbers[0], &numbers[2], 3, now),
        // Fewer than the message says: by time, and nothing was decided then.
        info(&arn, &shard, &numbers[2], &numbers[2], 7, long_ago),
        "what is \x1b this".replace('\x1b', "\\u001b"),
    ] {
        sqs.send_message().queue_url(&queue).message_body(body).send().await.unwrap();
    }
    let before = records(at, OUTCOMES_TOPIC, 8).await;
    run(1, "1 messages can't be read, and stay in the queue").await;
    let after = records(at, OUTCOMES_TOPIC, 8 + 2 + 3).await;
    let count = |records: &[Polled], id: &[u8]| records.iter().filter(|it| it.key.as_deref() == Some(id)).count();
    let more = [b"c", b"b", b"a"].map(|id| count(&after, id) - count(&before, id));
    assert_eq!(more, [2, 2, 1]);
    assert!(after.iter().all(|record| first.iter().any(|it| it.key == record.key && it.value == record.value)));
    let attribute = aws_sdk_sqs::types::QueueAttributeName::All;
    let left = sqs.get_queue_attributes().queue_url(&queue).attribute_names(attribute).send().await.unwrap();
    let left = left.attributes.unwrap();
    let number = |name| left[&name].parse::<u32>().unwrap();
    let visible = number(aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessages);
    let in_flight = number(aws_sdk_sqs::types::QueueAttributeName::ApproximateNumberOfMessagesNotVisible);
    assert_eq!((visible, in_flight), (0, 1), "only what can't be read is left");
}

/// The stream of the payments table: its ARN, its one shard, and the numbers of its records.
async fn stream_of_payments(at: &Endpoints) -> (String, String, Vec<String>) {
    use aws_sdk_dynamodbstreams::types::ShardIteratorType;
    let tables = giro_cli::local::aws::dynamodb(Some(&at.dynamodb)).await.unwrap();
    let table = tables.describe_table().table_name("payments").send().await.unwrap().table.unwrap();
    let arn = table.latest_stream_arn.unwrap();
    let streams = giro_cli::local::aws::streams(&at.dynamodb).await.unwrap();
    let stream = streams.describe_stream().stream_arn(&arn).send().await.unwrap().stream_description.unwrap();
    let shard = stream.shards.unwrap().remove(0).shard_id.unwrap();
    let call = streams.get_shard_iterator().stream_arn(&arn).shard_id(&shard);
    let iterator = call.shard_iterator_type(ShardIteratorType::TrimHorizon).send().await.unwrap().shard_iterator;
    let read = streams.get_records().set_shard_iterator(iterator).send().await.unwrap().records.unwrap();
    let number = |record: &aws_sdk_dynamodbstreams::types::Record| {
        record.dynamodb().unwrap().sequence_number().unwrap().to_owned()
    };
    (arn, shard, read.iter().map(number).collect())
}

/// MiniStack, for its queues. Ends when dropped.
struct Emulator {
    process: std::process::Child,
    port: u16,
    endpoint: String,
    _folder: tempfile::TempDir,
}

impl Emulator {
    /// None where it isn't installed.
    fn start() -> Option<Self> {
        let program = Path::new(crate::ROOT).join(".tools/ministack/bin/ministack");
        if !program.exists() {
            return None;
        }
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let folder = tempfile::tempdir().unwrap();
        let process = Command::new(program)
            .env_clear()
            .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
            .env("HOME", folder.path())
            .env("TMPDIR", folder.path())
            .env("BIND_HOST", "127.0.0.1")
            .env("GATEWAY_PORT", port.to_string())
            .current_dir(folder.path())
            .stdout(std::process::Stdio::null())
            .stderr(std::process::Stdio::null())
            .spawn()
            .unwrap();
        Some(Self { process, port, endpoint: format!("http://127.0.0.1:{port}"), _folder: folder })
    }

    async fn ready(&self) {
        let listens = async || tokio::net::TcpStream::connect(("127.0.0.1", self.port)).await.is_ok();
        until("the emulator listens", listens).await;
    }
}

impl Drop for Emulator {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
