//! Schema and decoder take the same values. Each field of a good message is left out, and gets each of many values.
//!
//! `tests/it/wire/fixtures/contract_differences.txt` lists where they differ, and who takes the value then. Why:
//!
//! | difference | why |
//! |---|---|
//! | the schema takes `5.0` | to a schema it is the integer 5. The decoder wants plain digits |
//! | the schema takes legs without one of the debtor | a schema can't compare two fields |
//! | the schema takes years outside 0001 to 9999, and names of a newer version | only the code knows its own bounds |
//! | the decoder takes outcomes without fields that are always written, or with null in place of an absent one | it reads what older and newer versions write |
//! | the decoder takes an array in place of an object | serde does so; nobody writes it |
//!
//! A field that stands twice is seen by the decoder alone: a schema sees one of them.

use std::collections::BTreeSet;

use giro::domain::{Decline, Period};
use serde_json::{Value, json};

use super::{CURRENT, names, path, reader, schema, validator};

/// Values for every field.
const POOL: &str = r#"[null, true, -1, 0, 1, 5.0, 5.5, 16, 17, 1024, 1025, 2147483648, 9007199254740991, 9007199254740992,
18446744073709551615, 1e300, "", ".", "..", "a", "a/b", "a b", "\u0430", "EUR", "eur", "EURO", "unlimited", "none", "7",
"hour", "day", "week", "settled", "declined", "insufficient_funds", "velocity_limit", "moon_too_full", "refund", "void",
"2026-11-22T10:00:00Z", "2026-11-22T10:00:00.123456+01:00", "2026-11-22t10:00:00z", "2026-11-22 10:00:00Z",
"2026-11-22T10:00:00", "2026-02-30T10:00:00Z", "2016-12-31T23:59:60Z", "0000-01-01T00:00:00Z",
"0001-01-01T00:00:00+01:00", [], {}, [{}], [{"period":"day","amount":5}], [{"period":"day"}],
[{"period":"day","amount":5},{"period":"day","count":5}], [["day",5,null]], ["t",0,0]]"#;

/// Those values, and long ones with a name.
fn pool() -> Vec<(String, Value)> {
    let leg = json!({ "creditor_account": "shop", "amount": 5, "currency": "EUR" });
    let full =
        |debtor: &str| json!({ "debtor_account": debtor, "creditor_account": "b", "amount": 5, "currency": "EUR" });
    let values: Vec<Value> = serde_json::from_str(POOL).unwrap();
    let mut pool: Vec<(String, Value)> = values.into_iter().map(|value| (value.to_string(), value)).collect();
    for (letter, length) in [("a", 64), ("a", 65), ("~", 128), ("~", 129), ("ü", 140), ("ü", 141)] {
        pool.push((format!("{length} of {letter}"), letter.repeat(length).into()));
    }
    for count in [1, 2, 16, 17] {
        pool.push((format!("{count} legs"), vec![leg.clone(); count].into()));
        pool.push((format!("{count} legs of an outcome"), vec![full("alice"); count].into()));
        pool.push((format!("{count} legs of somebody else"), vec![full("eve"); count].into()));
    }
    pool
}

/// Fields that an example may lack: their names, and a good value.
const MORE: [(&str, &str); 5] = [
    ("reference", "x"),
    ("requested_at", "2026-11-22T10:00:00Z"),
    ("requested_by", "ann"),
    ("owner", "ann"),
    ("x", ""),
];

/// The places of all values in a message.
fn places(value: &Value, at: &str, all: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(fields) => fields.iter().map(|(name, value)| (name.clone(), value)).collect(),
        Value::Array(items) => items.iter().enumerate().map(|(ix, value)| (ix.to_string(), value)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => return,
    };
    for (name, value) in below {
        let at = format!("{at}/{name}");
        all.push(at.clone());
        places(value, &at, all);
    }
}

/// The message without what stands at a place.
fn without(message: &Value, place: &str) -> Value {
    let mut message = message.clone();
    let (parent, name) = place.rsplit_once('/').unwrap();
    match message.pointer_mut(parent).unwrap() {
        Value::Object(fields) => drop(fields.remove(name)),
        Value::Array(items) => drop(items.remove(name.parse().unwrap())),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => panic!("{place} is in no {parent}"),
    }
    message
}

