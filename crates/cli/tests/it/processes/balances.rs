//! `giro accounts balance` and `giro accounts statement`: what they tell, what they refuse, and whose checkpoints they
//! read.

use std::collections::BTreeSet;
use std::path::Path;
use std::time::Duration;

use giro::domain::audit::{Checkpoint, Digest, Head, Seen};
use giro::domain::{Request, Timestamp};
use giro::settle::{Backoff, settle_requests};
use giro::store::{Checkpoints, LedgerQueries, NewHead, Proved};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, Setters as _, account, eur, id, payment};
use giro_testkit::open_accounts::OpenAccounts;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::cli;

fn at(ms: i64) -> Timestamp {
    Timestamp::try_from_millis(1_763_805_600_000 + ms).unwrap()
}

/// A ledger with two payments to `alice`, of 7 and of 30, a second apart.
async fn ledger() -> Engine {
    let engine = Engine::start().await.unwrap();
    let store = engine.ledger();
    store.open_account(&account("bank").unlimited()).await.unwrap();
    store.open_account(&account("alice")).await.unwrap();
    for (offset, amount) in [(0, 7), (1_000, 30)] {
        let requests: Vec<Request> = vec![payment(&format!("p{offset}"), "bank", "alice", amount).at(0, offset)];
        let until = Instant::now() + Duration::from_secs(60);
        settle_requests(&store, requests, 1, until, || at(offset), Backoff::with_seed(1)).await;
    }
    engine
}

/// Runs a command with these words; its exit code, and all that it prints.
fn giro(engine: &Engine, words: &str) -> (Option<i32>, String) {
    let named = ["--dynamodb-endpoint", engine.endpoint()];
    let words: Vec<&str> = words.split_whitespace().chain(named).collect();
    let folder = tempfile::tempdir().unwrap();
    let output = cli::run(&mut cli::command(&words, folder.path() as &Path), b"");
    let texts = [&output.stdout, &output.stderr].map(|text| String::from_utf8_lossy(text).into_owned());
    (output.status.code(), texts.concat())
}

#[tokio::test(flavor = "multi_thread")]
async fn balances_and_statements_are_told() {
    let engine = ledger().await;
    let ask = |words: &str| giro(&engine, words);
    for (time, expected) in [
        ("2025-11-22T09:59:59.999Z", "0.00 EUR at 2025-11-22T09:59:59.999Z, final\n"),
        ("2025-11-22T10:00:00Z", "0.07 EUR at 2025-11-22T10:00:00.000Z, final\n"),
        ("2025-11-22T11:00:01+01:00", "0.37 EUR at 2025-11-22T10:00:01.000Z, final\n"),
    ] {
        assert_eq!(ask(&format!("accounts balance alice --at {time}")), (Some(0), expected.to_owned()));
    }
    let (code, now) = ask("accounts balance alice");
    assert!(code == Some(0) && now.starts_with("0.37 EUR at ") && now.ends_with(", not final yet\n"), "{now}");
    let (_, told) = ask("accounts balance bank --at 2025-11-22T10:00:00Z --json");
    let expected = json!({ "account_id": "bank", "currency": "EUR", "at": "2025-11-22T10:00:00.000Z", "balance": -7,
        "final": true });
    assert_eq!(serde_json::from_str::<Value>(&told).unwrap(), expected);

    let (code, told) = ask("accounts statement alice --balances --json");
    let lines: Vec<Value> = told.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let line = |line: &Value| (line["payment_id"].clone(), line["amount"].clone(), line["balance_after"].clone());
    assert_eq!(code, Some(0));
    let told: Vec<_> = lines.iter().map(line).collect();
    assert_eq!(told, [(json!("p1000"), json!(30), json!(37)), (json!("p0"), json!(7), json!(7))]);
    let (_, newest) = ask("accounts statement alice --balances --limit 1");
    assert_eq!(
        newest.split_whitespace().collect::<Vec<_>>(),
        ["2025-11-22T10:00:01.000Z", "0.30", "0.37", "bank", "p1000"]
    );
    let (_, plain) = ask("accounts statement alice --to 2025-11-22T10:00:01Z");
    assert_eq!(plain.split_whitespace().collect::<Vec<_>>(), ["2025-11-22T10:00:00.000Z", "0.07", "bank", "p0"]);
    let (_, from) = ask("accounts statement alice --from 2025-11-22T10:00:00.001Z --json");
    assert!(from.lines().count() == 1 && !from.contains("balance_after"), "{from}");

    for (words, code, says) in [
        ("accounts balance nobody", 1, "no account 'nobody'"),
        ("accounts statement nobody", 1, "no account 'nobody'"),
        ("accounts balance alice --at yesterday", 2, "expected an RFC 3339 time"),
        ("accounts balance alice --at 9000-01-01T00:00:00Z", 2, "--at: expected a time that is not in the future"),
        ("accounts statement alice --limit 0", 2, "expected a whole number from 1"),
    ] {
        let (told, text) = ask(words);
        assert!(told == Some(code) && text.contains(says), "{words}: {told:?} {text}");
    }
}

/// Checkpoints under the usual names that are not of this ledger: they say 1,000 more.
async fn plant_others_checkpoint(engine: &Engine) {
    let store = engine.ledger();
    let holding = store.account(&id("alice")).await.unwrap().unwrap();
    let checkpoint = Checkpoint {
        account: id("alice"),
        as_of: at(2_000),
        currency: eur(),
        balance: 1_037,
        postings: 2,
        digest: Digest::ZERO,
        windows: [None; 3],
        previous: None,
    };
    let head = Head { checkpoint, seen: Seen::of(&holding), pending: BTreeSet::new(), seen_at: None };
    assert_eq!(store.prove(&[NewHead { before: None, head: &head }]).await, Ok(vec![Proved::Written]));
}

/// Whoever names tables of a ledger and not those of its checkpoints gets the sum of all postings.
#[tokio::test(flavor = "multi_thread")]
async fn checkpoints_of_another_stack_are_not_read() {
    let engine = ledger().await;
    plant_others_checkpoint(&engine).await;
    let both = "--checkpoints-table checkpoints --audit-heads-table audit-heads";
    for (named, expected) in [
        (String::new(), "10.37"),
        ("--accounts-table accounts --payments-table payments".to_owned(), "0.37"),
        ("--payments-table payments --checkpoints-table checkpoints".to_owned(), "0.37"),
        (format!("--accounts-table accounts --payments-table payments {both}"), "10.37"),
    ] {
        for words in ["accounts balance alice --at 2025-11-22T11:00:00Z", "accounts balance alice"] {
            let (code, told) = giro(&engine, &format!("{words} {named}"));
            assert_eq!((code, told.split(' ').next()), (Some(0), Some(expected)), "{named}: {told}");
        }
    }
}
