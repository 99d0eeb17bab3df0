//! Outcomes published again, from the table; those in the queue of the stream's mapping as well.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use giro::domain::OverdraftLimit;
use giro::publish::Publish;
use giro::store::LedgerQueries;
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::stack::{Endpoints, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::Polled;

use super::{giro, records, until};
use crate::processes::stack::{ledger, open, payment};

const OUTCOMES_TOPIC: &str = "payment-outcomes";

/// The payment that a CloudEvent names.
fn event_id(record: &Polled) -> Option<&[u8]> {
    record.headers.iter().find(|header| header.name == "ce_id")?.value.as_deref()
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
        assert_eq!((event_id(first), same.count()), (first.key.as_deref(), [3, 2, 3][ix]), "{first:?}");
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
