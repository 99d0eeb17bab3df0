//! How a new version takes over. With `Rollout`, whatever calls a function calls its alias, and alarms that are there
//! send all calls back to the version before. Without it, nobody calls an alias.

use std::collections::BTreeMap;

use giro_template::{Templates, read_yaml};
use serde_json::{Value, json};

use super::Texts;
use super::mistakes::check;

/// The functions that money goes through, and the properties that call them.
const CALLED: [(&str, &[(&str, &str)]); 4] = [
    ("PaymentProcessor", &[("PaymentRequests", "FunctionName")]),
    ("AccountProcessor", &[("AccountCommands", "FunctionName")]),
    ("OutcomePublisher", &[("PaymentsStream", "FunctionName")]),
    ("PaymentApi", &[("HttpApiIntegration", "IntegrationUri"), ("HttpApiMayInvoke", "FunctionName")]),
];

/// Alarms that only some stacks on AWS have can't be waited for. That with metric math is missing on an emulator alone.
const ALWAYS_ON_AWS: [Option<&str>; 2] = [None, Some("HasMetricMath")];

/// Everything that would keep a version from its place, or in it.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let resources = &root["Resources"];
    let mut faults = Vec::new();
    let alarms = alarms(&read_yaml(&texts["infra/alarms.yaml"]).unwrap());
    for (function, callers) in CALLED {
        let name = format!("{function}Rollout");
        let rollout = &resources[&name];
        let given = &rollout["Properties"]["Parameters"];
        if rollout["Condition"] != "RollsOut"
            || given["FunctionName"]["Ref"] != function
            || given["Release"]["Ref"] != "Release"
        {
            faults.push(format!("{function} has no version and no alias of its own (infra/rollout.yaml)"));
        }
        let described = &resources[function]["Properties"]["Description"]["Fn::If"];
        if described[0] != "RollsOut" || !described[1]["Fn::Sub"].as_str().unwrap_or_default().contains("${Release}") {
            faults.push(format!("a Release changes nothing of {function}, so that no version would be published"));
        }
        for (caller, property) in callers {
            let called = &resources[*caller]["Properties"][*property]["Fn::If"];
            if called[0] != "RollsOut" || called[1] != json!({ "Fn::GetAtt": [name, "Outputs.LiveArn"] }) {
                faults.push(format!("{caller} calls {function} past its alias ({property})"));
            }
        }
        let watched: Vec<&str> = given["AlarmNames"].as_str().unwrap_or_default().split(',').map(str::trim).collect();
        let unknown = watched.iter().filter(|name| !alarms.contains(&(**name).to_owned()));
        faults.extend(
            unknown.map(|name| format!("the rollout of {function} waits for an alarm {name:?}, which isn't there")),
        );
        if watched.len() != 4 {
            faults
                .push(format!("the rollout of {function} has {} alarms: infra/rollout.yaml reads four", watched.len()));
        }
    }
    let readers = ["OutcomePublisherRollout", "PaymentApiRollout"];
    let all = ["OutcomePublisherRollout", "PaymentApiRollout", "PaymentProcessorRollout"];
    for (function, after) in [("payment-processor", json!(readers)), ("account-processor", json!(all))] {
        let rollout =
            if function == "payment-processor" { "PaymentProcessorRollout" } else { "AccountProcessorRollout" };
        if resources[rollout]["DependsOn"] != after {
            faults.push(format!("{function} may be live before those that must know what it writes"));
        }
    }
    faults.extend(versions(&read_yaml(&texts["infra/rollout.yaml"]).unwrap()));
    faults
}

/// The alarms that every stack on AWS has, by their names without the prefix.
fn alarms(template: &Value) -> Vec<String> {
    let resources = template["Resources"].as_object().unwrap().values();
    let always = resources
        .filter(|it| it["Type"] == "AWS::CloudWatch::Alarm" && ALWAYS_ON_AWS.contains(&it["Condition"].as_str()));
    always.map(|it| it["Properties"]["AlarmName"]["Fn::Sub"].as_str().unwrap().replace("${NamePrefix}", "")).collect()
}

