//! What may differ in an event source mapping, and which mappings are too many.

use giro_cli::doctor::deployed::Mapping;
use giro_cli::doctor::finding::Kind;
use serde_json::{Value, json};

use super::given::{CLUSTER, World};

/// A property, another value of it, and what is told then: of what, what is deployed, what to do.
type Setting = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SETTINGS: [Setting; 20] = [
    ("/State", r#""Disabled""#, "state", "Disabled", "--uuid uuid-PaymentRequests --enabled"),
    ("/State", r#""Updating""#, "state", "Updating", "wait"),
    ("/LastProcessingResult", r#""PROBLEM: Function call failed""#, "last result", "PROBLEM", "giro failed list"),
    ("/Topics", r#"["older-requests"]"#, "Topics", "older-requests", "KafkaMappings=removed"),
    (
        "/AmazonManagedKafkaEventSourceConfig/ConsumerGroupId",
        r#""made-up""#,
        "ConsumerGroupId",
        "made-up",
        "KafkaMappings",
    ),
    ("/StartingPosition", r#""LATEST""#, "StartingPosition", "LATEST", "KafkaMappings"),
    ("/EventSourceArn", r#""arn:aws:kafka:other""#, "EventSourceArn", "arn:aws:kafka:other", "KafkaMappings"),
    ("/BatchSize", "10", "BatchSize", "10", "--batch-size 1000"),
    ("/MaximumBatchingWindowInSeconds", "5", "MaximumBatchingWindowInSeconds", "5", "deploy"),
    (
        "/FunctionResponseTypes",
        "[]",
        "FunctionResponseTypes",
        "none",
        "--function-response-types ReportBatchItemFailures",
    ),
    ("/ProvisionedPollerConfig/MinimumPollers", "2", "MinimumPollers", "2", "MinimumPollers=1"),
    ("/ProvisionedPollerConfig/MaximumPollers", "9", "MaximumPollers", "9", "MaximumPollers=4"),
    ("/ProvisionedPollerConfig/PollerGroupName", r#""all""#, "PollerGroupName", "all", "deploy"),
    ("/BisectBatchOnFunctionError", "false", "BisectBatchOnFunctionError", "false", "deploy"),
    ("/MaximumRetryAttempts", "10", "MaximumRetryAttempts", "10", "--maximum-retry-attempts 10000"),
    ("/MaximumRecordAgeInSeconds", "60", "MaximumRecordAgeInSeconds", "60", "--maximum-record-age-in-seconds -1"),
    ("/DestinationConfig", r#"{"OnFailure":{}}"#, "DestinationConfig.OnFailure", "none", "deploy"),
    ("/FilterCriteria/Filters", r#"[{"Pattern":"{}"}]"#, "FilterCriteria", "{}", "deploy"),
    (
        "/SourceAccessConfigurations",
        r#"[{"Type":"BASIC_AUTH","URI":"a"}]"#,
        "SourceAccessConfigurations",
        "BASIC_AUTH a",
        "deploy",
    ),
    ("/MetricsConfig/Metrics", r#"["EventCount"]"#, "MetricsConfig.Metrics", "EventCount", "deploy"),
];

#[test]
fn each_setting_of_a_mapping_is_compared() {
    for (path, value, name, deployed, todo) in SETTINGS {
        let mut world = World::new();
        let value: Value = serde_json::from_str(value).unwrap();
        world.set("payment-processor", path, value);
        let found = world.differences();
        let [one] = found.as_slice() else { panic!("{name}: expected one difference, got {found:#?}") };
        assert_eq!(one.kind, Kind::Mappings);
        assert_eq!(one.what, format!("mapping PaymentRequests of payment-processor, {name}"));
        assert!(one.deployed.contains(deployed) && one.todo.contains(todo), "{name}: {one:?}");
    }
}

#[test]
fn a_mapping_that_is_gone_is_missed() {
    let mut world = World::new();
    world.mappings().retain(|mapping| mapping.function != "account-processor");
    let found = world.differences();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].what, "mapping AccountCommands of account-processor");
    assert!(found[0].todo.contains("two deployments"), "{found:?}");
}

#[test]
fn a_function_is_fed_by_no_other_mapping() {
    let second = |function: &str, source: &str| Mapping {
        uuid: "second".into(),
        function: function.into(),
        properties: json!({ "EventSourceArn": source, "State": "Enabled" }),
    };
    for (function, source, deployed) in [
        ("payment-processor", CLUSTER, "feeds it a second time"),
        ("payment-processor:live", CLUSTER, "feeds it"),
        ("ledger-auditor", "arn:aws:sqs:eu-central-1:123456789012:queue", "feeds it"),
    ] {
        let mut world = World::new();
        // Whichever comes first, the one that is like the template is the template's.
        world.mappings().insert(0, second(function, source));
        let found = world.differences();
        assert_eq!(found.len(), 1, "{found:?}");
        assert_eq!(found[0].what, format!("mapping second of {function}"));
        assert_eq!((found[0].deployed.as_str(), found[0].todo.contains("--uuid second")), (deployed, true));
    }
    // A function of somebody else's may have any.
    let mut world = World::new();
    world.mappings().push(second("other", CLUSTER));
    assert_eq!(world.differences(), []);
    // Mappings that a deployment took away are still there.
    let mut world = World::with(&[("KafkaMappings", "removed")]);
    world.mappings().push(second("payment-processor", CLUSTER));
    assert_eq!(world.differences().len(), 1);
    // A mapping that must wait polls.
    let mut world = World::with(&[("SettlePayments", "false")]);
    world.set("payment-processor", "/State", json!("Enabled"));
    assert!(world.differences()[0].todo.ends_with("--no-enabled"), "{:?}", world.differences());
}
