//! What an older version does with requests and items that it doesn't know, and what this version makes of that.
//!
//! The files of `tests/golden/older/` hold it, in a folder named by the commit whose binaries did it. This version
//! settles what the older one set aside. `tests/it/wire/golden/older.rs` looks at what the older one published.
//!
//! To see whether that commit still does so, build its binaries and name their folder. A file that isn't there is then
//! written, so another commit is recorded in the same way. Nothing rewrites a file.
//!
//! ```text
//! git worktree add ../older 62b706f && (cd ../older && cargo build --workspace --bins)
//! GIRO_OLDER_BINARIES=$PWD/../older/target/debug cargo test --workspace --test it older:: -- --nocapture
//! ```

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use aws_sdk_dynamodb::Client;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{Account, Instruction, OverdraftLimit};
use giro::store::{LedgerQueries, Tables};
use giro_cli::local::invoke::Invoker;
use giro_cli::local::stack::{OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};
use giro_cli::local::topic_reader::{Read, TopicReader};
use giro_testkit::given;
use giro_testkit::golden_items::item;
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::stream_image::stream_image;
use serde_json::{Value, json};

use crate::processes::redrive::{balance, check};
use crate::processes::stack::ledger;

/// The last version that knows neither refunds, nor limits of accounts, nor payments with legs.
const COMMIT: &str = "62b706f";

/// Items of this version that an older publisher may meet, by their keys. Each list is one batch of a shard.
const BATCHES: [&[&str]; 16] = [
    &["pay-exact", "pay-too-much"],
    &["refund-part"],
    &["refund-no-original"],
    &["refund-too-much"],
    &["refund-leg"],
    &["limit-settled"],
    &["limit-payment"],
    &["limit-hour"],
    &["limit-day"],
    &["limit-month"],
    &["limit-balance"],
    &["legs-fee"],
    &["legs-fee/2"],
    &["legs-declined"],
    &["pay-exact", "legs-fx/2", "legs-fx", "refund-part"],
    &["refund-part", "limit-month", "legs-fee", "legs-fee/2", "pay-lane"],
];

fn golden(file: &str) -> PathBuf {
    Path::new(crate::ROOT).join("tests/golden").join(file)
}

fn read(path: &Path) -> Value {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_json::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A stack whose only function is the older one, and what invokes that. `None` without the older binaries.
async fn older(function: &str) -> Option<(Stack, Invoker)> {
    let binaries = std::env::var_os("GIRO_OLDER_BINARIES")?;
    let run = Run::Only(vec![function.to_owned()]);
    let options = StackOptions { run, binaries: Some(binaries.into()), partitions: Some(1), ..StackOptions::default() };
    let stack = Stack::start(options).await.unwrap();
    let name = &stack.blueprint().function(function).unwrap().name;
    let invoker = Invoker::new(Some(&stack.endpoints().lambda), name, Duration::from_secs(60)).await.unwrap();
    Some((stack, invoker))
}

async fn invoke(invoker: &Invoker, event: &Value) -> Value {
    serde_json::from_slice(&invoker.invoke(event.to_string()).await.unwrap()).unwrap()
}

/// Without the times at which the older version did it.
fn timeless(value: &Value) -> Value {
    match value {
        Value::Object(fields) => {
            let field = |(name, value): (&String, &Value)| match name.as_str() {
                "decided_at" | "received_at" => (name.clone(), json!("a time")),
                _ => (name.clone(), timeless(value)),
            };
            Value::Object(fields.iter().map(field).collect())
        }
        Value::Array(elements) => elements.iter().map(timeless).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => value.clone(),
    }
}

fn file_of(function: &str) -> PathBuf {
    golden(&format!("older/{COMMIT}/{function}.json"))
}

/// What is recorded of a function already.
fn already(function: &str) -> Option<Value> {
    let path = file_of(function);
    path.exists().then(|| read(&path))
}

/// What was found is what the file holds. A file that isn't there is written.
fn recorded(function: &str, found: &Value) {
    let path = file_of(function);
    if !path.exists() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, serde_json::to_string_pretty(found).unwrap() + "\n").unwrap();
        println!("recorded {}", path.display());
    }
    assert_eq!(timeless(found), timeless(&read(&path)), "{function}");
}

