//! What a bank watches beside its machines: payments are settled, are not declined, and don't wait. Each stack of an
//! account has metrics of its own, and pollers write logs.

use giro_template::read_yaml;
use serde_json::{Value, json};

use super::Texts;
use super::mistakes::check;

/// The metrics that filters make, by their names without the prefix, and the field of `batch finished` that they count.
const COUNTED: [(&str, &str); 2] = [("payments-settled", "$.settled"), ("payments-declined", "$.declined")];

fn named(value: &Value) -> String {
    value["Fn::Sub"].as_str().or(value.as_str()).unwrap_or_default().replace("${NamePrefix}", "PREFIX-")
}

/// Everything of this that is not watched.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let all = read_yaml(&texts["infra/alarms.yaml"]).unwrap();
    let resources = all["Resources"].as_object().unwrap();
    let mut faults = Vec::new();
    for (metric, field) in COUNTED {
        let counts = |it: &&Value| {
            let made = &it["Properties"]["MetricTransformations"][0];
            named(&made["MetricName"]) == format!("PREFIX-{metric}")
                && made["MetricValue"] == field
                && it["Properties"]["LogGroupName"]["Ref"] == "PaymentProcessorLogGroup"
        };
        if resources.values().filter(counts).count() != 1 {
            faults.push(format!("no filter counts {field} of payment-processor as {metric}"));
        }
    }
    faults.extend(canary(&root, resources));
    faults.extend(few_settled(&resources["FewSettled"]));
    faults.extend(many_declined(&root, &resources["ManyDeclined"]));
    let slow = &resources["SlowOutcomes"]["Properties"];
    let metric = named(&slow["MetricName"]);
    if (slow["ExtendedStatistic"].as_str(), metric.as_str()) != (Some("p99"), "PREFIX-payment-requests-age") {
        faults.push("SlowOutcomes doesn't look at p99 of how long requests wait".into());
    }
    for mapping in ["PaymentRequests", "AccountCommands"] {
        let properties = &root["Resources"][mapping]["Properties"];
        if properties["LoggingConfig"]["SystemLogLevel"].is_null() {
            faults.push(format!("the pollers of {mapping} write no log (LoggingConfig)"));
        }
        if properties["MetricsConfig"]["Metrics"] != json!(["EventCount", "ErrorCount", "KafkaMetrics"]) {
            faults.push(format!("the pollers of {mapping} don't count all that they can (MetricsConfig)"));
        }
    }
    faults.extend(mixed(&all));
    faults
}

fn few_settled(alarm: &Value) -> Option<String> {
    let it = &alarm["Properties"];
    let stats = it["Metrics"].as_array().into_iter().flatten().skip(1).map(|it| &it["MetricStat"]);
    let stats: Vec<_> =
        stats.map(|it| (named(&it["Metric"]["MetricName"]), it["Stat"].clone(), it["Period"].clone())).collect();
    let expected = [("PREFIX-payments-settled", "Sum"), ("PREFIX-canary-seconds", "SampleCount")];
    let expected = expected.map(|(name, stat)| (name.to_owned(), json!(stat), json!(60)));
    let right = alarm["Condition"] == "WatchesSettled"
        && stats == expected
        && it["Metrics"][0]["Expression"] == "FILL(settled, 0) - 2 * FILL(canary, 0)"
        && it["Threshold"]["Ref"] == "SettledPerMinuteMin"
        && it["ComparisonOperator"] == "LessThanThreshold"
        && it["TreatMissingData"] == "breaching";
    (!right).then(|| "FewSettled doesn't ring when fewer payments than SettledPerMinuteMin are settled".into())
}

/// The canary's payments are watched from request to outcome: those that are slow, and those that don't come.
fn canary(root: &Value, resources: &serde_json::Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let (missing, slow) = (&resources["CanaryMissing"], &resources["CanarySlow"]["Properties"]);
    let filter = &resources["CanarySettled"]["Properties"];
    let made = &filter["MetricTransformations"][0];
    let measured = "PREFIX-canary-seconds";
    if (named(&made["MetricName"]).as_str(), made["MetricValue"].as_str()) != (measured, Some("$.seconds"))
        || filter["LogGroupName"]["Ref"] != "PaymentCanaryLogGroup"
    {
        faults.push("no filter measures $.seconds of payment-canary".into());
    }
    if named(&slow["MetricName"]) != measured
        || slow["Statistic"] != "Maximum"
        || slow["Threshold"]["Ref"] != "CanarySecondsMax"
    {
        faults.push("CanarySlow doesn't ring after CanarySecondsMax".into());
    }
    let it = &missing["Properties"];
    let told = &it["Metrics"][1]["MetricStat"];
    if missing["Condition"] != "WatchesCanary"
        || it["Metrics"][0]["Expression"] != "FILL(told, 0)"
        || (named(&told["Metric"]["MetricName"]).as_str(), told["Stat"].as_str()) != (measured, Some("SampleCount"))
        || it["TreatMissingData"] != "breaching"
    {
        faults.push("CanaryMissing doesn't count the minutes without payments of the canary".into());
    }
    let function = &root["Resources"]["PaymentCanary"];
    let schedule = &function["Properties"]["Events"]["Schedule"]["Properties"];
    if schedule["ScheduleExpression"] != "rate(1 minute)" {
        faults.push("payment-canary doesn't pay each minute".into());
    }
    let access = &root["Resources"]["CanaryKafkaAccess"];
    if function["Condition"] != "HasCanary" || access["Condition"] != "HasCanary" {
        faults.push("payment-canary has rights without CanaryAccounts".into());
    }
    // Lambda would make payments that are late again, and their outcomes are told once.
    let retries = &function["Properties"]["EventInvokeConfig"]["MaximumRetryAttempts"];
    if *retries != 0 || schedule["RetryPolicy"]["MaximumRetryAttempts"] != 0 {
        faults.push("payments of the canary are made again".into());
    }
    let topics = &access["Properties"]["Parameters"];
    if (topics["Topic"].as_str(), topics["ReadTopic"].as_str()) != (Some("payment-requests"), Some("payment-outcomes"))
    {
        faults.push("payment-canary may not write payment-requests and read payment-outcomes".into());
    }
    faults
}

