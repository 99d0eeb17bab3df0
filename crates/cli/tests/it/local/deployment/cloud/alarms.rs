//! The alarms: each thing that can stand still has one that rings, and each says what to do.

use std::path::Path;

use serde_json::Value;

/// What must be watched: the namespace, the metric, the names of its dimensions, and what a missing value means.
///
/// Sources: "Types of metrics for Lambda functions", "Amazon MSK metrics for monitoring Standard brokers", "DynamoDB
/// Metrics and dimensions".
const WATCHED: [(&str, &str, &[&str], &str); 24] = [
    ("AWS/Lambda", "PolledEventCount", &["EventSourceMappingUUID: PaymentRequests"], "breaching"),
    ("AWS/Lambda", "PolledEventCount", &["EventSourceMappingUUID: AccountCommands"], "breaching"),
    ("AWS/Lambda", "FailedInvokeEventCount", &["EventSourceMappingUUID: PaymentRequests"], "notBreaching"),
    ("AWS/Lambda", "FailedInvokeEventCount", &["EventSourceMappingUUID: AccountCommands"], "notBreaching"),
    ("AWS/Lambda", "PollingErrorCount", &["EventSourceMappingUUID: PaymentRequests"], "notBreaching"),
    ("AWS/Lambda", "PollingErrorCount", &["EventSourceMappingUUID: AccountCommands"], "notBreaching"),
    ("AWS/Lambda", "Invocations", &["FunctionName: LedgerAuditor"], "breaching"),
    ("AWS/Lambda", "Throttles", &["FunctionName: PaymentProcessor"], "notBreaching"),
    ("AWS/Lambda", "Throttles", &["FunctionName: AccountProcessor"], "notBreaching"),
    ("AWS/Lambda", "Throttles", &["FunctionName: OutcomePublisher"], "notBreaching"),
    ("AWS/Lambda", "Throttles", &["FunctionName: LedgerAuditor"], "notBreaching"),
    ("AWS/Lambda", "Throttles", &["FunctionName: PaymentApi"], "notBreaching"),
    ("AWS/DynamoDB", "WriteAccountLimitThrottleEvents", &["TableName: AccountsTable"], "notBreaching"),
    ("AWS/DynamoDB", "WriteAccountLimitThrottleEvents", &["TableName: PaymentsTable"], "notBreaching"),
    (
        "AWS/DynamoDB",
        "WriteAccountLimitThrottleEvents",
        &["TableName: PaymentsTable", "GlobalSecondaryIndexName: by-debtor"],
        "notBreaching",
    ),
    (
        "AWS/DynamoDB",
        "WriteAccountLimitThrottleEvents",
        &["TableName: PaymentsTable", "GlobalSecondaryIndexName: by-creditor"],
        "notBreaching",
    ),
    ("AWS/DynamoDB", "ReadAccountLimitThrottleEvents", &["TableName: PaymentsTable"], "notBreaching"),
    ("AWS/DynamoDB", "ReadAccountLimitThrottleEvents", &["TableName: AccountsTable"], "notBreaching"),
    ("AWS/DynamoDB", "ReadMaxOnDemandThroughputThrottleEvents", &["TableName: PaymentsTable"], "notBreaching"),
    ("AWS/DynamoDB", "ReadMaxOnDemandThroughputThrottleEvents", &["TableName: AccountsTable"], "notBreaching"),
    ("AWS/Kafka", "OfflinePartitionsCount", &["Cluster Name: MskClusterName"], "notBreaching"),
    ("AWS/Kafka", "KafkaDataLogsDiskUsed", &["Broker ID", "Cluster Name"], "notBreaching"),
    (
        "AWS/Kafka",
        "EstimatedMaxTimeLag",
        &[
            "Cluster Name: MskClusterName",
            "Consumer Group: ${NamePrefix}payment-processor${ConsumerGroupSuffix}",
            "Topic: ${NamePrefix}payment-requests",
        ],
        "notBreaching",
    ),
    (
        "AWS/Kafka",
        "EstimatedMaxTimeLag",
        &[
            "Cluster Name: MskClusterName",
            "Consumer Group: ${NamePrefix}account-processor${ConsumerGroupSuffix}",
            "Topic: ${NamePrefix}account-commands",
        ],
        "notBreaching",
    ),
];

/// The alarms, by their names in the template.
fn alarms(template: &Value) -> impl Iterator<Item = (&String, &Value)> {
    let all = super::resources(template).filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    all.map(|(id, alarm)| (id, &alarm["Properties"]))
}

/// The metrics that an alarm reads: namespace, metric, and each dimension as `name: value`.
fn metrics(alarm: &Value) -> Vec<(String, String, Vec<String>)> {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let one = |metric: &Value| {
        let dimensions = metric["Dimensions"].as_array().into_iter().flatten().map(|it| {
            let value = &it["Value"];
            let value = [value, &value["Ref"], &value["Fn::Sub"]].into_iter().find_map(Value::as_str);
            format!("{}: {}", text(&it["Name"]), value.unwrap_or_default())
        });
        (text(&metric["Namespace"]), text(&metric["MetricName"]), dimensions.collect())
    };
    let many = || alarm["Metrics"].as_array().into_iter().flatten();
    let queried = many().filter_map(|it| query(it["Expression"]["Fn::Sub"].as_str()?));
    queried.chain(many().map(|it| one(&it["MetricStat"]["Metric"]))).chain([one(alarm)]).collect()
}

