//! What may differ in a function.

use giro_cli::doctor::deployed::Looked;
use giro_cli::doctor::finding::Kind;

use super::differences::{Case, check};
use super::given::is;

const FUNCTIONS: &[Case] = &[
    (
        |w| drop(w.deployed.functions.insert("payment-api".into(), Looked::Missing)),
        Kind::Functions,
        "function payment-api",
        "isn't there",
        "deploy",
    ),
    (
        |w| w.deployed.stack.functions.push("hold-expirer".into()),
        Kind::Functions,
        "function hold-expirer",
        "is there",
        "another version",
    ),
    (
        |w| w.function("payment-processor").timeout = 30,
        Kind::Functions,
        "function payment-processor, timeout",
        "30 s",
        "deploy",
    ),
    (
        |w| w.function("payment-processor").memory = 128,
        Kind::Functions,
        "function payment-processor, memory",
        "128 MiB",
        "deploy",
    ),
    (
        |w| w.function("payment-processor").concurrency = Looked::Is(Some(0)),
        Kind::Functions,
        "function payment-processor, reserved concurrency",
        "0",
        "somebody stopped it",
    ),
    (
        |w| w.function("payment-api").concurrency = Looked::Is(None),
        Kind::Functions,
        "function payment-api, reserved concurrency",
        "isn't set",
        "deploy",
    ),
    (
        |w| w.function("payment-api").trouble = Some("Failed: no subnet".into()),
        Kind::Functions,
        "function payment-api, state",
        "Failed: no subnet",
        "look at",
    ),
    (
        |w| w.function("payment-api").trouble = Some("InProgress".into()),
        Kind::Functions,
        "function payment-api, state",
        "InProgress",
        "wait",
    ),
    (
        |w| {
            drop(
                is(&mut w.function("payment-processor").environment)
                    .insert("PARTIAL_BATCH_RESPONSE".into(), "false".into()),
            )
        },
        Kind::Functions,
        "function payment-processor, PARTIAL_BATCH_RESPONSE",
        "false",
        "deploy",
    ),
    (
        |w| drop(is(&mut w.function("payment-processor").environment).remove("REFUNDS_TABLE")),
        Kind::Functions,
        "function payment-processor, REFUNDS_TABLE",
        "isn't set",
        "deploy",
    ),
    (
        |w| drop(is(&mut w.function("payment-processor").environment).insert("OTHER".into(), "1".into())),
        Kind::Functions,
        "function payment-processor, OTHER",
        "1",
        "remove it",
    ),
];

#[test]
fn differences_of_functions() {
    check(FUNCTIONS);
}
