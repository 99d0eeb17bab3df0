//! The template against the code: what is deployed is what is built, is told what it reads, may do what it does, and no
//! more.
//!
//! Every rule is a function from the templates to what is wrong, in words that name the mistake; the tests below make
//! the mistakes.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use giro::store::StoreError;
use giro::store::items::{account, dead_letter, payment};
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_template::{Blueprint, Mapping, Source, Templates, read_yaml};
use serde_json::Value;

type Texts = BTreeMap<String, String>;

/// Read only where there is no secret: on AWS the secret of `KAFKA_SCRAM_SECRET_ARN` holds both.
const ONLY_LOCAL: [&str; 2] = ["KAFKA_USERNAME", "KAFKA_PASSWORD"];

/// What a record on an on-failure topic may take: an event of 6 MB, which is the most that Lambda delivers, what stands
/// around it, and a key of 1 MB.
const FAILED_RECORD_BYTES: usize = 6 * 1024 * 1024 + 2 * 1024 + 1024 * 1024;

/// What each function's own code does to tables, as its handler calls the store: `TransactWriteItems` needs the verbs
/// of the writes in it, `TransactGetItems` needs `GetItem`, `BatchGetItem` is a verb of its own. The names are those of
/// the outputs of infra/tables.yaml.
const DOES: [(&str, &[(&str, &str)]); 5] = [
    (
        "payment-processor",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            ("dynamodb:GetItem", "AccountsTableArn"),
            ("dynamodb:UpdateItem", "AccountsTableArn"),
            ("dynamodb:PutItem", "PaymentsTableArn"),
            ("dynamodb:PutItem", "DeadLettersTableArn"),
        ],
    ),
    (
        "account-processor",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            // What a ruling that changes nothing rests on.
            ("dynamodb:ConditionCheckItem", "AccountsTableArn"),
            ("dynamodb:PutItem", "AccountsTableArn"),
            ("dynamodb:UpdateItem", "AccountsTableArn"),
            // More lanes than one transaction takes: the command is not written before the last, but must be new.
            ("dynamodb:ConditionCheckItem", "AccountCommandsTableArn"),
            ("dynamodb:PutItem", "AccountCommandsTableArn"),
            ("dynamodb:PutItem", "DeadLettersTableArn"),
        ],
    ),
    (
        // The event source reads the stream with the function's role.
        "outcome-publisher",
        &[
            ("dynamodb:DescribeStream", "PaymentsStreamArn"),
            ("dynamodb:GetRecords", "PaymentsStreamArn"),
            ("dynamodb:GetShardIterator", "PaymentsStreamArn"),
            ("dynamodb:ListStreams", "*"),
        ],
    ),
    (
        "payment-api",
        &[
            ("dynamodb:BatchGetItem", "AccountsTableArn"),
            ("dynamodb:GetItem", "AccountsTableArn"),
            ("dynamodb:GetItem", "PaymentsTableArn"),
            ("dynamodb:Query", "PaymentsTableArn/index/*"),
        ],
    ),
    (
        "ledger-auditor",
        &[
            ("dynamodb:Scan", "AccountsTableArn"),
            ("dynamodb:Scan", "PaymentsTableArn"),
            ("dynamodb:Scan", "DeadLettersTableArn"),
        ],
    ),
];

/// Everything that is wrong with these templates.
fn faults(texts: &Texts) -> BTreeSet<String> {
    let blueprint = match Templates::Texts(texts.clone()).blueprint(&BTreeMap::new()) {
        Ok(blueprint) => blueprint,
        Err(error) => return BTreeSet::from([error.to_string()]),
    };
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let mut faults = BTreeSet::new();
    faults.extend(binaries(&blueprint));
    faults.extend(variables(&blueprint));
    faults.extend(partial_responses(&blueprint));
    faults.extend(topics(&blueprint));
    faults.extend(patience(texts, &blueprint));
    faults.extend(access(&root, &blueprint));
    faults.extend(permissions(&root));
    faults.extend(tables(&blueprint));
    faults.extend(routes(&blueprint));
    faults.extend(log_fields(&read_yaml(&texts["infra/alarms.yaml"]).unwrap()));
    faults
}

fn source_folder(folder: &str) -> std::fs::ReadDir {
    std::fs::read_dir(Path::new(crate::ROOT).join(folder)).unwrap()
}

