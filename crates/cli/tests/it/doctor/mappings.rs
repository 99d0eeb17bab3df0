//! What may differ in an event source mapping, and which mappings are too many.

use giro_cli::doctor::deployed::Mapping;
use giro_cli::doctor::finding::Kind;
use serde_json::{Value, json};

use super::given::{CLUSTER, World};

/// A property, another value of it, and what is told then: of what, what is deployed, what to do.
type Setting = (&'static str, &'static str, &'static str, &'static str, &'static str);

const SETTINGS: [Setting; 26] = [
    ("/State", r#""Disabled""#, "state", "Disabled", "find out why first"),
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
    // The template has no window, which is half a second. No argument asks for that.
    ("/MaximumBatchingWindowInSeconds", "5", "MaximumBatchingWindowInSeconds", "5", "KafkaMappings=removed"),
    (
        "/FunctionResponseTypes",
        "[]",
        "FunctionResponseTypes",
        "none",
        "--function-response-types ReportBatchItemFailures",
    ),
    ("/ProvisionedPollerConfig/MinimumPollers", "2", "MinimumPollers", "2", "MinimumPollers=1,MaximumPollers=4"),
    ("/ProvisionedPollerConfig/MaximumPollers", "9", "MaximumPollers", "9", "MinimumPollers=1,MaximumPollers=4"),
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
    // Lambda tells no filter that is encrypted.
    ("/KMSKeyArn", r#""arn:key""#, "KMSKeyArn", "arn:key", "find out who set it"),
    ("/FilterCriteriaError", r#"{"ErrorCode":"no"}"#, "FilterCriteriaError.ErrorCode", "no", "find out who set it"),
    ("/ParallelizationFactor", "2", "ParallelizationFactor", "2", "find out who set it"),
    ("/TumblingWindowInSeconds", "9", "TumblingWindowInSeconds", "9", "find out who set it"),
    ("/LoggingConfig/SystemLogLevel", r#""DEBUG""#, "LoggingConfig.SystemLogLevel", "DEBUG", "deploy"),
    (
        "/AmazonManagedKafkaEventSourceConfig/SchemaRegistryConfig",
        r#"{"EventRecordFormat":"JSON"}"#,
        "AmazonManagedKafkaEventSourceConfig.SchemaRegistryConfig.EventRecordFormat",
        "JSON",
        "find out who set it",
    ),
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

/// Whoever switched a mapping off had a reason, and the line says what is known of it.
#[test]
fn a_mapping_that_somebody_switched_off_is_not_switched_on_blindly() {
    let mut world = World::new();
    world.set("payment-processor", "/State", json!("Disabled"));
    world.set("payment-processor", "/StateTransitionReason", json!("User action"));
    world.set("payment-processor", "/LastModified", json!(1_764_470_940.5));
    // The result of its last poll is as old.
    world.set("payment-processor", "/LastProcessingResult", json!("PROBLEM: old"));
    let found = world.differences();
    assert_eq!(found.len(), 1, "{found:?}");
    assert_eq!(found[0].deployed, "Disabled (User action, since 2025-11-30T02:49:00.000Z)");
    let (first, then) = found[0].todo.split_once("; then ").unwrap();
    assert!(first.contains("find out why first"), "{found:?}");
    assert_eq!(then, "aws lambda update-event-source-mapping --uuid uuid-PaymentRequests --enabled");
}

#[test]
fn a_window_that_the_template_has_is_an_argument() {
    let mut world = World::with(&[("RequestsWindowSeconds", "2")]);
    world.set("payment-processor", "/MaximumBatchingWindowInSeconds", json!(5));
    let found = world.differences();
    assert!(found[0].todo.ends_with("--maximum-batching-window-in-seconds 2"), "{found:?}");
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
        properties: json!({ "EventSourceArn": source, "State": "Enabled", "Topics": ["two"] }),
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
        assert_eq!(found[0].deployed, format!("{deployed}, from {source}, topic two, Enabled"));
        assert!(found[0].todo.starts_with("find out who made it") && found[0].todo.contains("--uuid second"));
    }
    // A function of somebody else's may have any.
    let mut world = World::new();
    world.mappings().push(second("other", CLUSTER));
    assert_eq!(world.differences(), []);
    // Mappings that a deployment took away are still there.
    let mut world = World::with(&[("KafkaMappings", "removed")]);
    world.mappings().push(second("payment-processor", CLUSTER));
    assert_eq!(world.differences().len(), 1);
    world.mapping("payment-processor").properties["State"] = "Deleting".into();
    assert_eq!(world.differences()[0].todo, "it goes: wait, and look again");
    // A mapping that must wait polls.
    let mut world = World::with(&[("SettlePayments", "false")]);
    world.set("payment-processor", "/State", json!("Enabled"));
    assert!(world.differences()[0].todo.ends_with("--no-enabled"), "{:?}", world.differences());
}
