//! The template against the code. What is deployed is what is built. It gets the variables that it reads, and may do
//! what it does, and no more.
//!
//! Every rule is a function from the templates to what is wrong, in words that name the mistake; `mistakes` makes
//! the mistakes.

mod analytics;
mod business;
mod callers;
mod cloud;
mod edge;
mod logins;
mod mistakes;
mod permissions;
mod replacing;
mod rollout;
mod routes;
mod spending;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use giro::store::StoreError;
use giro::store::items::{accounts_table, audit_head, checkpoint, dead_letter, payments_table, refund_total};
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_template::{Blueprint, Mapping, Source, Templates, read_yaml};
use serde_json::Value;

type Texts = BTreeMap<String, String>;

/// Read only where there is no secret: on AWS secrets hold them all.
const ONLY_LOCAL: [&str; 6] = [
    "KAFKA_USERNAME",
    "KAFKA_PASSWORD",
    "KAFKA_CERTIFICATE_FILE",
    "KAFKA_KEY_FILE",
    "KAFKA_KEY_PASSWORD",
    "KAFKA_CA_FILE",
];

/// The largest record on an on-failure topic: an event of 6 MB, the JSON around it, and a key of 1 MB. Lambda delivers
/// no larger event.
const FAILED_RECORD_BYTES: usize = 6 * 1024 * 1024 + 2 * 1024 + 1024 * 1024;

/// Everything that is wrong with these templates.
fn faults(texts: &Texts) -> BTreeSet<String> {
    let canary = BTreeMap::from([("CanaryAccounts".to_owned(), "canary-1,canary-2".to_owned())]);
    let blueprint = match Templates::Texts(texts.clone()).blueprint(&canary) {
        Ok(blueprint) => blueprint,
        Err(error) => return BTreeSet::from([error.to_string()]),
    };
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let mut faults = BTreeSet::new();
    faults.extend(binaries(&blueprint));
    faults.extend(variables(&blueprint));
    faults.extend(partial_responses(&blueprint));
    faults.extend(window(texts));
    faults.extend(topics(&blueprint));
    faults.extend(patience(texts, &blueprint));
    faults.extend(access(&root, &blueprint));
    faults.extend(permissions::permissions(&root));
    faults.extend(tables(&blueprint));
    faults.extend(routes::routes(&blueprint));
    faults.extend(cloud::faults(texts));
    faults.extend(logins::faults(texts));
    faults.extend(business::faults(texts));
    faults.extend(spending::faults(texts));
    faults.extend(replacing::faults(texts));
    faults.extend(rollout::faults(texts));
    faults.extend(edge::faults(texts));
    faults.extend(callers::callers(&root));
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
    for (binary, read) in giro::config::variables() {
        let Some(function) = blueprint.function(binary) else {
            faults.push(format!("config.rs has variables of {binary}, which template.yaml doesn't deploy"));
            continue;
        };
        let read: BTreeSet<&str> = read.into_iter().filter(|name| !ONLY_LOCAL.contains(name)).collect();
        let set = function.environment.keys().map(String::as_str).filter(|name| !name.starts_with("AWS_")).collect();
        for name in read.difference(&set) {
            faults.push(format!("{binary} reads {name}, and template.yaml doesn't set it"));
        }
        for name in set.difference(&read) {
            faults.push(format!("template.yaml sets {name} of {binary}, which nobody reads"));
        }
    }
    let known: Vec<&str> = giro::config::variables().map(|(binary, _)| binary).collect();
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

/// Payment requests wait for others as long as the parameter says, and as Lambda has it without one.
fn window(texts: &Texts) -> Vec<String> {
    let waits_ms = |seconds: &str| {
        let given = BTreeMap::from([("RequestsWindowSeconds".to_owned(), seconds.to_owned())]);
        let blueprint = Templates::Texts(texts.clone()).blueprint(&given).ok()?;
        let mapping = kafka(&blueprint).find(|(mapping, _)| mapping.function == "payment-processor");
        mapping.map(|(mapping, _)| mapping.batch_window.as_millis())
    };
    let expected = [("", 500), ("0", 0), ("2", 2_000)];
    let wrong = expected.into_iter().map(|(seconds, ms)| (seconds, ms, waits_ms(seconds)));
    wrong
        .filter(|(_, expected, waits)| *waits != Some(*expected))
        .map(|(seconds, expected, waits)| {
            format!("with RequestsWindowSeconds='{seconds}' payment requests wait {waits:?} ms: expected {expected}")
        })
        .collect()
}

/// Each topic that is read, written or used for failures is made, and requests go to the topic that is read.
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

/// A record of any age is tried, for days and not for minutes. Its topic keeps it for longer than that, counted from
/// its arrival. Somebody is paged half-way.
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
            // A stream deletes records after a day, and reports it nowhere.
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
            (text(&stack["TemplateURL"]), text(&parameters["FunctionName"]), parameters)
        })
        .flat_map(|(file, function, parameters)| {
            let topics = ["Topic", "ReadTopic"].into_iter().filter_map(|name| parameters[name].as_str());
            topics.map(move |topic| (file.clone(), function.clone(), topic.to_owned())).collect::<Vec<_>>()
        })
        .collect();
    let lacking =
        wanted.difference(&granted).map(|(_, who, topic)| format!("{who} has no access to the topic {topic}"));
    let needless =
        granted.difference(&wanted).map(|(_, who, topic)| format!("{who} needs no access to the topic {topic}"));
    lacking.chain(needless).collect()
}

/// The tables, keys, indexes and the stream that the code names are there.
fn tables(blueprint: &Blueprint) -> Vec<String> {
    let index = |index: payments_table::Index| (index.name, index.key, Some(payments_table::DECIDED_AT));
    let statements = [index(payments_table::BY_DEBTOR), index(payments_table::BY_CREDITOR)];
    let none: &[_] = &[];
    let expected = [
        ("ACCOUNTS_TABLE", (accounts_table::KEY, None), none, None),
        ("PAYMENTS_TABLE", (payments_table::KEY, None), &statements, Some("NEW_IMAGE")),
        ("REFUNDS_TABLE", (refund_total::KEY, None), none, None),
        ("DEAD_LETTERS_TABLE", (dead_letter::KEY, Some(dead_letter::PART)), none, None),
        ("ACCOUNT_COMMANDS_TABLE", ("command_id", None), none, None),
        ("CHECKPOINTS_TABLE", (checkpoint::KEY, Some(checkpoint::AS_OF)), none, None),
        ("AUDIT_HEADS_TABLE", (audit_head::KEY, None), none, None),
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
        let kind = pattern.split_once("$.fault_kind").and_then(|(_, rest)| rest.split('"').nth(1));
        if let Some(kind) = kind.filter(|kind| !kinds.contains(kind)) {
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

#[test]
fn the_template_is_what_the_code_needs() {
    let faults = faults(&Templates::embedded_texts());
    assert!(faults.is_empty(), "{}", faults.into_iter().collect::<Vec<_>>().join("\n"));
}