/// The items of a table, in the order of their keys.
async fn items(client: &Client, table: &str) -> Vec<Value> {
    let found = client.scan().table_name(table).consistent_read(true).send().await.unwrap();
    assert!(found.last_evaluated_key.is_none());
    let mut items: Vec<Value> = found.items().iter().map(stream_image).collect();
    items.sort_by_key(ToString::to_string);
    items
}

/// The sample of all kinds, on the topic of requests.
fn sample() -> Value {
    let sample = std::fs::read_to_string(Path::new(crate::ROOT).join("events/kinds.json")).unwrap();
    serde_json::from_str(&sample.replace("payment-requests-sample", "payment-requests")).unwrap()
}

/// Requests of every kind through the older processor. Without its binaries, each request has its end in the recording.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_processor_sets_aside_what_it_does_not_know() {
    let Some((stack, invoker)) = older(PAYMENT_PROCESSOR).await else {
        let left = already(PAYMENT_PROCESSOR).unwrap();
        let ends = |table: &str| left["tables"][table].as_array().unwrap().len();
        let asked = left["event"]["records"].as_object().unwrap().values().map(|list| list.as_array().unwrap().len());
        assert_eq!((ends("payments"), ends("dead-letters"), asked.sum::<usize>()), (1, 3, 4));
        return;
    };
    let owing = Account { overdraft_limit: OverdraftLimit::Limited(1_000_000), ..given::account("alice") };
    let opener = ledger(&stack).await;
    for account in [owing, given::account("bob"), given::account("shop-1")] {
        assert_eq!(opener.open_account(&account).await, Ok(None));
    }
    let event = already(PAYMENT_PROCESSOR).map_or_else(sample, |recorded| recorded["event"].clone());
    let response = invoke(&invoker, &event).await;
    let client = giro_cli::local::aws::dynamodb(Some(&stack.endpoints().dynamodb)).await.unwrap();
    let Tables { accounts, payments, dead_letters, .. } = Tables::default();
    let mut tables = BTreeMap::new();
    for table in [accounts, payments, dead_letters] {
        tables.insert(table.clone(), items(&client, &table).await);
    }
    let found = json!({ "commit": COMMIT, "event": event, "response": response, "tables": tables });
    recorded(PAYMENT_PROCESSOR, &found);
    stack.stop().await.unwrap();
}

/// The event of these items.
fn event(keys: &[&str], known: &[Value]) -> Value {
    let image = |key: &str| known.iter().find(|item| item["payment_id"]["S"] == key).unwrap();
    let record = |(ix, key): (usize, &&str)| {
        json!({
            "eventID": ix.to_string(), "eventName": "INSERT", "eventVersion": "1.1", "eventSource": "aws:dynamodb",
            "awsRegion": "eu-central-1",
            "dynamodb": {
                "ApproximateCreationDateTime": 1_795_341_600, "Keys": { "payment_id": { "S": key } },
                "NewImage": image(key), "SequenceNumber": (100 + ix).to_string(), "SizeBytes": 300,
                "StreamViewType": "NEW_IMAGE"
            },
        })
    };
    json!({ "Records": keys.iter().enumerate().map(record).collect::<Vec<_>>() })
}

fn events_of_today() -> Vec<Value> {
    let known = read(&golden("tables/payments.json"));
    BATCHES.iter().map(|keys| event(keys, known.as_array().unwrap())).collect()
}