/// The emulator of the tests has no metric math, so the alarm is not made there. Everywhere else it is.
fn many_declined(root: &Value, alarm: &Value) -> Option<String> {
    let it = &alarm["Properties"];
    let names = it["Metrics"].as_array().into_iter().flatten();
    let names: Vec<String> = names.map(|it| named(&it["MetricStat"]["Metric"]["MetricName"])).collect();
    let told = &root["Resources"]["Operations"]["Properties"]["Parameters"]["IsEmulated"];
    let right = alarm["Condition"] == "HasMetricMath"
        && *told == json!({ "Fn::If": ["HasEndpointUrl", "true", "false"] })
        && names == ["", "PREFIX-payments-settled", "PREFIX-payments-declined"]
        && it["Threshold"]["Ref"] == "DeclinedPercentMax";
    (!right).then(|| "ManyDeclined doesn't ring when a larger share than DeclinedPercentMax is declined".into())
}

/// Metrics of two stacks in one account don't mix: the prefix tells them apart.
fn mixed(all: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let mut check = |id: &str, space: &Value, name: &Value| {
        if space == "Giro" && !named(name).starts_with("PREFIX-") {
            faults.push(format!("{id} has the metric {}, which each stack of the account writes", named(name)));
        }
    };
    for (id, resource) in all["Resources"].as_object().unwrap() {
        let it = &resource["Properties"];
        check(id, &it["Namespace"], &it["MetricName"]);
        let made = &it["MetricTransformations"][0];
        check(id, &made["MetricNamespace"], &made["MetricName"]);
        for metric in it["Metrics"].as_array().into_iter().flatten() {
            let metric = &metric["MetricStat"]["Metric"];
            check(id, &metric["Namespace"], &metric["MetricName"]);
        }
    }
    faults
}

#[test]
fn a_canary_that_nobody_watches_is_named() {
    let file = "infra/alarms.yaml";
    for (right, wrong, named) in [
        ("MetricValue: $.seconds", "MetricValue: \"1\"", "no filter measures $.seconds of payment-canary"),
        ("Expression: \"FILL(told, 0)\"", "Expression: told", "CanaryMissing doesn't count the minutes"),
        ("Threshold: !Ref CanarySecondsMax", "Threshold: 10", "CanarySlow doesn't ring after CanarySecondsMax"),
    ] {
        check(file, right, wrong, named);
    }
    let once = "EventInvokeConfig: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }";
    for (right, wrong, named) in [
        ("ScheduleExpression: rate(1 minute)", "ScheduleExpression: rate(1 hour)", "doesn't pay each minute"),
        (
            "    Type: AWS::CloudFormation::Stack\n    Condition: HasCanary\n",
            "    Type: AWS::CloudFormation::Stack\n",
            "has rights without CanaryAccounts",
        ),
        (once, "EventInvokeConfig: { MaximumRetryAttempts: 2 }", "payments of the canary are made again"),
        ("        ReadTopic: payment-outcomes\n", "", "may not write payment-requests and read payment-outcomes"),
    ] {
        check("template.yaml", right, wrong, named);
    }
}

#[test]
fn business_that_nobody_watches_is_named() {
    let file = "infra/alarms.yaml";
    for (right, wrong, named) in [
        ("MetricValue: $.settled", "MetricValue: $.replayed", "no filter counts $.settled"),
        ("MetricValue: $.declined", "MetricValue: \"1\"", "no filter counts $.declined"),
        ("Threshold: !Ref SettledPerMinuteMin", "Threshold: 1", "FewSettled doesn't ring"),
        ("- 2 * FILL(canary, 0)", "", "FewSettled doesn't ring"),
        ("Condition: HasMetricMath", "Condition: IsMsk", "ManyDeclined doesn't ring"),
        ("ExtendedStatistic: p99", "Statistic: Average", "SlowOutcomes doesn't look at p99"),
        (
            "MetricName: !Sub \"${NamePrefix}payments-settled\"",
            "MetricName: payments-settled",
            "SettledPayments has the metric payments-settled, which each stack of the account writes",
        ),
        (
            "{ Namespace: Giro, MetricName: !Sub \"${NamePrefix}payments-declined\" }",
            "{ Namespace: Giro, MetricName: payments-declined }",
            "ManyDeclined has the metric payments-declined, which each stack",
        ),
    ] {
        check(file, right, wrong, named);
    }
    let file = "template.yaml";
    check(file, "      LoggingConfig: { SystemLogLevel: WARN }\n", "", "the pollers of PaymentRequests write no log");
    check(file, "[EventCount, ErrorCount, KafkaMetrics]", "[EventCount]", "PaymentRequests don't count all");
    check(
        file,
        "IsEmulated: !If [HasEndpointUrl, \"true\", \"false\"]",
        "IsEmulated: \"true\"",
        "ManyDeclined doesn't",
    );
}
