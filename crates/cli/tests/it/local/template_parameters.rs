//! The parameters of a template, as CloudFormation checks them.

use std::collections::{BTreeMap, BTreeSet};

use giro_template::{Source, Templates};

use super::template::{parameters, texts};

/// The first error in parameters of the project's template.
fn refused(given: &[(&str, &str)]) -> String {
    Templates::Embedded.blueprint(&parameters(given)).map_or_else(|error| error.to_string(), |_| "taken".into())
}

#[test]
fn parameters_that_the_template_does_not_allow_are_refused() {
    let at = |name: &str, expected: &str| format!("template.yaml: Parameters.{name}: {expected}");
    for (name, value, expected) in [
        ("RequestsPartitions", "-1", "expected a number from 1 to 256, got '-1'"),
        ("RequestsPartitions", "0", "expected a number from 1 to 256, got '0'"),
        ("RequestsPartitions", "257", "expected a number from 1 to 256, got '257'"),
        ("RequestsPartitions", "many", "expected a number from 1 to 256, got 'many'"),
        ("RequestsPartitions", "", "expected a number from 1 to 256, got ''"),
        ("RequestsPartitions", " 7", "expected a number from 1 to 256, got ' 7'"),
        ("RequestsPartitions", "inf", "expected a number from 1 to 256, got 'inf'"),
        ("WarmReadUnits", "11999.5", "expected a number of at least 12000, got '11999.5'"),
        (
            "RequestsWindowSeconds",
            "301",
            "expected text of the pattern ([0-9]|[1-9][0-9]|[12][0-9][0-9]|300)? (whole seconds from 0 to 300, or nothing), \
             got '301'",
        ),
        ("KafkaAuth", "sasl", "expected one of iam, scram, scram-256, plain, mtls, none, got 'sasl'"),
        ("KafkaAuth", "None", "expected one of iam, scram, scram-256, plain, mtls, none, got 'None'"),
        ("DeletionProtection", "yes", "expected one of true, false, got 'yes'"),
        ("NamePrefix", "EU-", "expected text of the pattern ([a-z][a-z0-9-]{0,20})?, got 'EU-'"),
        ("NamePrefix", "eu-\n", "expected text of the pattern ([a-z][a-z0-9-]{0,20})?, got 'eu-\n'"),
        ("NamePrefix", "eu.", "expected text of the pattern ([a-z][a-z0-9-]{0,20})?, got 'eu.'"),
    ] {
        assert_eq!(refused(&[(name, value)]), at(name, expected), "{name}={value}");
    }
    assert_eq!(
        refused(&[("Foo", "1")]),
        "template.yaml: Parameters: expected a parameter of the template: there is no Foo"
    );
    let rule = "template.yaml: Rules.SelfManagedKafka: KafkaAuth=iam is MSK's alone; got Kafka='self-managed', KafkaAuth='iam'";
    assert_eq!(refused(&[("KafkaAuth", "iam")]), rule);
    let none = "template.yaml: Rules.SelfManagedKafka: Kafka=self-managed needs KafkaBootstrapServers; got Kafka='self-managed', \
                KafkaBootstrapServers='a,'";
    assert_eq!(refused(&[("KafkaBootstrapServers", "a,")]), none);
    for (name, value) in [("RequestsPartitions", "256"), ("NamePrefix", ""), ("NamePrefix", "eu-"), ("Stage", "x1-")] {
        assert_eq!(refused(&[(name, value)]), "taken", "{name}={value}");
    }
}

/// Whoever reaches brokers that ask for no login can write payments. An emulator runs on one machine.
#[test]
fn no_login_without_a_private_network_is_refused() {
    let rule = "template.yaml: Rules.PrivateNetwork: KafkaAuth=none needs SubnetIds and SecurityGroupIds of a private network. \
                Anybody who reaches such brokers can write payments; got KafkaAuth='none', SubnetIds='', AwsEndpointUrl=''";
    assert_eq!(refused(&[("SubnetIds", "")]), rule);
    assert_eq!(refused(&[("SubnetIds", ""), ("AwsEndpointUrl", "http://127.0.0.1:4566")]), "taken");
    assert_eq!(refused(&[("SubnetIds", ""), ("KafkaAuth", "scram"), ("KafkaSecretArn", "arn:x")]), "taken");
    assert_eq!(refused(&[]), "taken");
}

