//! The account processor as a process, from the command line through topic and function to the tables.

use std::path::Path;
use std::process::Output;
use std::sync::Arc;
use std::time::Duration;

use giro::domain::Holding;
use giro::store::dynamodb::DynamoDb;
use giro::store::{CommandQueries, LedgerQueries, Tables};
use giro_cli::local::lambda::{Function, LocalLambda};
use giro_cli::local::stack::{Endpoints, Run, Stack, StackOptions};
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::tables;

use crate::processes::cli;

const ACCOUNT_PROCESSOR: &str = "account-processor";

/// Exactly the variables that the configuration lists, beside the SDK's own.
fn environment(dynamodb: &str) -> Vec<(String, String)> {
    let listed = giro::config::variables().find(|(function, _)| *function == ACCOUNT_PROCESSOR).unwrap().1;
    let value = |name: &str| match name {
        "PARTIAL_BATCH_RESPONSE" | "ACCEPT_LIMITS" | "EMBEDDED_METRICS" => "true".to_owned(),
        // Nobody listens there. What isn't told to a collector is no harm.
        collector if collector.starts_with("OTEL_") => "http://127.0.0.1:1/v1/traces".to_owned(),
        "REQUESTS_PARTITIONS" => "3".to_owned(),
        table => table.trim_end_matches("_TABLE").to_lowercase().replace('_', "-"),
    };
    let listed = listed.iter().map(|&name| (name.to_owned(), value(name)));
    listed.chain([("AWS_ENDPOINT_URL_DYNAMODB".to_owned(), dynamodb.to_owned())]).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_sample_events_through_the_real_function() {
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let client = giro_testkit::dynamodb::client(engine.endpoint());
    tables::create(&client, &Tables::default(), false).await.unwrap();
    let ledger = DynamoDb::new(client, Tables::default());
    let function = Function {
        name: ACCOUNT_PROCESSOR.into(),
        binary: crate::binary("account-processor").into(),
        environment: environment(engine.endpoint()),
        timeout: Duration::from_secs(30),
        memory_mib: 128,
        concurrency: 1,
        asynchronous: giro_template::Asynchronous::default(),
    };
    let lines = Arc::new(std::sync::Mutex::new(Vec::new()));
    let log = Arc::clone(&lines);
    let sink = Arc::new(move |_: &str, line: &str| log.lock().unwrap().push(line.to_owned()));
    let lambda = LocalLambda::start(vec![function], sink).await.unwrap();
    for event in ["open", "limits", "lifecycle", "malformed", "open"] {
        let path = Path::new(crate::ROOT).join(format!("events/account-commands/{event}.json"));
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
        let answer = recorded.decision.map_or_else(|refusal| format!("refused {refusal}"), |()| "applied".into());
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
    assert_eq!(told.clone().count(), 5);
    assert!(told.clone().all(|line| line.contains(r#""applied":"#) && !line.contains(r#""settled""#)), "{lines:?}");
    let words = |line: &'_ String| line.split(|c: char| !c.is_alphanumeric()).map(str::to_owned).collect::<Vec<_>>();
    let is_holder = |word: &String| word == "ines" || word == "jules";
    assert!(!lines.iter().flat_map(words).any(|word| is_holder(&word)), "no account holder's data");
}

fn giro(arguments: &[&str], endpoints: &Endpoints) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(arguments, folder.path());
    command
        .env("KAFKA_BOOTSTRAP_SERVERS", &endpoints.kafka_bootstrap_servers)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &endpoints.dynamodb);
    cli::run(&mut command, b"")
}

/// How many lanes an account counts.
fn lanes_of(account: &str, endpoints: &Endpoints) -> u64 {
    let shown = giro(&["accounts", "show", account, "--json"], endpoints);
    let json: serde_json::Value = serde_json::from_slice(&shown.stdout).unwrap();
    json["credit_lanes"].as_u64().unwrap()
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
        let limits =
            ["accounts", "set-limits", "alice", "--max-payment", "5.00", "--window", "day:amount=9.00,count=3"];
        check(&limits, 1, "refused set_limits alice: limits_not_accepted");
        check(&["accounts", "set-limits", "alice", "--no-limits"], 0, "applied set_limits alice");
        check(&["accounts", "set-limits", "alice"], 2, "--no-limits");
        check(&["accounts", "set-limits", "alice", "--window", "week:count=3"], 2, "PERIOD is hour, day or month");
        check(&["accounts", "set-limit", "alice", "--unlimited"], 0, "applied set_overdraft_limit alice");
        check(&["accounts", "show", "alice"], 0, "unlimited");
        check(&["accounts", "close", "alice", "--no-wait", "--command-id", "last"], 0, "sent last");
        check(&["accounts", "close", "alice"], 0, "applied close alice");
        check(&["accounts", "freeze", "alice"], 1, "refused freeze alice: account_closed");
        check(&["accounts", "freeze", "nobody"], 1, "refused freeze nobody: account_not_found");
        check(&["accounts", "commands", "--account", "alice"], 0, "refused account_exists");
        check(&["accounts", "commands", "--account", "nobody", "--json"], 0, r#""reason":"account_not_found""#);
        check(&["dead-letters", "list"], 0, "command_id_reused");
        // An account of an older version has no lanes. Who asks twice, even before the first is answered, adds once.
        check(&["accounts", "open", "old", "--currency", "EUR", "--direct"], 0, "opened old");
        check(&["accounts", "open", "new", "--currency", "EUR"], 0, "applied open new");
        let sent = "sent 1 commands for 32 credit lanes; 2 accounts have as many, or are closed";
        check(&["accounts", "add-lanes", "--all"], 0, sent);
        while lanes_of("old", &endpoints) != 32 {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        check(&["accounts", "add-lanes", "--all"], 0, "sent 0 commands");
        check(&["accounts", "add-lanes", "--all", "--lanes", "40"], 0, "sent 2 commands for 40 credit lanes");
        check(&["accounts", "add-lanes", "--all", "--lanes", "40"], 0, "commands for 40 credit lanes");
        while lanes_of("new", &endpoints) != 40 || lanes_of("old", &endpoints) != 40 {
            std::thread::sleep(std::time::Duration::from_millis(50));
        }
        let listed = giro(&["accounts", "commands", "--account", "old"], &endpoints);
        assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 2);
        let listed = giro(&["accounts", "commands", "--account", "alice"], &endpoints);
        assert_eq!(String::from_utf8_lossy(&listed.stdout).lines().count(), 12);
    });
    let asked = asked.await;
    stack.stop().await.unwrap();
    asked.unwrap();
}