/// Each function is a binary, and each binary but the command line is a function.
fn binaries(blueprint: &Blueprint) -> Vec<String> {
    let stem = |entry: std::io::Result<std::fs::DirEntry>| {
        entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned()
    };
    let built: BTreeSet<String> = source_folder("src/bin").map(stem).filter(|name| name != "giro").collect();
    let deployed: BTreeSet<String> = blueprint.functions.iter().map(|function| function.binary.clone()).collect();
    let missing = deployed.difference(&built);
    let idle = built.difference(&deployed);
    missing
        .map(|binary| format!("template.yaml deploys {binary}, and there is no src/bin/{binary}.rs"))
        .chain(idle.map(|binary| format!("src/bin/{binary}.rs is no function of template.yaml")))
        .collect()
}

/// Each variable that a function reads is set, and none is set that it doesn't read. `AWS_…` are the SDK's.
fn variables(blueprint: &Blueprint) -> Vec<String> {
    let mut faults = Vec::new();
    for (binary, read) in giro::config::VARIABLES {
        let Some(function) = blueprint.function(binary) else {
            faults.push(format!("config.rs has variables of {binary}, which template.yaml doesn't deploy"));
            continue;
        };
        let read: BTreeSet<&str> = read.iter().copied().filter(|name| !ONLY_LOCAL.contains(name)).collect();
        let set = function.environment.keys().map(String::as_str).filter(|name| !name.starts_with("AWS_")).collect();
        for name in read.difference(&set) {
            faults.push(format!("{binary} reads {name}, and template.yaml doesn't set it"));
        }
        for name in set.difference(&read) {
            faults.push(format!("template.yaml sets {name} of {binary}, which nobody reads"));
        }
    }
    let known: Vec<&str> = giro::config::VARIABLES.iter().map(|(binary, _)| *binary).collect();
    let unknown = blueprint.functions.iter().filter(|function| !known.contains(&function.binary.as_str()));
    faults
        .extend(unknown.map(|function| {
            format!("template.yaml deploys {}, and config.rs has no variables of it", function.binary)
        }));
    faults
}

/// A function answers with partial responses exactly where its event source asks for them.
fn partial_responses(blueprint: &Blueprint) -> Vec<String> {
    let mut faults = Vec::new();
    for (mapping, topic) in kafka(blueprint) {
        let function = blueprint.functions.iter().find(|function| function.name == mapping.function).unwrap();
        let answers = function.environment.get("PARTIAL_BATCH_RESPONSE").is_some_and(|flag| flag == "true");
        match (answers, mapping.report_batch_item_failures) {
            (true, false) => faults.push(format!(
                "{} answers with partial batch responses (PARTIAL_BATCH_RESPONSE), and its event source on {topic} doesn't \
                 ask for them (FunctionResponseTypes): Lambda would take the records it reports for settled",
                function.name
            )),
            (false, true) => faults.push(format!(
                "the event source on {topic} asks {} for partial batch responses (FunctionResponseTypes), and it gives none \
                 (PARTIAL_BATCH_RESPONSE)",
                function.name
            )),
            (true, true) | (false, false) => {}
        }
    }
    faults
}

fn kafka(blueprint: &Blueprint) -> impl Iterator<Item = (&Mapping, &str)> {
    blueprint.mappings.iter().filter_map(|mapping| match &mapping.source {
        Source::Kafka { topic, .. } => Some((mapping, topic.as_str())),
        Source::Stream { .. } => None,
    })
}

