//! Replacing an event source mapping. Lambda refuses a second one of a function on its topic, and CloudFormation makes
//! the new one before it deletes the old one. So one deployment takes mappings away, and the next makes new ones.

use std::collections::BTreeMap;

use giro_template::{Templates, read_yaml};
use serde_json::{Value, json};

use super::Texts;
use super::mistakes::check;

/// Everything that would not go, or would be lost, while mappings are away.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let resources = root["Resources"].as_object().unwrap();
    let on_kafka = resources.iter().filter(|(_, it)| !it["Properties"]["Topics"].is_null());
    let mut faults = Vec::new();
    for (id, mapping) in on_kafka {
        if mapping["Condition"] != "HasMappings" {
            faults.push(format!("{id} can't be taken away (KafkaMappings), and so not replaced"));
        }
        let group = |config: &Value| !config["ConsumerGroupId"].is_null();
        let properties = &mapping["Properties"];
        let msk = &properties["AmazonManagedKafkaEventSourceConfig"]["Fn::If"][1];
        let other = &properties["SelfManagedKafkaEventSourceConfig"]["Fn::If"][2];
        if !group(msk) || !group(other) {
            faults.push(format!("a new {id} would begin at its starting position: expected a ConsumerGroupId"));
        }
        // The alarms stay, and ring meanwhile: nobody polls.
        let told = &resources["Operations"]["Properties"]["Parameters"][id];
        if *told != json!({ "Fn::If": ["HasMappings", { "Ref": id }, "removed"] }) {
            faults.push(format!("the alarms on {id} need a mapping that is away"));
        }
        let outputs = root["Outputs"].as_object().unwrap().values();
        let of_it = outputs.filter(|output| output["Value"]["Ref"] == id.as_str());
        faults.extend(
            of_it
                .filter(|output| output["Condition"] != "HasMappings")
                .map(|_| format!("an output needs {id} while it is away")),
        );
    }
    faults
}

#[test]
fn a_mapping_that_can_not_be_replaced_is_named() {
    let file = "template.yaml";
    let right = "    Type: AWS::Lambda::EventSourceMapping\n    Condition: HasMappings\n";
    check(file, right, "    Type: AWS::Lambda::EventSourceMapping\n", "PaymentRequests can't be taken away");
    let right = "[IsMsk, { ConsumerGroupId: !Sub \"${NamePrefix}payment-processor${ConsumerGroupSuffix}\" }, !Ref AWS::NoValue]";
    check(file, right, "[IsMsk, {}, !Ref AWS::NoValue]", "a new PaymentRequests would begin at its starting position");
    let right = "!If [HasMappings, !Ref AccountCommands, removed]";
    check(file, right, "!Ref AccountCommands", "the alarms on AccountCommands need a mapping that is away");
    let right = "  AccountCommandsMapping:\n    Condition: HasMappings\n";
    check(file, right, "  AccountCommandsMapping:\n", "an output needs AccountCommands while it is away");
}

#[test]
fn a_parameter_takes_the_mappings_on_kafka_away_and_no_other() {
    let fed = |given: &[(&str, &str)]| {
        let given: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
        let blueprint = Templates::Embedded.blueprint(&given).unwrap();
        blueprint.mappings.iter().map(|mapping| mapping.function.clone()).collect::<Vec<_>>()
    };
    assert_eq!(fed(&[]).len(), 3);
    assert_eq!(fed(&[("KafkaMappings", "removed")]), ["outcome-publisher"]);
}
