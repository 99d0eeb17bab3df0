//! What the Lambda binary weighs: its size, the time from spawn to its first poll, its memory through a large batch.
//!
//! Measures `target/release/payment-processor` as `make lean` builds it, against a runtime API of its own and the
//! embedded DynamoDB. Prints each figure beside its goal, and exits with 1 if one is missed.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::arithmetic_side_effects,
    clippy::as_conversions,
    missing_docs,
    reason = "a benchmark stops at the first surprise"
)]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::store::Tables;
use giro::store::dynamodb::DynamoDb;
use giro_testkit::dynamodb::EmbeddedDynamoDb;
use giro_testkit::given::{Setters as _, account};
use giro_testkit::open_accounts::OpenAccounts;
use giro_testkit::tables;

const SIZE_GOAL_BYTES: u64 = 8 * 1024 * 1024;
const FIRST_POLL_GOAL_MS: u128 = 15;
const MEMORY_GOAL_KB: u64 = 40 * 1024;
const SPAWNS: usize = 20;
const RECORDS: usize = 10_000;

fn main() -> ExitCode {
    let binary = PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../../target/release/payment-processor"));
    if !binary.is_file() {
        eprintln!("no {}: run `make lean` first", binary.display());
        return ExitCode::from(2);
    }
    let engine = EmbeddedDynamoDb::start(None).unwrap();
    let size = std::fs::metadata(&binary).unwrap().len();
    let met = [
        say("size of the stripped binary, bytes", u128::from(size), u128::from(SIZE_GOAL_BYTES)),
        say("spawn to first poll, median of 20, ms", first_poll_ms(&binary, &engine, true), FIRST_POLL_GOAL_MS),
        say("the same with TLS, as on AWS, ms", first_poll_ms(&binary, &engine, false), FIRST_POLL_GOAL_MS),
        say(
            "peak memory, a batch of 10,000, KB",
            u128::from(peak_memory_kb(&binary, &engine)),
            u128::from(MEMORY_GOAL_KB),
        ),
    ];
    if met.iter().all(|met| *met) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn say(what: &str, found: u128, goal: u128) -> bool {
    println!("{what:<40} {found:>10}   goal: at most {goal}");
    found <= goal
}

fn spawn(binary: &Path, engine: &EmbeddedDynamoDb, plain_http: bool, api: &TcpListener) -> Child {
    let mut command = Command::new(binary);
    command
        .env_clear()
        .env("AWS_LAMBDA_RUNTIME_API", format!("http://{}", api.local_addr().unwrap()))
        .envs([("AWS_LAMBDA_FUNCTION_NAME", "payment-processor"), ("AWS_LAMBDA_FUNCTION_VERSION", "1")])
        .envs([("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"), ("AWS_REGION", "eu-central-1")])
        .envs([("AWS_ACCESS_KEY_ID", "local"), ("AWS_SECRET_ACCESS_KEY", "local")])
        .envs([("ACCOUNTS_TABLE", "accounts"), ("PAYMENTS_TABLE", "payments"), ("DEAD_LETTERS_TABLE", "dead-letters")])
        .stdout(Stdio::null());
    if plain_http {
        command.env("AWS_ENDPOINT_URL_DYNAMODB", engine.endpoint());
    }
    command.spawn().unwrap()
}

fn first_poll_ms(binary: &Path, engine: &EmbeddedDynamoDb, plain_http: bool) -> u128 {
    let mut times: Vec<u128> = (0..SPAWNS)
        .map(|_| {
            let api = TcpListener::bind(("127.0.0.1", 0)).unwrap();
            let started = Instant::now();
            let mut worker = spawn(binary, engine, plain_http, &api);
            let (mut poll, _) = api.accept().unwrap();
            let request = read_request(&mut poll);
            let elapsed = started.elapsed().as_millis();
            assert!(request.starts_with("GET /2018-06-01/runtime/invocation/next"), "{request}");
            worker.kill().unwrap();
            worker.wait().unwrap();
            elapsed
        })
        .collect();
    times.sort_unstable();
    times[SPAWNS / 2]
}

/// Gives a worker one batch of 10,000 payments between 10,000 accounts, and reads its peak resident memory.
fn peak_memory_kb(binary: &Path, engine: &EmbeddedDynamoDb) -> u64 {
    open_accounts(engine);
    let api = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    let mut worker = spawn(binary, engine, true, &api);
    let (mut connection, _) = api.accept().unwrap();
    read_request(&mut connection);
    let event = event();
    println!("  (its event: {} bytes)", event.len());
    let deadline = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() + 120_000;
    write!(
        connection,
        "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nLambda-Runtime-Aws-Request-Id: 1\r\nLambda-Runtime-Deadline-Ms: {deadline}\r\nLambda-Runtime-Invoked-Function-Arn: a\r\nContent-Length: {}\r\n\r\n{event}",
        event.len()
    )
    .unwrap();
    // The answer comes on this connection, or on a new one.
    let request = read_request(&mut connection);
    assert!(request.contains("/response") && request.ends_with(r#"{"batchItemFailures":[]}"#), "{request}");
    let status = std::fs::read_to_string(format!("/proc/{}/status", worker.id())).unwrap();
    worker.kill().unwrap();
    worker.wait().unwrap();
    let line = status.lines().find(|line| line.starts_with("VmHWM:")).expect("the kernel tells peak memory");
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn open_accounts(engine: &EmbeddedDynamoDb) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let client = giro_testkit::dynamodb::client(engine.endpoint());
        tables::create(&client, &Tables::default(), false).await.unwrap();
        let store = DynamoDb::new(client, Tables::default());
        for ix in 0..RECORDS {
            let account = account(&format!("customer-{ix:06}")).unlimited();
            store.open_account(&account).await.unwrap();
        }
    });
}

fn event() -> String {
    let mut random = fastrand::Rng::with_seed(1);
    let record = |offset: usize| {
        let debtor = random.usize(0..RECORDS);
        let creditor = (debtor + random.usize(1..RECORDS)) % RECORDS;
        let value = format!(
            r#"{{"payment_id":"pay-{offset:08}","debtor_account":"customer-{debtor:06}","creditor_account":"customer-{creditor:06}","amount":1,"currency":"EUR","reference":"order {offset:>100}","requested_at":"2026-11-22T10:00:00Z"}}"#
        );
        let key = STANDARD.encode(format!("customer-{debtor:06}"));
        let value = STANDARD.encode(value);
        format!(
            r#"{{"topic":"payment-requests","partition":3,"offset":{offset},"timestamp":1795341600000,"timestampType":"CREATE_TIME","key":"{key}","value":"{value}","headers":[]}}"#
        )
    };
    let records: Vec<String> = (0..RECORDS).map(record).collect();
    format!(r#"{{"eventSource":"aws:kafka","records":{{"payment-requests-3":[{}]}}}}"#, records.join(","))
}

/// Reads one HTTP request, its body included.
fn read_request(stream: &mut TcpStream) -> String {
    let mut bytes = Vec::new();
    let mut buffer = [0; 16 * 1024];
    loop {
        let read = stream.read(&mut buffer).unwrap();
        assert!(read > 0, "the worker closed its connection");
        bytes.extend_from_slice(&buffer[..read]);
        let text = String::from_utf8_lossy(&bytes);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = |line: &str| line.to_ascii_lowercase().strip_prefix("content-length: ")?.trim().parse().ok();
            if body.len() >= head.lines().find_map(length).unwrap_or(0) {
                return text.into_owned();
            }
        }
    }
}
