//! What: The settings of an event source mapping, as the template and as Lambda write them. It is pure.
//!
//! Data: Takes the properties of `AWS::Lambda::EventSourceMapping`, or what `ListEventSourceMappings` tells. Gives each
//! setting as text, which is equal if they mean the same.

use serde_json::Value;

use super::expected::group;
use super::pattern::fits;
use giro_template::UNKNOWN;

/// A setting.
#[derive(Debug, Clone, Copy)]
pub struct Setting {
    /// Its name, as Lambda has it.
    pub name: &'static str,
    /// Whether only a new mapping can have another.
    pub is_fixed: bool,
    /// How it is found in the properties.
    at: At,
    /// What a mapping has that doesn't say. Empty if it has none.
    default: &'static str,
    /// How the `aws` command line sets it, up to its value. Empty if it isn't one value.
    flag: &'static str,
}

/// How a setting is found.
#[derive(Debug, Clone, Copy)]
enum At {
    /// By its path.
    Path(&'static str),
    /// The consumer group.
    Group,
    /// The brokers' addresses.
    Brokers,
    /// Which secrets, subnets and groups a mapping uses.
    Logins,
    /// Which records it delivers.
    Filters,
    /// The cluster; streams are compared with their tables.
    Cluster,
}

const fn path(name: &'static str, at: &'static str, default: &'static str, flag: &'static str) -> Setting {
    Setting { name, is_fixed: false, at: At::Path(at), default, flag }
}

const fn fixed(name: &'static str, at: At) -> Setting {
    Setting { name, is_fixed: true, at, default: "", flag: "" }
}

const WINDOW: &str = "MaximumBatchingWindowInSeconds";
const POLLERS: &str = "--provisioned-poller-config ";

/// All that are compared by a name. `unnamed` has the others.
pub const SETTINGS: [Setting; 18] = [
    fixed("Topics", At::Path("/Topics")),
    fixed("ConsumerGroupId", At::Group),
    fixed("StartingPosition", At::Path("/StartingPosition")),
    fixed("EventSourceArn", At::Cluster),
    fixed("KafkaBootstrapServers", At::Brokers),
    path("BatchSize", "/BatchSize", "100", "--batch-size "),
    path(WINDOW, "/MaximumBatchingWindowInSeconds", "0", "--maximum-batching-window-in-seconds "),
    path("FunctionResponseTypes", "/FunctionResponseTypes", "", "--function-response-types "),
    path("MinimumPollers", "/ProvisionedPollerConfig/MinimumPollers", "", POLLERS),
    path("MaximumPollers", "/ProvisionedPollerConfig/MaximumPollers", "", POLLERS),
    path("PollerGroupName", "/ProvisionedPollerConfig/PollerGroupName", "", ""),
    path("BisectBatchOnFunctionError", "/BisectBatchOnFunctionError", "false", ""),
    path("MaximumRetryAttempts", "/MaximumRetryAttempts", "-1", "--maximum-retry-attempts "),
    path("MaximumRecordAgeInSeconds", "/MaximumRecordAgeInSeconds", "-1", "--maximum-record-age-in-seconds "),
    path("DestinationConfig.OnFailure", "/DestinationConfig/OnFailure/Destination", "", ""),
    path("MetricsConfig.Metrics", "/MetricsConfig/Metrics", "", ""),
    Setting { name: "SourceAccessConfigurations", is_fixed: false, at: At::Logins, default: "", flag: "" },
    Setting { name: "FilterCriteria", is_fixed: false, at: At::Filters, default: "", flag: "" },
];

impl Setting {
    /// Whether two mappings have another value of it. That of the template may have parts that only AWS knows.
    #[must_use]
    pub fn differs(&self, asked: &Value, deployed: &Value) -> bool {
        !fits(&self.value(asked), &self.value(deployed))
    }

    /// Whether the template sets it and Lambda says nothing of it.
    #[must_use]
    pub fn is_untold(&self, asked: &Value, deployed: &Value) -> bool {
        self.found(deployed).is_none() && self.differs(asked, deployed)
    }

    /// Its value, for a person.
    #[must_use]
    pub fn told(&self, properties: &Value) -> String {
        let value = self.value(properties);
        if value.is_empty() { "none".to_owned() } else { value }
    }

    /// The arguments of `aws lambda update-event-source-mapping` that set what the template says. `None`: the template
    /// doesn't say it, or it isn't one value. A default is never made an argument: Lambda has no argument for some.
    #[must_use]
    pub fn arguments(&self, asked: &Value) -> Option<String> {
        let value = self.found(asked).filter(|value| !value.is_empty() && !value.contains(UNKNOWN))?;
        match self.flag {
            "" => None,
            // Lambda takes both, or gives the other one its default.
            flag if flag == POLLERS => {
                let count = |name: &str| asked.pointer(&format!("/ProvisionedPollerConfig/{name}")).map(written);
                let (least, most) = (count("MinimumPollers")?, count("MaximumPollers")?);
                Some(format!("{flag}MinimumPollers={least},MaximumPollers={most}"))
            }
            flag => Some(format!("{flag}{value}")),
        }
    }

    /// Its path, with dots between, if it has one.
    #[must_use]
    pub fn path(&self) -> Option<String> {
        match self.at {
            At::Path(path) => Some(path.trim_start_matches('/').replace('/', ".")),
            At::Group | At::Brokers | At::Logins | At::Filters | At::Cluster => None,
        }
    }

    /// Whether the template leaves it out, and only a mapping that never had it is like that. An argument can't take a
    /// window away: without a number it is half a second, and `0` is none.
    #[must_use]
    pub fn is_kept(&self, asked: &Value) -> bool {
        self.name == WINDOW && self.found(asked).is_none()
    }

    fn value(&self, properties: &Value) -> String {
        self.found(properties).unwrap_or_else(|| self.default.to_owned())
    }

    fn found(&self, properties: &Value) -> Option<String> {
        match self.at {
            At::Path(path) => properties.pointer(path).filter(|value| !value.is_null()).map(written),
            At::Group => group(properties).map(str::to_owned),
            At::Cluster => {
                let arn = properties.get("EventSourceArn").and_then(Value::as_str);
                arn.filter(|arn| !arn.contains(":dynamodb:")).map(str::to_owned)
            }
            At::Brokers => {
                let endpoints = properties.pointer("/SelfManagedEventSource/Endpoints")?;
                let names = ["KafkaBootstrapServers", "KAFKA_BOOTSTRAP_SERVERS"];
                names.into_iter().find_map(|name| endpoints.get(name)).map(written)
            }
            At::Logins => {
                let logins = properties.get("SourceAccessConfigurations")?.as_array()?;
                let text = |login: &Value, name| login.get(name).map(written).unwrap_or_default();
                let login = |login: &Value| format!("{} {}", text(login, "Type"), text(login, "URI"));
                Some(joined(logins.iter().map(login)))
            }
            At::Filters => {
                let filters = properties.pointer("/FilterCriteria/Filters")?.as_array()?;
                let pattern = |filter: &Value| {
                    let text = filter.get("Pattern").map(written).unwrap_or_default();
                    serde_json::from_str::<Value>(&text).map_or(text, |pattern| pattern.to_string())
                };
                Some(joined(filters.iter().map(pattern)))
            }
        }
    }
}

/// A value as text. The order of a list means nothing here.
pub(super) fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Array(all) => joined(all.iter().map(written)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

fn joined(all: impl Iterator<Item = String>) -> String {
    let mut all: Vec<String> = all.collect();
    all.sort();
    all.join(", ")
}
