//! Each kind of difference: a deployment that has it, and the line that tells it. A deployment without any is told as
//! that, in each form of the stack.

use giro_cli::doctor::deployed::Looked;
use giro_cli::doctor::finding::{Kind, Why};
use giro_cli::doctor::shown::{self, Asked};

use super::given::{CLUSTER, World};

/// A change, and what must be told of it: the kind, how the thing is named, what is deployed, what to do.
pub(super) type Case = (fn(&mut World), Kind, &'static str, &'static str, &'static str);

/// Each case is found, and nothing else is.
pub(super) fn check(cases: &[Case]) {
    for (change, kind, what, deployed, todo) in cases {
        let mut world = World::new();
        change(&mut world);
        let found = world.differences();
        let [one] = found.as_slice() else { panic!("{what}: expected one difference, got {found:#?}") };
        assert_eq!((&one.kind, one.what.as_str()), (kind, *what));
        assert!(one.deployed.contains(deployed), "{what}: expected {deployed} in {one:?}");
        assert!(one.todo.contains(todo), "{what}: expected {todo} in {one:?}");
    }
}

#[test]
fn a_deployment_as_its_template_says_has_no_difference() {
    let network = [("SubnetIds", "subnet-1,subnet-2"), ("SecurityGroupIds", "sg-1")];
    let forms: [&[(&str, &str)]; 8] = [
        &[],
        &[("Kafka", "existing"), ("MskClusterArn", CLUSTER), network[0], network[1]],
        &[
            ("Kafka", "self-managed"),
            ("KafkaBootstrapServers", "b-1:9092,b-2:9092"),
            ("KafkaAuth", "scram-256"),
            ("KafkaSecretArn", "arn:aws:secretsmanager:x"),
            ("KafkaCaSecretArn", "arn:aws:ca"),
            network[0],
            network[1],
        ],
        &[("Rollout", "Canary10Percent10Minutes"), ("Release", "one")],
        &[("KafkaMappings", "removed")],
        &[("SettlePayments", "false")],
        &[
            ("RestoredTables", "restored-"),
            ("ConsumerGroupSuffix", "-2"),
            (
                "RestoredPaymentsStream",
                "arn:aws:dynamodb:eu-central-1:123456789012:table/restored-payments/stream/known",
            ),
        ],
        &[
            ("NamePrefix", "prod-"),
            ("PaymentApiConcurrency", "0"),
            ("TableReadUnitsMax", "5"),
            ("TableWriteUnitsMax", "5"),
        ],
    ];
    for parameters in forms {
        let world = World::with(parameters);
        let findings = world.findings();
        assert_eq!(findings.differences, [], "{parameters:?}");
        assert_eq!(findings.not_looked, [], "{parameters:?}");
        let looked: Vec<usize> = Kind::ALL.iter().map(|(kind, _)| findings.counts(*kind).0).collect();
        let mappings = if parameters.iter().any(|(_, value)| *value == "removed") { 1 } else { 3 };
        assert_eq!(looked, [1, 5, mappings, 7, 5, 5, 5, mappings - 1], "{parameters:?}");
    }
}

#[test]
fn differences_of_the_stack() {
    check(&[
        (
            |w| w.deployed.stack.status = "UPDATE_IN_PROGRESS".into(),
            Kind::Stack,
            "the state of the stack",
            "UPDATE_IN_PROGRESS",
            "wait",
        ),
        (
            |w| w.deployed.stack.status = "UPDATE_ROLLBACK_COMPLETE".into(),
            Kind::Stack,
            "the state of the stack",
            "UPDATE_ROLLBACK_COMPLETE",
            "the last deployment failed",
        ),
        (
            |w| w.deployed.stack.status = "UPDATE_ROLLBACK_FAILED".into(),
            Kind::Stack,
            "the state of the stack",
            "UPDATE_ROLLBACK_FAILED",
            "mend it",
        ),
        (
            |w| drop(w.deployed.stack.parameters.insert("Newer".into(), "1".into())),
            Kind::Stack,
            "parameter Newer",
            "is there",
            "another version",
        ),
        (
            |w| drop(w.deployed.stack.parameters.remove("KafkaMappings")),
            Kind::Stack,
            "parameter KafkaMappings",
            "isn't there",
            "another version",
        ),
    ]);
}

#[test]
fn what_was_not_looked_at_is_told_and_is_no_difference() {
    let right = |action: &str| Why::NoRight(action.to_owned());
    let away = Why::Untold("Kafka at b-1:9098 doesn't answer within 5 seconds".into());
    let mut world = World::new();
    world.deployed.topics = Looked::Not(away);
    world.deployed.mappings = Looked::Not(right("lambda:ListEventSourceMappings"));
    world.deployed.functions.insert("payment-api".into(), Looked::Not(right("lambda:GetFunctionConfiguration")));
    world.function("payment-processor").concurrency = Looked::Not(right("lambda:GetFunctionConcurrency"));
    world.function("payment-processor").environment = Looked::Not(Why::Untold("Lambda says: no key".into()));
    world.deployed.tables.insert("accounts".into(), Looked::Not(right("dynamodb:DescribeTable")));
    world.table("refunds").recovery = Looked::Not(right("dynamodb:DescribeContinuousBackups"));
    world.deployed.roles.insert("payment-api".into(), Looked::Not(right("iam:ListRolePolicies")));
    world.role("ledger-auditor").unread.push(("own".into(), right("iam:GetRolePolicy")));
    world.role("ledger-auditor").grants.clear();
    let findings = world.findings();
    assert_eq!(findings.differences, []);
    let counts: Vec<_> = Kind::ALL.iter().map(|(kind, _)| findings.counts(*kind).2).collect();
    assert_eq!(counts, [0, 3, 3, 2, 2, 5, 1, 2]);
    let lines = shown::lines(&Asked::default(), &findings);
    for line in [
        "not looked at: table accounts: no right to dynamodb:DescribeTable",
        "not looked at: function payment-processor, reserved concurrency: no right to lambda:GetFunctionConcurrency",
        "not looked at: topic payment-requests: Kafka at b-1:9098 doesn't answer within 5 seconds",
        "tables                 6       0              2",
        "18 things were not looked at",
    ] {
        assert!(lines.contains(&line.to_owned()), "{line} is not among {lines:#?}");
    }
    assert_eq!(shown::json(&Asked::default(), &findings)["counts"]["groups"]["not_looked_at"], 2);
}

#[test]
fn an_emulator_may_leave_out_what_aws_tells() {
    let kafka = [("Kafka", "self-managed"), ("KafkaBootstrapServers", "127.0.0.1:9092"), ("KafkaAuth", "none")];
    let without_topics = |emulated: bool| {
        let emulator: &[(&str, &str)] = if emulated { &[("AwsEndpointUrl", "http://127.0.0.1:4566")] } else { &[] };
        let mut world = World::with(&[&kafka, emulator].concat());
        world.mapping("payment-processor").properties.as_object_mut().unwrap().remove("Topics");
        world.findings()
    };
    let emulated = without_topics(true);
    assert_eq!((emulated.differences.len(), emulated.not_looked.len()), (0, 1));
    assert_eq!(emulated.not_looked[0].what, "mapping PaymentRequests of payment-processor, Topics");
    let real = without_topics(false);
    assert_eq!((real.differences.len(), real.not_looked.len()), (1, 0));
}

/// A line for a person says all of it.
#[test]
fn a_line_says_what_differs_and_what_to_do() {
    let mut world = World::new();
    world.function("payment-processor").timeout = 3;
    let lines = shown::lines(&Asked::default(), &world.findings());
    let line = "DIFFERS function payment-processor, timeout: deployed: 3 s; template: 60 s. To do: deploy; if that is done \
                already, set it back by hand";
    assert!(lines.contains(&line.to_owned()), "{lines:#?}");
}

/// Whoever reads it sees whether it was the right Kafka.
#[test]
fn the_first_lines_say_who_was_asked() {
    let named = Some("b-1:9098, b-2:9098".to_owned());
    let mut asked = Asked { stack: "giro".into(), account: "1".into(), region: "r".into(), ..Asked::default() };
    (asked.brokers, asked.stack_brokers) = (Some("b-2:9098,b-1:9098".into()), named);
    let findings = World::new().findings();
    let lines = shown::lines(&asked, &findings);
    assert_eq!(lines[0], "stack giro of account 1 in r, Kafka at b-2:9098,b-1:9098");
    assert!(!lines.iter().any(|line| line.contains("own Kafka")), "{lines:#?}");
    asked.brokers = Some("localhost:9092".into());
    let lines = shown::lines(&asked, &findings);
    assert!(lines[2].starts_with("the stack's own Kafka is at b-1:9098, b-2:9098"), "{lines:#?}");
}

/// `docs/doctor.md` has this shape.
#[test]
fn the_json_has_the_documented_shape() {
    let mut world = World::new();
    world.function("payment-processor").timeout = 3;
    world.deployed.tables.insert("accounts".into(), Looked::Not(Why::NoRight("dynamodb:DescribeTable".into())));
    world.deployed.tables.insert("payments".into(), Looked::Not(Why::NoAnswer("away".into())));
    let told = shown::json(&Asked::default(), &world.findings());
    let names = |value: &serde_json::Value| value.as_object().unwrap().keys().cloned().collect::<Vec<_>>().join(" ");
    assert_eq!(names(&told), "asked counts differences lag not_looked_at told");
    assert_eq!(names(&told["asked"]), "account at brokers giro region stack stack_brokers");
    assert_eq!(names(&told["counts"]["tables"]), "differ looked_at not_looked_at");
    assert_eq!(names(&told["differences"][0]), "deployed kind template todo what");
    assert_eq!(told["differences"][0]["kind"], "functions");
    assert_eq!(names(&told["not_looked_at"][0]), "kind reason what why");
    let reasons: Vec<&str> =
        told["not_looked_at"].as_array().unwrap().iter().map(|it| it["reason"].as_str().unwrap()).collect();
    assert!(reasons.contains(&"no_right") && reasons.contains(&"no_answer"), "{told:#}");
    assert_eq!(told["lag"]["payment-processor"], 3);
}