/// Every message with one field changed, and what was changed.
fn changed(example: &Value, pool: &[(String, Value)]) -> Vec<(String, Value)> {
    let mut message = example.clone();
    for (name, value) in MORE {
        message.as_object_mut().unwrap().entry(name).or_insert(value.into());
    }
    let mut all = Vec::new();
    places(&message, "", &mut all);
    let mut changed = vec![("nothing".to_owned(), message.clone())];
    for place in all {
        let named = place.split('/').filter(|part| part.parse::<u8>().is_err()).collect::<Vec<_>>().join(".");
        let named = named.trim_start_matches('.');
        changed.push((format!("{named} left out"), without(&message, &place)));
        for (told, value) in pool {
            let mut message = message.clone();
            *message.pointer_mut(&place).unwrap() = value.clone();
            changed.push((format!("{named} = {told}"), message));
        }
    }
    changed
}

/// What a schema can't see in a message.
fn unseen(message: &Value) -> Option<&'static str> {
    let debtor = &message["debtor_account"];
    let of_debtor = |leg: &Value| leg.get("debtor_account").is_none_or(|own| own == debtor || own.is_null());
    if message["legs"].as_array().is_some_and(|legs| !legs.iter().any(of_debtor)) {
        return Some("legs of which none takes from the debtor");
    }
    let reason = &message["reason"];
    let period = Period::from_name(reason["period"].as_str().unwrap_or_default());
    let is_known = |name: &str| Decline::from_name(name, period).is_some();
    reason["name"].as_str().filter(|name| !is_known(name)).map(|_| "a reason that this version doesn't give")
}

#[test]
fn schema_and_decoder_take_the_same_values() {
    let (pool, mut differences, mut both, mut none) = (pool(), BTreeSet::new(), 0, 0);
    for name in names(CURRENT).into_iter().filter(|name| name != "failed-record") {
        let schema = schema(CURRENT, &name);
        let validator = validator(&schema);
        for example in schema["examples"].as_array().unwrap() {
            for (what, message) in changed(example, &pool) {
                let read = reader(&name)(message.to_string().as_bytes());
                match (validator.is_valid(&message), read.as_deref() == Some(&name)) {
                    (true, true) => both += 1,
                    (false, false) => none += 1,
                    (true, false) => {
                        let what = unseen(&message).map_or(what, str::to_owned);
                        differences.insert(format!("{name}: the schema takes {what}"));
                    }
                    (false, true) => drop(differences.insert(format!("{name}: the decoder takes {what}"))),
                }
            }
        }
    }
    assert!(both > 1_000 && none > 1_000, "{both} taken, {none} refused");
    let told: String = differences.into_iter().map(|line| line + "\n").collect();
    expect_test::expect_file![path("tests/it/wire/fixtures/contract_differences.txt")].assert_eq(&told);
}

/// A schema sees one of two. The decoder refuses both, because two readers would see two requests.
#[test]
fn a_field_that_stands_twice_is_refused_by_the_decoder_alone() {
    for name in names(CURRENT).into_iter().filter(|name| name != "failed-record") {
        let schema = schema(CURRENT, &name);
        let example = schema["examples"][0].to_string();
        let field = if name.starts_with("account-command-") { "account_id" } else { "debtor_account" };
        let twice = example.replacen('{', &format!(r#"{{"{field}":"eve","#), 1);
        assert!(reader(&name)(example.as_bytes()).is_some() && reader(&name)(twice.as_bytes()).is_none(), "{twice}");
        assert!(validator(&schema).is_valid(&serde_json::from_str(&twice).unwrap()), "{twice}");
    }
}

/// Lambda writes what was given up, and Giro reads it with patience. What has no record that can be put back is none.
#[test]
fn what_was_given_up_has_its_records() {
    let (name, record) = ("failed-record", json!({ "topic": "t", "partition": 0, "offset": 7 }));
    let validator = validator(&schema(CURRENT, name));
    for (good, payload) in [
        (true, json!({ "records": { "t-0": [record] } })),
        (true, json!({ "records": { "t-0": [record], "more": [record] }, "eventSource": "aws:kafka" })),
        (false, json!(null)),
        (false, json!({})),
        (false, json!({ "records": {} })),
        (false, json!({ "records": { "t-0": [] } })),
        (false, json!({ "records": { "t-0": [{ "topic": "t", "partition": 0 }] } })),
        (false, json!({ "records": { "t-0": [{ "topic": "t", "partition": 0, "offset": 7, "value": 7 }] } })),
    ] {
        let value = json!({ "payload": payload });
        assert_eq!(validator.is_valid(&value), good, "{value}");
        assert_eq!(reader(name)(value.to_string().as_bytes()).is_some(), good, "{value}");
    }
}