/// A cluster that is in use would shut its functions out, so nobody gets ACLs without asking for them.
#[test]
fn a_scram_cluster_without_a_word_on_acls_is_refused() {
    let scram = [("Kafka", "create"), ("KafkaAuth", "scram"), ("KafkaSecretArn", "arn:x")];
    let with = |acls: &str| refused(&[&scram[..], &[("KafkaAcls", acls)]].concat());
    let needs = "Rules.Acls: KafkaAuth=scram or mtls with Kafka=create needs KafkaAcls";
    assert!(with("").contains(needs), "{}", with(""));
    for acls in ["required", "not-yet"] {
        assert!(!with(acls).contains("Rules."), "{}", with(acls));
    }
    assert_eq!(refused(&[("KafkaAuth", "scram"), ("KafkaSecretArn", "arn:x")]), "taken");
}

/// Restored tables with the old consumer groups would never get back the payments that they lost.
#[test]
fn half_of_a_restore_is_refused() {
    let stream = "arn:aws:dynamodb:eu-central-1:1:table/restored-payments/stream/2026";
    let whole = [("RestoredTables", "restored-"), ("RestoredPaymentsStream", stream), ("ConsumerGroupSuffix", "-2")];
    let rule = "template.yaml: Rules.Restored: RestoredTables, RestoredPaymentsStream and ConsumerGroupSuffix are set together";
    for (left_out, _) in whole {
        let given: Vec<_> = whole.into_iter().filter(|(name, _)| *name != left_out).collect();
        assert!(refused(&given).starts_with(rule), "{left_out}: {}", refused(&given));
    }
    assert!(refused(&whole[..1]).starts_with(rule));
    for taken in [&whole[..], &whole[2..], &[]] {
        assert_eq!(refused(taken), "taken");
    }
}

/// The stack uses restored tables instead of its own, and reads its topics anew.
#[test]
fn restored_tables_are_used_everywhere() {
    let stream = "arn:aws:dynamodb:eu-central-1:1:table/restored-x-payments/stream/2026";
    let given = parameters(&[
        ("NamePrefix", "x-"),
        ("RestoredTables", "restored-"),
        ("RestoredPaymentsStream", stream),
        ("ConsumerGroupSuffix", "-2"),
    ]);
    let blueprint = Templates::Embedded.blueprint(&given).unwrap();
    let made: Vec<&str> = blueprint.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(made, ["restored-x-audit-heads", "restored-x-checkpoints"], "what audits prove begins anew");
    let sources = blueprint.mappings.iter().map(|mapping| match &mapping.source {
        Source::Kafka { topic, consumer_group } => format!("{topic} {consumer_group}"),
        Source::Stream { table } => table.clone(),
    });
    let expected =
        ["x-account-commands x-account-processor-2", "restored-x-payments", "x-payment-requests x-payment-processor-2"];
    assert_eq!(sources.collect::<BTreeSet<_>>(), expected.map(str::to_owned).into());
    let tables = blueprint.functions.iter().flat_map(|function| &function.environment);
    let tables: BTreeSet<&str> =
        tables.filter(|(name, _)| name.ends_with("_TABLE")).map(|(_, table)| table.as_str()).collect();
    let of_audits = ["checkpoints", "audit-heads"];
    let names = ["accounts", "payments", "refunds", "dead-letters", "account-commands"].into_iter().chain(of_audits);
    assert_eq!(
        tables,
        names.map(|name| format!("restored-x-{name}")).collect::<Vec<_>>().iter().map(String::as_str).collect()
    );
}

/// Payment requests wait while commands are read anew.
#[test]
fn payments_are_polled_unless_they_are_told_to_wait() {
    let polled = |given: &[(&str, &str)]| {
        let blueprint = Templates::Embedded.blueprint(&parameters(given)).unwrap();
        ["payment-processor", "account-processor"].map(|function| blueprint.mapping(function).is_some())
    };
    assert_eq!(polled(&[]), [true, true]);
    assert_eq!(polled(&[("SettlePayments", "false")]), [false, true]);
}

