//! The whole path by processes: records on a real broker, the real payment-processor, items in DynamoDB.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use giro::domain::{Account, AccountId, CommandId, OverdraftLimit, PaymentId};
use giro::publish::Publish;
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries, Tables};
use giro::wire::failed_record::{self, FailedRecord, GivenUp};
use giro_cli::local::http::{self as http_api, HttpApi};
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::lambda::LocalLambda;
use giro_cli::local::stack::{
    DynamoDbEngine, KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions,
};
use giro_cli::local::topic_reader::{Polled, Read, TopicReader};
use giro_template::Templates;
use giro_testkit::given;
use giro_testkit::open_accounts::OpenAccounts;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// The payment processor alone. Other tests have the other handlers.
pub(crate) fn options(kafka: KafkaEngine) -> StackOptions {
    StackOptions {
        kafka,
        run: Run::Only(vec![PAYMENT_PROCESSOR.into()]),
        partitions: Some(4),
        batch_records_max: Some(100),
        batch_window: Some(Duration::from_millis(100)),
        ..StackOptions::default()
    }
}

pub(crate) async fn ledger(stack: &Stack) -> DynamoDb {
    DynamoDb::new(giro_cli::local::aws::dynamodb(Some(&stack.endpoints().dynamodb)).await.unwrap(), Tables::default())
}

pub(crate) async fn open(ledger: &DynamoDb, id: &str, overdraft_limit: OverdraftLimit) {
    let account = Account { overdraft_limit, ..given::account(id) };
    assert_eq!(ledger.open_account(&account).await, Ok(None));
}

/// Waits until this many records are finished. Stops the test if a part gives up.
pub(crate) async fn acknowledged(stack: &Stack, records: u64) {
    acknowledged_by(stack, PAYMENT_PROCESSOR, records).await;
}

