//! With any bytes in a topic, no reader ends, and each record gets its disposition.

use std::time::Duration;

use giro::domain::Header;
use giro::store::LedgerQueries;
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_cli::local::stack::{KafkaEngine, Stack};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};
use rdkafka::ClientConfig;
use rdkafka::producer::{FutureProducer, FutureRecord};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use crate::processes::cli;
use crate::processes::stack::{acknowledged, ledger, options};

/// A record as bytes, which no client of Giro would send.
#[derive(Default)]
struct Raw<'a> {
    key: Option<&'a [u8]>,
    value: Option<&'a [u8]>,
    headers: &'a [(&'a [u8], Option<&'a [u8]>)],
}

/// A variable-length, zigzag-encoded integer. Source: Kafka protocol guide.
fn varint(out: &mut Vec<u8>, number: i64) {
    let mut rest = ((number << 1) ^ (number >> 63)) as u64;
    while rest >= 0x80 {
        out.push(rest as u8 | 0x80);
        rest >>= 7;
    }
    out.push(rest as u8);
}

fn bytes(out: &mut Vec<u8>, bytes: Option<&[u8]>) {
    varint(out, bytes.map_or(-1, |bytes| bytes.len() as i64));
    out.extend(bytes.unwrap_or_default());
}

fn record(raw: &Raw<'_>) -> Vec<u8> {
    // No attributes; the first timestamp and offset of the batch.
    let mut body = vec![0, 0, 0];
    bytes(&mut body, raw.key);
    bytes(&mut body, raw.value);
    varint(&mut body, raw.headers.len() as i64);
    for (name, value) in raw.headers {
        bytes(&mut body, Some(name));
        bytes(&mut body, *value);
    }
    let mut record = Vec::new();
    varint(&mut record, body.len() as i64);
    record.extend(body);
    record
}

/// A batch of one record. The embedded broker keeps it unchanged with any codec, and nothing checks its checksum.
fn batch(attributes: i16, records: &[u8]) -> Vec<u8> {
    let mut rest = vec![0, 0, 0, 0, 2, 0, 0, 0, 0];
    rest.extend(attributes.to_be_bytes());
    rest.extend(0_i32.to_be_bytes());
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64;
    rest.extend([now, now].map(i64::to_be_bytes).concat());
    rest.extend((-1_i64).to_be_bytes());
    rest.extend((-1_i16).to_be_bytes());
    rest.extend((-1_i32).to_be_bytes());
    rest.extend(1_i32.to_be_bytes());
    rest.extend(records);
    let mut batch = 0_i64.to_be_bytes().to_vec();
    batch.extend((rest.len() as i32).to_be_bytes());
    batch.extend(rest);
    batch
}

/// Puts a batch on a partition of the embedded broker. Source: Kafka protocol guide, Produce version 3.
async fn produce(broker: &str, topic: &str, partition: i32, batch: &[u8]) {
    let text = |text: &str| [&(text.len() as i16).to_be_bytes(), text.as_bytes()].concat();
    let mut request = [0_i16, 3].map(i16::to_be_bytes).concat();
    request.extend(7_i32.to_be_bytes());
    request.extend(text("raw"));
    // No transaction; acknowledged by all; within 5 s; one topic with one partition.
    request.extend([-1_i16, -1].map(i16::to_be_bytes).concat());
    request.extend([5_000_i32, 1].map(i32::to_be_bytes).concat());
    request.extend(text(topic));
    request.extend([1, partition, batch.len() as i32].map(i32::to_be_bytes).concat());
    request.extend(batch);
    let mut stream = tokio::net::TcpStream::connect(broker).await.unwrap();
    stream.write_all(&(request.len() as i32).to_be_bytes()).await.unwrap();
    stream.write_all(&request).await.unwrap();
    let length = stream.read_i32().await.unwrap();
    let mut answer = vec![0; length as usize];
    stream.read_exact(&mut answer).await.unwrap();
    // After the correlation, the count of topics, the topic, the count of partitions and the partition.
    let at = 4 + 4 + 2 + topic.len() + 4 + 4;
    assert_eq!(answer[at..at + 2], [0, 0], "the broker took it: {answer:?}");
}

async fn read(stack: &Stack, topic: &str) -> Vec<Polled> {
    let mut reader = TopicReader::from_start(&stack.endpoints().kafka_bootstrap_servers, topic).await.unwrap();
    let mut read = Vec::new();
    loop {
        match reader.next().await.unwrap() {
            Read::Record(record) => read.push(record),
            Read::End => return read,
        }
    }
}

