//! What may differ in a function.

use giro_cli::doctor::deployed::{Live, Looked};
use giro_cli::doctor::finding::{Kind, Why};

use super::differences::{Case, check};
use super::given::{World, is};

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
        |w| drop(is(&mut w.function("payment-processor").environment).insert("OTHER".into(), "hunter2".into())),
        Kind::Functions,
        "function payment-processor, OTHER",
        "is set (7 characters)",
        "remove it",
    ),
    (
        |w| drop(is(&mut w.function("payment-api").environment).insert("KAFKA_BOOTSTRAP_SERVERS".into(), "".into())),
        Kind::Functions,
        "function payment-api, KAFKA_BOOTSTRAP_SERVERS",
        "''",
        "deploy",
    ),
    (
        |w| drop(is(&mut w.function("payment-api").environment).insert("REFUNDS_TABLE".into(), "other".into())),
        Kind::Functions,
        "function payment-api, REFUNDS_TABLE",
        "other",
        "deploy",
    ),
    // Somebody may have put there what nobody should read.
    (
        |w| drop(is(&mut w.function("payment-api").environment).insert("KAFKA_CA_SECRET_ARN".into(), "secret".into())),
        Kind::Functions,
        "function payment-api, KAFKA_CA_SECRET_ARN",
        "is set (6 characters)",
        "deploy",
    ),
];

#[test]
fn differences_of_functions() {
    check(FUNCTIONS);
}

#[test]
fn a_value_that_only_aws_knows_is_not_looked_at() {
    let mut world = World::new();
    let asked = world.expected.functions.iter_mut().find(|asked| asked.name == "payment-api").unwrap();
    asked.environment.insert("KAFKA_BOOTSTRAP_SERVERS".into(), "…".into());
    let findings = world.findings();
    assert_eq!(findings.differences, []);
    assert_eq!(findings.not_looked.len(), 1, "{findings:?}");
    assert_eq!(findings.not_looked[0].what, "function payment-api, KAFKA_BOOTSTRAP_SERVERS");
}

/// A deployment whose `Release` was forgotten changes the function, and leaves the old version live.
#[test]
fn the_live_version_is_the_one_that_was_deployed_last() {
    type Change = fn(&mut Live);
    let cases: [(Change, &str, &str, &str); 3] = [
        (|live| live.code = "old".into(), "code", "another than was deployed last", "another Release"),
        (|live| live.version = "6".into(), "version", "6", "CodeDeploy"),
        (
            |live| live.others = Looked::Is([("8".to_owned(), "0.1".to_owned())].into()),
            "shares",
            "0.1 goes to version 8",
            "CodeDeploy",
        ),
    ];
    let rollout = [("Rollout", "Canary10Percent10Minutes"), ("Release", "one")];
    for (change, name, deployed, todo) in cases {
        let mut world = World::with(&rollout);
        change(world.function("payment-api:live").live.as_mut().unwrap());
        let found = world.differences();
        let [one] = found.as_slice() else { panic!("{name}: {found:#?}") };
        assert_eq!(one.what, format!("function payment-api:live, {name}"));
        assert!(one.deployed.contains(deployed) && one.todo.contains(todo), "{one:?}");
    }
    let mut world = World::with(&rollout);
    for asked in &mut world.expected.functions {
        asked.version = None;
    }
    world.function("payment-api:live").live.as_mut().unwrap().others =
        Looked::Not(Why::NoRight("lambda:GetAlias".into()));
    let findings = world.findings();
    assert_eq!((findings.differences.len(), findings.not_looked.len()), (0, 5), "{findings:?}");
}
