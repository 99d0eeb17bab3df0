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
    let right = alarm["Condition"] == "WatchesSettled"
        && named(&it["MetricName"]) == "PREFIX-payments-settled"
        && it["Threshold"]["Ref"] == "SettledPerMinuteMin"
        && it["ComparisonOperator"] == "LessThanThreshold"
        && (it["Statistic"].as_str(), it["Period"].as_u64()) == (Some("Sum"), Some(60))
        && it["TreatMissingData"] == "breaching";
    (!right).then(|| "FewSettled doesn't ring when fewer payments than SettledPerMinuteMin are settled".into())
}

/// The canary's payment is watched from its request to its outcome: one that is slow, and one that doesn't come.
fn canary(root: &Value, resources: &serde_json::Map<String, Value>) -> Vec<String> {
    let mut faults = Vec::new();
    let (missing, slow) = (&resources["CanaryMissing"], &resources["CanarySlow"]);
    let filter = &resources["CanarySettled"]["Properties"];
    let made = &filter["MetricTransformations"][0];
    let measured = "PREFIX-canary-seconds";
    if (named(&made["MetricName"]).as_str(), made["MetricValue"].as_str()) != (measured, Some("$.seconds"))
        || filter["LogGroupName"]["Ref"] != "PaymentCanaryLogGroup"
    {
        faults.push("no filter measures $.seconds of payment-canary".into());
    }
    for (name, alarm, statistic, treats) in
        [("CanaryMissing", missing, "SampleCount", "breaching"), ("CanarySlow", slow, "Maximum", "notBreaching")]
    {
        let it = &alarm["Properties"];
        let right = alarm["Condition"] == "HasCanary"
            && named(&it["MetricName"]) == measured
            && it["Statistic"] == statistic
            && it["TreatMissingData"] == treats
            && it["Period"] == 60;
        if !right {
            faults.push(format!("{name} doesn't look at each minute's payment of the canary"));
        }
    }
    if slow["Properties"]["Threshold"]["Ref"] != "CanarySecondsMax" {
        faults.push("CanarySlow doesn't ring after CanarySecondsMax".into());
    }
    let function = &root["Resources"]["PaymentCanary"]["Properties"];
    let schedule = &function["Events"]["Schedule"]["Properties"];
    if schedule["ScheduleExpression"] != "rate(1 minute)"
        || schedule["State"] != json!({ "Fn::If": ["HasCanary", "ENABLED", "DISABLED"] })
    {
        faults.push("payment-canary doesn't pay each minute, or pays without CanaryAccounts".into());
    }
    // Lambda would make a payment that is late again, and its outcome is told once.
    if function["EventInvokeConfig"]["MaximumRetryAttempts"] != 0
        || schedule["RetryPolicy"]["MaximumRetryAttempts"] != 0
    {
        faults.push("a payment of the canary is made again".into());
    }
    let access = &root["Resources"]["CanaryKafkaAccess"]["Properties"]["Parameters"];
    if (access["Topic"].as_str(), access["ReadTopic"].as_str()) != (Some("payment-requests"), Some("payment-outcomes"))
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
    check(file, "MetricValue: $.seconds", "MetricValue: \"1\"", "no filter measures $.seconds of payment-canary");
    check(
        file,
        "Statistic: SampleCount\n      Period: 60\n      EvaluationPeriods: 3",
        "Statistic: Maximum\n      Period: 60\n      EvaluationPeriods: 3",
        "CanaryMissing doesn't look at each minute",
    );
    check(file, "Threshold: !Ref CanarySecondsMax", "Threshold: 10", "CanarySlow doesn't ring after CanarySecondsMax");
    let file = "template.yaml";
    check(file, "ScheduleExpression: rate(1 minute)", "ScheduleExpression: rate(1 hour)", "doesn't pay each minute");
    check(file, "State: !If [HasCanary, ENABLED, DISABLED]", "State: ENABLED", "or pays without CanaryAccounts");
    let retried = "EventInvokeConfig: { MaximumRetryAttempts: 2, MaximumEventAgeInSeconds: 60 }";
    let once = "EventInvokeConfig: { MaximumRetryAttempts: 0, MaximumEventAgeInSeconds: 60 }";
    check(file, once, retried, "a payment of the canary is made again");
    check(
        file,
        "        ReadTopic: payment-outcomes\n",
        "",
        "may not write payment-requests and read payment-outcomes",
    );
}

#[test]
fn business_that_nobody_watches_is_named() {
    let file = "infra/alarms.yaml";
    for (right, wrong, named) in [
        ("MetricValue: $.settled", "MetricValue: $.replayed", "no filter counts $.settled"),
        ("MetricValue: $.declined", "MetricValue: \"1\"", "no filter counts $.declined"),
        ("Threshold: !Ref SettledPerMinuteMin", "Threshold: 1", "FewSettled doesn't ring"),
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
