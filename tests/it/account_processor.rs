//! The account processor: from an event to its response on the memory store, and as processes from the command line
//! through topic and function to the tables.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::{AccountId, AccountStatus, CommandId, Holding, Refusal};
use giro::handlers::account_processor::AccountProcessor;
use giro::handlers::unfinished::Unfinished;
use giro::local::dynamodb::EmbeddedDynamoDb;
use giro::local::lambda::{Function, LocalLambda};
use giro::local::stack::{Endpoints, Run, Stack, StackOptions};
use giro::local::tables;
use giro::store::dynamodb::DynamoDb;
use giro::store::memory::{Faults, MemoryStore};
use giro::store::{Commands, Inspect, Tables};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use lambda_runtime::{Context, LambdaEvent};

use super::cli;

const ACCOUNT_PROCESSOR: &str = "account-processor";

/// An event of (partition, offset, value).
fn event(records: &[(i32, i64, &str)]) -> KafkaEvent {
    let mut lists = serde_json::Map::new();
    for &(partition, offset, value) in records {
        let list = lists.entry(format!("t-{partition}")).or_insert_with(|| serde_json::json!([]));
        let record = serde_json::json!({ "topic": "t", "partition": partition, "offset": offset, "key": "a2V5",
            "value": STANDARD.encode(value) });
        list.as_array_mut().unwrap().push(record);
    }
    serde_json::from_str(&serde_json::json!({ "records": lists }).to_string()).unwrap()
}

fn command(id: &str, command: &str, account: &str) -> String {
    format!(r#"{{"command_id":"{id}","command":"{command}","account_id":"{account}","currency":"EUR"}}"#)
}

async fn handle(store: &MemoryStore, event: KafkaEvent, partial: bool) -> Result<BatchResponse, Unfinished> {
    let mut context = Context::default();
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap() + Duration::from_secs(20);
    context.deadline = deadline.as_millis() as u64;
    AccountProcessor::new(store.clone(), partial).handle(LambdaEvent::new(event, context)).await
}

fn id(text: &str) -> AccountId {
    AccountId::try_new(text).unwrap()
}

#[tokio::test(start_paused = true)]
async fn refusals_are_acknowledged_and_bad_records_set_aside() {
    let store = MemoryStore::new();
    let (open, again, freeze) =
        (command("c1", "open", "alice"), command("c1", "freeze", "alice"), command("c2", "freeze", "bob"));
    let records = [(0, 1, &*open), (0, 2, &*again), (0, 3, "no"), (1, 1, &*freeze), (0, 4, &*open)];
    assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()));
    assert_eq!(store.account(&id("alice")).await.unwrap().unwrap().account.status, AccountStatus::Open);
    let letters = store.dead_letters().await.unwrap();
    let reasons: Vec<(i64, &str)> =
        letters.iter().map(|letter| (letter.source.offset, letter.reason.as_str())).collect();
    assert_eq!(reasons, [(2, "command_id_reused"), (3, "not_json")]);
    assert_eq!(letters[0].value.as_deref(), Some(again.as_bytes()));
    let recorded = store.command(&CommandId::try_new("c2").unwrap()).await.unwrap().unwrap();
    assert_eq!((recorded.verdict, recorded.source.partition), (Err(Refusal::AccountNotFound), 1));
}

#[tokio::test(start_paused = true)]
async fn a_command_at_a_place_used_before_is_set_aside_beside_the_one_before() {
    let store = MemoryStore::new();
    for value in ["first-bad", "second-bad", "first-bad"] {
        assert_eq!(handle(&store, event(&[(0, 0, value)]), true).await, Ok(BatchResponse::default()));
    }
    let letters = store.dead_letters().await.unwrap();
    let mut kept: Vec<&[u8]> = letters.iter().map(|letter| letter.value.as_deref().unwrap()).collect();
    kept.sort_unstable();
    assert_eq!(kept, [&b"first-bad"[..], b"second-bad"]);
}