/// Each topic that is read, written or fallen back on is made, and requests go where they are taken from.
fn topics(blueprint: &Blueprint) -> Vec<String> {
    let mut faults = Vec::new();
    let mut used: Vec<(&str, String)> = Vec::new();
    for (mapping, topic) in kafka(blueprint) {
        used.push((topic, format!("the event source of {} reads", mapping.function)));
        match &mapping.on_failure_topic {
            Some(failed) => used.push((failed, format!("the event source of {} gives up to", mapping.function))),
            None => faults.push(format!("the event source of {} drops what it gives up", mapping.function)),
        }
        if mapping.function == "payment-processor" && topic != REQUESTS_TOPIC {
            faults.push(format!(
                "the event source of payment-processor reads {topic}, and clients write {REQUESTS_TOPIC}"
            ));
        }
    }
    for function in &blueprint.functions {
        for name in ["REQUESTS_TOPIC", "OUTCOMES_TOPIC"] {
            if let Some(topic) = function.environment.get(name) {
                used.push((topic, format!("{} writes", function.name)));
            }
        }
    }
    for failed in blueprint.mappings.iter().filter_map(|mapping| mapping.on_failure_topic.as_ref()) {
        let topic = blueprint.topics.iter().find(|topic| topic.name == *failed);
        let takes = topic.and_then(|topic| topic.config.get("max.message.bytes")?.parse().ok()).unwrap_or(0);
        if takes < FAILED_RECORD_BYTES {
            faults.push(format!(
                "{failed} takes {takes} bytes a record (max.message.bytes), and what is given up there has up to \
                 {FAILED_RECORD_BYTES}"
            ));
        }
    }
    let made: Vec<&str> = blueprint.topics.iter().map(|topic| topic.name.as_str()).collect();
    let unmade = used.iter().filter(|(topic, _)| !made.contains(topic));
    faults.extend(unmade.map(|(topic, who)| format!("{who} the topic {topic}, which infra/kafka.yaml doesn't make")));
    faults
}

/// However old a record is, it is tried, for days and not for minutes; its topic keeps it for longer than that, counted
/// from when it came; and somebody is paged half-way.
fn patience(texts: &Texts, blueprint: &Blueprint) -> Vec<String> {
    const DAY: f64 = 86_400.0;
    let read = |file: &str| read_yaml(&texts[file]).unwrap();
    let root = read("template.yaml");
    let default = |template: &Value, name: &str| template["Parameters"][name]["Default"].as_f64();
    let mut faults = Vec::new();
    for (id, resource) in root["Resources"].as_object().unwrap() {
        let properties = &resource["Properties"];
        let (retries, age) = (&properties["MaximumRetryAttempts"], &properties["MaximumRecordAgeInSeconds"]);
        if resource["Type"] != "AWS::Lambda::EventSourceMapping" {
            continue;
        }
        if properties["Topics"].is_null() {
            // A stream forgets after a day, and tells nobody.
            if age.as_f64().is_none_or(|age| !(0.5 * DAY..DAY).contains(&age)) || retries != -1 {
                faults.push(format!(
                    "{id} tries {retries} times, for {age} s: expected -1, and less than the stream's day"
                ));
            }
            continue;
        }
        if age != -1 {
            faults.push(format!(
                "{id} gives up, without one try, what is older than {age} s (MaximumRecordAgeInSeconds): expected -1"
            ));
        }
        // A handler that can't finish a batch says so after three quarters of its time.
        let timeout = root["Globals"]["Function"]["Timeout"].as_f64().unwrap();
        let lasts = retries.as_f64().unwrap_or_default() * timeout * 0.75;
        if lasts < 5.0 * DAY {
            faults.push(format!("{id} tries for {lasts} s (MaximumRetryAttempts): expected five days"));
        }
    }
    let kept = default(&root, "RetentionMs").unwrap() / 1_000.0;
    for (_, topic) in kafka(blueprint) {
        let Some(topic) = blueprint.topics.iter().find(|made| made.name == topic) else { continue };
        if topic.config.get("message.timestamp.type").map(String::as_str) != Some("LogAppendTime") {
            faults.push(format!(
                "Kafka deletes records of {} by their producers' stamps: expected LogAppendTime",
                topic.name
            ));
        }
        if topic.config.get("retention.ms").and_then(|ms| ms.parse::<f64>().ok()) != Some(kept * 1_000.0) {
            faults.push(format!("{} doesn't keep records for RetentionMs", topic.name));
        }
    }
    if kept < 14.0 * DAY {
        faults.push(format!("topics keep records for {kept} s (RetentionMs): expected two weeks"));
    }
    for file in ["template.yaml", "infra/alarms.yaml"] {
        if default(&read(file), "RecordAgeSecondsMax") != Some(kept / 2.0) {
            faults.push(format!("RecordAgeSecondsMax of {file} is not half of RetentionMs"));
        }
    }
    if default(&read("infra/kafka.yaml"), "RetentionMs") != Some(kept * 1_000.0) {
        faults.push("RetentionMs of infra/kafka.yaml is not that of template.yaml".into());
    }
    faults
}

