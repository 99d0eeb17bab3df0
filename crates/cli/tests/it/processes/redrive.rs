//! Dead letters published again, by the command line on a running stack: byte for byte or mended, settled once.

use std::path::Path;
use std::process::Output;
use std::time::Duration;

use giro::domain::dead_letter::{DeadLetterStatus, RecordDigest};
use giro::domain::{AccountId, DeadLetter, Header, OverdraftLimit, Source, Timestamp};
use giro::publish::Publish;
use giro::store::dynamodb::DynamoDb;
use giro::store::{Ledger, LedgerQueries};
use giro_cli::local::kafka::{self, REQUESTS_TOPIC};
use giro_cli::local::stack::{DynamoDbEngine, Endpoints, Run, Stack, StackOptions};

use crate::processes::cli;
use crate::processes::stack::{ledger, open};

fn giro(arguments: &[&str], editor: &Path, at: &Endpoints) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let mut command = cli::command(arguments, folder.path());
    command
        .env("KAFKA_BOOTSTRAP_SERVERS", &at.kafka_bootstrap_servers)
        .env("AWS_ENDPOINT_URL_DYNAMODB", &at.dynamodb)
        .env("VISUAL", editor);
    cli::run(&mut command, b"")
}

/// Runs the command line on the engines. Checks its exit code and what it says.
pub(crate) async fn check(arguments: &[&str], editor: &Path, at: &Endpoints, code: i32, says: &str) -> Vec<u8> {
    let (owned, editor, at) =
        (arguments.iter().map(|&word| word.to_owned()).collect::<Vec<_>>(), editor.to_owned(), at.clone());
    let run = move || giro(&owned.iter().map(String::as_str).collect::<Vec<_>>(), &editor, &at);
    let output = tokio::task::spawn_blocking(run).await.unwrap();
    let text = format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text:.2000}");
    assert!(text.contains(says), "{arguments:?}: expected {says:?} in\n{text:.2000}");
    output.stdout
}

/// Waits until this many dead letters are stored, and gives them in the order of their offsets.
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

async fn publish(at: &Endpoints, value: &[u8]) {
    let producer = kafka::producer(&at.kafka_bootstrap_servers).unwrap();
    producer.send(REQUESTS_TOPIC, None, Some(value), &[]).await.unwrap().placed().await.unwrap();
}

/// The values of the dead letters of this status, in order.
fn values(letters: &[DeadLetter], status: DeadLetterStatus) -> Vec<String> {
    let of = letters.iter().filter(|letter| letter.status == status);
    let mut values: Vec<String> = of.map(|letter| String::from_utf8(letter.value.clone().unwrap()).unwrap()).collect();
    values.sort();
    values
}

/// A stack on the tables of this folder, as `giro up --data d --partitions 1` starts it. The tables stay when it starts
/// again, and the offsets of its topics begin again.
async fn up(folder: &Path) -> (Endpoints, DynamoDb, Stack) {
    let run = Run::Only(vec!["payment-processor".into()]);
    let dynamodb = DynamoDbEngine::Embedded { data: Some(folder.join("d")) };
    let options = StackOptions { dynamodb, run, partitions: Some(1), ..StackOptions::default() };
    let stack = Stack::start(options).await.unwrap();
    (stack.endpoints().clone(), ledger(&stack).await, stack)
}

