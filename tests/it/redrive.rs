//! Dead letters published again, by the command line on a running stack: byte for byte or mended, settled once.

use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output};
use std::time::Duration;

use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{AccountId, DeadLetter, Header, OverdraftLimit, Source};
use giro::local::kafka::{self, REQUESTS_TOPIC};
use giro::local::stack::{Endpoints, Run, Stack, StackOptions};
use giro::publish::Publish;
use giro::store::Inspect;
use giro::store::dynamodb::DynamoDb;

use super::stack::{ledger, open};

fn giro(arguments: &[&str], editor: &Path, at: &Endpoints) -> Output {
    Command::new(env!("CARGO_BIN_EXE_giro"))
        .args(arguments)
        .env("KAFKA_BOOTSTRAP_SERVERS", &at.kafka_bootstrap_servers)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &at.dynamodb)
        .env("VISUAL", editor)
        .output()
        .unwrap()
}

async fn check(arguments: &[&str], editor: &Path, at: &Endpoints, code: i32, says: &str) -> Vec<u8> {
    let (owned, editor, at) =
        (arguments.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), editor.to_owned(), at.clone());
    let run = move || giro(&owned.iter().map(String::as_str).collect::<Vec<_>>(), &editor, &at);
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text:.2000}");
    assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text:.2000}");
    output.stdout
}