/// The nested stacks that let pollers and producers at Kafka name the functions and topics of the event sources and
/// variables.
fn access(root: &Value, blueprint: &Blueprint) -> Vec<String> {
    let mut wanted: BTreeSet<(String, String, String)> = kafka(blueprint)
        .map(|(mapping, topic)| ("infra/kafka-consumer.yaml".into(), mapping.function.clone(), topic.into()))
        .collect();
    for function in &blueprint.functions {
        for name in ["REQUESTS_TOPIC", "OUTCOMES_TOPIC"] {
            if let Some(topic) = function.environment.get(name) {
                wanted.insert(("infra/kafka-producer.yaml".into(), function.name.clone(), topic.clone()));
            }
        }
    }
    let resources = root["Resources"].as_object().unwrap().values();
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let granted: BTreeSet<(String, String, String)> = resources
        .map(|resource| &resource["Properties"])
        .filter(|stack| text(&stack["TemplateURL"]).starts_with("infra/kafka-"))
        .map(|stack| {
            let parameters = &stack["Parameters"];
            (text(&stack["TemplateURL"]), text(&parameters["FunctionName"]), text(&parameters["Topic"]))
        })
        .collect();
    let lacking =
        wanted.difference(&granted).map(|(_, who, topic)| format!("{who} has no access to the topic {topic}"));
    let needless =
        granted.difference(&wanted).map(|(_, who, topic)| format!("{who} needs no access to the topic {topic}"));
    lacking.chain(needless).collect()
}

/// Each function's role has the verbs on tables that its code calls, and no others.
fn permissions(root: &Value) -> Vec<String> {
    let resources = root["Resources"].as_object().unwrap().values();
    let mut faults = Vec::new();
    for function in resources.filter(|resource| resource["Type"] == "AWS::Serverless::Function") {
        let binary = function["Metadata"]["BuildProperties"]["Binary"].as_str().unwrap();
        let policies = function["Properties"]["Policies"].as_array().unwrap();
        let statements = policies.iter().filter_map(|policy| policy["Statement"].as_array()).flatten();
        let may: BTreeSet<(String, String)> = statements
            .flat_map(|statement| {
                let resources = many(&statement["Resource"]);
                many(&statement["Action"]).into_iter().flat_map(move |action| {
                    let action = action.as_str().unwrap().to_owned();
                    resources.clone().into_iter().map(move |resource| (action.clone(), table(resource)))
                })
            })
            .filter(|(action, _)| action.starts_with("dynamodb:") || action.contains('*'))
            .collect();
        let does = DOES.iter().find(|(name, _)| *name == binary).map(|(_, does)| *does).unwrap_or_default();
        let does: BTreeSet<(String, String)> =
            does.iter().map(|(action, table)| ((*action).to_owned(), (*table).to_owned())).collect();
        for (action, table) in does.difference(&may) {
            faults.push(format!("{binary} calls {action} on {table}, and its role doesn't allow it"));
        }
        for (action, table) in may.difference(&does) {
            faults.push(format!("the role of {binary} allows {action} on {table}, which it never calls"));
        }
    }
    faults
}

fn many(value: &Value) -> Vec<&Value> {
    value.as_array().map_or_else(|| vec![value], |items| items.iter().collect())
}

/// What a policy's resource is: the name of an output of infra/tables.yaml.
fn table(resource: &Value) -> String {
    let output = |value: &Value| value["Fn::GetAtt"][1].as_str().unwrap_or_default().replace("Outputs.", "");
    match (&resource["Fn::Sub"], resource.as_str()) {
        (Value::Array(sub), _) => sub[0].as_str().unwrap().replace("${Table}", &output(&sub[1]["Table"])),
        (_, Some(text)) => text.to_owned(),
        _ => output(resource),
    }
}

