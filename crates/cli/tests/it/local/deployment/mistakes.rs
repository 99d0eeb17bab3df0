//! The mistakes that the rules are there for: each is made in a template, and must be named.

use giro_template::Templates;

use super::faults;

/// Makes a mistake in a file, once, and checks that it is found.
pub(super) fn check(file: &str, right: &str, wrong: &str, named: &str) {
    let mut texts = Templates::embedded_texts();
    let before = faults(&texts);
    let text = texts.get_mut(file).unwrap();
    assert!(text.contains(right), "{file} doesn't hold {right}");
    *text = text.replacen(right, wrong, 1);
    let after = faults(&texts);
    let new: Vec<&String> = after.difference(&before).collect();
    assert!(new.iter().any(|fault| fault.contains(named)), "{right} -> {wrong}: {new:#?}");
}

#[test]
fn partial_responses_in_the_code_only_are_named() {
    check(
        "template.yaml",
        "      FunctionResponseTypes: [ReportBatchItemFailures]\n",
        "",
        "payment-processor answers with partial batch responses (PARTIAL_BATCH_RESPONSE), and its event source on \
         payment-requests doesn't ask for them",
    );
}

#[test]
fn partial_responses_in_the_event_source_only_are_named() {
    check(
        "template.yaml",
        "PARTIAL_BATCH_RESPONSE: \"true\"",
        "PARTIAL_BATCH_RESPONSE: \"false\"",
        "the event source on payment-requests asks payment-processor for partial batch responses",
    );
}

#[test]
fn partial_responses_without_provisioned_pollers_are_named() {
    check(
        "template.yaml",
        "      ProvisionedPollerConfig:\n",
        "      DocumentDBEventSourceConfig:\n",
        "Resources.PaymentRequests",
    );
}

#[test]
fn a_window_that_is_not_the_parameters_is_named() {
    let right =
        "MaximumBatchingWindowInSeconds: !If [HasRequestsWindow, !Ref RequestsWindowSeconds, !Ref AWS::NoValue]";
    for (wrong, named) in [
        ("MaximumBatchingWindowInSeconds: 1", "with RequestsWindowSeconds='' payment requests wait Some(1000) ms"),
        ("", "with RequestsWindowSeconds='0' payment requests wait Some(500) ms: expected 0"),
    ] {
        check("template.yaml", right, wrong, named);
    }
}

/// With six hours, or a thousand tries of a millisecond each, records that waited for a night were given up without one
/// try.
#[test]
fn a_mapping_that_gives_up_before_it_has_tried_is_named() {
    for (right, wrong, named) in [
        (
            "MaximumRecordAgeInSeconds: -1",
            "MaximumRecordAgeInSeconds: 21600",
            "PaymentRequests gives up, without one try, what is older than 21600 s",
        ),
        ("      MaximumRecordAgeInSeconds: -1\n", "", "what is older than null s"),
        ("MaximumRetryAttempts: 10000", "MaximumRetryAttempts: 1000", "PaymentRequests tries for 45000 s"),
        ("MaximumRetryAttempts: 10000", "MaximumRetryAttempts: -1", "PaymentRequests tries for -45 s"),
        ("    Timeout: 60\n", "    Timeout: 30\n", "PaymentRequests tries for 225000 s"),
        (
            "MaximumRecordAgeInSeconds: 82800",
            "MaximumRecordAgeInSeconds: -1",
            "PaymentsStream tries -1 times, for -1 s",
        ),
        ("Default: 1209600000", "Default: 604800000", "topics keep records for 604800 s"),
        ("Default: 604800\n", "Default: 86400\n", "RecordAgeSecondsMax of template.yaml is not half of RetentionMs"),
    ] {
        check("template.yaml", right, wrong, named);
    }
    check(
        "infra/alarms.yaml",
        "Default: 604800",
        "Default: 60",
        "RecordAgeSecondsMax of infra/alarms.yaml is not half",
    );
    check("infra/kafka.yaml", "Default: 1209600000", "Default: 1", "RetentionMs of infra/kafka.yaml is not that");
    check(
        "infra/kafka.yaml",
        "\\nmessage.timestamp.type=LogAppendTime",
        "",
        "Kafka deletes records of payment-requests by their producers' stamps",
    );
    check(
        "infra/kafka.yaml",
        "retention.ms=${RetentionMs}",
        "retention.ms=3600000",
        "payment-requests doesn't keep records",
    );
}

