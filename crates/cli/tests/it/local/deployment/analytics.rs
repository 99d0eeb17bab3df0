//! The stack that lands outcomes in S3: its columns are the fields of outcomes, it reads the right topic, and it may do
//! what it does and no more. Its stack stands alone, so `template.yaml` doesn't nest it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use giro_template::read_yaml;
use serde_json::{Value, json};

fn text(file: &str) -> String {
    std::fs::read_to_string(Path::new(crate::ROOT).join(file)).unwrap()
}

/// What Firehose calls, and on what. Source: Amazon Data Firehose developer guide, "Controlling access".
const RIGHTS: [(&str, &[&str]); 8] = [
    (
        "MskClusterArn",
        &["kafka-cluster:Connect", "kafka:DescribeCluster", "kafka:DescribeClusterV2", "kafka:GetBootstrapBrokers"],
    ),
    (
        ":topic/${Cluster}/${NamePrefix}payment-outcomes",
        &["kafka-cluster:DescribeTopic", "kafka-cluster:DescribeTopicDynamicConfiguration", "kafka-cluster:ReadData"],
    ),
    (":group/${Cluster}/*", &["kafka-cluster:DescribeGroup"]),
    ("Outcomes.Arn", &["s3:GetBucketLocation", "s3:ListBucket", "s3:ListBucketMultipartUploads"]),
    ("${Outcomes.Arn}/*", &["s3:AbortMultipartUpload", "s3:GetObject", "s3:PutObject"]),
    ("KeyArn", &["kms:Decrypt", "kms:GenerateDataKey"]),
    (":table/${Database}/${OutcomesTable}", &["glue:GetTable", "glue:GetTableVersion", "glue:GetTableVersions"]),
    (":log-stream:${LogStream}", &["logs:PutLogEvents"]),
];

/// The type of a column that holds this JSON. Objects of one list, and of many outcomes, are one type.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Shape {
    Unknown,
    Text,
    Number,
    List(Box<Shape>),
    Fields(BTreeMap<String, Shape>),
}

impl Shape {
    fn of(value: &Value) -> Self {
        match value {
            Value::Null | Value::Bool(_) => Self::Unknown,
            Value::String(_) => Self::Text,
            Value::Number(_) => Self::Number,
            Value::Array(all) => Self::List(Box::new(all.iter().map(Self::of).fold(Self::Unknown, Self::and))),
            Value::Object(fields) => {
                Self::Fields(fields.iter().map(|(name, value)| (name.clone(), Self::of(value))).collect())
            }
        }
    }

    fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unknown, other) | (other, Self::Unknown) => other,
            (Self::List(one), Self::List(other)) => Self::List(Box::new(one.and(*other))),
            (Self::Fields(mut all), Self::Fields(others)) => {
                for (name, shape) in others {
                    let known = all.remove(&name).unwrap_or(Self::Unknown);
                    all.insert(name, known.and(shape));
                }
                Self::Fields(all)
            }
            (one, other) => {
                assert_eq!(one, other);
                one
            }
        }
    }

    /// Reads a type of Glue.
    fn read(kind: &str) -> Self {
        let within = |name: &str| kind.strip_prefix(name)?.strip_prefix('<')?.strip_suffix('>');
        if let Some(inner) = within("array") {
            return Self::List(Box::new(Self::read(inner)));
        }
        if let Some(inner) = within("struct") {
            let fields = inner.split(',').map(|field| field.split_once(':').unwrap());
            return Self::Fields(fields.map(|(name, kind)| (name.to_owned(), Self::read(kind))).collect());
        }
        match kind {
            "string" => Self::Text,
            "int" | "bigint" => Self::Number,
            other => panic!("no outcome has a field of type {other}"),
        }
    }
}

/// The fields of outcomes, as the golden files have them. They hold outcomes of every kind.
fn fields() -> Shape {
    let records: Vec<Value> = serde_json::from_str(&text("tests/golden/topics/payment-outcomes.json")).unwrap();
    let outcome = |record: &Value| serde_json::from_str(record["value"].as_str().unwrap()).unwrap();
    records.iter().map(outcome).map(|outcome: Value| Shape::of(&outcome)).fold(Shape::Unknown, Shape::and)
}

