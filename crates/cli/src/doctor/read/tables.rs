//! What: Reads tables from DynamoDB.

use serde_json::{Value, json};

use super::call::Service;
use crate::doctor::deployed::{Looked, Table};
use crate::doctor::finding::Why;
use crate::doctor::shape::Shape;

const VERSION: &str = "DynamoDB_20120810";

/// Reads a table.
pub async fn table(dynamodb: &Service, name: &str) -> Looked<Table> {
    let input = json!({ "TableName": name });
    let found = match dynamodb.target(VERSION, "DescribeTable", &input).await {
        Ok(found) => found.get("Table").cloned().unwrap_or_default(),
        Err(failed) => return failed.looked(),
    };
    let status = "/ContinuousBackupsDescription/PointInTimeRecoveryDescription/PointInTimeRecoveryStatus";
    let recovery = match dynamodb.target(VERSION, "DescribeContinuousBackups", &input).await {
        Ok(told) => Looked::Is(told.pointer(status).and_then(Value::as_str) == Some("ENABLED")),
        Err(failed) => failed.looked(),
    };
    let deletes = match dynamodb.target(VERSION, "DescribeTimeToLive", &input).await {
        Ok(told) => deletes(&told),
        Err(failed) => failed.looked(),
    };
    let stream = found.get("LatestStreamArn").and_then(Value::as_str).map(str::to_owned);
    Looked::Is(Table { shape: Shape::of(&found), stream, recovery, deletes })
}

/// The attribute by whose time items are deleted.
fn deletes(told: &Value) -> Looked<Option<String>> {
    let text = |name: &str| told.get("TimeToLiveDescription")?.get(name)?.as_str();
    match text("TimeToLiveStatus") {
        None => Looked::Not(Why::Untold("DynamoDB doesn't tell it".to_owned())),
        Some("ENABLED" | "ENABLING") => Looked::Is(Some(text("AttributeName").unwrap_or_default().to_owned())),
        Some(_) => Looked::Is(None),
    }
}