/// With `Retain`, a first deployment that failed left tables and a key behind, whose names the next one couldn't take.
#[test]
fn what_a_failed_first_deployment_would_leave_is_named() {
    for (file, resource) in [
        ("template.yaml", "Encryption"),
        ("infra/encryption.yaml", "Key"),
        ("infra/tables.yaml", "Accounts"),
        ("infra/kafka.yaml", "PaymentRequests"),
    ] {
        let named = format!("{file} keeps {resource} by the policy Some(\"Retain\"): expected RetainExceptOnCreate");
        check(file, "DeletionPolicy: RetainExceptOnCreate", "DeletionPolicy: Retain", &named);
    }
    let right = "    DeletionPolicy: RetainExceptOnCreate\n";
    check("infra/tables.yaml", right, "", "infra/tables.yaml keeps Accounts by the policy None");
    let right = "    UpdateReplacePolicy: Retain\n";
    check("infra/tables.yaml", right, "", "infra/tables.yaml loses Accounts when it is replaced");
}

/// A disabled mapping, an audit that isn't started and a full disk are told by no error.
#[test]
fn what_can_stand_still_unwatched_is_named() {
    let no_alarm = |what: &str| format!("no alarm of infra/alarms.yaml watches {what}");
    for (right, wrong, named) in [
        ("MetricName: FailedInvokeEventCount", "MetricName: Errors", no_alarm("AWS/Lambda FailedInvokeEventCount")),
        (
            "!Ref LagSecondsMax",
            "!Ref RecordAgeSecondsMax",
            "no alarm each on EstimatedMaxTimeLag above LagS".to_owned(),
        ),
        ("KafkaDataLogsDiskUsed", "RootDiskUsed", no_alarm("AWS/Kafka KafkaDataLogsDiskUsed")),
        ("\"Broker ID\", ", "", no_alarm("AWS/Kafka KafkaDataLogsDiskUsed")),
        ("MetricName: OfflinePartitionsCount", "MetricName: X", no_alarm("AWS/Kafka OfflinePartitionsCount")),
        ("MetricName: Throttles", "MetricName: Errors", no_alarm("AWS/Lambda Throttles of [\"FunctionName: Paym")),
        ("MetricName: WriteAccountLimit", "MetricName: Write", no_alarm("AWS/DynamoDB WriteAccountLimit")),
        ("Expression: \"FILL(events, 0)\"", "Expression: events", "would ring for ever after one event".to_owned()),
        ("      DatapointsToAlarm: 2\n", "", "ManyDeclined may never ring while the newest value is late".to_owned()),
        ("MetricName: PollingErrorCount", "MetricName: X", no_alarm("AWS/Lambda PollingErrorCount")),
        (
            "TreatMissingData: breaching",
            "TreatMissingData: notBreaching",
            "an alarm on PolledEventCount of [\"EventSourceMappingUUID: PaymentRequests\"] takes no value".to_owned(),
        ),
        ("Statistic: SampleCount", "Statistic: Sum", "PaymentRequestsNotPolled rings on an idle topic".to_owned()),
        (
            "      EvaluationPeriods: !Ref AuditHoursMax\n      DatapointsToAlarm: 1\n",
            "      EvaluationPeriods: 2\n",
            "the alarm on oldest-proof doesn't ring within AuditHoursMax".to_owned(),
        ),
        ("}audits-finished\"\n      Statistic", "}x\"\n      Statistic", "the alarm on audits-finished".to_owned()),
        (
            "}ledger-auditor silent",
            "}auditor asleep",
            "the alarm auditor asleep has no row in docs/deploy.md".to_owned(),
        ),
    ] {
        check("infra/alarms.yaml", right, wrong, &named);
    }
}

/// Without a bound, slow brokers let payment-api take all connections of a broker, and all concurrency of the account.
#[test]
fn a_function_without_a_bound_is_named() {
    let file = "template.yaml";
    for name in ["PaymentApi", "PaymentProcessor", "AccountProcessor", "OutcomePublisher"] {
        let right = format!(
            "      ReservedConcurrentExecutions: !If\n        - Reserves{name}\n        - !Ref {name}Concurrency\n        \
             - !Ref AWS::NoValue\n"
        );
        check(file, &right, "", &format!("the concurrency of {name} can't be reserved"));
    }
    let (right, wrong) = ("Default: 200\n    MinValue: 0", "Default: 0\n    MinValue: 0");
    check(file, right, wrong, "payment-api has no bound of its own");
    let (right, wrong) = ("MinValue: 0\n    MaxValue: 900", "MinValue: 0\n    MaxValue: 901");
    check(file, right, wrong, "901 of payment-api would hold more connections");
}