/// The texts of a list, or the one text.
fn names(value: &Value) -> BTreeSet<&str> {
    let one = std::slice::from_ref(value);
    value.as_array().map_or(one, Vec::as_slice).iter().filter_map(Value::as_str).collect()
}

/// What the role may do that it needs not, or may not do that it needs.
fn rights(role: &Value) -> Vec<String> {
    let policies = role["Policies"].as_array().unwrap().iter();
    let statements = policies.flat_map(|policy| policy["PolicyDocument"]["Statement"].as_array().unwrap());
    let mut needed: Vec<_> = RIGHTS.to_vec();
    let mut faults = Vec::new();
    for statement in statements {
        let (actions, on) = (names(&statement["Action"]), statement["Resource"].to_string());
        match needed.iter().position(|(_, calls)| actions == calls.iter().copied().collect()) {
            Some(place) if on.contains(needed[place].0.trim_end_matches(".Arn")) => drop(needed.remove(place)),
            _ => faults.push(format!("Firehose may do {actions:?} on {on}")),
        }
    }
    faults.extend(needed.iter().map(|(on, calls)| format!("Firehose may not do {calls:?} on {on}")));
    faults
}

/// Everything that is wrong with the stack.
fn faults(text: &str) -> Vec<String> {
    let stack = read_yaml(text).unwrap();
    let resources = &stack["Resources"];
    let mut faults = Vec::new();
    let mut expect = |holds: bool, fault: &str| {
        if !holds {
            faults.push(fault.to_owned());
        }
    };
    let delivery = &resources["Delivery"]["Properties"];
    let source = &delivery["MSKSourceConfiguration"];
    expect(source["TopicName"] == json!({"Fn::Sub": "${NamePrefix}payment-outcomes"}), "it reads another topic");
    expect(source["AuthenticationConfiguration"]["Connectivity"] == "PRIVATE", "it goes over the internet");
    let s3 = &delivery["ExtendedS3DestinationConfiguration"];
    let conversion = &s3["DataFormatConversionConfiguration"];
    let writes_parquet = &conversion["OutputFormatConfiguration"]["Serializer"]["ParquetSerDe"];
    expect(conversion["Enabled"] == true && writes_parquet.is_object(), "it writes no Parquet");
    expect(conversion["SchemaConfiguration"]["TableName"]["Ref"] == "OutcomesTable", "it reads other columns");
    expect(s3["ErrorOutputPrefix"].as_str().is_some(), "what doesn't fit the columns is lost");
    let table = &resources["OutcomesTable"]["Properties"]["TableInput"];
    let column =
        |column: &Value| (column["Name"].as_str().unwrap().to_owned(), Shape::read(column["Type"].as_str().unwrap()));
    let columns = table["StorageDescriptor"]["Columns"].as_array().unwrap().iter().map(column).collect();
    expect(Shape::Fields(columns) == fields(), "its columns are not the fields of outcomes");
    // A day's folder is where the table looks for that day.
    let prefix = s3["Prefix"].as_str().unwrap().replace("!{timestamp:yyyy-MM-dd}", "${!day}");
    let looked = table["Parameters"]["storage.location.template"]["Fn::Sub"].as_str().unwrap_or_default();
    expect(looked == format!("s3://${{Outcomes}}/{prefix}"), "the table looks into other folders");
    let bucket = &resources["Outcomes"]["Properties"];
    let encryption = &bucket["BucketEncryption"]["ServerSideEncryptionConfiguration"][0];
    let encrypted = &encryption["ServerSideEncryptionByDefault"]["KMSMasterKeyID"]["Ref"];
    expect(encrypted == "KeyArn", "outcomes are not under the key of the ledger");
    let hidden = bucket["PublicAccessBlockConfiguration"]
        .as_object()
        .map_or(0, |all| all.values().filter(|value| **value == true).count());
    expect(hidden == 4, "outcomes may become public");
    expect(resources["Outcomes"]["UpdateReplacePolicy"] == "Retain", "a change of the stack may delete outcomes");
    expect(resources["Logs"]["Properties"]["KmsKeyId"]["Ref"] == "KeyArn", "its log is not under the key");
    let policy = &resources["ClusterLetsFirehoseConnect"]["Properties"]["Policy"]["Statement"][0];
    let connects = policy["Principal"]["Service"] == "firehose.amazonaws.com"
        && policy["Action"] == "kafka:CreateVpcConnection"
        && policy["Resource"]["Ref"] == "MskClusterArn";
    expect(connects, "the cluster lets Firehose not connect, or others too");
    let waits = &delivery["Tags"][0]["Value"]["Fn::If"][1]["Ref"];
    expect(waits == "ClusterLetsFirehoseConnect", "it begins before it may connect");
    faults.extend(rights(&resources["Role"]["Properties"]));
    faults
}

