//! What may grow, and how far: disks by themselves, units and costs up to what somebody said.

use std::collections::BTreeMap;

use giro_template::{Templates, read_yaml};
use serde_json::{Value, json};

use super::Texts;
use super::mistakes::check;

/// Everything that grows without a bound, or doesn't grow and should.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let read = |file: &str| read_yaml(&texts[file]).unwrap();
    let mut faults = disks(&read("infra/kafka.yaml"), &read("infra/alarms.yaml"));
    // The Rule can't be broken here, where the region is one of the others.
    let rule = &read("template.yaml")["Rules"]["DisksOfTheRegion"];
    let where_not = &rule["RuleCondition"]["Fn::And"][1]["Fn::Contains"][0];
    let asserted = &rule["Assertions"][0]["Assert"]["Fn::Equals"];
    if *where_not != json!(["af-south-1", "ap-northeast-3", "ap-southeast-5"])
        || *asserted != json!([{ "Ref": "BrokerVolumeMaxGiB" }, "0"])
    {
        faults.push("disks would be asked to grow in regions where MSK grows none".into());
    }
    let limit = json!({ "Fn::If": ["HasUnitsMax", { "MaxReadRequestUnits": { "Ref": "TableReadUnitsMax" },
                        "MaxWriteRequestUnits": { "Ref": "TableWriteUnitsMax" } }, { "Ref": "AWS::NoValue" }] });
    let tables = read("infra/tables.yaml");
    let resources = tables["Resources"].as_object().unwrap().iter();
    for (id, table) in resources.filter(|(_, resource)| resource["Type"] == "AWS::DynamoDB::Table") {
        let indexes = table["Properties"]["GlobalSecondaryIndexes"].as_array().into_iter().flatten();
        for it in indexes.chain([&table["Properties"]]) {
            if it["OnDemandThroughput"] != limit {
                faults.push(format!("{id} or an index of it has no maximum of units (OnDemandThroughput)"));
            }
        }
    }
    faults.extend(budget(&read("infra/alarms.yaml"), &read("infra/encryption.yaml")));
    faults
}

/// The alarm rings above what disks are kept at, so it rings if they don't grow.
fn disks(kafka: &Value, alarms: &Value) -> Vec<String> {
    let mut faults = Vec::new();
    let (target, policy) = (&kafka["Resources"]["Disks"], &kafka["Resources"]["DisksGrow"]);
    let of = &target["Properties"];
    if target["Condition"] != "GrowsDisks"
        || of["ResourceId"]["Ref"] != "Cluster"
        || of["ScalableDimension"] != "kafka:broker-storage:VolumeSize"
        || of["MaxCapacity"]["Ref"] != "BrokerVolumeMaxGiB"
    {
        faults.push("the brokers' disks don't grow up to BrokerVolumeMaxGiB".into());
    }
    let tracking = &policy["Properties"]["TargetTrackingScalingPolicyConfiguration"];
    let kept_at = tracking["TargetValue"].as_f64().unwrap_or(100.0);
    let rings_at = alarms["Resources"]["BrokersDisk"]["Properties"]["Threshold"].as_f64().unwrap_or_default();
    if kept_at >= rings_at {
        faults.push(format!("disks grow at {kept_at} %, and the alarm rings at {rings_at} %: expected it to be later"));
    }
    // A disk of MSK can't shrink.
    if tracking["DisableScaleIn"] != true {
        faults.push("disks are asked to shrink (DisableScaleIn)".into());
    }
    faults
}

/// A budget that tells nobody is none: its topic is encrypted.
fn budget(alarms: &Value, encryption: &Value) -> Vec<String> {
    let budget = &alarms["Resources"]["Budget"];
    let subscribers = budget["Properties"]["NotificationsWithSubscribers"].as_array().into_iter().flatten();
    let told = subscribers.filter(|it| it["Subscribers"][0]["Address"]["Ref"] == "Alarms").count();
    let topic = &alarms["Resources"]["CloudWatchMayAlarm"]["Properties"]["PolicyDocument"]["Statement"][0];
    let key = encryption["Resources"]["Key"]["Properties"]["KeyPolicy"]["Statement"].as_array().into_iter().flatten();
    let service = json!("budgets.amazonaws.com");
    let may =
        |statement: &Value| statement["Principal"]["Service"].as_array().is_some_and(|all| all.contains(&service));
    let mut faults = Vec::new();
    if budget["Condition"] != "HasBudget" || told != 2 {
        faults.push("the budget tells nobody of what was spent and of what will be".into());
    }
    if !may(topic) || !key.into_iter().any(may) {
        faults.push("a budget may not tell the topic of alarms".into());
    }
    faults
}

#[test]
fn what_grows_without_a_bound_is_named() {
    let file = "infra/kafka.yaml";
    check(
        file,
        "MaxCapacity: !Ref BrokerVolumeMaxGiB",
        "MaxCapacity: 100",
        "disks don't grow up to BrokerVolumeMaxGiB",
    );
    check(file, "TargetValue: 60", "TargetValue: 70", "disks grow at 70 %, and the alarm rings at 70 %");
    check(file, "        DisableScaleIn: true\n", "", "disks are asked to shrink");
    let (right, wrong) = ("[af-south-1, ap-northeast-3, ap-southeast-5]", "[af-south-1]");
    check("template.yaml", right, wrong, "disks would be asked to grow in regions where MSK grows none");
    let file = "infra/tables.yaml";
    let (right, wrong) = ("      OnDemandThroughput: !If\n", "      Tags: !If\n");
    check(file, right, wrong, "Accounts or an index of it has no maximum of units");
    let (right, wrong) = ("          OnDemandThroughput: !If\n", "          Tags: !If\n");
    check(file, right, wrong, "Payments or an index of it has no maximum of units");
    let (right, wrong) = ("[cloudwatch.amazonaws.com, budgets.amazonaws.com]", "[cloudwatch.amazonaws.com]");
    for file in ["infra/alarms.yaml", "infra/encryption.yaml"] {
        check(file, right, wrong, "a budget may not tell the topic of alarms");
    }
    check("infra/alarms.yaml", "Condition: HasBudget", "Condition: IsMsk", "the budget tells nobody");
}

#[test]
fn a_half_given_maximum_is_refused() {
    let refused = |given: &[(&str, &str)]| {
        let given: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Templates::Embedded.blueprint(&given).err().map(|error| error.to_string()).unwrap_or_default()
    };
    let (read, write) = (("TableReadUnitsMax", "9000"), ("TableWriteUnitsMax", "9000"));
    assert_eq!(refused(&[read, write]), "");
    for half in [read, write] {
        assert!(refused(&[half]).contains("Rules.UnitsMax: TableReadUnitsMax and TableWriteUnitsMax are both given"));
    }
    assert!(refused(&[("MonthlyBudgetTag", "stage=prod")]).contains("a tag as budgets write it"));
    assert_eq!(refused(&[("MonthlyBudgetTag", "user:stage$prod"), ("MonthlyBudgetUsd", "900")]), "");
}
