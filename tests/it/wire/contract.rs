//! The messages of the topics as a contract: docs/schemas/, docs/asyncapi.yaml and docs/events.md against the code.
//!
//! | part | what it holds |
//! |---|---|
//! | `values` | what is stored, sampled, or written by the encoder is as its schema says |
//! | `agree` | schema and decoder take the same values, but for what a list names |
//! | `asyncapi` | the document names every topic and schema, and its examples are right |
//! | `openapi` | the HTTP API describes the same shapes in the same way |
//! | `compatible` | what has changed since version 1 was frozen breaks nobody |

mod agree;
mod asyncapi;
mod compatible;
mod openapi;
mod values;

use std::collections::BTreeSet;
use std::path::PathBuf;

use giro::domain::{Instruction, Outcome};
use giro::wire::{account_command, cloud_event, failed_record, instruction, outcome};
use jsonschema::Validator;
use saphyr::{LoadableYamlNode, Scalar, Yaml};
use serde_json::{Map, Value};

/// Where the schemas stand, and where they are frozen.
const CURRENT: &str = "docs/schemas";
const FROZEN: &str = "tests/golden/schemas-v1";

/// What the schemas have in common stands in this file.
const PARTS: &str = "parts";

fn path(below: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join(below)
}

fn text(below: &str) -> String {
    std::fs::read_to_string(path(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

fn json(below: &str) -> Value {
    serde_json::from_str(&text(below)).unwrap_or_else(|error| panic!("{below}: {error}"))
}

/// A YAML document as JSON.
fn yaml(below: &str) -> Value {
    fn value(node: &Yaml<'_>) -> Value {
        match node {
            Yaml::Value(Scalar::Null) => Value::Null,
            Yaml::Value(Scalar::Boolean(flag)) => (*flag).into(),
            Yaml::Value(Scalar::Integer(number)) => (*number).into(),
            Yaml::Value(Scalar::String(text)) => text.to_string().into(),
            Yaml::Sequence(all) => all.iter().map(value).collect(),
            Yaml::Mapping(all) => {
                let pair = |(key, it): (&Yaml<'_>, &Yaml<'_>)| (key.as_str().unwrap().to_owned(), value(it));
                Value::Object(all.iter().map(pair).collect())
            }
            odd @ (Yaml::Value(Scalar::FloatingPoint(_))
            | Yaml::Representation(..)
            | Yaml::Tagged(..)
            | Yaml::Alias(_)
            | Yaml::BadValue) => panic!("expected a value of JSON, got {odd:?}"),
        }
    }
    value(&Yaml::load_from_str(&text(below)).unwrap().remove(0))
}

/// The schemas of a folder, by the names of their files.
fn names(folder: &str) -> BTreeSet<String> {
    let names = std::fs::read_dir(path(folder)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap());
    names.map(|name| name.strip_suffix(".json").unwrap().to_owned()).filter(|name| name != PARTS).collect()
}

/// A schema that needs no other file. Only what all have in common may be referred to.
fn schema(folder: &str, name: &str) -> Value {
    let own = text(&format!("{folder}/{name}.json")).replace("parts.json#/$defs/", "#/$defs/");
    let mut own: Value = serde_json::from_str(&own).unwrap();
    own["$defs"] = json(&format!("{folder}/{PARTS}.json"))["$defs"].take();
    own
}

fn validator(schema: &Value) -> Validator {
    jsonschema::meta::validate(schema).unwrap_or_else(|error| panic!("{error}"));
    jsonschema::options().should_validate_formats(true).build(schema).unwrap_or_else(|error| panic!("{error}"))
}

/// Checks a value, and says of whom it is if it is wrong.
fn check(validator: &Validator, value: &Value, of: &str) {
    let wrong: Vec<String> =
        validator.iter_errors(value).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert!(wrong.is_empty(), "{of}: {wrong:?}\n{value}");
}

/// The schema of the message that the decoder reads. `None` if it refuses the value.
type Reads = fn(&[u8]) -> Option<String>;

fn request(json: &[u8]) -> Option<String> {
    let name = match instruction::decode_json(json).ok()? {
        Instruction::Payment(_) => "payment-request",
        Instruction::Legged(_) => "legged-payment-request",
        Instruction::Refund(_) => "refund-request",
    };
    Some(name.to_owned())
}

fn command(json: &[u8]) -> Option<String> {
    let command = account_command::decode_json(json).ok()?;
    Some(format!("account-command-{}", command.action.name().replace('_', "-")))
}

fn decided(json: &[u8]) -> Option<String> {
    outcome::decode(json).ok().as_ref().map(type_of)
}

/// The type of the event that an outcome is.
fn type_of(outcome: &Outcome) -> String {
    let (id, kind) = (outcome.instruction.id(), outcome.instruction.kind());
    let headers = cloud_event::headers(id, kind, outcome.status(), outcome.decided_at);
    let named = headers.into_iter().find(|header| header.name == "ce_type").unwrap();
    String::from_utf8(named.value.unwrap()).unwrap()
}

fn failed(json: &[u8]) -> Option<String> {
    failed_record::decode(json).ok().map(|_| "failed-record".to_owned())
}

/// The decoder of a message.
fn reader(schema: &str) -> Reads {
    match schema {
        _ if schema.starts_with("account-command-") => command,
        _ if schema.starts_with("giro.") => decided,
        "failed-record" => failed,
        _ => request,
    }
}

/// A node with what it refers to in its place, and without texts for people.
fn resolved(root: &Value, node: &Value) -> Value {
    match node {
        Value::Object(fields) => {
            let mut all = Map::new();
            if let Some(to) = fields.get("$ref") {
                let target = root.pointer(to.as_str().unwrap().strip_prefix('#').unwrap()).unwrap();
                let Value::Object(target) = resolved(root, target) else { panic!("{to} is no schema") };
                all.extend(target);
            }
            for (name, value) in fields {
                // A property may be called as such a text is.
                let for_people = ["description", "title", "examples", "$ref"].contains(&name.as_str());
                if !for_people {
                    all.insert(name.clone(), resolved(root, value));
                }
            }
            Value::Object(all)
        }
        Value::Array(all) => all.iter().map(|it| resolved(root, it)).collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => node.clone(),
    }
}