#[test]
fn outcomes_land_as_they_are_written() {
    assert_eq!(faults(&text("infra/analytics.yaml")), Vec::<String>::new());
    let outcomes = read_yaml(&text("template.yaml")).unwrap()["Outputs"]["OutcomesTopic"]["Value"].clone();
    assert_eq!(outcomes, json!({"Fn::Sub": "${NamePrefix}payment-outcomes"}));
}

#[test]
fn each_mistake_is_named() {
    let right = text("infra/analytics.yaml");
    for (from, to, named) in [
        ("TopicName: !Sub \"${NamePrefix}payment-outcomes\"", "TopicName: payment-outcomes", "it reads another topic"),
        ("Connectivity: PRIVATE", "Connectivity: PUBLIC", "it goes over the internet"),
        ("ParquetSerDe: { Compression: SNAPPY }", "OrcSerDe: {}", "it writes no Parquet"),
        (
            "          Enabled: true\n          Input",
            "          Enabled: false\n          Input",
            "it writes no Parquet",
        ),
        ("            - { Name: requested_by, Type: string }\n", "", "its columns are not the fields"),
        ("{ Name: amount, Type: bigint }", "{ Name: amount, Type: string }", "its columns are not the fields"),
        ("name:string,period:string", "name:string", "its columns are not the fields"),
        ("amount:bigint,currency:string,", "amount:bigint,", "its columns are not the fields"),
        ("{ Name: leg, Type: int }", "{ Name: number, Type: int }", "its columns are not the fields"),
        ("/outcomes/day=${!day}/", "/outcomes/${!day}/", "the table looks into other folders"),
        ("        ErrorOutputPrefix: ", "        X: ", "what doesn't fit the columns is lost"),
        (
            "SSEAlgorithm: aws:kms, KMSMasterKeyID: !Ref KeyArn",
            "SSEAlgorithm: AES256",
            "not under the key of the ledger",
        ),
        ("        BlockPublicPolicy: true\n", "", "outcomes may become public"),
        ("    UpdateReplacePolicy: Retain\n", "", "a change of the stack may delete outcomes"),
        ("      KmsKeyId: !Ref KeyArn\n", "", "its log is not under the key"),
        (
            "Principal: { Service: firehose.amazonaws.com }\n            Action: kafka",
            "Principal: \"*\"\n            Action: kafka",
            "or others too",
        ),
        ("!Ref ClusterLetsFirehoseConnect, is-there", "made, is-there", "it begins before it may connect"),
        ("                  - kafka-cluster:ReadData\n", "", "Firehose may not do"),
        ("Action: logs:PutLogEvents", "Action: [logs:PutLogEvents, logs:CreateLogGroup]", "Firehose may do"),
        ("topic/${Cluster}/${NamePrefix}payment-outcomes", "topic/${Cluster}/*", "Firehose may do"),
        ("Resource: !Sub \"${Outcomes.Arn}/*\"", "Resource: \"*\"", "Firehose may do"),
    ] {
        assert!(right.contains(from), "{from}");
        let found = faults(&right.replacen(from, to, 1));
        assert!(found.iter().any(|fault| fault.contains(named)), "{from}: {found:?}");
    }
}