/// 0 reserves nothing: for Lambda itself it would mean that the function never runs.
#[test]
fn concurrency_is_reserved_by_parameters() {
    let reserved = |given: &[(&str, &str)], function: &str| {
        let blueprint = Templates::Embedded.blueprint(&parameters(given)).unwrap();
        blueprint.function(function).unwrap().concurrency_max
    };
    for (parameter, function) in [
        ("PaymentApiConcurrency", "payment-api"),
        ("PaymentProcessorConcurrency", "payment-processor"),
        ("AccountProcessorConcurrency", "account-processor"),
        ("OutcomePublisherConcurrency", "outcome-publisher"),
    ] {
        assert_eq!(reserved(&[], function), None, "{function}");
        assert_eq!(reserved(&[(parameter, "0")], function), None, "{function}");
        assert_eq!(reserved(&[(parameter, "7")], function), Some(7), "{function}");
    }
    let most = "template.yaml: Parameters.PaymentApiConcurrency: expected a number from 0 to 900, got '901'";
    assert_eq!(refused(&[("PaymentApiConcurrency", "901")]), most);
}

/// A zone takes as many brokers as another, and a region may have two for MSK.
#[test]
fn brokers_that_the_zones_cannot_take_are_refused() {
    let refused = |given: &[(&str, &str)]| {
        let create = [("Kafka", "create"), ("KafkaAuth", "iam"), ("KafkaBootstrapServers", "")];
        refused(&[&create[..], given].concat())
    };
    let two = "Rules.BrokersInTwoZones: ZoneCount=2 needs a BrokerCount that 2 divides, of 4 or more";
    let three = "Rules.BrokersInThreeZones: ZoneCount=3 needs a BrokerCount that 3 divides";
    let third = ("ThirdAvailabilityZone", "us-east-1d");
    let needless = "Rules.TwoZones: ThirdAvailabilityZone needs AvailabilityZones and a ZoneCount of 3";
    for (given, expected) in [
        (&[][..], ""),
        (&[("ZoneCount", "2")], two),
        (&[("ZoneCount", "2"), ("BrokerCount", "5")], two),
        (&[("ZoneCount", "2"), ("BrokerCount", "4")], ""),
        (&[("ZoneCount", "2"), ("BrokerCount", "4"), ("AvailabilityZones", "us-west-1a,us-west-1c")], ""),
        (&[("BrokerCount", "4")], three),
        (&[("BrokerCount", "30"), ("AvailabilityZones", "us-east-1a,us-east-1b"), third], ""),
        (
            &[("AvailabilityZones", "us-east-1a,us-east-1b")],
            "Rules.ThreeZones: ZoneCount=3 with AvailabilityZones needs",
        ),
        (&[("ZoneCount", "2"), ("BrokerCount", "4"), third], needless),
        (&[third], needless),
        (&[("ZoneCount", "4")], "Parameters.ZoneCount: expected one of 2, 3"),
        (&[("AvailabilityZones", "us-east-1a")], "two zones with a comma between them, or nothing"),
        (&[("AvailabilityZones", "a,b,c")], "two zones with a comma between them, or nothing"),
    ] {
        let got = refused(given);
        let rules_and_parameters = got.contains("Rules.") || got.contains("Parameters.");
        assert!(if expected.is_empty() { !rules_and_parameters } else { got.contains(expected) }, "{given:?}: {got}");
    }
}

/// Lambda's own window is half a second, and it takes only whole ones. The account commands keep it.
#[test]
fn the_window_of_payment_requests_is_a_parameter() {
    let windows = |given: &[(&str, &str)]| {
        let blueprint = Templates::Embedded.blueprint(&parameters(given)).unwrap();
        let of =
            |name: &str| blueprint.mappings.iter().find(|it| it.function == name).unwrap().batch_window.as_millis();
        (of("payment-processor"), of("account-processor"))
    };
    assert_eq!(windows(&[]), (500, 500));
    for (seconds, ms) in [("", 500), ("0", 0), ("9", 9_000), ("10", 10_000), ("299", 299_000), ("300", 300_000)] {
        assert_eq!(windows(&[("RequestsWindowSeconds", seconds)]), (ms, 500), "{seconds}");
    }
    for text in ["0.5", "-1", "05", "1000", "1 "] {
        assert_ne!(refused(&[("RequestsWindowSeconds", text)]), "taken", "{text}");
    }
}

