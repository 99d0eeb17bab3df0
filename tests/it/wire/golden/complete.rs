//! Whatever is stored or written has its golden file: a new table, kind of item, reason or format asks for one.

use std::collections::BTreeSet;
use std::path::PathBuf;

use giro::domain::account_command::{Action, Refusal};
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{AccountStatus, Decline, Period};
use giro::store::Tables;
use giro::store::items::{Item, lane, legs};

use super::{folder, invocations, items, records};

fn texts(items: &[Item], name: &str) -> BTreeSet<String> {
    items.iter().filter_map(|item| item.get(name)?.as_s().ok().cloned()).collect()
}

fn owned<'a>(names: impl IntoIterator<Item = &'a str>) -> BTreeSet<String> {
    names.into_iter().map(str::to_owned).collect()
}

/// The files of a folder of the repository, by their names without ending.
fn files(below: PathBuf, ending: &str) -> BTreeSet<String> {
    let names = std::fs::read_dir(below).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    names.filter_map(|name| Some(name.strip_suffix(ending)?.to_owned())).collect()
}

fn source(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

#[test]
fn every_table_has_golden_items() {
    let Tables { accounts, payments, refunds, dead_letters, account_commands, checkpoints, audit_heads } =
        Tables::default();
    let of_payments = [accounts, payments, refunds, dead_letters, account_commands];
    let tables: BTreeSet<String> = of_payments.into_iter().chain([checkpoints, audit_heads]).collect();
    assert_eq!(files(folder().join("tables"), ".json"), tables);
}

/// A codec of an item has a test in `stored`, and that has items.
#[test]
fn every_kind_of_item_is_held() {
    let writes = |name: &String| {
        let text = std::fs::read_to_string(source("src/store/items").join(format!("{name}.rs"))).unwrap();
        text.contains("pub fn encode(")
    };
    let codecs: Vec<String> = files(source("src/store/items"), ".rs").into_iter().filter(writes).collect();
    assert!(codecs.len() >= 5, "{codecs:?}");
    let stored = std::fs::read_to_string(source("tests/it/wire/golden/stored.rs")).unwrap();
    for codec in &codecs {
        assert!(stored.contains(&format!("{codec}::encode(")), "no golden item of {codec}");
    }
    let (lanes, accounts): (Vec<Item>, Vec<Item>) = items("accounts").into_iter().partition(lane::is_lane);
    let both = |items: &[Item], name| items.iter().any(|item| item.contains_key(name) != items[0].contains_key(name));
    for name in [
        "credit_lanes",
        "overdraft_limit",
        "lane_debits",
        "paused_until",
        "limits_version",
        "owner",
        "max_payment",
        "max_balance",
        "hour_since",
        "day_start",
    ] {
        assert!(both(&accounts, name), "accounts with and without {name}");
    }
    assert!(both(&lanes, "overdraft_limit"), "lanes with and without overdraft_limit");
    assert!(both(&lanes, "shut"), "lanes with and without shut");
    assert!(both(&lanes, "debited"), "lanes with and without debited");
    assert_eq!(texts(&accounts, "status"), owned(AccountStatus::ALL.map(AccountStatus::name)));
}

#[test]
fn every_answer_to_a_payment_is_held() {
    let (legs, payments): (Vec<Item>, Vec<Item>) = items("payments").into_iter().partition(legs::is_leg);
    assert!(legs.len() > 1, "items of further legs");
    assert_eq!(texts(&payments, "status"), owned(["declined", "settled"]));
    assert_eq!(texts(&payments, "reason_code"), owned(Decline::ALL.map(|row| row.1)));
    assert_eq!(texts(&payments, "period"), owned(Period::ALL.map(Period::name)));
    for name in [
        "reference",
        "requested_at",
        "requested_by",
        "traceparent",
        "kind",
        "asked_for",
        "amount",
        "creditor_account",
        "limits_version",
        "legs",
        "leg",
    ] {
        let with = payments.iter().filter(|payment| payment.contains_key(name)).count();
        assert!(with > 0 && with < payments.len(), "payments with and without {name}");
    }
    assert!(texts(&payments, "creditor_statement").iter().any(|statement| statement.contains('/')));
    // And each of them is on its topic.
    let published: BTreeSet<Option<Vec<u8>>> =
        records("payment-outcomes").into_iter().map(|record| record.key).collect();
    for id in texts(&payments, "payment_id") {
        assert!(published.contains(&Some(id.clone().into_bytes())), "no outcome of {id}");
    }
}

#[test]
fn every_account_command_and_answer_is_held() {
    let commands = items("account-commands");
    assert_eq!(texts(&commands, "command"), owned(Action::NAMES));
    assert_eq!(texts(&commands, "status"), owned(["applied", "refused"]));
    assert_eq!(texts(&commands, "reason"), owned(Refusal::ALL.map(|row| row.1)));
}

#[test]
fn dead_letters_of_every_shape_are_held() {
    let letters = items("dead-letters");
    let statuses = [DeadLetterStatus::Parked, DeadLetterStatus::Redriven];
    assert_eq!(texts(&letters, "status"), owned(statuses.map(DeadLetterStatus::name)));
    let digits = |name: &String| name.split('/').count();
    let names: BTreeSet<usize> = texts(&letters, "source").iter().map(digits).collect();
    assert_eq!(names, [3, 4].into(), "names with a digest, and older ones without");
    for name in ["key", "value", "headers"] {
        let with = letters.iter().filter(|letter| letter.contains_key(name)).count();
        assert!(with > 0 && with < letters.len(), "letters with and without {name}");
    }
    assert!(letters.iter().any(|letter| letter["part"].as_n() == Ok(&"1".to_owned())), "one of several parts");
}

/// A module of the wire that writes is held by a golden file.
#[test]
fn everything_that_the_wire_writes_is_held() {
    let writes = |name: &String| {
        let text = std::fs::read_to_string(source("src/wire").join(format!("{name}.rs"))).unwrap();
        text.split("#[cfg(test)]").next().unwrap().contains("Serialize")
    };
    let written: BTreeSet<String> = files(source("src/wire"), ".rs").into_iter().filter(writes).collect();
    // In which file each stands.
    let held = [
        ("account_command", "topics/account-commands"),
        ("audit_result", "invocations/ledger-auditor"),
        ("canary_result", "invocations/payment-canary"),
        ("batch_response", "invocations/payment-processor"),
        ("failed_record", "topics/payment-requests-failed"),
        ("http", "invocations/payment-api"),
        ("legged_request", "topics/payment-requests"),
        ("limits", "topics/account-commands"),
        ("outcome", "topics/payment-outcomes"),
        ("payment_request", "topics/payment-requests"),
        ("problem", "invocations/payment-api"),
        ("proof_result", "invocations/ledger-auditor"),
        ("refund_request", "topics/payment-requests"),
        ("resource", "invocations/payment-api"),
        ("stream_event", "invocations/outcome-publisher"),
    ];
    assert_eq!(written, owned(held.map(|(module, _)| module)));
    for (_, file) in held {
        assert!(folder().join(format!("{file}.json")).exists(), "{file}");
    }
}

/// Every function of `src/bin` has golden events and answers.
#[test]
fn every_function_is_held() {
    let functions = files(source("src/bin"), ".rs");
    assert_eq!(files(folder().join("invocations"), ".json"), functions);
    for function in functions {
        assert!(!invocations(&function).is_empty());
    }
}
