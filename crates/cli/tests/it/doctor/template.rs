//! What the template asks for, as the doctor reads it. `given` has deployments that are made from it, so each thing is
//! also written here as it must be.

use giro_cli::doctor::expected::Expected;
use giro_cli::doctor::grant::{Grant, grants};
use giro_cli::doctor::setting::SETTINGS;
use giro_cli::doctor::shape::Shape;
use serde_json::json;

use super::given::{CLUSTER, expected};

const EXISTING: [(&str, &str); 4] = [
    ("Kafka", "existing"),
    ("MskClusterArn", CLUSTER),
    ("SubnetIds", "subnet-1,subnet-2"),
    ("SecurityGroupIds", "sg-1"),
];

fn function<'e>(expected: &'e Expected, name: &str) -> &'e giro_cli::doctor::expected::Function {
    expected.functions.iter().find(|function| function.name == name).unwrap()
}

/// The settings of a mapping, by name.
fn settings(expected: &Expected, id: &str) -> Vec<(&'static str, String)> {
    let mapping = expected.mappings.iter().find(|mapping| mapping.id == id).unwrap();
    SETTINGS.iter().map(|setting| (setting.name, setting.told(&mapping.properties))).collect()
}

#[test]
fn functions_are_as_the_template_says() {
    let (expected, _) = expected(&EXISTING);
    let names: Vec<&str> = expected.functions.iter().map(|function| function.name.as_str()).collect();
    assert_eq!(names.len(), 5, "{names:?}");
    let processor = function(&expected, "payment-processor");
    assert_eq!((processor.timeout, processor.memory, processor.concurrency), (60, 512, None));
    assert_eq!(processor.environment["ACCOUNTS_TABLE"], "accounts");
    assert_eq!(processor.environment["PARTIAL_BATCH_RESPONSE"], "true");
    assert_eq!(processor.managed.len(), 2, "logs and traces");
    let api = function(&expected, "payment-api");
    assert_eq!(api.concurrency, Some(200));
    assert_eq!(api.environment["KAFKA_BOOTSTRAP_SERVERS"], "b-1:9098", "the stack's output tells them");
    assert_eq!(api.managed.len(), 3, "logs, a network, and traces");
    assert!(expected.functions.iter().all(|function| function.unread.is_empty()), "{expected:#?}");
}

#[test]
fn roles_are_as_the_template_says() {
    let (expected, _) = expected(&EXISTING);
    let grants =
        |name: &str| -> Vec<String> { function(&expected, name).grants.iter().map(Grant::to_string).collect() };
    let processor = grants("payment-processor");
    for grant in [
        "Allow dynamodb:UpdateItem on arn:aws:dynamodb:eu-central-1:123456789012:table/accounts",
        "Allow kafka-cluster:Connect on arn:aws:kafka:eu-central-1:123456789012:cluster/one/11111111-2222-3",
        "Allow kafka-cluster:ReadData on \
         arn:aws:kafka:eu-central-1:123456789012:topic/one/11111111-2222-3/payment-requests",
    ] {
        assert!(processor.contains(&grant.to_owned()), "{grant} is not in {processor:#?}");
    }
    assert!(processor.iter().any(|grant| grant.starts_with("Deny kafka:* on * if ")), "{processor:#?}");
    let stream = "Allow dynamodb:GetRecords on arn:aws:dynamodb:eu-central-1:123456789012:table/payments/stream/…";
    assert!(grants("outcome-publisher").contains(&stream.to_owned()), "{:#?}", grants("outcome-publisher"));
    assert_eq!(grants("ledger-auditor").len(), 13);
}

#[test]
fn mappings_are_as_the_template_says() {
    let (msk, _) = expected(&EXISTING);
    assert_eq!(
        settings(&msk, "PaymentRequests"),
        [
            ("Topics", "payment-requests"),
            ("ConsumerGroupId", "payment-processor"),
            ("StartingPosition", "TRIM_HORIZON"),
            ("EventSourceArn", CLUSTER),
            ("KafkaBootstrapServers", "none"),
            ("BatchSize", "1000"),
            ("MaximumBatchingWindowInSeconds", "0"),
            ("FunctionResponseTypes", "ReportBatchItemFailures"),
            ("MinimumPollers", "1"),
            ("MaximumPollers", "4"),
            ("PollerGroupName", "none"),
            ("BisectBatchOnFunctionError", "true"),
            ("MaximumRetryAttempts", "10000"),
            ("MaximumRecordAgeInSeconds", "-1"),
            ("DestinationConfig.OnFailure", "kafka://payment-requests-failed"),
            ("MetricsConfig.Metrics", "ErrorCount, EventCount, KafkaMetrics"),
            ("SourceAccessConfigurations", "none"),
            ("FilterCriteria", "none"),
        ]
        .map(|(name, value)| (name, value.to_owned()))
    );
    let other = [
        ("Kafka", "self-managed"),
        ("KafkaBootstrapServers", "b-2:9092, b-1:9092"),
        ("KafkaAuth", "plain"),
        ("KafkaSecretArn", "arn:secret"),
        ("NamePrefix", "prod-"),
        ("ConsumerGroupSuffix", "-2"),
        ("Rollout", "Linear10PercentEvery1Minute"),
        ("Release", "one"),
    ];
    let (other, _) = expected(&other);
    let commands = settings(&other, "AccountCommands");
    for setting in [
        ("Topics", "prod-account-commands"),
        ("ConsumerGroupId", "prod-account-processor-2"),
        ("KafkaBootstrapServers", "b-1:9092, b-2:9092"),
        ("SourceAccessConfigurations", "BASIC_AUTH arn:secret"),
    ] {
        assert!(commands.contains(&(setting.0, setting.1.to_owned())), "{setting:?} is not in {commands:#?}");
    }
    let called: Vec<&str> = other.mappings.iter().map(|mapping| mapping.function.as_str()).collect();
    assert!(called.contains(&"prod-account-processor:live"), "{called:?}");
    assert_eq!(function(&other, "prod-account-processor").called(), "prod-account-processor:live");
    assert_eq!(function(&other, "prod-ledger-auditor").called(), "prod-ledger-auditor");
}

