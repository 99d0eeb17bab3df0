//! Which items can be read: the SQL says the same as the codecs of the tables, item by item.
//!
//! The items are those of the golden files. Each attribute is left out, made of another type, and given values that are
//! out of its range. Most of that is damage, and some of it is not: the codec decides.

use std::collections::BTreeSet;
use std::path::Path;

use aws_sdk_dynamodb::types::AttributeValue;
use giro::store::items::scan::surveyed;
use giro::store::items::{Item, n, s};
use giro::store::{ScannedItem, Table};
use giro_testkit::golden_items;
use serde_json::Value;

use super::{TABLES, python, rows, write};

/// Attributes that are read, and don't decide by themselves whether an item can be.
const KEYS: [&str; 3] = ["account_id", "payment_id", "source"];

pub(super) fn golden(table: &str) -> Vec<Item> {
    let path = Path::new(crate::ROOT).join(format!("tests/golden/tables/{table}.json"));
    let items: Vec<Value> = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    items.iter().map(golden_items::item).collect()
}

fn list_of_texts() -> AttributeValue {
    AttributeValue::L(vec![s("x")])
}

/// What is put in the place of an attribute.
fn values() -> Vec<Option<AttributeValue>> {
    let texts =
        ["", "x", "nonsense!", "EUR", "eur", "open", "settled", "declined", "refund", "leg", "all_left", "none"];
    let texts = texts.into_iter().chain(["2026-11-29T23:00:05.000Z", "2026-13-29T23:00:05.000Z", "velocity_limit"]);
    let texts = texts.chain(["EUR\n", "x\n", "2026-11-29T23:00:05.000Z\n", "open\n"]);
    let numbers = ["-1", "0", "1", "2", "17", "1024", "1025", "70000", "2147483648", "9007199254740991"];
    let numbers = numbers.into_iter().chain(["9007199254740992", "1.5", "1E+30", "99999999999999999999"]);
    let others = [
        AttributeValue::Bool(true),
        AttributeValue::Null(true),
        AttributeValue::L(vec![]),
        list_of_texts(),
        AttributeValue::M(Item::new()),
        AttributeValue::Ss(vec!["x".into()]),
    ];
    let all = texts.map(s).chain(numbers.map(n)).chain(others);
    std::iter::once(None).chain(all.map(Some)).collect()
}

/// Each item, and each with one attribute changed. Keys are numbered, so that each item has one of its own.
fn changed(table: Table, items: Vec<Item>) -> Vec<Item> {
    let mut all = Vec::new();
    for item in items {
        let mut names: BTreeSet<String> = item.keys().cloned().collect();
        // An attribute of another kind of item.
        names.extend(["kind", "legs", "leg", "period", "shut", "parts"].map(str::to_owned));
        for name in names.into_iter().filter(|name| !KEYS.contains(&name.as_str()) && name != "part") {
            // The SQL looks into no header.
            let is_seen = |value: &Option<AttributeValue>| name != "headers" || *value != Some(list_of_texts());
            for value in values().into_iter().filter(is_seen) {
                let mut changed = item.clone();
                match value {
                    Some(value) => drop(changed.insert(name.clone(), value)),
                    None => drop(changed.remove(&name)),
                }
                all.push(changed);
            }
        }
        all.push(item);
    }
    for (ix, item) in all.iter_mut().enumerate() {
        let key = match table {
            Table::Accounts => ("account_id", format!("a{ix}")),
            Table::Payments | Table::Refunds => ("payment_id", format!("p{ix}")),
            Table::DeadLetters => ("source", format!("t/0/{ix}")),
        };
        // A lane stays a lane, and a leg a leg.
        let old = item[key.0].as_s().unwrap();
        let rest = if table == Table::DeadLetters { None } else { old.split_once('/').map(|(_, rest)| rest) };
        let new = rest.map_or(key.1.clone(), |rest| format!("{}/{rest}", key.1));
        // Every hundredth ends with a line's end, and can't be read.
        item.insert(key.0.into(), s(if ix % 100 == 99 { format!("{new}\n") } else { new }));
    }
    all
}

#[test]
fn the_sql_reads_what_the_codecs_read() {
    let Some(python) = python() else { return };
    let folder = tempfile::tempdir().unwrap();
    let (mut expected, mut read) = (BTreeSet::new(), 0);
    for (name, table) in TABLES.into_iter().zip([Table::Accounts, Table::Payments, Table::Refunds, Table::DeadLetters])
    {
        let items = changed(table, golden(name));
        for item in &items {
            let ScannedItem::Unreadable { key, .. } = surveyed(table, item) else {
                read += 1;
                continue;
            };
            // The SQL shows a key as it is.
            expected.insert(format!("table {name}, key {key:?}").replace("\\n", "\n"));
        }
        write(folder.path(), name, &items);
    }
    assert!(expected.len() > 1_000 && read > 1_000, "{} can't be read, {read} can", expected.len());
    let rows = rows(&python, folder.path(), &["audit"]);
    let unreadable = rows.iter().filter(|row| row["finding"] == "unreadable");
    let found: BTreeSet<String> = unreadable.map(|row| row["at_fault"].as_str().unwrap().to_owned()).collect();
    let differ: Vec<&String> = found.symmetric_difference(&expected).take(20).collect();
    assert_eq!(differ, Vec::<&String>::new(), "of {} that can't be read", expected.len());
}