/// Unless it is set, MSK lets every SCRAM user read and write topics without ACLs, such as payment requests.
#[test]
fn a_scram_cluster_that_lets_everyone_in_is_named() {
    for (right, wrong) in [
        ("          allow.everyone.if.no.acl.found=${WithoutAcl}\n", ""),
        ("[RequiresAcls, \"false\", \"true\"]", "[RequiresAcls, \"true\", \"true\"]"),
        ("!And [!Condition UsesAcls, !Not [!Equals [!Ref KafkaAcls, not-yet]]]", "!Equals [!Ref KafkaAcls, required]"),
        ("UsesAcls: !Or [!Condition IsScram, !Condition IsMtls]", "UsesAcls: !Condition IsScram"),
    ] {
        check("infra/kafka.yaml", right, wrong, "a cluster made here lets every user in");
    }
}

#[test]
fn commands_that_share_pollers_with_payments_are_named() {
    check(
        "template.yaml",
        "{ MinimumPollers: 1, MaximumPollers: 1 }",
        "{ MinimumPollers: 1, MaximumPollers: 1, PollerGroupName: giro }",
        "AccountCommands shares its pollers (PollerGroupName)",
    );
}

/// `3.9.x` is ZooKeeper at MSK, and a cluster can't be brought over.
#[test]
fn a_cluster_with_zookeeper_is_named() {
    for file in ["template.yaml", "infra/kafka.yaml"] {
        let named = format!("KafkaVersion of {file} is \"3.9.x\", which needs ZooKeeper");
        check(file, "Default: 3.9.x.kraft", "Default: 3.9.x", &named);
    }
    check("infra/kafka.yaml", "KafkaVersion: !Ref KafkaVersion", "KafkaVersion: 3.9.x", "the cluster's version is");
}

/// N. California has two zones for MSK, and one zone of N. Virginia takes no brokers.
#[test]
fn a_zone_that_nobody_can_change_is_named() {
    let file = "infra/network.yaml";
    check(
        file,
        "!If\n        - NamesZones\n        - !Select [0, !Split [\",\", !Ref AvailabilityZones]]\n        - !Select [0, !GetAZs \"\"]",
        "!Select [0, !GetAZs \"\"]",
        "SubnetA of infra/network.yaml is in a zone that AvailabilityZones can't change",
    );
    let (right, wrong) = ("        - !Ref ThirdAvailabilityZone\n", "        - us-east-1c\n");
    check(file, right, wrong, "SubnetC of infra/network.yaml is in a zone that ThirdAvailabilityZone can't change");
    let right = "    Type: AWS::EC2::Subnet\n    Condition: HasThirdZone\n";
    check(file, right, "    Type: AWS::EC2::Subnet\n", "infra/network.yaml makes 3 subnets in every region");
}

#[test]
fn a_missing_permission_is_named() {
    check(
        "template.yaml",
        "[dynamodb:BatchGetItem, dynamodb:PutItem]",
        "dynamodb:PutItem",
        "payment-processor calls dynamodb:BatchGetItem on PaymentsTableArn, and its role doesn't allow it",
    );
}

#[test]
fn a_needless_permission_is_named() {
    let right = "[dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:UpdateItem]";
    for (wrong, named) in [
        (
            "[dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:DeleteItem, dynamodb:UpdateItem]",
            "dynamodb:DeleteItem on AccountsTableArn",
        ),
        (
            "[dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:Scan, dynamodb:UpdateItem]",
            "dynamodb:Scan on AccountsTableArn",
        ),
        ("[dynamodb:BatchGetItem, dynamodb:ConditionCheckItem, dynamodb:UpdateItem, \"*\"]", "* on AccountsTableArn"),
    ] {
        check(
            "template.yaml",
            right,
            wrong,
            &format!("the role of payment-processor allows {named}, which it never calls"),
        );
    }
}

