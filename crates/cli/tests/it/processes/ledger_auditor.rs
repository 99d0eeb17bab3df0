//! The ledger auditor as a process.

use std::sync::Arc;
use std::time::Duration;

use giro::domain::Account;
use giro::store::dynamodb::DynamoDb;
use giro::store::{Checkpoints as _, Read, Tables, items};
use giro_cli::local::lambda::{Function, LocalLambda};
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::given::{self, Setters as _};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::tables;

/// A balance that nothing else in a log looks like: time stamps and request ids have figures too.
const OFF_MINOR: i64 = 8_315_207_944_671;

fn account(id: &str, balance: i64) -> Account {
    given::account(id).holding(balance)
}

/// The deployable binary, with the tables that every auditor needs, and these.
fn function(endpoint: &str, more: &[(&str, &str)], seconds: u64) -> Function {
    let tables =
        [("ACCOUNTS_TABLE", "accounts"), ("PAYMENTS_TABLE", "payments"), ("DEAD_LETTERS_TABLE", "dead-letters")];
    let environment = [&tables[..], &[("AWS_ENDPOINT_URL_DYNAMODB", endpoint)], more].concat();
    Function {
        name: "prod-ledger-auditor".into(),
        binary: crate::binary("ledger-auditor").into(),
        environment: environment.into_iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
        memory_mib: 128,
        timeout: Duration::from_secs(seconds),
        concurrency: 1,
        asynchronous: giro_template::Asynchronous::default(),
    }
}

async fn invoke(lambda: &LocalLambda) -> serde_json::Value {
    let path = "POST /2015-03-31/functions/prod-ledger-auditor/invocations";
    let (status, _, body) = crate::processes::stack::http(lambda.endpoint(), path, r#"{"source":"aws.events"}"#).await;
    assert_eq!(status, 200, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// An engine, a client of it, and its ledger with two accounts.
async fn opened() -> (EmbeddedDynamoDb, aws_sdk_dynamodb::Client, DynamoDb) {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_testkit::dynamodb::client(engine.endpoint());
    tables::create(&client, &Tables::default(), false).await.unwrap();
    let ledger = DynamoDb::new(client.clone(), Tables::default());
    for id in ["alice", "bob"] {
        ledger.open_account(&account(id, 0)).await.unwrap();
    }
    (engine, client, ledger)
}

/// With tables for them, it writes checkpoints.
#[tokio::test(flavor = "multi_thread")]
async fn the_function_keeps_checkpoints() {
    let (engine, _, ledger) = opened().await;
    let more = [("CHECKPOINTS_TABLE", "checkpoints"), ("AUDIT_HEADS_TABLE", "audit-heads")];
    let lambda = LocalLambda::start(vec![function(engine.endpoint(), &more, 60)], Arc::new(|_: &str, _: &str| {}));
    let lambda = lambda.await.unwrap();
    let answer = invoke(&lambda).await;
    assert_eq!((&answer["moved"], &answer["behind"], &answer["complete"]), (&2.into(), &0.into(), &true.into()));
    let alice = ledger.head(&given::id("alice")).await.unwrap();
    assert!(matches!(alice, Read::Found(_)), "{alice:?}");
    lambda.stop().await;
}

/// The deployable binary names accounts and payments, and never their figures. An audit that can't finish is an answer
/// too.
#[tokio::test(flavor = "multi_thread")]
async fn the_function_names_what_is_at_fault_and_no_figure() {
    let (engine, client, _) = opened().await;
    let function = function(engine.endpoint(), &[], 10);
    let lines = Arc::new(std::sync::Mutex::new(String::new()));
    let log = Arc::clone(&lines);
    let sink = Arc::new(move |_: &str, line: &str| log.lock().unwrap().push_str(&format!("{line}\n")));
    let lambda = LocalLambda::start(vec![function], sink).await.unwrap();
    let invoke = async || invoke(&lambda).await;

    let answer = invoke().await;
    assert_eq!((&answer["findings"], &answer["complete"], &answer["accounts"]), (&0.into(), &true.into(), &2.into()));

    let off = items::account::encode(&account("off", OFF_MINOR));
    client.put_item().table_name("accounts").set_item(Some(off)).send().await.unwrap();
    let answer = invoke().await;
    assert_eq!(
        (&answer["findings"], &answer["complete"]),
        (&2.into(), &true.into()),
        "the account, and its currency's sum"
    );
    let told = lines.lock().unwrap().clone();
    let line = told.lines().find(|line| line.contains("the ledger does not add up")).unwrap();
    assert!(line.contains(r#""level":"ERROR""#) && line.contains("account off"), "{line}");
    // Another stack of the account writes the same metric, under another function.
    let metric = told.lines().find(|line| line.contains(r#""Findings":2"#)).unwrap();
    assert!(metric.contains(r#""Function":"prod-ledger-auditor""#), "{metric}");
    assert!(!told.contains(&OFF_MINOR.to_string()), "no figure of an account: {told}");

    drop(engine);
    let answer = invoke().await;
    assert_eq!((&answer["findings"], &answer["complete"]), (&0.into(), &false.into()));
    assert!(lines.lock().unwrap().contains("the audit did not come to its end"));
    lambda.stop().await;
}