#[tokio::test(start_paused = true)]
async fn what_is_unfinished_is_reported_from_its_first_offset_to_the_partitions_last() {
    let store = MemoryStore::new();
    store.plant_corrupt_account(&id("broken"));
    let (good, broken, after) =
        (command("c1", "open", "alice"), command("c2", "freeze", "broken"), command("c3", "freeze", "alice"));
    let elsewhere = command("c4", "open", "bob");
    let records = [(0, 10, &*good), (0, 11, &*broken), (0, 12, &*after), (1, 5, &*elsewhere)];
    let response = handle(&store, event(&records), true).await.unwrap();
    let reported: Vec<(&str, i64)> =
        response.failures.iter().map(|failure| (&*failure.item.partition, failure.item.offset)).collect();
    assert_eq!(reported, [("t-0", 11), ("t-0", 12)]);
    assert_eq!(store.commands().await.unwrap().len(), 3, "what could be done is done, and will be a replay");
    assert_eq!(handle(&store, event(&records), false).await, Err(Unfinished::Records(2)));
}

#[tokio::test(start_paused = true)]
async fn every_record_has_its_end_under_faults() {
    for seed in 0..30 {
        let faults = Faults {
            seed,
            conflict: 200,
            throttle: 100,
            unavailable_before: 100,
            unavailable_after: 100,
            late: 100,
            unread: 100,
        };
        let store = MemoryStore::with_faults(faults);
        let name = |ix: usize| ["open", "freeze", "unfreeze", "close"][ix / 10];
        let commands: Vec<String> =
            (0..40).map(|ix| command(&format!("c{ix}"), name(ix), &format!("a{}", ix % 10))).collect();
        let records: Vec<(i32, i64, &str)> =
            commands.iter().enumerate().map(|(ix, command)| (0, ix as i64, &**command)).collect();
        assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()), "seed {seed}");
        let recorded = store.commands().await.unwrap();
        assert_eq!(recorded.len(), 40);
        assert!(recorded.iter().all(|recorded| recorded.verdict.is_ok()), "seed {seed}: in order, so none is refused");
        let accounts = store.accounts().await.unwrap();
        let closed = (AccountStatus::Closed, 4);
        assert!(accounts.iter().all(|holding| (holding.account.status, holding.account.version) == closed));
    }
}