fn versions(rollout: &Value) -> Vec<String> {
    let (version, alias) = (&rollout["Resources"]["Version"], &rollout["Resources"]["Live"]);
    let mut faults = Vec::new();
    if version["Properties"]["Description"]["Ref"] != "Release" {
        faults.push("a new Release publishes no version".into());
    }
    if version["UpdateReplacePolicy"] != "Retain" {
        faults.push("the version before is deleted, and nothing could go back to it".into());
    }
    if alias["UpdatePolicy"]["CodeDeployLambdaAliasUpdate"].is_null() {
        faults.push("the alias takes a new version at once".into());
    }
    let group = &rollout["Resources"]["Group"]["Properties"];
    let back = &group["AutoRollbackConfiguration"];
    let stops = back["Events"].as_array().is_some_and(|events| events.contains(&json!("DEPLOYMENT_STOP_ON_ALARM")));
    if group["AlarmConfiguration"]["Enabled"] != true || back["Enabled"] != true || !stops {
        faults.push("no alarm sends invocations back to the version before".into());
    }
    faults
}

#[test]
fn a_version_that_could_not_take_or_give_back_its_place_is_named() {
    let file = "template.yaml";
    for (right, wrong, named) in [
        (
            "FunctionName: !If [RollsOut, !GetAtt PaymentProcessorRollout.Outputs.LiveArn, !Ref PaymentProcessor]",
            "FunctionName: !Ref PaymentProcessor",
            "PaymentRequests calls PaymentProcessor past its alias (FunctionName)",
        ),
        (
            "IntegrationUri: !If [RollsOut, !GetAtt PaymentApiRollout.Outputs.LiveArn, !GetAtt PaymentApi.Arn]",
            "IntegrationUri: !GetAtt PaymentApi.Arn",
            "HttpApiIntegration calls PaymentApi past its alias (IntegrationUri)",
        ),
        ("${Release}: Decides", "Decides", "a Release changes nothing of PaymentProcessor"),
        (
            "        FunctionName: !Ref PaymentApi\n",
            "        FunctionName: giro\n",
            "PaymentApi has no version and no alias",
        ),
        ("          payment-api errors,", "          payment-api faults,", "waits for an alarm \"payment-api faults\""),
        ("          payment-api errors,", "          few payments settled,", "waits for an alarm \"few payments"),
        (
            "    DependsOn: [OutcomePublisherRollout, PaymentApiRollout, PaymentProcessorRollout]\n",
            "",
            "account-processor may be live before those",
        ),
    ] {
        check(file, right, wrong, named);
    }
    let file = "infra/rollout.yaml";
    for (right, wrong, named) in [
        ("Description: !Ref Release", "Description: a version", "a new Release publishes no version"),
        ("UpdateReplacePolicy: Retain", "UpdateReplacePolicy: Delete", "the version before is deleted"),
        ("CodeDeployLambdaAliasUpdate", "AutoScalingReplacingUpdate", "the alias takes a new version at once"),
        (", DEPLOYMENT_STOP_ON_ALARM", "", "no alarm sends invocations back"),
    ] {
        check(file, right, wrong, named);
    }
}

#[test]
fn a_rollout_and_a_release_are_given_together() {
    let with = |given: &[(&str, &str)]| {
        let given: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        Templates::Embedded.blueprint(&given).map_err(|error| error.to_string())
    };
    let (rollout, release) = (("Rollout", "Canary10Percent10Minutes"), ("Release", "v1.2-3_4"));
    assert!(with(&[rollout]).unwrap_err().contains("Rules.Release: Rollout needs a Release, another one for each"));
    assert!(with(&[release]).unwrap_err().contains("Rules.NoRelease: Release needs Rollout"));
    // On one machine one version runs, under every name.
    let both = with(&[rollout, release]).unwrap();
    assert_eq!(both.mappings, with(&[]).unwrap().mappings);
    assert_eq!(both.routes, with(&[]).unwrap().routes);
}
