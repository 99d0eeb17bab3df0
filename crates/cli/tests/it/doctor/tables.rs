//! What may differ in a table, and in the stream that a mapping reads.

use giro_cli::doctor::deployed::Looked;
use giro_cli::doctor::finding::Kind;
use serde_json::json;

use super::differences::{Case, check};

const NEW: &str = "arn:aws:dynamodb:eu-central-1:123456789012:table/payments/stream/new";

const TABLES: &[Case] = &[
    // A table that was restored, or whose stream was off, has a new one.
    (
        |w| w.table("payments").stream = Some(NEW.into()),
        Kind::Mappings,
        "mapping PaymentsStream of outcome-publisher, stream",
        "stream/known",
        "giro outcomes republish",
    ),
    (
        |w| {
            w.set(
                "outcome-publisher",
                "/EventSourceArn",
                json!("arn:aws:dynamodb:eu-central-1:123456789012:table/old-payments/stream/known"),
            )
        },
        Kind::Mappings,
        "mapping PaymentsStream of outcome-publisher, stream",
        "table/old-payments",
        "delete the mapping",
    ),
    (
        |w| w.table("payments").stream = None,
        Kind::Mappings,
        "mapping PaymentsStream of outcome-publisher, stream",
        "stream/known",
        "turn the table's stream on",
    ),
    (
        |w| drop(w.deployed.tables.insert("accounts".into(), Looked::Missing)),
        Kind::Tables,
        "table accounts",
        "isn't there",
        "restore it",
    ),
    (
        |w| drop(w.table("accounts").shape.properties.insert("key".into(), "id:S".into())),
        Kind::Tables,
        "table accounts, key",
        "id:S",
        "stop the pollers",
    ),
    (
        |w| drop(w.table("payments").shape.properties.remove("index by-debtor")),
        Kind::Tables,
        "table payments, index by-debtor",
        "none",
        "deploy",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("index by-day".into(), "day:S, ALL".into())),
        Kind::Tables,
        "table payments, index by-day",
        "day:S",
        "deploy",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("stream".into(), "KEYS_ONLY".into())),
        Kind::Tables,
        "table payments, stream",
        "KEYS_ONLY",
        "turn the stream on",
    ),
    (
        |w| drop(w.table("refunds").shape.properties.insert("billing mode".into(), "PROVISIONED".into())),
        Kind::Tables,
        "table refunds, billing mode",
        "PROVISIONED",
        "deploy",
    ),
    (
        |w| drop(w.table("refunds").shape.properties.insert("deletion protection".into(), "false".into())),
        Kind::Tables,
        "table refunds, deletion protection",
        "false",
        "--table-name refunds --deletion-protection-enabled",
    ),
    (
        |w| w.table("refunds").recovery = Looked::Is(false),
        Kind::Tables,
        "table refunds, point-in-time recovery",
        "off",
        "update-continuous-backups --table-name refunds",
    ),
    (
        |w| w.table("payments").deletes = Looked::Is(Some("decided_at".into())),
        Kind::Tables,
        "table payments, time to live",
        "deletes items by decided_at",
        "--table-name payments --time-to-live-specification Enabled=false,AttributeName=decided_at",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("state".into(), "ARCHIVED".into())),
        Kind::Tables,
        "table payments, state",
        "ARCHIVED",
        "look at",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("index by-debtor, state".into(), "CREATING".into())),
        Kind::Tables,
        "table payments, index by-debtor, state",
        "CREATING",
        "wait",
    ),
    (
        |w| drop(w.table("payments").shape.properties.remove("encryption")),
        Kind::Tables,
        "table payments, encryption",
        "none",
        "who changed the key",
    ),
    (
        |w| {
            drop(
                w.table("payments")
                    .shape
                    .properties
                    .insert("encryption".into(), "by the key arn:aws:kms:x:1:key/2".into()),
            )
        },
        Kind::Tables,
        "table payments, encryption",
        "key/2",
        "who changed the key",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("replicas".into(), "eu-west-1".into())),
        Kind::Tables,
        "table payments, replicas",
        "eu-west-1",
        "who made it",
    ),
    (
        |w| drop(w.table("payments").shape.properties.insert("throughput".into(), "1 reads, any writes".into())),
        Kind::Tables,
        "table payments, throughput",
        "1 reads",
        "deploy",
    ),
];

#[test]
fn differences_of_streams_and_tables() {
    check(TABLES);
}