/// Waits until so many letters are parked or redriven; those, in the order of their offsets.
async fn letters(ledger: &DynamoDb, count: usize) -> Vec<DeadLetter> {
    let all = async {
        loop {
            let letters = ledger.dead_letters().await.unwrap();
            if letters.len() >= count {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letters = tokio::time::timeout(Duration::from_secs(60), all).await.expect("the letters are set aside");
    assert_eq!(letters.len(), count);
    letters
}

async fn balance(ledger: &DynamoDb, id: &str) -> i128 {
    ledger.account(&AccountId::try_new(id).unwrap()).await.unwrap().unwrap().balance()
}

fn header(name: &str, value: Option<&[u8]>) -> Header {
    Header { name: name.into(), value: value.map(Into::into) }
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_come_back_byte_for_byte_or_mended_and_settle_once() {
    let run = Run::Only(vec!["payment-processor".into()]);
    let stack = Stack::start(StackOptions { run, partitions: Some(1), ..StackOptions::default() }).await.unwrap();
    let at = stack.endpoints().clone();
    let ledger = ledger(&stack).await;
    open(&ledger, "bank", OverdraftLimit::Unlimited).await;
    open(&ledger, "alice", OverdraftLimit::Limited(0)).await;
    let folder = tempfile::tempdir().unwrap();
    let [mends, leaves, empties, renames] = ["mends", "leaves", "empties", "renames"].map(|it| folder.path().join(it));
    for (editor, script) in [
        (&mends, "sed -i s/12.50/1250/ \"$1\""),
        (&leaves, "true"),
        (&empties, ": >\"$1\""),
        (&renames, "sed -i s/k1/k2/ \"$1\""),
    ] {
        std::fs::write(editor, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(editor, std::fs::Permissions::from_mode(0o755)).unwrap();
    }

    // One of 900 KB that nobody can read, with every odd header; and one with a mistake that a person can mend.
    let large: Vec<u8> = (0..900 * 1024_u32).map(|ix| (ix.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let headers = [header("trace", Some(&[0, 127, 128, 255])), header("trace", None), header("empty", Some(b""))];
    let amiss =
        br#"{"payment_id":"k1","debtor_account":"bank","creditor_account":"alice","amount":12.50,"currency":"EUR"}"#;
    let producer = kafka::producer(&at.kafka_bootstrap_servers).unwrap();
    for (key, value, headers) in [(Some(&b"\xff\x00key"[..]), &large[..], &headers[..]), (None, &amiss[..], &[])] {
        producer.send(REQUESTS_TOPIC, key, Some(value), headers).await.unwrap().placed().await.unwrap();
    }
    let parked = letters(&ledger, 2).await;
    let source = |offset| Source { topic: REQUESTS_TOPIC.into(), partition: 0, offset };
    let (first, second) = (source(0).to_string(), source(1).to_string());
    assert_eq!((parked[0].value.as_deref(), parked[0].headers.as_slice()), (Some(&large[..]), &headers[..]));
    let shown = check(&["dead-letters", "show", &first, "--value"], &leaves, &at, 0, "").await;
    assert!(shown == large, "every byte is shown");
    let listed = check(&["dead-letters", "list", "--reason", "invalid_field"], &leaves, &at, 0, &second).await;
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 1);

    // As it came: it comes back to its topic, and is set aside again under its new place, with where it came from.
    check(&["dead-letters", "redrive", &first], &leaves, &at, 0, &format!("redriven {first} to {}", source(2))).await;
    let again = letters(&ledger, 3).await;
    let from = header("giro-redriven-from", Some(first.as_bytes()));
    assert_eq!(again[2].source, source(2));
    assert!(again[2].key == parked[0].key && again[2].value == parked[0].value, "every byte came back");
    assert_eq!(again[2].headers, [&headers[..], std::slice::from_ref(&from)].concat());
    assert_eq!((again[0].status, again[2].status), (DeadLetterStatus::Redriven, DeadLetterStatus::Parked));
    check(&["dead-letters", "redrive", &first], &leaves, &at, 1, "was redriven before").await;
    // Once more: its first place is still the one that it names.
    check(&["dead-letters", "redrive", &source(2).to_string()], &leaves, &at, 0, "redriven").await;
    assert_eq!(letters(&ledger, 4).await[3].headers, [&headers[..], &[from]].concat());

    // Mended: it settles, and redriving it once more settles nothing.
    check(&["dead-letters", "redrive", &second, "--edit"], &leaves, &at, 2, "the value is as it was").await;
    check(&["dead-letters", "redrive", &second, "--edit"], &empties, &at, 2, "the value was emptied").await;
    check(&["dead-letters", "redrive", &second, "--reason", "not_json"], &leaves, &at, 1, "not for not_json").await;
    check(&["dead-letters", "redrive", "--reason", "invalid_feld"], &leaves, &at, 1, "there are: invalid_field").await;
    check(&["dead-letters", "redrive", &second, "--edit"], &mends, &at, 0, "redriven").await;
    check(&["dead-letters", "redrive", &second, "--edit", "--again"], &mends, &at, 0, "redriven").await;
    let acknowledged = async {
        while stack.activity().acknowledged < 6 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), acknowledged).await.expect("all six records are answered");
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "bank").await), (1_250, -1_250));
    assert_eq!(ledger.payments().await.unwrap().len(), 1);
    check(&["dead-letters", "redrive", "--reason", "invalid_field"], &leaves, &at, 0, "nothing is parked").await;

    // An id that another payment has: it is parked again as it came, and settles under an id of its own.
    let reuses =
        br#"{"payment_id":"k1","debtor_account":"bank","creditor_account":"alice","amount":9,"currency":"EUR"}"#;
    producer.send(REQUESTS_TOPIC, None, Some(reuses), &[]).await.unwrap().placed().await.unwrap();
    let sixth = letters(&ledger, 5).await.remove(4);
    assert_eq!((sixth.source.clone(), sixth.reason.as_str()), (source(6), "payment_id_reused"));
    check(&["dead-letters", "redrive", &source(6).to_string()], &leaves, &at, 0, "redriven").await;
    let again = letters(&ledger, 6).await.remove(5);
    assert_eq!((again.reason.as_str(), again.value.as_deref()), ("payment_id_reused", Some(&reuses[..])));
    check(&["dead-letters", "redrive", &again.source.to_string(), "--edit"], &renames, &at, 0, "redriven").await;
    let settled = async {
        while ledger.payments().await.unwrap().len() < 2 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(60), settled).await.expect("the payment settles under its new id");
    assert_eq!((balance(&ledger, "alice").await, balance(&ledger, "bank").await), (1_259, -1_259));
    check(&["dead-letters", "redrive", "nowhere/0/0"], &leaves, &at, 1, "no dead letter nowhere/0/0").await;
    stack.stop().await.unwrap();
}