/// The kinds of constraints that the project's own template doesn't use.
#[test]
fn constraints_of_every_kind_are_checked() {
    let with = |definition: &str, value: Option<&str>| {
        let root = format!("Parameters: {{ P: {{ {definition} }} }}\nResources: {{}}");
        let given = value.map(|value| ("P", value));
        let read = texts(&root).blueprint(&parameters(given.as_slice()));
        read.map_or_else(|error| error.expected, |_| "taken".into())
    };
    for (definition, value, expected) in [
        ("Type: String", None, "expected a value to be given: it has no default"),
        ("Type: String, Default: ''", None, "taken"),
        (
            "Type: String, MinLength: 2, MaxLength: 3",
            Some("ü"),
            "expected a text with a number of characters from 2 to 3, got 'ü'",
        ),
        ("Type: String, MinLength: 2, MaxLength: 3", Some("üüü"), "taken"),
        (
            "Type: String, MaxLength: 3",
            Some("four"),
            "expected a text with a number of characters of at most 3, got 'four'",
        ),
        ("Type: CommaDelimitedList, AllowedValues: [a, b]", Some("a, b"), "taken"),
        ("Type: CommaDelimitedList, AllowedValues: [a, b]", Some("a,c"), "expected one of a, b, got 'a,c'"),
        ("Type: CommaDelimitedList, AllowedPattern: '[a-z]+'", Some("a,b"), "taken"),
        (
            "Type: CommaDelimitedList, AllowedPattern: '[a-z]+'",
            Some("a,,b"),
            "expected text of the pattern [a-z]+, got 'a,,b'",
        ),
        ("Type: List<Number>, MinValue: 1", Some("1,2.5"), "taken"),
        ("Type: List<Number>, MinValue: 1", Some("1,x"), "expected a number of at least 1, got '1,x'"),
        ("Type: Number, AllowedValues: [1, 7]", Some("7"), "taken"),
        ("Type: Number, AllowedValues: [1, 7]", Some("8"), "expected one of 1, 7, got '8'"),
        (
            "Type: String, AllowedPattern: 'a|b', ConstraintDescription: a letter",
            Some("ab"),
            "expected text of the pattern a|b (a letter), got 'ab'",
        ),
        (
            "Type: String, AllowedPattern: '(?!x).*'",
            Some("y"),
            "expected a pattern that is understood here, not (?!x).*, got 'y'",
        ),
    ] {
        assert_eq!(with(definition, value), expected, "{definition}: {value:?}");
    }
    let rules = |assert: &str| {
        let root = format!(
            "Parameters: {{ L: {{ Type: CommaDelimitedList, Default: 'a,a' }} }}\n\
             Rules: {{ R: {{ Assertions: [{{ Assert: {assert} }}] }} }}\nResources: {{}}"
        );
        texts(&root).blueprint(&BTreeMap::new()).map_or_else(|error| error.to_string(), |_| "kept".into())
    };
    let broken = "template.yaml: Rules.R: expected what the rule asserts to hold; got L='a,a'";
    assert_eq!(rules("!Contains [!Ref L, a]"), "kept");
    assert_eq!(rules("!Contains [!Ref L, b]"), broken);
    assert_eq!(rules("!EachMemberEquals [!Ref L, a]"), "kept");
    assert_eq!(rules("!EachMemberEquals [!Ref L, b]"), broken);
    assert_eq!(rules("!EachMemberIn [!Ref L, [a, b]]"), "kept");
    assert_eq!(rules("!EachMemberIn [!Ref L, [b]]"), broken);
}

#[test]
fn a_topic_without_partitions_is_refused() {
    let topic = |count: &str| {
        let root = format!(
            "Resources: {{ T: {{ Type: AWS::MSK::Topic, Properties: {{ TopicName: t, PartitionCount: {count}, ReplicationFactor: 1 }} }} }}"
        );
        texts(&root).blueprint(&BTreeMap::new()).map_or_else(|error| error.to_string(), |_| "taken".into())
    };
    let at = "template.yaml: Resources.T.Properties.PartitionCount: expected a whole number from 1 on";
    assert_eq!((topic("-1").as_str(), topic("0").as_str(), topic("1").as_str()), (at, at, "taken"));
}
