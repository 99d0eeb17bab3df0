//! Logins: whatever the pollers of a mapping may use, the functions that produce can use too, and both may read the
//! secrets. What Lambda or MSK would refuse after minutes is refused at once.

use std::collections::BTreeMap;

use giro::config::{AccessConfig, FromEnv};
use giro::publish::broker::Auth;
use giro_template::{Templates, read_yaml};
use serde_json::{Value, json};

use super::Texts;
use super::mistakes::check;

/// What Lambda calls each login that has a secret.
///
/// Source: CloudFormation, "AWS::Lambda::EventSourceMapping SourceAccessConfiguration".
const SOURCES: [(&str, &str); 4] = [
    ("scram", "SASL_SCRAM_512_AUTH"),
    ("scram-256", "SASL_SCRAM_256_AUTH"),
    ("plain", "BASIC_AUTH"),
    ("mtls", "CLIENT_CERTIFICATE_TLS_AUTH"),
];

/// What KAFKA_AUTH means to the functions, with a secret of each kind beside it.
fn read(word: &str) -> Option<Auth> {
    let lookup = |name: &str| match name {
        "KAFKA_AUTH" => Some(word.to_owned()),
        "KAFKA_SCRAM_SECRET_ARN" | "KAFKA_CERTIFICATE_SECRET_ARN" => Some("arn:x".to_owned()),
        _ => None,
    };
    AccessConfig::from_lookup(&lookup).ok().map(|config| config.0.auth)
}

/// Everything that is wrong with logins.
pub(super) fn faults(texts: &Texts) -> Vec<String> {
    let root = read_yaml(&texts["template.yaml"]).unwrap();
    let mut faults = Vec::new();
    let words = root["Parameters"]["KafkaAuth"]["AllowedValues"].as_array().unwrap();
    for word in words.iter().map(|word| word.as_str().unwrap()) {
        let source = root["Mappings"]["Logins"][word]["Source"].as_str();
        let expected = SOURCES.iter().find(|(known, _)| *known == word).map_or("", |(_, source)| source);
        if source != Some(expected) {
            faults.push(format!("KafkaAuth={word} is {source:?} for a mapping: expected {expected}"));
        }
        if read(word).is_none() {
            faults.push(format!("KafkaAuth={word} is a login that no function knows (KAFKA_AUTH)"));
        }
    }
    let lacking = SOURCES.iter().filter(|(word, _)| !words.contains(&json!(word)));
    faults.extend(lacking.map(|(word, source)| format!("KafkaAuth can't be {word}, which Lambda has as {source}")));
    for mapping in ["PaymentRequests", "AccountCommands"] {
        let sources = &root["Resources"][mapping]["Properties"]["SourceAccessConfigurations"]["Fn::If"];
        let login = json!({ "Type": { "Fn::FindInMap": ["Logins", { "Ref": "KafkaAuth" }, "Source"] },
                            "URI": { "Ref": "KafkaSecretArn" } });
        let authority = json!({ "Type": "SERVER_ROOT_CA_CERTIFICATE", "URI": { "Ref": "KafkaCaSecretArn" } });
        let given = |list: &Value, source: &Value, condition: &str| {
            let wanted = json!({ "Fn::If": [condition, source, { "Ref": "AWS::NoValue" }] });
            list.as_array().into_iter().flatten().any(|it| *it == wanted)
        };
        let others = &sources[2]["Fn::If"][1];
        if sources[1]["Fn::If"] != json!(["HasSecret", [login], { "Ref": "AWS::NoValue" }])
            || !given(others, &login, "HasSecret")
            || !given(others, &authority, "HasPrivateCa")
        {
            faults.push(format!("the pollers of {mapping} don't log in as KafkaAuth says"));
        }
    }
    for file in ["infra/kafka-consumer.yaml", "infra/kafka-producer.yaml"] {
        let template = read_yaml(&texts[file]).unwrap();
        let statements = template["Resources"]["Policy"]["Properties"]["PolicyDocument"]["Statement"].as_array();
        for secret in ["KafkaSecretArn", "KafkaCaSecretArn"] {
            let reads = |it: &&Value| {
                let statement = &it["Fn::If"][1];
                statement["Action"] == "secretsmanager:GetSecretValue" && statement["Resource"]["Ref"] == secret
            };
            if statements.unwrap().iter().filter(reads).count() != 1 {
                faults.push(format!("{file} doesn't let a role read {secret}"));
            }
        }
    }
    faults
}

#[test]
fn a_login_that_only_one_side_knows_is_named() {
    let file = "template.yaml";
    check(file, "[iam, scram, scram-256, plain, mtls, none]", "[iam, scram, plain, mtls, none]", "can't be scram-256");
    check(file, "[iam, scram, scram-256, plain, mtls, none]", "[iam, scram, oauth, none]", "oauth is a login that no");
    check(
        file,
        "plain: { Source: BASIC_AUTH }",
        "plain: { Source: SASL_PLAIN }",
        "KafkaAuth=plain is Some(\"SASL_PLAIN",
    );
    let right = "            - !If [HasPrivateCa, { Type: SERVER_ROOT_CA_CERTIFICATE, URI: !Ref KafkaCaSecretArn }, \
                 !Ref AWS::NoValue]\n";
    check(file, right, "", "the pollers of PaymentRequests don't log in as KafkaAuth says");
    let right = "Resource: !Ref KafkaCaSecretArn";
    for file in ["infra/kafka-consumer.yaml", "infra/kafka-producer.yaml"] {
        check(file, right, "Resource: \"*\"", &format!("{file} doesn't let a role read KafkaCaSecretArn"));
    }
}