/// What `giro outcomes` prints for a topic: its exit code, its lines, and its errors.
async fn outcomes(stack: &Stack, topic: &str) -> (Option<i32>, String, String) {
    let broker = stack.endpoints().kafka_bootstrap_servers.clone();
    let topic = topic.to_owned();
    let run = move || {
        let folder = tempfile::tempdir().unwrap();
        let mut command = cli::command(&["outcomes", "--topic", &topic], folder.path());
        cli::run(command.env("KAFKA_BOOTSTRAP_SERVERS", broker), b"")
    };
    let done = tokio::task::spawn_blocking(run).await.unwrap();
    let text = |bytes| String::from_utf8(bytes).unwrap();
    (done.status.code(), text(done.stdout), text(done.stderr))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_header_name_in_latin_1_ends_no_reader() {
    let stack = Stack::start(options(KafkaEngine::Embedded)).await.unwrap();
    let broker = stack.endpoints().kafka_bootstrap_servers.clone();
    let long = vec![0xfe; 300_000];
    let odd = [
        Raw {
            value: Some(b"latin"),
            headers: &[(b"before", Some(b"1")), (b"gr\xf6\xdfe", Some(b"12")), (b"after", Some(b"\xff"))],
            ..Raw::default()
        },
        Raw { value: Some(b"again"), headers: &[(b"\xff", None)], ..Raw::default() },
        Raw { value: Some(b"nameless"), headers: &[(b"", None), (b"", Some(b""))], ..Raw::default() },
        Raw { value: Some(b"\xff\x00\xfe"), key: Some(b"\x80\x00"), ..Raw::default() },
        Raw { value: None, key: Some(b"tombstone"), ..Raw::default() },
        Raw { value: Some(b"key"), key: Some(&long), ..Raw::default() },
        Raw { value: Some(b""), key: Some(b""), ..Raw::default() },
        Raw::default(),
    ];
    for raw in &odd {
        produce(&broker, REQUESTS_TOPIC, 1, &batch(0, &record(raw))).await;
    }
    acknowledged(&stack, odd.len() as u64).await;

    let mut letters = ledger(&stack).await.dead_letters().await.unwrap();
    letters.sort_by_key(|letter| letter.source.offset);
    assert_eq!(letters.len(), odd.len());
    for (letter, raw) in letters.iter().zip(&odd) {
        assert_eq!((letter.key.as_deref(), letter.value.as_deref()), (raw.key, raw.value), "{:?}", letter.source);
    }
    let header = |name: &str, value: Option<&[u8]>| Header { name: name.into(), value: value.map(Into::into) };
    let stand_in = header("giro-unreadable-header-name", None);
    let expected = [header("before", Some(b"1")), stand_in.clone(), header("after", Some(b"\xff"))];
    assert_eq!(letters[0].headers, expected);
    assert_eq!(letters[1].headers, [stand_in]);
    assert_eq!(letters[2].headers, [header("", None), header("", Some(b""))]);
    let troubles = stack.activity().troubles;
    assert!(
        matches!(troubles.as_slice(), [one] if one.contains("partition 1: the name of a header is not UTF-8")),
        "once, not once a record: {troubles:?}"
    );

    assert_eq!(read(&stack, REQUESTS_TOPIC).await.len(), odd.len());
    let (code, lines, complaints) = outcomes(&stack, REQUESTS_TOPIC).await;
    assert_eq!((code, lines.lines().count()), (Some(0), odd.len()), "{lines} {complaints}");
    assert!(!complaints.contains("panicked"), "{complaints}");
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn every_codec_of_kafka_is_read() {
    let stack = Stack::start(options(KafkaEngine::Embedded)).await.unwrap();
    let codecs = ["none", "gzip", "snappy", "lz4", "zstd"];
    // Long and uniform: a text that doesn't shrink is sent uncompressed.
    let value = |codec: &str| format!("{codec} {}", "x".repeat(20_000));
    for (partition, codec) in (0..4).cycle().zip(codecs) {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &stack.endpoints().kafka_bootstrap_servers)
            .set("compression.type", codec)
            .set("linger.ms", "0")
            .create()
            .unwrap();
        let value = value(codec);
        let record = FutureRecord::<[u8], str>::to(REQUESTS_TOPIC).partition(partition).payload(&value);
        producer.send(record, Duration::from_secs(10)).await.unwrap();
    }
    acknowledged(&stack, 5).await;
    let expected: Vec<Vec<u8>> = codecs.iter().map(|codec| value(codec).into_bytes()).collect();
    let sorted = |mut values: Vec<Vec<u8>>| {
        values.sort();
        values
    };
    let letters = ledger(&stack).await.dead_letters().await.unwrap();
    assert_eq!(sorted(letters.into_iter().filter_map(|it| it.value).collect()), sorted(expected.clone()));
    let records = read(&stack, REQUESTS_TOPIC).await;
    assert_eq!(sorted(records.into_iter().filter_map(|it| it.value).collect()), sorted(expected));
    assert_eq!(outcomes(&stack, REQUESTS_TOPIC).await.0, Some(0));
    assert_eq!(stack.activity().troubles, Vec::<String>::new());
    stack.stop().await.unwrap();
}

#[tokio::test(flavor = "multi_thread")]
async fn a_partition_that_can_not_be_read_is_told_once_and_the_others_go_on() {
    // One poller reads all partitions.
    let options = giro_cli::local::stack::StackOptions { concurrency: Some(1), ..options(KafkaEngine::Embedded) };
    let stack = Stack::start(options).await.unwrap();
    let broker = stack.endpoints().kafka_bootstrap_servers.clone();
    let good = |value| batch(0, &record(&Raw { value: Some(value), ..Raw::default() }));
    const GZIP: i16 = 1;
    produce(&broker, REQUESTS_TOPIC, 2, &good(b"before")).await;
    produce(&broker, REQUESTS_TOPIC, 2, &batch(GZIP, b"no gzip at all")).await;
    produce(&broker, REQUESTS_TOPIC, 2, &good(b"behind")).await;
    acknowledged(&stack, 1).await;
    let told = async {
        while stack.activity().troubles.is_empty() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), told).await.expect("the poller says so");
    for partition in [0, 1, 3] {
        produce(&broker, REQUESTS_TOPIC, partition, &good(b"healthy")).await;
    }
    acknowledged(&stack, 4).await;
    let place = "topic payment-requests, partition 2, offset 1: the records from here on can't be read";
    let troubles = stack.activity().troubles;
    assert!(matches!(troubles.as_slice(), [one] if one.contains(place)), "{troubles:?}");

    let (code, _, complaints) = outcomes(&stack, REQUESTS_TOPIC).await;
    assert_ne!(code, Some(0), "what can't be read is not passed over");
    assert!(complaints.contains(place), "{complaints}");
    stack.stop().await.unwrap();
}
