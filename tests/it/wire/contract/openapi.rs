//! What the HTTP API and the topics have in common is described in the same way: docs/openapi.yaml, docs/schemas/.

use std::collections::BTreeSet;

use giro::domain::{Decline, Period};
use serde_json::Value;

use super::{CURRENT, json, resolved, schema, yaml};

fn keys(node: &Value) -> BTreeSet<String> {
    node.as_object().unwrap().keys().cloned().collect()
}

fn texts(node: &Value) -> BTreeSet<String> {
    node.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

#[test]
fn parts_are_the_same() {
    let (openapi, parts) = (yaml("docs/openapi.yaml"), json("docs/schemas/parts.json"));
    for (part, component) in [
        ("id", "Id"),
        ("amount", "Amount"),
        ("currency", "Currency"),
        ("reference", "Reference"),
        ("time", "Time"),
        ("leg_number", "LegNumber"),
        ("leg_request", "LegRequest"),
        ("principal", "Principal"),
    ] {
        let of_http = resolved(&openapi, &openapi["components"]["schemas"][component]);
        assert_eq!(resolved(&parts, &parts["$defs"][part]), of_http, "{part} and {component}");
    }
}

/// But for the id, which a header may give over HTTP.
#[test]
fn requests_are_the_same() {
    let openapi = yaml("docs/openapi.yaml");
    for (name, component, id) in [
        ("payment-request", "PaymentRequest", "payment_id"),
        ("legged-payment-request", "LeggedPaymentRequest", "payment_id"),
        ("refund-request", "RefundRequest", "refund_id"),
    ] {
        let of_topic = schema(CURRENT, name);
        let of_topic = resolved(&of_topic, &of_topic);
        let of_http = resolved(&openapi, &openapi["components"]["schemas"][component]);
        let mut required = texts(&of_topic["required"]);
        assert!(required.remove(id), "{name}");
        assert_eq!(required, texts(&of_http["required"]), "{name}");
        let mut properties = keys(&of_topic["properties"]);
        if name == "refund-request" {
            assert!(properties.remove("payment_id"), "a topic has payments too");
        }
        assert_eq!(properties, keys(&of_http["properties"]), "{name}");
        for property in properties.iter().filter(|property| *property != id) {
            assert_eq!(of_topic["properties"][property], of_http["properties"][property], "{name}: {property}");
        }
    }
}

/// Over HTTP an outcome tells two things more.
#[test]
fn outcomes_have_the_same_fields() {
    let (openapi, parts) = (yaml("docs/openapi.yaml"), json("docs/schemas/parts.json"));
    let required = |part: &str| texts(&parts["$defs"][part]["required"]);
    for (parts, component) in [
        (["outcome", "movement"], "Payment"),
        (["outcome", "legs"], "LeggedPayment"),
        (["outcome", "refund"], "Refund"),
    ] {
        let mut of_http = texts(&openapi["components"]["schemas"][component]["required"]);
        of_http.retain(|name| !["refunded", "fingerprint"].contains(&name.as_str()));
        assert_eq!(parts.into_iter().flat_map(required).collect::<BTreeSet<_>>(), of_http, "{component}");
    }
    for (part, component) in [("source", "Source"), ("leg", "Leg"), ("reason", "Reason")] {
        let of_http = &openapi["components"]["schemas"][component];
        assert_eq!(keys(&parts["$defs"][part]["properties"]), keys(&of_http["properties"]), "{component}");
        assert_eq!(required(part), texts(&of_http["required"]), "{component}");
    }
}

#[test]
fn reasons_and_periods_are_those_of_the_code() {
    let parts = json("docs/schemas/parts.json");
    let mut declines: Vec<&str> = Decline::ALL.iter().map(|row| row.1).collect();
    declines.dedup();
    assert_eq!(parts["$defs"]["decline"]["enum"], Value::from(declines));
    assert_eq!(parts["$defs"]["period"]["enum"], Value::from(Period::ALL.map(Period::name).to_vec()));
}