async fn acknowledged_by(stack: &Stack, binary: &str, records: u64) {
    let activity = || stack.activity_of(binary);
    let all = async {
        while activity().acknowledged < records && !stack.gave_up() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.unwrap_or_else(|_| panic!("{:?}", activity()));
    assert!(!stack.gave_up());
}

/// Payments, a duplicate, a decline and a broken record, from the topic to the tables.
async fn settles(kafka: KafkaEngine) {
    // Commands keep their producers' stamps, as on a topic that somebody else made.
    let mut texts = Templates::embedded_texts();
    let topics = texts.get_mut("infra/kafka.yaml").unwrap();
    let (before, commands) = topics.split_once("${NamePrefix}account-commands\"").unwrap();
    assert!(commands.contains("LogAppendTime"), "{commands}");
    *topics =
        format!("{before}${{NamePrefix}}account-commands\"{}", commands.replacen("LogAppendTime", "CreateTime", 1));
    let run = Run::Only([PAYMENT_PROCESSOR, "account-processor"].map(str::to_owned).to_vec());
    let options = StackOptions { run, templates: Templates::Texts(texts), ..options(kafka.clone()) };
    let stack = Stack::start(options).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "settlement", OverdraftLimit::Unlimited).await;
    open(&ledger, "shop", OverdraftLimit::Limited(0)).await;
    let producer = kafka::producer(&stack.endpoints().kafka_bootstrap_servers).unwrap();
    let mut values: Vec<String> = (0..500).map(|ix| payment(&format!("k{ix}"), "settlement", "shop", 2)).collect();
    values.push(payment("k7", "settlement", "shop", 2));
    values.push(payment("late", "shop", "settlement", 1_000_000));
    values.push("no payment".into());
    let mut placed = Vec::new();
    for value in &values {
        placed.push(producer.send(REQUESTS_TOPIC, Some(b"key"), Some(value.as_bytes()), &[]).await.unwrap());
    }
    let mut last = None;
    for sending in placed {
        last = Some(sending.placed().await.unwrap());
    }
    acknowledged(&stack, 503).await;

    let shop = ledger.account(&AccountId::try_new("shop").unwrap()).await.unwrap().unwrap();
    assert_eq!(shop.balance(), 1_000);
    let payments = ledger.payments().await.unwrap();
    assert_eq!(payments.iter().filter(|recorded| recorded.outcome.decision.is_ok()).count(), 500);
    assert_eq!(payments.len(), 501);
    let letters = ledger.dead_letters().await.unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    let last = last.unwrap();
    assert_eq!((letter.source.partition, letter.source.offset), (last.partition, last.offset));
    assert_eq!((letter.value.as_deref(), letter.reason.as_str()), (Some(&b"no payment"[..]), "not_json"));
    let summary = stack.summary();
    assert_eq!((summary["records"], summary["settled"], summary["declined"]), (503, 500, 1), "{summary:?}");
    assert_eq!((summary["replayed"], summary["dead_letters"]), (1, 1), "{summary:?}");

    // Records of any age are tried. The embedded broker keeps the producers' timestamps.
    let month_ago = now_ms() - MONTH_MS;
    publish_stamped(&stack, REQUESTS_TOPIC, &payment("old", "settlement", "shop", 2), month_ago).await;
    let freeze = r#"{"command_id":"old","command":"freeze","account_id":"shop"}"#;
    publish_stamped(&stack, COMMANDS_TOPIC, freeze, month_ago).await;
    acknowledged(&stack, 504).await;
    acknowledged_by(&stack, "account-processor", 1).await;
    let old = ledger.payment(&PaymentId::try_new("old").unwrap()).await.unwrap().unwrap();
    assert!(old.outcome.decision.is_ok(), "{old:?}");
    let frozen = ledger.command(&CommandId::try_new("old").unwrap()).await.unwrap().unwrap();
    assert!(frozen.decision.is_ok(), "{frozen:?}");
    let stamps = |records: Vec<Polled>| records.into_iter().filter_map(|record| record.timestamp).collect::<Vec<_>>();
    let [commands, requests] = [read(&stack, COMMANDS_TOPIC, 1).await, read(&stack, REQUESTS_TOPIC, 504).await];
    assert_eq!(stamps(commands), [month_ago], "{kafka:?}");
    let oldest = stamps(requests).into_iter().min().unwrap();
    match kafka {
        KafkaEngine::Apache => assert!(oldest > now_ms() - MONTH_MS / 30, "LogAppendTime: {oldest}"),
        KafkaEngine::Embedded | KafkaEngine::External(_) => {
            assert_eq!(oldest, month_ago, "the embedded broker knows no LogAppendTime")
        }
    }
    stack.stop().await.unwrap();
}

const COMMANDS_TOPIC: &str = "account-commands";

/// Thirty days.
const MONTH_MS: i64 = 30 * 86_400_000;

fn now_ms() -> i64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as i64
}

/// Puts a record on a topic with a producer's own stamp.
async fn publish_stamped(stack: &Stack, topic: &str, value: &str, timestamp_ms: i64) {
    let (config, context) = kafka::client(&stack.endpoints().kafka_bootstrap_servers).unwrap();
    let producer: rdkafka::producer::FutureProducer<_> = config.create_with_context(context).unwrap();
    let record = rdkafka::producer::FutureRecord::to(topic).key("key").payload(value).timestamp(timestamp_ms);
    producer.send(record, Duration::from_secs(30)).await.unwrap();
}