#[test]
fn a_mapping_that_must_wait_or_go_is_not_expected_to_poll() {
    let polls = |parameters: &[(&str, &str)]| -> Vec<(String, bool)> {
        let (expected, _) = expected(parameters);
        expected.mappings.iter().map(|mapping| (mapping.id.clone(), mapping.is_enabled)).collect()
    };
    let waits = polls(&[("SettlePayments", "false")]);
    assert!(waits.contains(&("PaymentRequests".into(), false)) && waits.contains(&("AccountCommands".into(), true)));
    assert_eq!(polls(&[("KafkaMappings", "removed")]), [("PaymentsStream".to_owned(), true)]);
}

#[test]
fn tables_are_those_that_the_stack_uses() {
    let restored = [
        ("RestoredTables", "restored-"),
        ("RestoredPaymentsStream", "arn:aws:dynamodb:eu-central-1:123456789012:table/restored-payments/stream/1"),
        ("ConsumerGroupSuffix", "-2"),
        ("NamePrefix", "prod-"),
    ];
    let (expected, _) = expected(&restored);
    let payments = expected.tables.iter().find(|table| table.name == "restored-prod-payments").unwrap();
    assert_eq!(expected.tables.len(), 7);
    // The stack makes this one beside the restored ones.
    assert!(expected.tables.iter().any(|table| table.name == "restored-prod-checkpoints"));
    assert!(payments.is_recoverable);
    for (name, value) in [
        ("key", "payment_id:S"),
        ("index by-debtor", "debtor_statement:S, decided_at:S, ALL"),
        ("stream", "NEW_IMAGE"),
        ("billing mode", "PAY_PER_REQUEST"),
        ("deletion protection", "true"),
        ("encryption", "by the key …:key/11111111-key"),
        ("throughput", "none"),
        ("state", "ACTIVE"),
    ] {
        assert_eq!(payments.shape.property(name), value, "{name}");
    }
}

#[test]
fn dynamodb_and_the_template_write_a_table_in_the_same_form() {
    let told = json!({
        "KeySchema": [{ "AttributeName": "part", "KeyType": "RANGE" }, { "AttributeName": "source", "KeyType": "HASH" }],
        "AttributeDefinitions": [
            { "AttributeName": "part", "AttributeType": "N" }, { "AttributeName": "source", "AttributeType": "S" }
        ],
        "BillingModeSummary": { "BillingMode": "PAY_PER_REQUEST" },
        "StreamSpecification": { "StreamEnabled": false, "StreamViewType": "NEW_IMAGE" },
        "GlobalSecondaryIndexes": [{
            "IndexName": "i", "KeySchema": [{ "AttributeName": "part", "KeyType": "HASH" }],
            "Projection": { "ProjectionType": "INCLUDE", "NonKeyAttributes": ["b", "a"] }, "IndexStatus": "CREATING"
        }],
        "TableStatus": "ACTIVE", "Replicas": [{ "RegionName": "eu-west-1" }],
        "OnDemandThroughput": { "MaxReadRequestUnits": 5, "MaxWriteRequestUnits": -1 },
        "SSEDescription": { "Status": "ENABLED", "SSEType": "KMS", "KMSMasterKeyArn": "arn:key" },
    });
    let shape = Shape::of(&told);
    let properties: Vec<(&str, &str)> =
        shape.properties.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(
        properties,
        [
            ("billing mode", "PAY_PER_REQUEST"),
            ("deletion protection", "false"),
            ("encryption", "by the key arn:key"),
            ("index i", "part:N, INCLUDE, a, b"),
            ("index i, state", "CREATING"),
            ("key", "source:S, part:N"),
            ("replicas", "eu-west-1"),
            ("stream", "none"),
            ("throughput", "5 reads, any writes"),
        ]
    );
    assert_eq!(Shape::of(&json!({})).property("billing mode"), "PROVISIONED");
}

#[test]
fn policies_in_other_forms_say_the_same() {
    let one = json!({ "Statement": { "Effect": "Allow", "Action": "s3:Get", "Resource": ["a", "b"] } });
    let other = json!({ "Statement": [
        { "Effect": "Allow", "Action": ["s3:Get"], "Resource": "b" },
        { "Effect": "Allow", "Action": ["s3:Get", "s3:Get"], "Resource": "a" },
    ] });
    assert_eq!(grants(&one), grants(&other));
    assert_eq!(grants(&one).len(), 2);
    let excepted = grants(&json!({ "Statement": [{ "Effect": "Allow", "NotAction": "iam:*", "Resource": "*" }] }));
    assert_eq!(excepted[0].to_string(), "Allow all but iam:* on *");
}
