//! An engine that is away: each command says so in one line, by the engine's address.

use std::io::Read;
use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{PAYMENT, check, event, run, stderr, tables, topics};

/// How long a command may take on a busy machine. It answers after five seconds; the Kafka client alone would go on for
/// thirty.
const SOON: Duration = Duration::from_secs(20);

/// An address at which nobody listens.
const NOBODY: &str = "127.0.0.1:1";

/// An engine that takes connections, and never answers.
fn silent() -> (TcpListener, String) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let address = listener.local_addr().unwrap().to_string();
    (listener, address)
}

/// What needs Kafka.
const WITHOUT_KAFKA: &[&str] = &[
    "publish -",
    "accounts open a --currency EUR",
    "accounts freeze a --no-wait",
    "outcomes",
    "outcomes --follow",
    "outcomes republish --payment p1",
    "failed list",
    "failed show t/0/1",
    "failed redrive --all",
    "topics list",
    "topics create --replication 1",
    "dead-letters redrive --all",
    "bench broker",
    "up",
    "demo",
];

/// What needs DynamoDB.
const WITHOUT_DYNAMODB: &[&str] = &[
    "accounts open a --currency EUR",
    "accounts open a --currency EUR --direct",
    "accounts add-lanes a 2 --direct",
    "accounts show a",
    "accounts list",
    "accounts balance a",
    "accounts statement a",
    "accounts commands",
    "payments show p1",
    "outcomes republish --payment p1",
    "dead-letters list",
    "dead-letters show t/0/1",
    "dead-letters redrive --all",
    "audit",
    "up",
    "demo",
];

/// Every command, with each of its engines unreachable in turn. The other engines are there. All wait side by side.
#[tokio::test(flavor = "multi_thread")]
async fn an_engine_that_is_away_is_told_in_one_line_and_seconds_and_by_its_address() {
    let (dynamodb, kafka) = (tables().await, topics().await);
    let (_listener, quiet) = silent();
    let publisher = event("outcome-publisher/inserts.json");
    let (url, quiet_url) = (format!("http://{NOBODY}"), format!("http://{quiet}"));
    let no_kafka = [("KAFKA_BOOTSTRAP_SERVERS", NOBODY), ("AWS_ENDPOINT_URL_DYNAMODB", dynamodb.endpoint())];
    let no_dynamodb = [("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers()), ("AWS_ENDPOINT_URL_DYNAMODB", &url)];
    let no_lambda = [("AWS_ENDPOINT_URL_LAMBDA", url.as_str())];
    let quiet_kafka = [("KAFKA_BOOTSTRAP_SERVERS", quiet.as_str())];
    let quiet_dynamodb = [("AWS_ENDPOINT_URL_DYNAMODB", quiet_url.as_str())];
    let quiet_lambda = [("AWS_ENDPOINT_URL_LAMBDA", quiet_url.as_str())];
    let invoke_publisher = format!("invoke --event {publisher}");
    let invoke = format!("invoke --event {}", event("msk.json"));
    type Away<'a> = (&'a str, &'a [(&'a str, &'a str)], &'a [&'a str]);
    let http = dynamodb.endpoint().strip_prefix("http://").unwrap();
    let http_kafka = [("KAFKA_BOOTSTRAP_SERVERS", http)];
    let cases: [Away<'_>; 9] = [
        (http, &http_kafka, &["outcomes"]),
        (&quiet_url, &quiet_lambda, &[&invoke]),
        (NOBODY, &no_kafka, WITHOUT_KAFKA),
        (NOBODY, &no_kafka, &[&invoke_publisher]),
        (&url, &no_dynamodb, WITHOUT_DYNAMODB),
        (&url, &no_dynamodb, &[&invoke]),
        (&url, &no_lambda, &[&invoke, "up", "demo"]),
        (&quiet, &quiet_kafka, &["topics list", "publish -", "outcomes"]),
        (&quiet_url, &quiet_dynamodb, &["accounts list", "audit", &invoke]),
    ];
    std::thread::scope(|scope| {
        // What the Kafka client itself says is for whoever asks for it: all others have one line.
        scope.spawn(|| check("topics list --verbose", &no_kafka, b"", 3, "kafka client"));
        scope.spawn(|| check("topics list", &http_kafka, b"", 3, "speaks HTTP."));
        for (address, variables, commands) in cases {
            for words in commands {
                scope.spawn(move || {
                    let since = Instant::now();
                    let output = run(words, variables, PAYMENT.as_bytes());
                    let text = stderr(&output);
                    assert_eq!(output.status.code(), Some(3), "{words}: {text}");
                    assert_eq!(text.lines().count(), 1, "{words}: {text}");
                    assert!(text.contains(address), "{words}: expected {address} in {text}");
                    assert!(since.elapsed() < SOON, "{words} took {:?}", since.elapsed());
                });
            }
        }
    });
}

/// Readers must get a token as a role: they begin TLS with the broker, and only the broker doesn't answer. Topics can't
/// be created like this, and the error says so once the broker is there.
#[test]
fn whoever_reads_topics_logs_in_as_a_role() {
    let tls = giro::publish::kafka::speaks_tls();
    let read = |words: &str| {
        let (listener, address) = silent();
        let role = [
            ("KAFKA_AUTH", "iam"),
            ("KAFKA_BOOTSTRAP_SERVERS", address.as_str()),
            ("AWS_REGION", "eu-central-1"),
            ("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE"),
            ("AWS_SECRET_ACCESS_KEY", "made up"),
        ];
        if !tls {
            check(words, &role, b"", 2, "this build speaks no TLS to Kafka");
            return;
        }
        check(words, &role, b"", 3, "doesn't answer within 5 seconds");
        // It doesn't wait: either bytes are there, or nothing is.
        listener.set_nonblocking(true).unwrap();
        let mut first = [0];
        listener.accept().and_then(|(mut connection, _)| connection.read_exact(&mut first)).unwrap();
        assert_eq!(first[0], 0x16, "{words}: expected a handshake of TLS");
        check(words, &role[..2], b"", 2, "no AWS ");
    };
    std::thread::scope(|scope| {
        for words in ["topics list", "topics create", "failed list", "outcomes"] {
            scope.spawn(move || read(words));
        }
    });
}

/// The embedded Kafka never answers a call that creates topics.
#[tokio::test(flavor = "multi_thread")]
async fn creating_topics_on_the_embedded_kafka_ends_and_says_what_it_is() {
    let kafka = topics().await;
    let at = [("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers())];
    check("topics create --replication 1", &at, b"", 0, "payment-requests was there already");
    check("topics create --parameter NamePrefix=eu-", &at, b"", 2, "embedded one of a `giro up`");
    check("bench broker", &at, b"", 2, "so giro-bench can't be created");
}