// As processes.

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_events_through_the_real_function() {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro::local::aws::dynamodb(Some(engine.endpoint())).await.unwrap();
    tables::create(&client, &Tables::default(), false).await.unwrap();
    let ledger = DynamoDb::new(client, Tables::default());
    // Exactly the variables that the configuration lists, beside the SDK's own.
    let listed = giro::config::VARIABLES.iter().find(|(function, _)| *function == ACCOUNT_PROCESSOR).unwrap().1;
    let value = |name: &str| match name {
        "PARTIAL_BATCH_RESPONSE" => "true".to_owned(),
        table => table.trim_end_matches("_TABLE").to_lowercase().replace('_', "-"),
    };
    let mut environment: Vec<(String, String)> = listed.iter().map(|&name| (name.to_owned(), value(name))).collect();
    environment.push(("AWS_ENDPOINT_URL_DYNAMODB".into(), engine.endpoint().into()));
    let function = Function {
        name: ACCOUNT_PROCESSOR.into(),
        binary: env!("CARGO_BIN_EXE_account-processor").into(),
        environment,
        timeout: Duration::from_secs(30),
        memory_mib: 128,
        concurrency: 1,
        asynchronous: giro::local::template::Asynchronous::default(),
    };
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let sink = Arc::new(move |_: &str, line: &str| log.lock().unwrap().push(line.to_owned()));
    let lambda = LocalLambda::start(vec![function], sink).await.unwrap();
    for event in ["open", "lifecycle", "malformed", "open"] {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("events/account-commands/{event}.json"));
        let output = tokio::task::spawn_blocking({
            let endpoint = lambda.endpoint().to_owned();
            move || {
                let folder = tempfile::tempdir().unwrap();
                let arguments = ["invoke", "--function", ACCOUNT_PROCESSOR, "--lambda-endpoint", &endpoint, "--event"];
                cli::run(cli::command(&arguments, folder.path()).arg(path), b"")
            }
        });
        let output = output.await.unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains(r#"{"batchItemFailures":[]}"#), "{event}: {text}");
    }
    lambda.stop().await;

    let mut shown = String::new();
    let mut commands = ledger.commands().await.unwrap();
    commands.sort_by(|a, b| a.command.id.cmp(&b.command.id));
    for recorded in commands {
        let answer = recorded.verdict.map_or_else(|refusal| format!("refused {refusal}"), |()| "applied".into());
        shown += &format!("{} {} {} {answer}\n", recorded.command.id, recorded.command.action.name(), recorded.source);
    }
    for Holding { account, .. } in ledger.accounts().await.unwrap() {
        shown += &format!("{} {} {} v{}\n", account.id, account.currency, account.status, account.version);
    }
    for letter in ledger.dead_letters().await.unwrap() {
        shown += &format!("{} {}\n", letter.source, letter.reason);
    }
    expect_test::expect_file!["fixtures/account_processor.txt"].assert_eq(&shown);
    let lines = lines.lock().unwrap();
    let told = lines.iter().filter(|line| line.contains(r#""message":"batch finished""#));
    assert_eq!(told.clone().count(), 4);
    assert!(told.clone().all(|line| line.contains(r#""applied":"#) && !line.contains(r#""settled""#)), "{lines:?}");
    assert!(!lines.iter().any(|line| line.contains("ines") || line.contains("jules")), "no account holder's data");
}

fn giro(arguments: &[&str], endpoints: &Endpoints) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(arguments, folder.path());
    command
        .env("KAFKA_BOOTSTRAP_SERVERS", &endpoints.kafka_bootstrap_servers)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb);
    cli::run(&mut command, b"")
}

#[tokio::test(flavor = "multi_thread")]
async fn accounts_live_by_commands_from_the_command_line() {
    let run = Run::Only(vec![ACCOUNT_PROCESSOR.into()]);
    let stack = Stack::start(StackOptions { run, ..StackOptions::default() }).await.unwrap();
    let endpoints = stack.endpoints().clone();
    let asked = tokio::task::spawn_blocking(move || {
        let check = |arguments: &[&str], code: i32, says: &str| {
            let output = giro(arguments, &endpoints);
            let text =
                format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
            assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
            assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text}");
        };
        check(&["accounts", "open", "alice", "--currency", "EUR"], 0, "applied open alice (cmd-");
        check(&["accounts", "open", "alice", "--currency", "EUR"], 0, "applied open alice");
        check(&["accounts", "open", "alice", "--currency", "USD"], 1, "refused open alice: account_exists");
        check(&["accounts", "freeze", "alice", "--command-id", "f1"], 0, "applied freeze alice (f1)");
        check(&["accounts", "show", "alice"], 0, "frozen");
        check(&["accounts", "unfreeze", "alice", "--command-id", "f1"], 1, "f1 is the id of another command");
        check(&["accounts", "unfreeze", "alice"], 0, "applied unfreeze alice");
        check(&["accounts", "add-lanes", "alice", "3"], 0, "applied add_lanes alice");
        check(&["accounts", "set-limit", "alice", "--unlimited"], 0, "applied set_overdraft_limit alice");
        check(&["accounts", "show", "alice"], 0, "unlimited");
        check(&["accounts", "close", "alice", "--no-wait", "--command-id", "last"], 0, "sent last");
        check(&["accounts", "close", "alice"], 0, "applied close alice");
        check(&["accounts", "freeze", "alice"], 1, "refused freeze alice: account_closed");
        check(&["accounts", "freeze", "nobody"], 1, "refused freeze nobody: account_not_found");
        check(&["accounts", "commands", "--account", "alice"], 0, "refused account_exists");
        check(&["accounts", "commands", "--account", "nobody", "--json"], 0, r#""reason":"account_not_found""#);
        check(&["dead-letters", "list"], 0, "command_id_reused");
        let listed = giro(&["accounts", "commands", "--account", "alice"], &endpoints);
        assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 10);
    });
    let asked = asked.await;
    stack.stop().await.unwrap();
    asked.unwrap();
}
