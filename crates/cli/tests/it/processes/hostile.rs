//! Texts in tables and topics that try to forge lines of output, or to control a terminal.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::handlers::payment_processor::PaymentProcessor;
use giro::publish::Publish;
use giro_cli::local::kafka::{self, EmbeddedKafka, NewTopic};
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use lambda_runtime::{Context, LambdaEvent};

use crate::processes::cli;

/// An event of these values, each with these headers, as JSON.
fn event(values: &[&[u8]], headers: &serde_json::Value) -> String {
    let record = |(offset, value): (usize, &&[u8])| {
        serde_json::json!({ "topic": "t", "partition": 0, "offset": offset, "value": STANDARD.encode(value),
            "headers": headers })
    };
    let records: Vec<serde_json::Value> = values.iter().enumerate().map(record).collect();
    serde_json::json!({ "records": { "t-0": records } }).to_string()
}

/// A name that was written into DynamoDB without Giro can't forge a line, and is escaped on a terminal.
#[tokio::test(flavor = "multi_thread")]
async fn what_stands_in_a_table_forges_no_line_of_output() {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_testkit::dynamodb::client(engine.endpoint());
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    let key = aws_sdk_dynamodb::types::AttributeValue::S("x\nall is well\u{1b}[2J".into());
    client.put_item().table_name("accounts").item("account_id", key).send().await.unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(&["audit"], folder.path());
    command
        .env("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint())
        .env("AWS_SECRET_ACCESS_KEY", "SECRET-KEY-OF-A-TEST")
        .env("AWS_ACCESS_KEY_ID", "local");
    let output = cli::run(&mut command, b"");
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(text.contains(r"item x\nall is well\u001b[2J: "), "{text}");
    assert!(!text.contains('\u{1b}') && !text.lines().any(|line| line.starts_with("all is well")), "{text}");
    assert!(!text.contains("SECRET"), "{text}");
}

/// A reference, a record and a header may hold anything. Every command escapes it for a terminal.
#[tokio::test(flavor = "multi_thread")]
async fn no_command_hands_control_characters_to_a_terminal() {
    const EVIL: &str = "\u{1b}[2J\u{9b}31m\u{7f}\u{202e}x\r\n\u{85}giro: all is well\u{0}";
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_testkit::dynamodb::client(engine.endpoint());
    giro_testkit::tables::create(&client, &giro::store::Tables::default(), false).await.unwrap();
    let ledger = giro::store::dynamodb::DynamoDb::new(client, giro::store::Tables::default());
    let payment = serde_json::json!({ "payment_id": "p1", "debtor_account": "a", "creditor_account": "b", "amount": 1,
        "currency": "EUR", "reference": EVIL });
    let headers = serde_json::json!([{ EVIL: EVIL.bytes().collect::<Vec<u8>>() }]);
    let records = event(&[payment.to_string().as_bytes(), EVIL.as_bytes()], &headers);
    let mut context = Context::default();
    context.deadline = 60_000;
    let records = LambdaEvent::new(serde_json::from_str(&records).unwrap(), context);
    PaymentProcessor::new(ledger, true).handle(records).await.unwrap();

    let topic = NewTopic { name: "payment-outcomes".into(), partitions: 1, replication: None, config: BTreeMap::new() };
    let kafka = EmbeddedKafka::start(&[topic]).await.unwrap();
    let outcome = serde_json::json!({ "payment_id": "p1", "status": "settled", "reason": null, "debtor_account": "a",
        "creditor_account": "b", "amount": 1, "currency": "EUR", "reference": EVIL, "decided_at": "2026-11-22T10:00:00Z",
        "source": { "topic": EVIL, "partition": 0, "offset": 0 } });
    let pretty = serde_json::to_string_pretty(&outcome).unwrap();
    let producer = kafka::producer(kafka.bootstrap_servers()).unwrap();
    for value in [outcome.to_string().as_bytes(), pretty.as_bytes(), EVIL.as_bytes(), b"\xff\x1b[2J"] {
        producer.send("payment-outcomes", None, Some(value), &[]).await.unwrap().placed().await.unwrap();
    }
    let folder = tempfile::tempdir().unwrap();
    let run = |line: &str| {
        let mut command = cli::command(&line.split(' ').collect::<Vec<_>>(), folder.path());
        command
            .env("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint())
            .env("KAFKA_BOOTSTRAP_SERVERS", kafka.bootstrap_servers());
        let output = cli::run(&mut command, b"");
        assert!(
            output.status.code().is_some_and(|code| code < 2),
            "{line}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        output
    };
    for (line, lines) in [
        ("payments show p1", Some(1)),
        ("dead-letters list", Some(1)),
        ("dead-letters list --json", Some(1)),
        ("dead-letters show t/0/1", Some(7)),
        ("dead-letters show t/0/1 --json", Some(1)),
        ("outcomes", Some(4)),
        ("outcomes --json", Some(4)),
        ("payments show p2", None),
    ] {
        let output = run(line);
        let (told, complained) = (String::from_utf8(output.stdout).unwrap(), String::from_utf8(output.stderr).unwrap());
        for text in [&told, &complained] {
            let steers = |c: char| (c.is_control() && c != '\n') || c == '\u{202e}';
            assert!(
                !text.contains(steers) && !text.lines().any(|line| line.starts_with("giro: all")),
                "{line}: {text:?}"
            );
        }
        if let Some(lines) = lines {
            assert_eq!(told.lines().count(), lines, "{line}: {told}");
        }
    }
    // JSON is still exact, and raw bytes are exact if they were asked for.
    let shown: serde_json::Value = serde_json::from_slice(&run("payments show p1").stdout).unwrap();
    assert_eq!(shown["reference"], EVIL);
    let told = String::from_utf8(run("outcomes --json").stdout).unwrap();
    let read: Vec<serde_json::Value> = told.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    assert_eq!(read, [outcome.clone(), outcome]);
    assert_eq!(run("dead-letters show t/0/1 --value").stdout, EVIL.as_bytes());
}