/// The tables, keys, indexes and the stream that the code names are there.
fn tables(blueprint: &Blueprint) -> Vec<String> {
    let index = |index: payment::Index| (index.name, index.key, Some(payment::DECIDED_AT));
    let statements = [index(payment::BY_DEBTOR), index(payment::BY_CREDITOR)];
    let none: &[_] = &[];
    let expected = [
        ("ACCOUNTS_TABLE", (account::KEY, None), none, None),
        ("PAYMENTS_TABLE", (payment::KEY, None), &statements, Some("NEW_IMAGE")),
        ("DEAD_LETTERS_TABLE", (dead_letter::KEY, Some(dead_letter::PART)), none, None),
        ("ACCOUNT_COMMANDS_TABLE", ("command_id", None), none, None),
    ];
    let mut faults = Vec::new();
    for (variable, (partition, sort), indexes, stream) in expected {
        let name = blueprint.variable(variable).unwrap_or(variable);
        let Some(table) = blueprint.tables.iter().find(|table| table.name == name) else {
            faults.push(format!("{variable} names the table {name}, which infra/tables.yaml doesn't make"));
            continue;
        };
        if (table.key.partition.as_str(), table.key.sort.as_deref()) != (partition, sort) {
            faults.push(format!("the key of {name} is {:?}, and the code's is {partition}, {sort:?}", table.key));
        }
        for (index, partition, sort) in indexes {
            let there = table.indexes.iter().find(|it| it.name == *index);
            let there = there.map(|it| (it.key.partition.as_str(), it.key.sort.as_deref(), it.projection.as_str()));
            if there != Some((partition, *sort, "ALL")) {
                faults.push(format!(
                    "the index {index} of {name} is {there:?}, and the code queries {partition}, {sort:?}"
                ));
            }
        }
        if table.stream.as_deref() != stream {
            faults.push(format!("the stream of {name} is {:?}, and the code needs {stream:?}", table.stream));
        }
    }
    faults
}

/// The log lines and fields that alarms count are written by a handler.
fn log_fields(alarms: &Value) -> Vec<String> {
    let read = |entry: std::io::Result<std::fs::DirEntry>| std::fs::read_to_string(entry.unwrap().path()).unwrap();
    let code: String = source_folder("src/handlers").map(read).collect();
    let resources = alarms["Resources"].as_object().unwrap();
    let filters = resources.iter().filter(|(_, resource)| resource["Type"] == "AWS::Logs::MetricFilter");
    let mut faults = Vec::new();
    for (id, filter) in filters {
        let pattern = filter["Properties"]["FilterPattern"].as_str().unwrap();
        let message = pattern.split('"').nth(1).unwrap_or_default();
        if !code.contains(&format!("\"{message}\"")) {
            faults.push(format!("{id} of infra/alarms.yaml waits for the line \"{message}\", which no handler writes"));
            continue;
        }
        let text = String::new;
        let kinds = [
            StoreError::Conflict,
            StoreError::Throttled(text()),
            StoreError::Unavailable(text()),
            StoreError::Corrupt(text()),
            StoreError::Rejected(text()),
        ]
        .map(|fault| fault.name());
        if let Some(kind) = pattern.split('"').nth(3).filter(|kind| !kinds.contains(kind)) {
            faults.push(format!("{id} of infra/alarms.yaml waits for the fault \"{kind}\", which no store has"));
        }
        let counted = filter["Properties"]["MetricTransformations"][0]["MetricValue"].as_str().unwrap();
        let name = |rest: &str| rest.chars().take_while(|c| c.is_alphanumeric() || *c == '_').collect::<String>();
        let fields: Vec<String> = pattern.split("$.").chain(counted.split("$.")).map(name).collect();
        for field in fields.iter().filter(|field| !matches!(field.as_str(), "" | "1" | "message")) {
            if !code.contains(&format!("{field} =")) && !code.contains(&format!(" {field},")) {
                faults.push(format!("{id} of infra/alarms.yaml counts the field {field}, which no handler writes"));
            }
        }
    }
    faults
}

/// The methods and paths of docs/openapi.yaml, as API Gateway writes routes: `GET /payments/{payment_id}`.
fn described_routes() -> BTreeSet<String> {
    let file = Path::new(crate::ROOT).join("docs/openapi.yaml");
    let openapi = read_yaml(&std::fs::read_to_string(file).unwrap()).unwrap();
    let paths = openapi["paths"].as_object().unwrap();
    let methods = |(path, methods): (&String, &Value)| -> Vec<String> {
        let methods = methods.as_object().unwrap().keys().filter(|name| *name != "parameters");
        methods.map(|method| format!("{} {path}", method.to_uppercase())).collect()
    };
    paths.iter().flat_map(methods).collect()
}