pub(crate) fn payment(id: &str, debtor: &str, creditor: &str, amount: u64) -> String {
    format!(
        r#"{{"payment_id":"{id}","debtor_account":"{debtor}","creditor_account":"{creditor}","amount":{amount},"currency":"EUR"}}"#
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn settles_on_the_embedded_kafka() {
    settles(KafkaEngine::Embedded).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn settles_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: Apache Kafka needs {missing}, which is not here");
        return;
    }
    settles(KafkaEngine::Apache).await;
}

/// The project's template with a text in it replaced, once.
pub(crate) fn template_with(file: &str, from: &str, to: &str) -> Templates {
    let mut texts = Templates::embedded_texts();
    let text = texts.get_mut(file).unwrap();
    assert!(text.contains(from), "{file} no longer says {from}");
    *text = text.replacen(from, to, 1);
    Templates::Texts(texts)
}

pub(crate) async fn publish(stack: &Stack, topic: &str, values: &[String]) {
    let producer = kafka::producer(&stack.endpoints().kafka_bootstrap_servers).unwrap();
    let mut sending = Vec::new();
    for value in values {
        sending.push(producer.send(topic, Some(b"key"), Some(value.as_bytes()), &[]).await.unwrap());
    }
    for sending in sending {
        sending.placed().await.unwrap();
    }
}

/// Every record of a topic until there are so many.
async fn read(stack: &Stack, topic: &str, records: usize) -> Vec<Polled> {
    let mut reader = TopicReader::from_start(&stack.endpoints().kafka_bootstrap_servers, topic).await.unwrap();
    let all = async {
        let mut read = Vec::new();
        while read.len() < records {
            match reader.next().await.unwrap() {
                Read::Record(record) => read.push(record),
                Read::End => {}
            }
        }
        read
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("the records come")
}

/// Nothing is wired twice: the template's batch size is the run's.
#[tokio::test(flavor = "multi_thread")]
async fn a_batch_size_in_the_template_is_that_of_the_run() {
    let with = template_with("template.yaml", "BatchSize: 1000", "BatchSize: 7");
    let options = StackOptions {
        templates: with,
        batch_records_max: None,
        partitions: Some(1),
        ..options(KafkaEngine::Embedded)
    };
    let stack = Stack::start(options).await.unwrap();
    let values: Vec<String> = (0..50).map(|ix| format!("no payment {ix}")).collect();
    publish(&stack, REQUESTS_TOPIC, &values).await;
    acknowledged(&stack, 50).await;
    let activity = stack.activity();
    assert_eq!(activity.batch_records_max, 7, "{activity:?}");
    stack.stop().await.unwrap();
}

/// A function that can't start: each record is tried as often as the template says, then put where the template says.
#[tokio::test(flavor = "multi_thread")]
async fn what_fails_too_often_ends_on_the_topic_for_failures() {
    let mut texts = Templates::embedded_texts();
    let template = texts.get_mut("template.yaml").unwrap();
    for (from, to) in [
        ("MaximumRetryAttempts: 10000", "MaximumRetryAttempts: 1"),
        ("PARTIAL_BATCH_RESPONSE: \"true\"", "PARTIAL_BATCH_RESPONSE: \"perhaps\""),
    ] {
        assert!(template.contains(from), "the template no longer says {from}");
        *template = template.replacen(from, to, 1);
    }
    let options = StackOptions { templates: Templates::Texts(texts), ..options(KafkaEngine::Embedded) };
    let stack = Stack::start(options).await.unwrap();
    let values: Vec<String> = (0..3).map(|ix| payment(&format!("k{ix}"), "a", "b", 1)).collect();
    publish(&stack, REQUESTS_TOPIC, &values).await;
    let failed = read(&stack, "payment-requests-failed", 3).await;
    let told: Vec<GivenUp> =
        failed.iter().map(|record| failed_record::decode(record.value.as_deref().unwrap()).unwrap()).collect();
    let records: Vec<&FailedRecord> = told.iter().flat_map(|told| &told.records).collect();
    let held: Vec<&[u8]> = records.iter().map(|record| record.value.as_deref().unwrap()).collect();
    assert_eq!(held, values.iter().map(String::as_bytes).collect::<Vec<_>>(), "one each, in their order");
    assert!(failed.iter().all(|record| record.key.as_deref() == Some(b"key") && record.headers.is_empty()));
    assert!(records.iter().all(|record| record.key.as_deref() == Some(b"key") && record.timestamp.is_some()));
    assert!(records.iter().all(|record| &*record.source.topic == REQUESTS_TOPIC));
    assert_eq!(told[0].condition.as_deref(), Some("RetriesExhausted"));
    assert_eq!(told[0].invocations, Some(2), "the first, and the one retry");
    assert!(told[0].function_arn.as_deref().unwrap().contains(":function:payment-processor:"), "{told:?}");
    let activity = stack.activity();
    assert_eq!((activity.acknowledged, activity.given_up), (0, 3), "{activity:?}");
    assert!(activity.last_failure.unwrap().contains("PARTIAL_BATCH_RESPONSE"), "the function says why");
    stack.stop().await.unwrap();
}

/// One request and its answer's status, headers and body.
pub(crate) async fn http(endpoint: &str, request: &str, body: &str) -> (u16, String, String) {
    http_with(endpoint, request, "", body).await
}

/// The same, with more headers, each a line that ends with CRLF.
pub(crate) async fn http_with(endpoint: &str, request: &str, headers: &str, body: &str) -> (u16, String, String) {
    let address = endpoint.strip_prefix("http://").unwrap();
    let mut stream = tokio::net::TcpStream::connect(address).await.unwrap();
    let length = body.len();
    let head = format!(
        "{request} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n{headers}\r\n"
    );
    // The server may answer, and close, before it has read all of a body that is too long.
    let _ = stream.write_all(head.as_bytes()).await;
    let _ = stream.write_all(body.as_bytes()).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or_default();
    (status, head.to_ascii_lowercase(), body.to_owned())
}

/// From HTTP to the topic of outcomes, through every function of the way; and again after a restart, from where the
/// stream was left.
#[tokio::test(flavor = "multi_thread")]
async fn a_payment_goes_from_http_to_its_outcome_on_the_topic() {
    let folder = tempfile::tempdir().unwrap();
    let way = ["payment-api", PAYMENT_PROCESSOR, OUTCOME_PUBLISHER];
    let options = || StackOptions {
        run: Run::Only(way.map(str::to_owned).to_vec()),
        dynamodb: DynamoDbEngine::Embedded { data: Some(folder.path().to_owned()) },
        ..options(KafkaEngine::Embedded)
    };
    let stack = Stack::start(options()).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "settlement", OverdraftLimit::Unlimited).await;
    open(&ledger, "shop", OverdraftLimit::Limited(0)).await;
    let endpoint = stack.endpoints().http.clone().unwrap();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let (asked, traced) = (payment("p1", "settlement", "shop", 5), format!("traceparent: {trace}\r\n"));
    let (status, head, body) = http_with(&endpoint, "POST /payments", &traced, &asked).await;
    assert_eq!(status, 202, "{head} {body}");
    assert!(head.contains("location: /payments/p1"), "{head}");
    let told = read(&stack, "payment-outcomes", 1).await;
    let header = told[0].headers.last().map(|header| (header.name.as_str(), header.value.as_deref().unwrap()));
    assert_eq!(header, Some(("traceparent", trace.as_bytes())), "from the client to the outcome");
    assert_eq!(told[0].key.as_deref(), Some(&b"p1"[..]));
    let payments = ledger.payments().await.unwrap();
    assert_eq!(giro_cli::commands::check_topic(&payments, &told), Vec::<String>::new());
    let (status, _, body) = http(&endpoint, "GET /payments/p1", "").await;
    assert_eq!(status, 200, "{body}");
    assert!(body.contains("\"settled\""), "{body}");
    // Each HEAD that is described has a route in front of the function.
    for (path, there) in
        [("payments/p1", 200), ("payments/p0", 404), ("accounts/shop", 200), ("accounts/shop/statement", 200)]
    {
        let (status, head, body) = http(&endpoint, &format!("HEAD /{path}"), "").await;
        assert_eq!((status, body.as_str()), (there, ""), "{path}: {head}");
        assert!(head.contains("cache-control: no-store"), "{path}: the function answers, not the front: {head}");
    }
    assert_eq!(http(&endpoint, "GET /nowhere", "").await.0, 404);
    let stopped = stack.activity_of(OUTCOME_PUBLISHER);
    stack.stop().await.unwrap();
    assert_eq!((stopped.acknowledged, stopped.failed), (1, 0), "{stopped:?}");

    let stack = Stack::start(options()).await.unwrap();
    let endpoint = stack.endpoints().http.clone().unwrap();
    assert_eq!(http(&endpoint, "POST /payments", &payment("p2", "settlement", "shop", 6)).await.0, 202);
    let told = read(&stack, "payment-outcomes", 1).await;
    assert_eq!(told[0].key.as_deref(), Some(&b"p2"[..]), "the first outcome was told already");
    stack.stop().await.unwrap();
}

/// What API Gateway answers by itself.
#[tokio::test(flavor = "multi_thread")]
async fn the_http_api_answers_for_a_function_that_can_not() {
    let routes = Templates::Embedded.blueprint(&BTreeMap::new()).unwrap().routes;
    let listener = || async { http_api::listen(0).await.unwrap() };
    let at = "http://127.0.0.1:1";
    let nowhere = HttpApi::start(listener().await, &routes, at, |_| Duration::from_secs(5), None).await.unwrap();
    let answer = http(nowhere.endpoint(), "GET /payments/p1", "").await;
    assert_eq!((answer.0, answer.2.as_str()), (503, r#"{"message":"Service Unavailable"}"#));
    let long = "x".repeat(7 * 1024 * 1024);
    assert_eq!(http(nowhere.endpoint(), "POST /payments", &long).await.0, 413, "no event may be as long");
    nowhere.stop().await;

    let function = giro_cli::local::lambda::Function {
        name: "payment-api".into(),
        binary: crate::binary("payment-api").into(),
        // It can't start without its variables.
        environment: Vec::new(),
        memory_mib: 128,
        timeout: Duration::from_secs(5),
        concurrency: 1,
        asynchronous: giro_template::Asynchronous::default(),
    };
    let lambda = LocalLambda::start(vec![function], Arc::new(|_: &str, _: &str| {})).await.unwrap();
    let at = lambda.endpoint();
    let broken = HttpApi::start(listener().await, &routes, at, |_| Duration::from_secs(9), None).await.unwrap();
    let answer = http(broken.endpoint(), "GET /payments/p1", "").await;
    assert_eq!((answer.0, answer.2.as_str()), (500, r#"{"message":"Internal Server Error"}"#));
    broken.stop().await;
    lambda.stop().await;
}

/// The functions of a template that aren't built are named, or refused.
#[tokio::test(flavor = "multi_thread")]
async fn a_function_that_is_not_built_is_left_out_or_refused() {
    let empty = tempfile::tempdir().unwrap();
    let with = |run| StackOptions { run, binaries: Some(empty.path().to_owned()), ..StackOptions::default() };
    let stack = Stack::start(with(Run::Built)).await.unwrap();
    assert!(stack.left_out().contains(&PAYMENT_PROCESSOR.to_owned()), "{:?}", stack.left_out());
    assert_eq!(stack.endpoints().http, None);
    stack.stop().await.unwrap();
    let refused = Stack::start(with(Run::All)).await.unwrap_err().to_string();
    assert!(refused.contains("no binary at"), "{refused}");
    let unknown = Stack::start(with(Run::Only(vec!["x".into()]))).await.unwrap_err().to_string();
    let all = "account-processor, ledger-auditor, outcome-publisher, payment-api, payment-processor";
    assert_eq!(unknown, format!("the template has no function x: expected one of {all}"));
}

pub(crate) fn missing_for_apache_kafka() -> Option<&'static str> {
    ["java", "mvn"].into_iter().find(|program| {
        let found = std::process::Command::new(program).arg("-version").output();
        !found.is_ok_and(|output| output.status.success())
    })
}