/// `SELECT MAX(metric) FROM SCHEMA("namespace", "dimension", …) …`.
fn query(text: &str) -> Option<(String, String, Vec<String>)> {
    let (_, rest) = text.split_once('(')?;
    let (metric, rest) = rest.split_once(')')?;
    let (_, rest) = rest.split_once("SCHEMA(")?;
    let (schema, _) = rest.split_once(')')?;
    let mut names = schema.split(',').map(|name| name.trim().trim_matches('"').to_owned());
    Some((names.next()?, metric.to_owned(), names.collect()))
}

/// Everything that can stand still is watched by the metric that tells it, of this stack's own parts alone.
pub(super) fn silence(template: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (namespace, metric, dimensions, missing) in WATCHED {
        let same = |(space, name, given): &(String, String, Vec<String>)| {
            space == namespace && name == metric && given.iter().map(String::as_str).eq(dimensions.iter().copied())
        };
        let watching: Vec<&Value> =
            alarms(template).map(|(_, alarm)| alarm).filter(|alarm| metrics(alarm).iter().any(same)).collect();
        if watching.is_empty() {
            faults.push(format!("no alarm of infra/alarms.yaml watches {namespace} {metric} of {dimensions:?}"));
        }
        if watching.iter().any(|alarm| alarm["TreatMissingData"] != missing) {
            faults.push(format!("an alarm on {metric} of {dimensions:?} takes no value for another than {missing}"));
        }
    }
    // "Alarms that evaluate metrics in the AWS/DynamoDB namespace always ignore missing data": PutMetricAlarm.
    for (id, alarm) in alarms(template) {
        let reads = metrics(alarm).iter().any(|(space, _, _)| space == "AWS/DynamoDB");
        let fills = |it: &Value| it["Expression"].as_str().is_some_and(|text| text.contains("FILL("));
        let filled = alarm["Metrics"].as_array().into_iter().flatten().any(fills);
        if reads && !filled {
            faults.push(format!("{id} would ring for ever after one event: expected FILL of what is missing"));
        }
        // A value that comes late is a zero until then: "Using metric math with CloudWatch metrics", FILL.
        let (of, needed) = (alarm["EvaluationPeriods"].as_u64(), alarm["DatapointsToAlarm"].as_u64());
        if filled && needed.is_none_or(|needed| Some(needed) >= of) {
            faults.push(format!("{id} may never ring while the newest value is late: expected some of its periods"));
        }
    }
    faults.extend(audits(template));
    // Half of a topic's retention is days; a client notices minutes.
    let seconds = alarms(template).filter(|(_, it)| it["Threshold"]["Ref"] == "LagSecondsMax");
    if seconds.filter(|(_, alarm)| alarm["MetricName"] == "EstimatedMaxTimeLag").count() != 2 {
        faults.push("the two topics have no alarm each on EstimatedMaxTimeLag above LagSecondsMax".into());
    }
    // A poller that finds nothing counts 0 records, so the sum of an idle topic is that of a dead one.
    let polled = alarms(template).filter(|(_, alarm)| alarm["MetricName"] == "PolledEventCount");
    let summed = polled.filter(|(_, alarm)| alarm["Statistic"] != "SampleCount");
    faults.extend(summed.map(|(id, _)| format!("{id} rings on an idle topic: expected the statistic SampleCount")));
    faults
}

/// An audit tells something once in each wait of `AuditSchedule`. Two hours in a row never do if it waits for longer.
fn audits(template: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    for (metric, needed) in [("audits-finished", Value::Null), ("oldest-proof", Value::from(1))] {
        let told = |alarm: &&Value| alarm["MetricName"]["Fn::Sub"] == format!("${{NamePrefix}}{metric}");
        let rings = |alarm: &Value| {
            alarm["EvaluationPeriods"]["Ref"] == "AuditHoursMax" && alarm["DatapointsToAlarm"] == needed
        };
        let mut alarms = alarms(template).map(|(_, alarm)| alarm).filter(told);
        if !alarms.next().is_some_and(rings) {
            faults.push(format!("the alarm on {metric} doesn't ring within AuditHoursMax, whatever AuditSchedule is"));
        }
    }
    faults
}

/// Each alarm goes to a person, and says what to do, as does its row in docs/deploy.md.
pub(super) fn advice(template: &Value) -> Vec<String> {
    let page = std::fs::read_to_string(Path::new(crate::ROOT).join("docs/deploy.md")).unwrap();
    let (_, table) = page.split_once("| alarm | first look |").unwrap();
    let (table, _) = table.split_once("\n\n").unwrap();
    let names: Vec<&str> = table.lines().filter_map(|row| row.split('|').nth(1)).collect();
    let mut faults = Vec::new();
    for (id, alarm) in alarms(template) {
        let name = alarm["AlarmName"]["Fn::Sub"].as_str().unwrap_or_default().replace("${NamePrefix}", "");
        // The rows say `…` for what the row before them began with.
        let short = ["payment-requests ", "account-commands ", "throttled "]
            .into_iter()
            .find_map(|began| name.strip_prefix(began))
            .map(|rest| format!("… {rest}"));
        let told =
            names.iter().any(|row| row.contains(&name) || short.as_ref().is_some_and(|short| row.contains(short)));
        let began_elsewhere = name.starts_with("account-commands ")
            && names.iter().any(|row| row.contains(&name.replace("account-commands", "payment-requests")));
        if !told && !began_elsewhere {
            faults.push(format!("the alarm {name} has no row in docs/deploy.md"));
        }
        if alarm["AlarmDescription"].as_str().is_none_or(str::is_empty) || alarm["AlarmActions"].is_null() {
            faults.push(format!("the alarm {id} tells nobody, or not what to do"));
        }
    }
    faults
}