/// What the parameters lead to, or the first error in them.
fn with(given: &[(&str, &str)]) -> Result<giro_template::Blueprint, String> {
    let given: BTreeMap<_, _> = given.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect();
    Templates::Embedded.blueprint(&given).map_err(|error| error.to_string())
}

#[test]
fn producers_get_the_secret_that_their_login_needs() {
    let variables = |auth: &str| {
        let blueprint = with(&[("KafkaAuth", auth), ("KafkaSecretArn", "arn:x"), ("KafkaCaSecretArn", "arn:ca")]);
        let blueprint = blueprint.unwrap();
        ["outcome-publisher", "payment-api"].map(|function| {
            let environment = &blueprint.function(function).unwrap().environment;
            let names = ["KAFKA_AUTH", "KAFKA_SCRAM_SECRET_ARN", "KAFKA_CERTIFICATE_SECRET_ARN", "KAFKA_CA_SECRET_ARN"];
            names.map(|name| environment[name].clone())
        })
    };
    for auth in ["scram", "scram-256", "plain"] {
        assert_eq!(variables(auth), [[auth, "arn:x", "", "arn:ca"]; 2]);
    }
    assert_eq!(variables("mtls"), [["mtls", "", "arn:x", "arn:ca"]; 2]);
}

#[test]
fn a_login_that_the_cluster_has_not_is_refused_at_once() {
    let (create, existing) = (("Kafka", "create"), ("Kafka", "existing"));
    let (secret, ca) = (("KafkaSecretArn", "arn:x"), ("KafkaCaSecretArn", "arn:ca"));
    let cluster = ("MskClusterArn", "arn:aws:kafka:eu-central-1:123456789012:cluster/bank/0a1b2c3d-0a1b-9");
    let acls = ("KafkaAcls", "required");
    for (given, expected) in [
        (&[create, ("KafkaAuth", "plain"), secret][..], "Rules.Msk: MSK knows no KafkaAuth but iam, scram and mtls"),
        (&[existing, cluster, ("KafkaAuth", "scram-256"), secret], "Rules.Msk: MSK knows no KafkaAuth but"),
        (&[existing, cluster, ("KafkaAuth", "iam"), ca], "Rules.Msk: MSK's brokers have certificates of a public"),
        (&[("KafkaAuth", "none"), ca], "Rules.PrivateAuthority: KafkaAuth=none uses no TLS"),
        (&[("KafkaAuth", "scram-256")], "Rules.Secret: KafkaAuth needs KafkaSecretArn"),
        (&[("KafkaAuth", "plain")], "Rules.Secret: KafkaAuth needs KafkaSecretArn"),
        (&[("KafkaAuth", "mtls")], "Rules.Secret: KafkaAuth needs KafkaSecretArn"),
        (&[create, ("KafkaAuth", "mtls"), secret, acls], "Rules.ClientAuthorities: KafkaAuth=mtls with Kafka=create"),
        (
            &[create, ("KafkaAuth", "mtls"), secret, ("KafkaClientCaArns", "arn:ca")],
            "Rules.Acls: KafkaAuth=scram or mtls with Kafka=create needs KafkaAcls",
        ),
    ] {
        let refused = with(given).unwrap_err();
        assert!(refused.contains(expected), "{given:?}: {refused}");
    }
    // Anybody reaches a broker on the internet, so it must ask for a login.
    let open = [("KafkaAuth", "plain"), secret, ("SubnetIds", ""), ("SecurityGroupIds", "")];
    assert!(with(&open).is_ok(), "{:?}", with(&open));
}

/// They make no topics by CloudFormation, or aren't reached by their ARN.
#[test]
fn a_cluster_that_the_stack_can_not_use_is_refused() {
    let arn = |rest: &str| format!("arn:aws:kafka:eu-central-1:123456789012:{rest}");
    let refused = |rest: &str| with(&[("MskClusterArn", &arn(rest))]).err().unwrap_or_default();
    let uuid = "bank/0a1b2c3d-0a1b-0a1b-0a1b-0a1b2c3d4e5f";
    assert_eq!(refused(&format!("cluster/{uuid}-9")), "");
    for other in [format!("cluster/{uuid}-s1"), format!("vpc-connection/444455556666/{uuid}-7")] {
        let told = refused(&other);
        assert!(told.contains("the ARN of a provisioned cluster of this account, or nothing"), "{told}");
    }
    let express = with(&[("BrokerInstanceType", "express.m7g.large")]).unwrap_err();
    assert!(express.contains("Express brokers are for Kafka=existing"), "{express}");
    // Express brokers set it themselves, and refuse a topic that names it.
    let insync = |given: &str| {
        let blueprint = with(&[("MinInsyncReplicas", given)]).unwrap();
        blueprint.topics.iter().map(|topic| topic.config.get("min.insync.replicas").cloned()).collect::<Vec<_>>()
    };
    assert_eq!(insync("2"), vec![Some("2".to_owned()); 5]);
    assert_eq!(insync("0"), vec![None; 5]);
}
