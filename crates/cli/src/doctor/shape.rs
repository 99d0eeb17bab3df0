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
        for index in list(table, "GlobalSecondaryIndexes") {
            let name = index.get("IndexName").map(scalar).unwrap_or_default();
            let projection = index.pointer("/Projection/ProjectionType").map_or_else(|| "ALL".to_owned(), scalar);
            let mut attributes: Vec<String> = index
                .pointer("/Projection")
                .map(|it| list(it, "NonKeyAttributes"))
                .unwrap_or_default()
                .iter()
                .map(scalar)
                .collect();
            attributes.sort();
            let shape = [vec![key(table, index), projection], attributes].concat().join(", ");
            properties.insert(format!("index {name}"), shape);
        }
        Self { properties }
    }

    /// A property, or that it isn't there.
    #[must_use]
    pub fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or(NONE, String::as_str)
    }
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