/// The description, the HTTP API in front and the handler behind it have the same methods of the same paths.
fn routes(blueprint: &Blueprint) -> Vec<String> {
    let described = described_routes();
    let handled = giro::handlers::payment_api::ROUTES
        .into_iter()
        .flat_map(|(path, methods)| methods.split(", ").map(move |method| format!("{method} {path}")));
    let handled: BTreeSet<String> = handled.collect();
    let in_front: BTreeSet<String> = blueprint.routes.iter().map(|route| route.key.clone()).collect();
    let elsewhere = blueprint.routes.iter().filter(|route| route.function != "payment-api");
    let missing = described
        .difference(&in_front)
        .map(|key| format!("docs/openapi.yaml has {key}, and template.yaml has no such route"));
    let secret = in_front
        .difference(&described)
        .map(|key| format!("template.yaml has the route {key}, which docs/openapi.yaml doesn't describe"));
    let unhandled = in_front
        .symmetric_difference(&handled)
        .map(|key| format!("template.yaml and payment-api don't agree on {key}"));
    let elsewhere = elsewhere.map(|route| format!("the route {} goes to {}", route.key, route.function));
    missing.chain(secret).chain(unhandled).chain(elsewhere).collect()
}

#[test]
fn the_template_is_what_the_code_needs() {
    let faults = faults(&Templates::embedded_texts());
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}

/// Makes a mistake in a file, once, and holds that it is named.
fn check(file: &str, right: &str, wrong: &str, named: &str) {
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

/// Six hours, and a thousand tries of a millisecond each: what waited for a night was given up without one.
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

#[test]
fn a_missing_permission_is_named() {
    check(
        "template.yaml",
        "[!GetAtt Tables.Outputs.PaymentsTableArn, !GetAtt Tables.Outputs.DeadLettersTableArn]",
        "!GetAtt Tables.Outputs.PaymentsTableArn",
        "payment-processor calls dynamodb:PutItem on DeadLettersTableArn, and its role doesn't allow it",
    );
}

#[test]
fn a_needless_permission_is_named() {
    let right = "[dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:UpdateItem]";
    for (wrong, named) in [
        (
            "[dynamodb:BatchGetItem, dynamodb:DeleteItem, dynamodb:GetItem, dynamodb:UpdateItem]",
            "dynamodb:DeleteItem on AccountsTableArn",
        ),
        (
            "[dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:Scan, dynamodb:UpdateItem]",
            "dynamodb:Scan on AccountsTableArn",
        ),
        ("[dynamodb:BatchGetItem, dynamodb:GetItem, dynamodb:UpdateItem, \"*\"]", "* on AccountsTableArn"),
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

/// The table of permissions in docs/deploy.md says of each function what the template gives it.
#[test]
fn the_document_tells_every_permission_on_tables() {
    const WORDS: [(&str, &str); 5] = [
        ("accounts", "AccountsTableArn"),
        ("account-commands", "AccountCommandsTableArn"),
        ("payments", "PaymentsTableArn"),
        ("indexes", "PaymentsTableArn/index/*"),
        ("dead-letters", "DeadLettersTableArn"),
    ];
    let document = std::fs::read_to_string(Path::new(crate::ROOT).join("docs/deploy.md")).unwrap();
    for (function, does) in DOES.into_iter().filter(|(function, _)| *function != "outcome-publisher") {
        let begins = format!("| `{function}` | ");
        let row = document.lines().find_map(|line| line.strip_prefix(&begins)).unwrap();
        let mut told = BTreeSet::new();
        for (verbs, tables) in row.split(';').filter_map(|part| part.split_once(" on ")) {
            for (word, table) in WORDS {
                if tables.split(|c: char| !c.is_ascii_lowercase() && c != '-').any(|named| named == word) {
                    told.extend(verbs.split('`').skip(1).step_by(2).map(|verb| (format!("dynamodb:{verb}"), table)));
                }
            }
        }
        let does: BTreeSet<_> = does.iter().map(|(verb, table)| ((*verb).to_owned(), *table)).collect();
        assert_eq!(told, does, "docs/deploy.md on {function}");
    }
}
