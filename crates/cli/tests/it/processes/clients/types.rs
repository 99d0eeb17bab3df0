//! Outcomes of a stack as types of TypeScript, which are generated from `docs/schemas/`. The compiler holds each
//! record against the type that its header names, and finds what is wrong in records that were changed.

use std::collections::BTreeMap;
use std::path::Path;

use giro_cli::local::topic_reader::Polled;
use serde_json::{Value, json};
use tokio::process::Command;

use super::{PATIENCE, tool};

/// Reads outcomes by their types, field by field.
const DECODE: &str = include_str!("decode.ts");

/// The program: it prints each outcome.
const MAIN: &str = r#"
import { line } from "./decode.js";
import { all } from "./outcomes.js";
for (const [name, outcome] of all) console.log(line(name, outcome));
"#;

/// The names of an outcome's types in the program, by `ce_type`.
const TYPES: [(&str, &str); 4] = [
    ("giro.payment.settled.v1", "PaymentSettled"),
    ("giro.payment.declined.v1", "PaymentDeclined"),
    ("giro.refund.settled.v1", "RefundSettled"),
    ("giro.refund.declined.v1", "RefundDeclined"),
];

async fn run(program: &Path, arguments: &[&str], folder: &Path) -> (bool, String) {
    let mut command = Command::new(program);
    command.args(arguments).current_dir(folder).kill_on_drop(true);
    let output = tokio::time::timeout(PATIENCE, command.output()).await.unwrap().unwrap();
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8(text).unwrap())
}

/// The type that a record's header names, and its value.
fn typed(record: &Polled) -> (&'static str, Value) {
    let header = record.headers.iter().find(|header| header.name == "ce_type").unwrap();
    let (_, name) =
        TYPES.iter().find(|(name, _)| Some(name.as_bytes()) == header.value.as_deref()).expect("a known type");
    (name, serde_json::from_slice(record.value.as_deref().unwrap()).unwrap())
}

/// What `decode.ts` says of an outcome.
fn line(name: &str, outcome: &Value) -> String {
    let id = outcome["payment_id"].as_str().unwrap();
    let movements = outcome["legs"].as_array().cloned().unwrap_or_else(|| vec![outcome.clone()]);
    let amount: u64 = movements.iter().map(|movement| movement["amount"].as_u64().unwrap_or(0)).sum();
    let why = outcome["reason"]["name"].as_str().unwrap_or("settled");
    format!("{name} {id} {amount} {why} {}", outcome["source"]["offset"])
}

fn module(outcomes: &[(&str, Value)]) -> String {
    let mut text = String::from("import type * as types from \"./decode.js\";\n");
    for (ix, (name, outcome)) in outcomes.iter().enumerate() {
        text.push_str(&format!("const outcome{ix}: types.{name} = {outcome};\n"));
    }
    let all: String =
        outcomes.iter().enumerate().map(|(ix, (name, _))| format!("[\"{name}\", outcome{ix}],")).collect();
    text + &format!("export const all: [string, types.Outcome][] = [{all}];\n")
}

/// Records that a schema refuses, each with one change.
fn wrong(outcomes: &BTreeMap<&'static str, Value>) -> Vec<(&'static str, Value)> {
    let changed = |name: &'static str, field: &str, value: Option<Value>| {
        let mut outcome = outcomes[name].clone();
        let fields = outcome.as_object_mut().unwrap();
        match value {
            Some(value) => fields.insert(field.into(), value),
            None => fields.remove(field),
        };
        (name, outcome)
    };
    vec![
        changed("PaymentSettled", "amount", Some(json!("5.00"))),
        changed("PaymentSettled", "payment_id", None),
        changed("PaymentSettled", "status", Some(json!("declined"))),
        changed("PaymentSettled", "kind", Some(json!("refund"))),
        changed("PaymentDeclined", "reason", Some(Value::Null)),
        changed("RefundSettled", "refund_of", None),
        changed("RefundDeclined", "source", Some(json!("payment-requests"))),
    ]
}

/// Generates the types, and decodes these records by them.
pub(super) async fn decode(records: &[Polled]) {
    let Some(bin) = tool("schema-types/node_modules/.bin") else { return };
    let folder = tempfile::tempdir().unwrap();
    let schemas = Path::new(crate::ROOT).canonicalize().unwrap().join("docs/schemas");
    let asked = format!("{}/giro.*.json", schemas.display());
    let out = folder.path().to_str().unwrap();
    let generate = ["-i", &asked, "-o", out, "--cwd", schemas.to_str().unwrap()];
    let (well, said) = run(&bin.join("json2ts"), &generate, &schemas).await;
    assert!(well, "{said}");

    let outcomes: Vec<(&str, Value)> = records.iter().map(typed).collect();
    // One of each type.
    let samples: BTreeMap<&str, Value> = outcomes.iter().cloned().collect();
    assert_eq!(samples.len(), TYPES.len(), "{samples:?}");
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("package.json", r#"{"type":"module"}"#);
    write("decode.ts", DECODE);
    write("outcomes.ts", &module(&outcomes));
    write("main.ts", MAIN);
    let strict = ["--strict", "--module", "nodenext", "--target", "es2022", "--outDir", "made"];
    let (well, said) = run(&bin.join("tsc"), &[&strict[..], &["main.ts"]].concat(), folder.path()).await;
    assert!(well, "{said}");
    let (well, said) = run(Path::new("node"), &["made/main.js"], folder.path()).await;
    assert!(well, "{said}");
    let expected: String = outcomes.iter().map(|(name, outcome)| line(name, outcome) + "\n").collect();
    assert_eq!(said, expected);

    let wrong = wrong(&samples);
    write("outcomes.ts", &module(&wrong));
    let (well, said) = run(&bin.join("tsc"), &[&strict[..], &["main.ts"]].concat(), folder.path()).await;
    assert!(!well);
    for (ix, (name, outcome)) in wrong.iter().enumerate() {
        // The first line is the import.
        assert!(said.contains(&format!("outcomes.ts({},", ix + 2)), "{name} takes {outcome}\n{said}");
    }
}