#[tokio::test(flavor = "multi_thread")]
async fn dead_letters_of_several_runs_at_one_place_all_stand_and_come_back() {
    use DeadLetterStatus::{Parked, Redriven};
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let [bad, worse] = ["first", "second"].map(|name| format!(r#"{{"payment_id":"{name}-bad"}}"#));
    let place = "payment-requests/0/0";

    let (at, tables, stack) = up(folder.path()).await;
    publish(&at, bad.as_bytes()).await;
    let first = letters(&tables, 1).await.remove(0).id().to_string();
    stack.stop().await.unwrap();

    let (at, tables, stack) = up(folder.path()).await;
    publish(&at, worse.as_bytes()).await;
    let both = letters(&tables, 2).await;
    assert_eq!(values(&both, Parked), [bad.clone(), worse.clone()]);
    assert!(both.iter().all(|letter| letter.source.to_string() == place), "{both:?}");
    let second = both.iter().map(|letter| letter.id().to_string()).find(|name| *name != first).unwrap();
    for name in [&first, &second] {
        let shown = check(&["dead-letters", "show", name, "--json"], &none, &at, 0, name).await;
        assert_eq!(String::from_utf8(shown).unwrap().lines().count(), 1);
        check(&["dead-letters", "show", place], &none, &at, 0, &format!("source       {name}\n")).await;
        check(&["dead-letters", "list"], &none, &at, 0, name).await;
    }
    let shown = check(&["dead-letters", "show", place, "--json"], &none, &at, 0, "").await;
    assert_eq!(String::from_utf8(shown).unwrap().lines().count(), 2);
    check(&["dead-letters", "show", place, "--value"], &none, &at, 2, "name one of").await;

    // The second is published unchanged and fails again. So does the first, with all dead letters of its place that
    // wait.
    check(&["dead-letters", "redrive", &second], &none, &at, 0, &format!("redriven {second} to")).await;
    assert_eq!(values(&letters(&tables, 3).await, Parked), [bad.clone(), worse.clone()]);
    check(&["dead-letters", "redrive", &second], &none, &at, 1, "was redriven before").await;
    check(&["dead-letters", "redrive", place], &none, &at, 0, &format!("redriven {first} to")).await;
    let all = letters(&tables, 4).await;
    assert_eq!((values(&all, Parked), values(&all, Redriven)), (vec![bad.clone(), worse.clone()], vec![bad, worse]));
    stack.stop().await.unwrap();
}

/// As after a restart: the dead letters stand at places to which their records come back. Among them are one of an
/// older version, one that was redriven before, and one of a sample. The topic of the sample doesn't exist, and the
/// others don't wait for it.
#[tokio::test(flavor = "multi_thread")]
async fn all_that_is_redriven_to_places_used_before_and_fails_is_parked_again() {
    use DeadLetterStatus::{Parked, Redriven};
    let folder = tempfile::tempdir().unwrap();
    let none = folder.path().join("none");
    let place = format!("{REQUESTS_TOPIC}/0/0");
    let old = DeadLetter {
        source: place.parse().unwrap(),
        digest: None,
        key: None,
        value: Some(b"old".into()),
        headers: vec![],
        reason: "not_json".into(),
        detail: String::new(),
        received_at: Timestamp::EPOCH,
        status: Parked,
    };
    let again = DeadLetter {
        digest: RecordDigest::parse("0123456789abcdef"),
        value: Some(b"again".into()),
        headers: vec![header("giro-redriven-from", Some(place.as_bytes()))],
        ..old.clone()
    };
    let source = "account-commands-sample/0/0".parse().unwrap();
    let stuck = DeadLetter { source, value: Some(b"stuck".into()), ..old.clone() };
    let (at, tables, stack) = up(folder.path()).await;
    for letter in [old, again, stuck] {
        tables.write_dead_letter(&letter).await.unwrap();
    }
    let shown = check(&["dead-letters", "show", &place, "--value"], &none, &at, 0, "").await;
    assert_eq!(shown, b"old", "the letter of just this name");
    let redrive = ["dead-letters", "redrive", "--all"];
    let told = check(&redrive, &none, &at, 2, "has no topic account-commands-sample").await;
    let told = String::from_utf8(told).unwrap();
    assert!(told.contains(&format!("redriven {place} to {place}\n")), "{told}");
    let all = letters(&tables, 5).await;
    assert_eq!(values(&all, Parked), ["again", "old", "stuck"]);
    assert_eq!(values(&all, Redriven), ["again", "old"]);
    check(&["audit"], &none, &at, 0, "").await;
    stack.stop().await.unwrap();
}

pub(crate) async fn balance(ledger: &DynamoDb, id: &str) -> i128 {
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
    for (editor, commands) in [
        (&mends, "sed -i s/12.50/1250/ \"$1\""),
        (&leaves, "true"),
        (&empties, ": >\"$1\""),
        (&renames, "sed -i s/k1/k2/ \"$1\""),
    ] {
        cli::script(editor, &format!("#!/bin/sh\n{commands}\n"));
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
    let (first, second) = (parked[0].id().to_string(), parked[1].id().to_string());
    assert_eq!((&parked[0].source, &parked[1].source), (&source(0), &source(1)));
    assert_eq!((parked[0].value.as_deref(), parked[0].headers.as_slice()), (Some(&large[..]), &headers[..]));
    let shown = check(&["dead-letters", "show", &first, "--value"], &leaves, &at, 0, "").await;
    assert!(shown == large, "every byte is shown");
    let listed = check(&["dead-letters", "list", "--reason", "invalid_field"], &leaves, &at, 0, &second).await;
    assert_eq!(String::from_utf8(listed).unwrap().lines().count(), 1);

    // Unchanged, it comes back to its topic, and becomes a dead letter again under its new place, with its old place in
    // a header.
    check(&["dead-letters", "redrive", &first], &leaves, &at, 0, &format!("redriven {first} to {}", source(2))).await;
    let again = letters(&ledger, 3).await;
    let from = |name: &str| header("giro-redriven-from", Some(name.as_bytes()));
    assert_eq!(again[2].source, source(2));
    assert!(again[2].key == parked[0].key && again[2].value == parked[0].value, "every byte came back");
    assert_eq!(again[2].headers, [&headers[..], &[from(&first)]].concat());
    assert_eq!((again[0].status, again[2].status), (DeadLetterStatus::Redriven, DeadLetterStatus::Parked));
    check(&["dead-letters", "redrive", &first], &leaves, &at, 1, "was redriven before").await;
    // Once more, by its place: now it names the dead letter that it comes from, so it is never that dead letter's own
    // record.
    check(&["dead-letters", "redrive", &source(2).to_string()], &leaves, &at, 0, "redriven").await;
    let name = again[2].id().to_string();
    assert_eq!(letters(&ledger, 4).await[3].headers, [&headers[..], &[from(&name)]].concat());

    // Mended: it settles, and redriving it once more settles nothing.
    check(&["dead-letters", "redrive", &second, "--edit"], &leaves, &at, 2, "the value is as it was").await;
    check(&["dead-letters", "redrive", &second, "--edit"], &empties, &at, 2, "the value was emptied").await;
    check(&["dead-letters", "redrive", &second, "--reason", "not_json"], &leaves, &at, 1, "asks for not_json").await;
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
    check(&["dead-letters", "redrive", "--reason", "invalid_field"], &leaves, &at, 0, "no dead letter waits").await;

    // An id that another payment has: unchanged it becomes a dead letter again, and it settles under another id.
    let reuses =
        br#"{"payment_id":"k1","debtor_account":"bank","creditor_account":"alice","amount":9,"currency":"EUR"}"#;
    producer.send(REQUESTS_TOPIC, None, Some(reuses), &[]).await.unwrap().placed().await.unwrap();
    let sixth = letters(&ledger, 5).await.remove(4);
    assert_eq!((sixth.source.clone(), sixth.reason.as_str()), (source(6), "payment_id_reused"));
    check(&["dead-letters", "redrive", &source(6).to_string()], &leaves, &at, 0, "redriven").await;
    let again = letters(&ledger, 6).await.remove(5);
    assert_eq!((again.reason.as_str(), again.value.as_deref()), ("payment_id_reused", Some(&reuses[..])));
    check(&["dead-letters", "redrive", &again.id().to_string(), "--edit"], &renames, &at, 0, "redriven").await;
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
