//! What only AWS can refuse, and an emulator takes: each rule is one that a real account would teach.

mod alarms;

use giro_template::read_yaml;
use serde_json::Value;

use super::Texts;

/// A template of this project, as JSON.
fn read(texts: &Texts, file: &str) -> Value {
    read_yaml(&texts[file]).unwrap()
}

fn resources(template: &Value) -> impl Iterator<Item = (&String, &Value)> + Clone {
    template["Resources"].as_object().unwrap().iter()
}

/// Everything that is wrong with these templates in a real account.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let mut faults = lasting(texts);
    let network = read(texts, "infra/network.yaml");
    faults.extend(zones(&network));
    faults.extend(ways_of_kafka(texts));
    faults.extend(pollers(&read(texts, "template.yaml")));
    faults.extend(concurrency(&read(texts, "template.yaml")));
    let all = read(texts, "infra/alarms.yaml");
    faults.extend(alarms::silence(&all));
    faults.extend(alarms::advice(&all));
    faults
}

/// What outlives the stack doesn't outlive a first deployment that failed: its names would be taken for the next one.
fn lasting(texts: &Texts) -> Vec<String> {
    let mut faults = Vec::new();
    for file in texts.keys() {
        for (id, resource) in resources(&read(texts, file)) {
            let data =
                matches!(resource["Type"].as_str(), Some("AWS::DynamoDB::Table" | "AWS::KMS::Key" | "AWS::MSK::Topic"));
            let policy = resource["DeletionPolicy"].as_str();
            if (data || policy.is_some()) && policy != Some("RetainExceptOnCreate") {
                faults.push(format!("{file} keeps {id} by the policy {policy:?}: expected RetainExceptOnCreate"));
            }
            if policy.is_some() && resource["UpdateReplacePolicy"] != "Retain" {
                faults.push(format!("{file} loses {id} when it is replaced (UpdateReplacePolicy)"));
            }
        }
    }
    faults
}

/// A new cluster is made without ZooKeeper, which Kafka 4 doesn't have, and MSK can't take away later.
fn ways_of_kafka(texts: &Texts) -> Vec<String> {
    let mut faults = Vec::new();
    for file in ["template.yaml", "infra/kafka.yaml"] {
        let version = &read(texts, file)["Parameters"]["KafkaVersion"]["Default"];
        if !version.as_str().is_some_and(|version| version.ends_with(".kraft")) {
            faults.push(format!("KafkaVersion of {file} is {version}, which needs ZooKeeper: expected one of KRaft"));
        }
    }
    // Only a person who says so lets every user, or every certificate, do everything.
    let kafka = read(texts, "infra/kafka.yaml");
    let properties = &kafka["Resources"]["Configuration"]["Properties"]["ServerProperties"]["Fn::Sub"];
    let asked =
        properties[0].as_str().is_some_and(|text| text.contains("allow.everyone.if.no.acl.found=${WithoutAcl}\n"));
    let closed = properties[1]["WithoutAcl"]["Fn::If"] == serde_json::json!(["RequiresAcls", "false", "true"]);
    let (required, uses) = (&kafka["Conditions"]["RequiresAcls"], &kafka["Conditions"]["UsesAcls"]["Fn::Or"]);
    let with_acls = serde_json::json!([{"Condition": "IsScram"}, {"Condition": "IsMtls"}]);
    let unless = serde_json::json!({"Fn::Not": [{"Fn::Equals": [{"Ref": "KafkaAcls"}, "not-yet"]}]});
    let always = serde_json::json!([{"Condition": "UsesAcls"}, unless]);
    if !asked || !closed || required["Fn::And"] != always || *uses != with_acls {
        faults.push("a cluster made here lets every user in (allow.everyone.if.no.acl.found)".into());
    }
    let version = &read(texts, "infra/kafka.yaml")["Resources"]["Cluster"]["Properties"]["KafkaVersion"];
    if version["Ref"] != "KafkaVersion" {
        faults.push(format!("the cluster's version is {version}: expected KafkaVersion"));
    }
    faults
}

/// A command may freeze an account, so it never waits behind payments. A group also needs a VPC.
fn pollers(root: &Value) -> Vec<String> {
    let grouped =
        resources(root).filter(|(_, it)| !it["Properties"]["ProvisionedPollerConfig"]["PollerGroupName"].is_null());
    let named = |(id, _): (&String, &Value)| {
        format!("{id} shares its pollers (PollerGroupName): a freeze may then wait behind payments")
    };
    grouped.map(named).collect()
}

/// A broker of MSK takes 3,000 connections by IAM. A producer holds one to it and one that it began with, and while a
/// version replaces another both run. A tenth is left for pollers and for other clients, so that a crowd of requests
/// can't shut them out.
///
/// Source: "Amazon MSK quota".
fn concurrency(root: &Value) -> Vec<String> {
    const CONNECTIONS_MAX: u64 = 3_000 - 300;
    const CONNECTIONS_EACH: u64 = 3;
    let mut faults = Vec::new();
    for name in ["PaymentApi", "PaymentProcessor", "AccountProcessor", "OutcomePublisher"] {
        let parameter = format!("{name}Concurrency");
        let reserved = &root["Resources"][name]["Properties"]["ReservedConcurrentExecutions"];
        if reserved["Fn::If"][1]["Ref"] != parameter.as_str() {
            faults.push(format!("the concurrency of {name} can't be reserved: expected the parameter {parameter}"));
        }
    }
    let parameter = &root["Parameters"]["PaymentApiConcurrency"];
    let most = parameter["MaxValue"].as_u64().unwrap_or(u64::MAX);
    if most.saturating_mul(CONNECTIONS_EACH) > CONNECTIONS_MAX {
        faults.push(format!("{most} of payment-api would hold more connections than a broker takes"));
    }
    if parameter["Default"].as_u64().is_none_or(|reserved| reserved == 0) {
        faults.push("payment-api has no bound of its own (PaymentApiConcurrency)".into());
    }
    faults
}

/// No region and no account is given a zone that the parameters can't change: not every region has three that take
/// brokers.
fn zones(network: &Value) -> Vec<String> {
    let subnets = resources(network).filter(|(_, resource)| resource["Type"] == "AWS::EC2::Subnet");
    let mut faults: Vec<String> = subnets
        .clone()
        .filter(|(_, subnet)| subnet["Properties"]["AvailabilityZone"]["Fn::If"][0] != "NamesZones")
        .map(|(id, _)| format!("{id} of infra/network.yaml is in a zone that AvailabilityZones can't change"))
        .collect();
    let third = &network["Resources"]["SubnetC"]["Properties"]["AvailabilityZone"]["Fn::If"][1];
    if third["Ref"] != "ThirdAvailabilityZone" {
        faults.push("SubnetC of infra/network.yaml is in a zone that ThirdAvailabilityZone can't change".into());
    }
    let always = subnets.filter(|(_, subnet)| subnet["Condition"].is_null()).count();
    if always != 2 {
        faults.push(format!("infra/network.yaml makes {always} subnets in every region: expected two, and one more"));
    }
    faults
}
