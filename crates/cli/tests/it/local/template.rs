//! The template as the local stack reads it: what it asks for, what its intrinsic functions mean, and what is refused.

use std::collections::BTreeMap;

use giro::store::Tables;
use giro_cli::local::stack::{Names, StackOptions};
use giro_template::{Source, Starting, Templates};

pub(super) fn parameters(given: &[(&str, &str)]) -> BTreeMap<String, String> {
    given.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

pub(super) fn texts(root: &str) -> Templates {
    Templates::Texts(BTreeMap::from([("template.yaml".to_owned(), root.to_owned())]))
}

/// What a value in a template resolves to, as a variable of a function.
fn check(value: &str, expected: &str) {
    let root = format!(
        r#"
Parameters:
  Stage: {{ Type: String, Default: dev }}
  Count: {{ Type: Number, Default: 3 }}
  Names: {{ Type: CommaDelimitedList, Default: "a, b" }}
Mappings:
  Sizes: {{ dev: {{ cpu: 1 }}, prod: {{ cpu: 8 }} }}
Conditions:
  IsDev: !Equals [!Ref Stage, dev]
  IsProd: !Not [!Condition IsDev]
  Either: !Or [!Condition IsProd, !Condition IsDev]
  Both: !And [!Condition IsProd, !Condition IsDev]
  Three: !Equals [!Ref Count, "3"]
  Circular: !Not [!Condition Circular]
Resources:
  T: {{ Type: AWS::DynamoDB::Table, Properties: {{ TableName: !Sub "${{Stage}}-t", KeySchema: [{{ AttributeName: k, KeyType: HASH }}] }} }}
  G: {{ Type: AWS::Logs::LogGroup }}
  F:
    Type: AWS::Serverless::Function
    Metadata: {{ BuildMethod: rust-cargolambda, BuildProperties: {{ Binary: f }} }}
    Properties: {{ Environment: {{ Variables: {{ V: {value} }} }} }}
"#
    );
    let read = match texts(&root).blueprint(&BTreeMap::new()) {
        Ok(blueprint) => blueprint.variable("V").unwrap_or("(none)").to_owned(),
        Err(error) => error.to_string(),
    };
    assert_eq!(read, expected, "{value}");
}

#[test]
fn intrinsic_functions_resolve() {
    check("plain", "plain");
    check("12", "12");
    check("!Ref Stage", "dev");
    check("!Ref T", "dev-t");
    check("!Ref G", "G");
    check("!Ref AWS::NoValue", "(none)");
    check("!Ref AWS::Partition", "aws");
    check(
        "!Sub 'x-${Stage}-${T}-${T.StreamArn}-${!no}'",
        "x-dev-dev-t-arn:aws:dynamodb:eu-central-1:000000000000:table/dev-t/stream/local-${no}",
    );
    check("!Sub ['${A}${Stage}', {A: !Join ['/', !Ref Names]}]", "a/bdev");
    check("!GetAtt T.Arn", "arn:aws:dynamodb:eu-central-1:000000000000:table/dev-t");
    check("!If [IsDev, yes-it-is, no]", "yes-it-is");
    check("!If [IsProd, !GetAZs '', here]", "here");
    check("!If [Either, either, no]", "either");
    check("!If [Both, both, no]", "no");
    check("!If [Three, three, no]", "three");
    check("!Select [1, !Ref Names]", "b");
    check("!Select ['0', !Split ['.', 'x.y']]", "x");
    check("!FindInMap [Sizes, !Ref Stage, cpu]", "1");
    check("!Base64 'ab'", "YWI=");
}

#[test]
fn what_is_not_understood_says_where_it_stands() {
    let at = "template.yaml: Resources.F.Properties.Environment.Variables.V";
    check("!GetAZs ''", &format!("{at}.Fn::GetAZs: Fn::GetAZs is not understood here"));
    check("!Ref Nobody", &format!("{at}.Ref: expected a parameter or a resource: there is no Nobody"));
    check("!If [Nothing, a, b]", &format!("{at}.Fn::If: expected a condition: there is no Nothing"));
    check("!FindInMap [Sizes, test, cpu]", &format!("{at}.Fn::FindInMap: expected Sizes.test.cpu in Mappings"));
    check("!Select [7, !Ref Names]", &format!("{at}.Fn::Select: expected an index of the list"));
    check("!ImportValue x", &format!("{at}.Fn::ImportValue: expected nothing from other stacks: a local run has none"));
    check("!Ref Names", &format!("{at}: expected a text"));
    check("!GetAtt Sub.Outputs.X", &format!("{at}.Fn::GetAtt: expected a nested stack that is known here: Sub is not"));
    let circular = texts("Conditions: {C: !Not [!Condition C]}\nResources: {X: {Type: A, Condition: C}}");
    let error = circular.blueprint(&BTreeMap::new()).unwrap_err();
    assert!(error.expected.contains("lead back to itself"), "{error}");
}

/// A mapping on Kafka, written with these properties beside those that it must have.
fn mapping(properties: &str) -> Result<giro_template::Mapping, String> {
    let root = format!(
        r#"
Resources:
  F: {{ Type: AWS::Serverless::Function, Metadata: {{ BuildProperties: {{ Binary: f }} }} }}
  M:
    Type: AWS::Lambda::EventSourceMapping
    Properties: {{ FunctionName: !GetAtt F.Arn, Topics: [t], {properties} }}
"#
    );
    let blueprint = texts(&root).blueprint(&BTreeMap::new()).map_err(|error| error.to_string())?;
    Ok(blueprint.mappings[0].clone())
}

#[test]
fn a_mapping_has_lambdas_defaults_and_limits() {
    let plain = mapping("StartingPosition: LATEST").unwrap();
    assert_eq!((plain.batch_records_max, plain.batch_window.as_millis()), (100, 500));
    assert_eq!((plain.starting, plain.bisect, plain.retries_max), (Starting::Latest, false, None));
    assert_eq!(plain.source, Source::Kafka { topic: "t".into(), consumer_group: "f".into() });
    // Without provisioned pollers these do nothing.
    let idle = "StartingPosition: LATEST, BisectBatchOnFunctionError: true, MaximumRetryAttempts: 3";
    assert_eq!(mapping(idle), Ok(plain));
    let provisioned = |more: &str| {
        mapping(&format!("StartingPosition: LATEST, ProvisionedPollerConfig: {{ MaximumPollers: 2 }}, {more}")).unwrap()
    };
    let all = provisioned("BisectBatchOnFunctionError: true, MaximumRetryAttempts: 3, MaximumRecordAgeInSeconds: 60");
    assert_eq!((all.bisect, all.retries_max, all.record_age_max.map(|age| age.as_secs())), (true, Some(3), Some(60)));
    let capped =
        provisioned("MaximumRetryAttempts: -1, DestinationConfig: { OnFailure: { Destination: 'kafka://x' } }");
    assert_eq!((capped.retries_max, capped.on_failure_topic.as_deref()), (Some(10), Some("x")));
    let unlimited = provisioned("MaximumRecordAgeInSeconds: -1, MaximumRetryAttempts: -1");
    assert_eq!((unlimited.record_age_max, unlimited.retries_max), (None, None));
    for (wrong, expected) in [
        ("MaximumRetryAttempts: 10001", "MaximumRetryAttempts: expected -1, or 0 to 10000; got 10001"),
        ("MaximumRetryAttempts: -2", "MaximumRetryAttempts: expected -1, or 0 to 10000; got -2"),
        ("MaximumRecordAgeInSeconds: 59", "MaximumRecordAgeInSeconds: expected -1, or 60 to 604800; got 59"),
        ("MaximumRecordAgeInSeconds: 604801", "MaximumRecordAgeInSeconds: expected -1, or 60 to 604800; got 604801"),
    ] {
        let refused = mapping(&format!("StartingPosition: LATEST, {wrong}")).unwrap_err();
        assert!(refused.ends_with(expected), "{refused}");
    }
    let refused = mapping("StartingPosition: LATEST, FunctionResponseTypes: [ReportBatchItemFailures]").unwrap_err();
    assert!(refused.contains("Resources.M.Properties: expected ProvisionedPollerConfig"), "{refused}");
    let refused = mapping("StartingPosition: MIDDLE").unwrap_err();
    assert!(refused.ends_with("StartingPosition: expected TRIM_HORIZON or LATEST"), "{refused}");
}

/// What a template says of a function `f`, as the properties of the function and as other resources.
fn function(properties: &str, resources: &str) -> Result<giro_template::Blueprint, String> {
    let root = format!(
        "Resources:\n  F:\n    Type: AWS::Serverless::Function\n    Metadata: {{ BuildProperties: {{ Binary: f }} }}\n    \
         Properties: {{ {properties} }}\n{resources}"
    );
    texts(&root).blueprint(&BTreeMap::new()).map_err(|error| error.to_string())
}

#[test]
fn kafka_events_of_sam_are_mappings() {
    let event = |kind: &str, properties: &str| {
        let blueprint = function(&format!("Events: {{ E: {{ Type: {kind}, Properties: {{ {properties} }} }} }}"), "")?;
        Ok::<_, String>(blueprint.mappings[0].clone())
    };
    let all = "Topics: [t], StartingPosition: TRIM_HORIZON, ConsumerGroupId: g, BatchSize: 7, \
        MaximumBatchingWindowInSeconds: 3, FunctionResponseTypes: [ReportBatchItemFailures], \
        ProvisionedPollerConfig: { MinimumPollers: 1, MaximumPollers: 2 }, BisectBatchOnFunctionError: true, \
        MaximumRetryAttempts: 5, DestinationConfig: { OnFailure: { Type: Kafka, Destination: 'kafka://x' } }, \
        SourceAccessConfigurations: [{ Type: SASL_SCRAM_512_AUTH, URI: s }]";
    for (kind, own) in [("SelfManagedKafka", "KafkaBootstrapServers: ['x:9092']"), ("MSK", "Stream: 'arn:aws:kafka:x'")]
    {
        let mapping = event(kind, &format!("{all}, {own}")).unwrap();
        assert_eq!(mapping.source, Source::Kafka { topic: "t".into(), consumer_group: "g".into() });
        assert_eq!((mapping.function.as_str(), mapping.batch_records_max, mapping.batch_window.as_secs()), ("f", 7, 3));
        assert!(mapping.report_batch_item_failures && mapping.bisect);
        assert_eq!((mapping.retries_max, mapping.pollers_max), (Some(5), Some(2)));
        assert_eq!(mapping.on_failure_topic.as_deref(), Some("x"));
    }
    let table = "  T: { Type: AWS::DynamoDB::Table, Properties: { TableName: t, KeySchema: [{ AttributeName: k, KeyType: HASH }] } }";
    let stream =
        "Events: { E: { Type: DynamoDB, Properties: { Stream: !GetAtt T.StreamArn, StartingPosition: LATEST } } }";
    assert_eq!(function(stream, table).unwrap().mappings[0].source, Source::Stream { table: "t".into() });
    let routes = "Events: { A: { Type: HttpApi, Properties: { Method: post, Path: /payments } }, B: { Type: HttpApi }, \
        C: { Type: ScheduleV2, Properties: { ScheduleExpression: rate(1 hour) } } }";
    let routes = function(routes, "").unwrap().routes;
    assert_eq!(routes.iter().map(|route| route.key.as_str()).collect::<Vec<_>>(), ["POST /payments", "$default"]);
}

/// What the local stack doesn't do was once ignored without a message, and nothing was ever decided.
#[test]
fn what_the_local_stack_does_not_do_is_an_error_with_its_place() {
    let mapping = |properties: &str| mapping(&format!("StartingPosition: LATEST, {properties}")).unwrap_err();
    let at = "template.yaml: Resources.M.Properties";
    for name in ["TumblingWindowInSeconds", "ScalingConfig", "StartingPositionTimestamp", "Queues", "Colour"] {
        let expected = format!("{at}.{name}: {name} is not done by the local stack: leave it out here");
        assert_eq!(mapping(&format!("{name}: 1")), expected);
    }
    let kafka = "SelfManagedKafkaEventSourceConfig";
    assert!(
        mapping(&format!("{kafka}: {{ SchemaRegistryConfig: {{}} }}")).starts_with(&format!("{at}.{kafka}.Schema"))
    );
    assert!(mapping(&format!("{kafka}: {{ ConsumptionMode: Queue }}")).contains("ConsumptionMode: expected Stream"));
    assert!(mapping("DestinationConfig: { OnSuccess: {} }").starts_with(&format!("{at}.DestinationConfig.OnSuccess")));
    assert!(mapping("BatchSize: 0").ends_with("BatchSize: expected a whole number from 1 to 10000"));
    assert_eq!(
        mapping(r#"FilterCriteria: { Filters: [{ Pattern: '{"value":["x"]}' }, { Pattern: '{"key":["x"]}' }] }"#),
        format!(
            "{at}.FilterCriteria.Filters.1.Pattern: key: expected value: Lambda filters records of Kafka by nothing else"
        )
    );

    let function = |properties: &str, resources: &str| function(properties, resources).unwrap_err();
    let at = "template.yaml: Resources.F.Properties";
    for name in ["FunctionUrlConfig", "FileSystemConfigs", "Layers", "DurableConfig"] {
        let expected = format!("{at}.{name}: {name} is not done by the local stack: leave it out here");
        assert_eq!(function(&format!("{name}: {{ x: 1 }}"), ""), expected);
    }
    let event = function("Events: { E: { Type: SQS, Properties: { Queue: q } } }", "");
    assert!(event.starts_with(&format!("{at}.Events.E.Type: expected MSK, SelfManagedKafka, DynamoDB")), "{event}");
    assert!(event.ends_with("the local stack sends no events of the type SQS"), "{event}");
    let event = function("Events: { E: { Type: MSK, Properties: { Topics: [t], TumblingWindowInSeconds: 3 } } }", "");
    assert!(event.starts_with(&format!("{at}.Events.E.Properties.TumblingWindowInSeconds: ")), "{event}");
    let retries = function("EventInvokeConfig: { MaximumRetryAttempts: 3 }", "");
    assert_eq!(retries, format!("{at}.EventInvokeConfig.MaximumRetryAttempts: expected a whole number from 0 to 2"));
    let url = function("Timeout: 3", "  U: { Type: AWS::Lambda::Url }");
    assert_eq!(
        url,
        "template.yaml: Resources.U: AWS::Lambda::Url is not run by the local stack: write routes of an HTTP API"
    );
    let route = |route: &str, integration: &str| {
        let integration = format!("  I: {{ Type: AWS::ApiGatewayV2::Integration, Properties: {{ {integration} }} }}\n");
        let route = format!(
            "  R: {{ Type: AWS::ApiGatewayV2::Route, Properties: {{ RouteKey: GET /, Target: integrations/I, {route} }} }}"
        );
        function("Timeout: 3", &format!("{integration}{route}"))
    };
    assert!(
        route("RequestParameters: {}", "").starts_with("template.yaml: Resources.R.Properties.RequestParameters: ")
    );
    assert!(
        route("ApiId: x", "PayloadFormatVersion: '1.0'")
            .contains("Resources.I.Properties.PayloadFormatVersion: expected")
    );
    assert!(route("ApiId: x", "IntegrationType: HTTP_PROXY").contains("expected AWS_PROXY"));
    assert!(route("ApiId: x", "TimeoutInMillis: 5000").contains("TimeoutInMillis: expected 30000"));
}

/// Names that are listed and never used would hide an error.
#[test]
fn what_means_nothing_here_may_be_written() {
    let idle = "StartingPosition: LATEST, KmsKeyArn: k, MetricsConfig: { Metrics: [EventCount] }, Tags: [], \
        LoggingConfig: !GetAtt Nobody.Knows, SourceAccessConfigurations: !Nonsense x, \
        TumblingWindowInSeconds: !Ref AWS::NoValue";
    assert!(mapping(idle).is_ok(), "{:?}", mapping(idle));
    let asynchronous =
        function("EventInvokeConfig: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }", "").unwrap();
    let asynchronous = asynchronous.functions[0].asynchronous;
    assert_eq!((asynchronous.retries_max, asynchronous.age_max.as_secs()), (0, 60));
}

#[test]
fn the_projects_template_asks_for_what_the_design_says() {
    let blueprint = Templates::Embedded.blueprint(&BTreeMap::new()).unwrap();
    let tables: Vec<&str> = blueprint.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(
        tables,
        ["account-commands", "accounts", "audit-heads", "checkpoints", "dead-letters", "payments", "refunds"].to_vec()
    );
    let payments = blueprint.tables.iter().find(|table| table.name == "payments").unwrap();
    assert_eq!((payments.key.partition.as_str(), payments.stream.as_deref()), ("payment_id", Some("NEW_IMAGE")));
    let indexes: Vec<&str> = payments.indexes.iter().map(|index| index.name.as_str()).collect();
    assert_eq!(indexes, ["by-debtor", "by-creditor"]);
    for topic in ["payment-requests", "payment-outcomes", "account-commands"] {
        assert!(blueprint.topics.iter().any(|known| known.name == topic && known.replication == 3), "{topic}");
    }
    let processor = blueprint.function("payment-processor").unwrap();
    assert_eq!(processor.environment["ACCOUNTS_TABLE"], "accounts");
    assert!(!processor.environment.contains_key("AWS_ENDPOINT_URL"), "empty is unset");
    let feeds: Vec<(&str, bool)> = blueprint
        .mappings
        .iter()
        .map(|mapping| (mapping.function.as_str(), mapping.report_batch_item_failures))
        .collect();
    assert_eq!(feeds, [("account-processor", true), ("payment-processor", true), ("outcome-publisher", true)]);
    assert!(blueprint.mappings.iter().any(|it| it.source == Source::Stream { table: "payments".into() }));
    assert!(
        blueprint.routes.iter().any(|it| (it.key.as_str(), it.function.as_str()) == ("POST /payments", "payment-api"))
    );
    assert_eq!(blueprint.variable("KAFKA_AUTH"), Some("none"));
}

#[test]
fn parameters_and_changes_reach_every_part_that_names_them() {
    let given = parameters(&[("NamePrefix", "x-"), ("RequestsPartitions", "3")]);
    let mut blueprint = Templates::Embedded.blueprint(&given).unwrap();
    let partitions = |blueprint: &giro_template::Blueprint, name: &str| {
        blueprint.topics.iter().find(|topic| topic.name == name).map(|topic| topic.partitions)
    };
    assert_eq!(partitions(&blueprint, "x-payment-requests"), Some(3));
    assert_eq!(blueprint.variable("REQUESTS_PARTITIONS"), Some("3"));
    assert_eq!(blueprint.variable("PAYMENTS_TABLE"), Some("x-payments"));
    blueprint.rename_tables(&[("PAYMENTS_TABLE", "mine")]);
    assert!(blueprint.mappings.iter().any(|it| it.source == Source::Stream { table: "mine".into() }));
    assert!(blueprint.tables.iter().any(|table| table.name == "mine"));
    blueprint.prefix_topics("run.");
    assert_eq!(partitions(&blueprint, "run.x-payment-requests"), Some(3));
    assert_eq!(blueprint.variable("OUTCOMES_TOPIC"), Some("run.x-payment-outcomes"));
    let unknown = Templates::Embedded.blueprint(&parameters(&[("Colour", "red")])).unwrap_err();
    assert!(unknown.expected.contains("there is no Colour"), "{unknown}");
}

/// Files on disk nest from the folder of the root.
#[test]
fn the_files_of_the_project_read_like_the_embedded_ones() {
    let file = std::path::Path::new(crate::ROOT).join("template.yaml");
    let read = Templates::File(file).blueprint(&BTreeMap::new()).unwrap();
    assert_eq!(read, Templates::Embedded.blueprint(&BTreeMap::new()).unwrap());
}

/// Every table that the code knows. A forgotten one would keep its usual name.
#[test]
fn every_table_takes_the_name_that_it_is_given() {
    let renamed = |tables: Tables| {
        let options = StackOptions { tables: Some(tables), ..StackOptions::default() };
        options.blueprint().map(|blueprint| (Names::of(&blueprint).tables, blueprint))
    };
    let mine = Tables {
        accounts: "my-a".into(),
        payments: "my-p".into(),
        refunds: "my-r".into(),
        dead_letters: "my-d".into(),
        account_commands: "my-c".into(),
        checkpoints: "my-k".into(),
        audit_heads: "my-h".into(),
    };
    let (names, blueprint) = renamed(mine.clone()).unwrap();
    assert_eq!(names, mine);
    let made: Vec<&str> = blueprint.tables.iter().map(|table| table.name.as_str()).collect();
    assert_eq!(made, ["my-c", "my-a", "my-h", "my-k", "my-d", "my-p", "my-r"]);
    assert!(blueprint.mappings.iter().any(|it| it.source == Source::Stream { table: "my-p".into() }));

    let usual = Tables::default();
    let swapped = Tables { accounts: usual.payments.clone(), payments: usual.accounts.clone(), ..usual.clone() };
    let (names, blueprint) = renamed(swapped.clone()).unwrap();
    assert_eq!(names, swapped);
    let keys = |name: &str| blueprint.tables.iter().find(|table| table.name == name).map(|it| it.key.partition.clone());
    assert_eq!((keys("payments").as_deref(), keys("accounts").as_deref()), (Some("account_id"), Some("payment_id")));
    let twice = renamed(Tables { accounts: usual.payments.clone(), ..usual }).unwrap_err();
    assert_eq!(twice.expected, "expected each table to have a name of its own: payments is the name of two");
}

/// All names are given, by purpose.
#[test]
fn a_blueprint_tells_the_names_of_all_that_it_has() {
    let given = parameters(&[("NamePrefix", "x-")]);
    let names = Names::of(&Templates::Embedded.blueprint(&given).unwrap());
    let topics = &names.topics;
    let told = [&topics.requests, &topics.requests_failed, &topics.commands, &topics.commands_failed, &topics.outcomes];
    let told = told.map(|name| name.as_deref().unwrap_or("(none)"));
    let expected = [
        "x-payment-requests",
        "x-payment-requests-failed",
        "x-account-commands",
        "x-account-commands-failed",
        "x-payment-outcomes",
    ];
    assert_eq!(told, expected);
    assert_eq!(names.queues.undelivered_outcomes.as_deref(), Some("x-undelivered-outcomes"));
    assert_eq!(names.tables.account_commands, "x-account-commands");
    assert_eq!(names.functions["payment-api"], "x-payment-api");
    let json = serde_json::to_value(&names).unwrap();
    assert_eq!(serde_json::from_value::<Names>(json).unwrap(), names);
}