/// Items that this version writes, through the older publisher. Without its binaries, the recording has each batch.
#[tokio::test(flavor = "multi_thread")]
async fn an_older_publisher_hands_on_what_it_can_and_stops_where_it_can_not() {
    let Some((stack, invoker)) = older(OUTCOME_PUBLISHER).await else {
        let recorded = already(OUTCOME_PUBLISHER).unwrap();
        let events = recorded["batches"].as_array().unwrap().iter().map(|batch| batch["event"].clone());
        assert_eq!(events.collect::<Vec<_>>(), events_of_today());
        return;
    };
    let events = already(OUTCOME_PUBLISHER).map_or_else(events_of_today, |recorded| {
        recorded["batches"].as_array().unwrap().iter().map(|batch| batch["event"].clone()).collect()
    });
    let mut outcomes =
        TopicReader::from_start(&stack.endpoints().kafka_bootstrap_servers, "payment-outcomes").await.unwrap();
    let mut batches = Vec::new();
    for event in events {
        let response = invoke(&invoker, &event).await;
        let mut published = Vec::new();
        let text = |bytes: Option<Vec<u8>>| String::from_utf8(bytes.unwrap()).unwrap();
        // What was acknowledged before the response is there.
        while let Ok(next) = tokio::time::timeout(Duration::from_secs(2), outcomes.next()).await {
            if let Read::Record(record) = next.unwrap() {
                published.push(json!({ "key": text(record.key), "value": text(record.value) }));
            }
        }
        // The topic has several partitions.
        published.sort_by_key(|record| record["key"].to_string());
        batches.push(json!({ "event": event, "response": response, "published": published }));
    }
    recorded(OUTCOME_PUBLISHER, &json!({ "commit": COMMIT, "batches": batches }));
    stack.stop().await.unwrap();
}

/// On the tables as the older version left them: each request that it set aside comes back, and settles once.
#[tokio::test(flavor = "multi_thread")]
async fn what_an_older_processor_set_aside_settles_after_the_update() {
    let left = already(PAYMENT_PROCESSOR).unwrap();
    let run = Run::Only(vec![PAYMENT_PROCESSOR.into()]);
    let stack = Stack::start(StackOptions { run, partitions: Some(1), ..StackOptions::default() }).await.unwrap();
    let at = stack.endpoints().clone();
    let client = giro_cli::local::aws::dynamodb(Some(&at.dynamodb)).await.unwrap();
    for (table, items) in left["tables"].as_object().unwrap() {
        for json in items.as_array().unwrap() {
            client.put_item().table_name(table).set_item(Some(item(json))).send().await.unwrap();
        }
    }
    let ledger = ledger(&stack).await;
    let waiting: Vec<String> = ledger.dead_letters().await.unwrap().iter().map(|it| it.reason.clone()).collect();
    assert_eq!(waiting, ["missing_field"; 3], "a payment with legs, a refund, and a refund of a leg");
    assert_eq!(ledger.payments().await.unwrap().len(), 1, "the older version settled the payment before them");
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "shop-1").await), (-500, 500));

    let none = Path::new("no-editor");
    check(&["dead-letters", "redrive", "--all", "--reason", "missing_field"], none, &at, 0, "redriven").await;
    let all = async {
        while ledger.payments().await.unwrap().len() < 4 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), all).await.expect("each request has its outcome");
    let kind = |instruction: &Instruction| match instruction {
        Instruction::Payment(_) => "payment",
        Instruction::Legged(_) => "with legs",
        Instruction::Refund(refund) if refund.leg.is_some() => "refund of a leg",
        Instruction::Refund(_) => "refund",
    };
    let mut ends: Vec<_> = ledger.payments().await.unwrap().into_iter().map(|it| it.outcome).collect();
    ends.sort_by_key(|outcome| outcome.instruction.id().as_str().to_owned());
    let ends: Vec<_> = ends.iter().map(|outcome| (kind(&outcome.instruction), outcome.decision)).collect();
    let wanted = ["payment", "with legs", "refund", "refund of a leg"].map(|kind| (kind, Ok(())));
    assert_eq!(ends, wanted);
    // 500 and 300 from alice, of which 200 came back; 10 of a fee to bob, and back.
    for (account, holds) in [("alice", -600), ("shop-1", 600), ("bob", 0)] {
        assert_eq!(balance(&ledger, account).await, holds, "{account}");
    }
    let letters = ledger.dead_letters().await.unwrap();
    assert!(letters.len() == 3 && letters.iter().all(|it| it.status == DeadLetterStatus::Redriven), "{letters:?}");
    check(&["dead-letters", "redrive", "--all"], none, &at, 0, "no dead letter waits").await;
    check(&["audit"], none, &at, 0, "").await;
    stack.stop().await.unwrap();
}