#[test]
fn a_renamed_topic_is_named() {
    check(
        "infra/kafka.yaml",
        "TopicName: !Sub \"${NamePrefix}payment-requests\"",
        "TopicName: !Sub \"${NamePrefix}payments-requested\"",
        "the event source of payment-processor reads the topic payment-requests, which infra/kafka.yaml doesn't make",
    );
    check(
        "infra/kafka.yaml",
        "TopicName: !Sub \"${NamePrefix}payment-requests-failed\"",
        "TopicName: !Sub \"${NamePrefix}payment-requests-given-up\"",
        "gives up to the topic payment-requests-failed, which infra/kafka.yaml doesn't make",
    );
    check(
        "template.yaml",
        "OUTCOMES_TOPIC: !Sub \"${NamePrefix}payment-outcomes\"",
        "OUTCOMES_TOPIC: !Sub \"${NamePrefix}outcomes\"",
        "outcome-publisher has no access to the topic outcomes",
    );
    check(
        "template.yaml",
        "Topics: [!Sub \"${NamePrefix}payment-requests\"]",
        "Topics: [!Sub \"${NamePrefix}account-commands\"]",
        "the event source of payment-processor reads account-commands, and clients write payment-requests",
    );
}

#[test]
fn an_on_failure_topic_that_takes_too_small_records_is_named() {
    check(
        "infra/kafka.yaml",
        "max.message.bytes=8388608",
        "max.message.bytes=3145728",
        "payment-requests-failed takes 3145728 bytes a record (max.message.bytes), and what is given up there has up to",
    );
}

#[test]
fn a_variable_that_nobody_reads_is_named() {
    check(
        "template.yaml",
        "          PARTIAL_BATCH_RESPONSE: \"true\"\n",
        "          PARTIAL_BATCH_RESPONSE: \"true\"\n          BATCH_SIZE: \"10\"\n",
        "template.yaml sets BATCH_SIZE of payment-processor, which nobody reads",
    );
}

#[test]
fn a_variable_that_is_not_set_is_named() {
    check(
        "template.yaml",
        "          REQUESTS_PARTITIONS: !Ref RequestsPartitions\n",
        "",
        "payment-processor reads REQUESTS_PARTITIONS, and template.yaml doesn't set it",
    );
}

#[test]
fn a_binary_that_is_not_deployed_is_named() {
    let right = "BuildProperties: { Binary: payment-processor }";
    let wrong = "BuildProperties: { Binary: payments-processor }";
    check("template.yaml", right, wrong, "src/bin/payment-processor.rs is no function of template.yaml");
    check(
        "template.yaml",
        right,
        wrong,
        "template.yaml deploys payments-processor, and there is no src/bin/payments-processor.rs",
    );
}

#[test]
fn a_table_that_is_not_the_codes_is_named() {
    let file = "infra/tables.yaml";
    check(
        file,
        "{ AttributeName: part, KeyType: RANGE }",
        "{ AttributeName: piece, KeyType: RANGE }",
        "the key of dead-letters is",
    );
    check(file, "IndexName: by-creditor", "IndexName: by-payee", "the index by-creditor of payments is None");
    check(
        file,
        "StreamViewType: NEW_IMAGE",
        "StreamViewType: KEYS_ONLY",
        "the stream of payments is Some(\"KEYS_ONLY\")",
    );
}

#[test]
fn a_route_that_is_in_one_place_only_is_named() {
    let file = "template.yaml";
    check(
        file,
        "RouteKey: HEAD /payments/{payment_id}\n",
        "RouteKey: PUT /payments/{payment_id}\n",
        "docs/openapi.yaml has HEAD /payments/{payment_id}, and template.yaml has no such route",
    );
    check(
        file,
        "RouteKey: HEAD /payments/{payment_id}\n",
        "RouteKey: PUT /payments/{payment_id}\n",
        "template.yaml has the route PUT /payments/{payment_id}, which docs/openapi.yaml doesn't describe",
    );
    check(
        file,
        "RouteKey: GET /accounts/{account_id}\n",
        "RouteKey: GET /account/{account_id}\n",
        "template.yaml and payment-api don't agree on GET /account/{account_id}",
    );
}

#[test]
fn an_alarm_on_a_field_that_nobody_writes_is_named() {
    check(
        "infra/alarms.yaml",
        "MetricValue: $.dead_letters",
        "MetricValue: $.deadLetters",
        "DeadPayments of infra/alarms.yaml counts the field deadLetters, which no handler writes",
    );
    check(
        "infra/alarms.yaml",
        "$.fault_kind = \"rejected\"",
        "$.faultKind = \"rejected\"",
        "RejectedPayments of infra/alarms.yaml counts the field faultKind, which no handler writes",
    );
    check("infra/alarms.yaml", "\"rejected\"", "\"refused\"", "waits for the fault \"refused\", which no store has");
}
