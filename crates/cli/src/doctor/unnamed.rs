//! What: The settings of an event source mapping that [`super::setting`] has no name for. It is pure.
//!
//! Data: Takes the properties of `AWS::Lambda::EventSourceMapping`, or what `ListEventSourceMappings` tells. Gives what
//! is left of them, by path.
//!
//! Invariants: What Lambda tells is compared by a name, is a state, has its default, or is left. Nothing else is passed
//! over.

use std::collections::BTreeMap;

use serde_json::Value;

use super::setting::{SETTINGS, written};

/// What is compared by a name, beside the paths of [`SETTINGS`].
const NAMED: [&str; 6] = [
    "AmazonManagedKafkaEventSourceConfig.ConsumerGroupId",
    "EventSourceArn",
    "FilterCriteria.Filters",
    "SelfManagedEventSource.Endpoints",
    "SelfManagedKafkaEventSourceConfig.ConsumerGroupId",
    "SourceAccessConfigurations",
];
/// What tells which mapping it is, and how it is now.
const STATE: [&str; 10] = [
    // The template says whether it must poll, of which function, and how it is marked.
    "Enabled",
    "EventSourceMappingArn",
    "FunctionArn",
    "FunctionName",
    "LastModified",
    "LastProcessingResult",
    "State",
    "StateTransitionReason",
    "Tags",
    "UUID",
];
/// What Lambda tells of a mapping that nobody set.
const DEFAULTS: [(&str, &str); 2] = [("ParallelizationFactor", "1"), ("TumblingWindowInSeconds", "0")];

/// What is left, by path.
#[must_use]
pub fn unnamed(properties: &Value) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    flatten(String::new(), properties, &mut found);
    let is_within = |path: &str, around: &str| {
        path.strip_prefix(around).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
    };
    found.retain(|path, value| {
        !SETTINGS.iter().filter_map(|setting| setting.path()).any(|named| is_within(path, &named))
            && !NAMED.iter().chain(&STATE).any(|named| is_within(path, named))
            && !DEFAULTS.contains(&(path.as_str(), value.as_str()))
    });
    found
}

/// Lists and single values by their paths. What is empty is left out.
fn flatten(path: String, value: &Value, found: &mut BTreeMap<String, String>) {
    match value {
        Value::Null => {}
        Value::Object(fields) => {
            for (name, value) in fields {
                // CloudFormation and Lambda write this one differently.
                let name = if name == "KmsKeyArn" { "KMSKeyArn" } else { name.as_str() };
                let path = if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                flatten(path, value, found);
            }
        }
        Value::Array(all) if all.is_empty() => {}
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => {
            drop(found.insert(path, written(value)));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_lambda_tells_of_a_plain_mapping_leaves_nothing() {
        // As the reference of ListEventSourceMappings has it.
        let told = json!({
            "UUID": "1", "State": "Enabled", "StateTransitionReason": "User action", "LastModified": 1.7e9,
            "FunctionArn": "arn:f", "EventSourceMappingArn": "arn:m", "LastProcessingResult": "OK",
            "EventSourceArn": "arn:s", "StartingPosition": "TRIM_HORIZON", "BatchSize": 1, "Topics": ["t"],
            "ParallelizationFactor": 1, "TumblingWindowInSeconds": 0, "DestinationConfig": { "OnFailure": {} },
            "MaximumBatchingWindowInSeconds": 0, "FunctionResponseTypes": [], "BisectBatchOnFunctionError": false,
            "AmazonManagedKafkaEventSourceConfig": { "ConsumerGroupId": "g" }, "FilterCriteria": null,
            "ProvisionedPollerConfig": { "MinimumPollers": 1, "MaximumPollers": 2 }, "Queues": [],
            "MetricsConfig": { "Metrics": ["EventCount"] }, "SourceAccessConfigurations": [],
        });
        assert_eq!(unnamed(&told), BTreeMap::new());
    }

    #[test]
    fn what_has_no_name_is_left() {
        let told = json!({
            "ParallelizationFactor": 2, "KMSKeyArn": "arn:key", "Enabledness": true,
            "AmazonManagedKafkaEventSourceConfig": { "SchemaRegistryConfig": { "EventRecordFormat": "JSON" } },
        });
        let left: Vec<_> = unnamed(&told).into_iter().collect();
        let expected = [
            ("AmazonManagedKafkaEventSourceConfig.SchemaRegistryConfig.EventRecordFormat", "JSON"),
            ("Enabledness", "true"),
            ("KMSKeyArn", "arn:key"),
            ("ParallelizationFactor", "2"),
        ];
        assert_eq!(left, expected.map(|(path, value)| (path.to_owned(), value.to_owned())));
        assert_eq!(unnamed(&json!({ "KmsKeyArn": "arn:key" }))["KMSKeyArn"], "arn:key");
    }
}
