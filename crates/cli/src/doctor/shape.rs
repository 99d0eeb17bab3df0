//! What: What a template says of a table, and what DynamoDB says of it, in one form. It is pure.
//!
//! Data: Takes the properties of `AWS::DynamoDB::Table`, or the answer of `DescribeTable`. Both have mostly the same
//! names.

use std::collections::BTreeMap;

use serde_json::Value;

/// The properties of a table by their names, as texts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shape {
    /// Such as `key` and `account_id:S`.
    pub properties: BTreeMap<String, String>,
}

/// What stands for a property that isn't there.
pub const NONE: &str = "none";
/// The state of a table and an index that are well.
const ACTIVE: &str = "ACTIVE";
/// How the encryption by a key of the account is told, before its ARN.
pub const KEY: &str = "by the key ";

impl Shape {
    /// The shape of a table, from what the template or DynamoDB says.
    #[must_use]
    pub fn of(table: &Value) -> Self {
        let text = |pointer: &str| table.pointer(pointer).map(scalar);
        let streams = text("/StreamSpecification/StreamEnabled").as_deref() != Some("false");
        let view = text("/StreamSpecification/StreamViewType").filter(|_| streams);
        let billing = text("/BillingMode").or_else(|| text("/BillingModeSummary/BillingMode"));
        let mut properties = BTreeMap::from([
            ("key".to_owned(), key(table, table)),
            ("stream".to_owned(), view.unwrap_or_else(|| NONE.to_owned())),
            ("billing mode".to_owned(), billing.unwrap_or_else(|| "PROVISIONED".to_owned())),
            (
                "deletion protection".to_owned(),
                text("/DeletionProtectionEnabled").unwrap_or_else(|| "false".to_owned()),
            ),
        ]);
        let mut add = |name: &str, value: Option<String>| value.map(|value| properties.insert(name.to_owned(), value));
        add("encryption", encryption(table));
        add("state", text("/TableStatus").filter(|state| state != ACTIVE));
        add("throughput", throughput(table));
        let regions: Vec<String> =
            list(table, "Replicas").iter().filter_map(|it| it.get("RegionName")).map(scalar).collect();
        add("replicas", Some(regions.join(", ")).filter(|regions| !regions.is_empty()));
        for index in list(table, "GlobalSecondaryIndexes") {
            let name = format!("index {}", index.get("IndexName").map(scalar).unwrap_or_default());
            add(&format!("{name}, state"), index.get("IndexStatus").map(scalar).filter(|state| state != ACTIVE));
            add(&format!("{name}, throughput"), throughput(index));
            add(&name, Some(of_index(table, index)));
        }
        Self { properties }
    }

    /// A property, or that it isn't there.
    #[must_use]
    pub fn property(&self, name: &str) -> &str {
        let usual = if name.ends_with("state") { ACTIVE } else { NONE };
        self.properties.get(name).map_or(usual, String::as_str)
    }
}

/// Which key encrypts a table, if it is one of the account's. Else it is DynamoDB's own.
fn encryption(table: &Value) -> Option<String> {
    let text = |pointer: &str| table.pointer(pointer).map(scalar);
    let is_asked = text("/SSESpecification/SSEEnabled").is_some_and(|on| on == "true");
    let is_there = text("/SSEDescription/Status").is_some_and(|status| status == "ENABLED" || status == "UPDATING");
    let key = text("/SSESpecification/KMSMasterKeyId").or_else(|| text("/SSEDescription/KMSMasterKeyArn"));
    (is_asked || is_there).then(|| format!("{KEY}{}", key.unwrap_or_else(|| "of AWS".to_owned())))
}

/// How much it may take at most.
fn throughput(holder: &Value) -> Option<String> {
    // DynamoDB tells no bound as -1.
    let most = |name: &str| {
        let units = holder.get("OnDemandThroughput")?.get(name).map(scalar);
        units.filter(|units| units != "-1")
    };
    let (reads, writes) = (most("MaxReadRequestUnits"), most("MaxWriteRequestUnits"));
    let told = |units: Option<String>| units.unwrap_or_else(|| "any".to_owned());
    (reads.is_some() || writes.is_some()).then(|| format!("{} reads, {} writes", told(reads), told(writes)))
}

/// The key of an index, and which attributes it has.
fn of_index(table: &Value, index: &Value) -> String {
    let projection = index.pointer("/Projection/ProjectionType").map_or_else(|| "ALL".to_owned(), scalar);
    let attributes = index.pointer("/Projection").map(|it| list(it, "NonKeyAttributes")).unwrap_or_default();
    let mut attributes: Vec<String> = attributes.iter().map(scalar).collect();
    attributes.sort();
    [vec![key(table, index), projection], attributes].concat().join(", ")
}

/// The key of a table or an index, with the types of its attributes: `source:S, part:N`.
fn key(table: &Value, holder: &Value) -> String {
    let types: BTreeMap<String, String> = list(table, "AttributeDefinitions")
        .iter()
        .filter_map(|it| Some((scalar(it.get("AttributeName")?), scalar(it.get("AttributeType")?))))
        .collect();
    let mut parts: Vec<(String, String)> = list(holder, "KeySchema")
        .iter()
        .filter_map(|it| Some((scalar(it.get("KeyType")?), scalar(it.get("AttributeName")?))))
        .collect();
    parts.sort();
    let typed = |(_, name): &(String, String)| match types.get(name) {
        Some(kind) => format!("{name}:{kind}"),
        None => name.clone(),
    };
    parts.iter().map(typed).collect::<Vec<_>>().join(", ")
}

fn list<'v>(holder: &'v Value, name: &str) -> &'v [Value] {
    holder.get(name).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// A text as it is, and anything else as JSON.
fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}
