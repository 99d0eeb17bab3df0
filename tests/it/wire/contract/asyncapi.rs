//! docs/asyncapi.yaml names every topic of the deployment and every schema, and nothing else. Its examples are right.

use std::collections::BTreeSet;

use serde_json::{Value, json};

use super::{CURRENT, check, json as file, names, schema, text, validator, yaml};

const DOCUMENT: &str = "docs/asyncapi.yaml";

/// A part of the document, as a schema that needs nothing else.
fn standalone(document: &Value, part: &Value) -> Value {
    json!({ "allOf": [part], "components": { "schemas": document["components"]["schemas"] } })
}

fn members(node: &Value) -> impl Iterator<Item = (&String, &Value)> {
    node.as_object().unwrap().iter()
}

/// The schema of a message.
fn schema_of(message: &Value) -> &str {
    assert_eq!(message["payload"]["schemaFormat"], "application/schema+json;version=draft-2020-12");
    let file = message["payload"]["schema"]["$ref"].as_str().unwrap();
    file.strip_prefix("./schemas/").and_then(|file| file.strip_suffix(".json")).unwrap()
}

#[test]
fn it_names_each_topic_and_nothing_else() {
    let document = yaml(DOCUMENT);
    let addresses: BTreeSet<String> =
        members(&document["channels"]).map(|(_, channel)| channel["address"].as_str().unwrap().to_owned()).collect();
    let template = text("infra/kafka.yaml");
    let topics = template.lines().filter_map(|line| line.trim().strip_prefix(r#"TopicName: !Sub "${NamePrefix}"#));
    assert_eq!(addresses, topics.map(|topic| topic.trim_end_matches('"').to_owned()).collect());
    let channels: BTreeSet<String> =
        members(&document["operations"]).map(|(_, it)| it["channel"]["$ref"].as_str().unwrap().to_owned()).collect();
    assert_eq!(channels, members(&document["channels"]).map(|(name, _)| format!("#/channels/{name}")).collect());
}

#[test]
fn it_names_each_message_and_schema() {
    let document = yaml(DOCUMENT);
    let messages = &document["components"]["messages"];
    let of_channels = members(&document["channels"]).flat_map(|(_, channel)| members(&channel["messages"]));
    let used: BTreeSet<String> = of_channels.map(|(_, it)| it["$ref"].as_str().unwrap().to_owned()).collect();
    assert_eq!(used, members(messages).map(|(name, _)| format!("#/components/messages/{name}")).collect());
    let schemas: Vec<&str> = members(messages).map(|(_, message)| schema_of(message)).collect();
    assert_eq!(schemas.iter().map(|&name| name.to_owned()).collect::<BTreeSet<_>>(), names(CURRENT));
    assert_eq!(schemas.len(), names(CURRENT).len(), "one message for each schema");
    let told = document.to_string();
    for (name, _) in members(&document["components"]["schemas"]) {
        assert!(told.contains(&format!("#/components/schemas/{name}\"")), "nobody refers to {name}");
    }
}

/// The examples are those of the schemas, and their headers are as described.
#[test]
fn its_examples_are_right() {
    let document = yaml(DOCUMENT);
    for (name, message) in members(&document["components"]["messages"]) {
        let (of_schema, schema) = (schema_of(message), schema(CURRENT, schema_of(message)));
        let payloads = message["examples"].as_array().unwrap().iter().map(|example| example["payload"].clone());
        assert_eq!(Value::from_iter(payloads), schema["examples"], "{name} and {of_schema}");
        let headers = message["examples"].as_array().unwrap().iter().filter_map(|example| example.get("headers"));
        for example in headers {
            check(&validator(&standalone(&document, &message["headers"])), example, name);
        }
    }
}

/// Outcomes that were published have the headers and keys of their messages.
#[test]
fn golden_headers_and_keys_are_as_described() {
    let document = yaml(DOCUMENT);
    let mut seen = BTreeSet::new();
    for row in file("tests/golden/headers/payment-outcomes.json").as_array().unwrap() {
        let headers = row["headers"].as_array().unwrap();
        let headers = headers.iter().map(|pair| (pair[0].as_str().unwrap().to_owned(), pair[1].clone()));
        let headers = Value::Object(headers.collect());
        let (_, message) = members(&document["components"]["messages"])
            .find(|(_, message)| message["name"] == headers["ce_type"])
            .unwrap_or_else(|| panic!("no message of {headers}"));
        check(&validator(&standalone(&document, &message["headers"])), &headers, "headers");
        check(&validator(&standalone(&document, &message["bindings"]["kafka"]["key"])), &row["key"], "key");
        assert_eq!(message["name"], schema_of(message));
        seen.insert(schema_of(message).to_owned());
        // Another type than its own is refused.
        let mut other = headers.clone();
        other["ce_type"] = "giro.payment.unknown.v1".into();
        assert!(!validator(&standalone(&document, &message["headers"])).is_valid(&other));
    }
    assert_eq!(seen, names(CURRENT).into_iter().filter(|name| name.starts_with("giro.")).collect());
}
