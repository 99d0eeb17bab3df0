//! What: Lists which properties a local run uses, and which have no meaning for it. It refuses all others.
//!
//! Invariants: Each property of a template is used, or is listed here with the reason why it has no meaning on one
//! machine. Any other is an error that names its place. Nothing is ignored for any other reason.

use super::TemplateError;
use super::node::Node;

/// The properties that a resource may have here.
pub(super) struct Known {
    /// Properties that are used.
    pub(super) done: &'static [&'static str],
    /// Properties that have no meaning on one machine.
    pub(super) idle: &'static [&'static str],
}

/// An event source mapping.
pub(super) const MAPPING: Known = Known {
    done: &[
        "AmazonManagedKafkaEventSourceConfig",
        "BatchSize",
        "BisectBatchOnFunctionError",
        "DestinationConfig",
        "Enabled",
        "EventSourceArn",
        "FilterCriteria",
        "FunctionName",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ProvisionedPollerConfig",
        "SelfManagedKafkaEventSourceConfig",
        "StartingPosition",
        "Topics",
    ],
    idle: &[
        // How AWS encrypts filters, and what it logs, counts and bills.
        "KmsKeyArn",
        "LoggingConfig",
        "MetricsConfig",
        "Tags",
        // Where brokers are and how to log in: locally the stack's Kafka, and the environment.
        "SelfManagedEventSource",
        "SourceAccessConfigurations",
        // More invocations for a shard change no promise: each item's changes stay in their order.
        "ParallelizationFactor",
    ],
};

/// An event of SAM that becomes a mapping.
pub(super) const MAPPING_EVENT: Known = Known {
    done: &[
        "BatchSize",
        "BisectBatchOnFunctionError",
        "ConsumerGroupId",
        "ConsumptionMode",
        "DestinationConfig",
        "Enabled",
        "FilterCriteria",
        "FunctionResponseTypes",
        "MaximumBatchingWindowInSeconds",
        "MaximumRecordAgeInSeconds",
        "MaximumRetryAttempts",
        "ProvisionedPollerConfig",
        "StartingPosition",
        "Stream",
        "Topics",
    ],
    idle: &[
        // As of a mapping; the key of a secret with a login.
        "KafkaBootstrapServers",
        "KmsKeyArn",
        "LoggingConfig",
        "MetricsConfig",
        "ParallelizationFactor",
        "SecretsManagerKmsKeyId",
        "SourceAccessConfigurations",
    ],
};

/// `…KafkaEventSourceConfig` of a mapping.
pub(super) const KAFKA_CONFIG: Known = Known { done: &["ConsumerGroupId", "ConsumptionMode"], idle: &[] };

/// `ProvisionedPollerConfig`. On AWS waiting pollers cost money and can be shared; here they are not shared.
pub(super) const POLLERS: Known = Known { done: &["MaximumPollers"], idle: &["MinimumPollers", "PollerGroupName"] };

/// `DestinationConfig` of a mapping.
pub(super) const DESTINATIONS: Known = Known { done: &["OnFailure"], idle: &[] };

/// `OnFailure`. Its type tells SAM which permissions to give.
pub(super) const ON_FAILURE: Known = Known { done: &["Destination"], idle: &["Type"] };

/// `FilterCriteria`.
pub(super) const FILTERS: Known = Known { done: &["Filters"], idle: &[] };

/// One of them.
pub(super) const FILTER: Known = Known { done: &["Pattern"], idle: &[] };

/// A function of SAM.
pub(super) const FUNCTION: Known = Known {
    done: &[
        "Environment",
        "EventInvokeConfig",
        "Events",
        "FunctionName",
        "MemorySize",
        "ReservedConcurrentExecutions",
        "Timeout",
    ],
    idle: &[
        // How it is built and packed. Here it is the binary that Metadata names.
        "Architectures",
        "CodeSigningConfigArn",
        "CodeUri",
        "Handler",
        "PackageType",
        "Runtime",
        "RuntimeManagementConfig",
        // What it may do, and where it runs. Here it may do everything, and runs beside the engines.
        "AssumeRolePolicyDocument",
        "PermissionsBoundary",
        "Policies",
        "Role",
        "RolePath",
        "VpcConfig",
        // How it is rolled out. Here one version runs, under every name.
        "AutoPublishAlias",
        "AutoPublishAliasAllProperties",
        "AutoPublishCodeSha256",
        "DeploymentPreference",
        "ProvisionedConcurrencyConfig",
        "SnapStart",
        "VersionDescription",
        // How it is observed. Here its log lines are shown.
        "Description",
        "KmsKeyArn",
        "LoggingConfig",
        "PropagateTags",
        "Tags",
        "Tracing",
        // Where events go that an asynchronous invocation gives up. Here they go to the log.
        "DeadLetterQueue",
        // Room for its own files. Here it has the machine's.
        "EphemeralStorage",
        // It prevents that a function invokes itself for ever.
        "RecursiveLoop",
    ],
};

/// `EventInvokeConfig` of a function. What is given up is logged.
pub(super) const EVENT_INVOKE: Known =
    Known { done: &["MaximumEventAgeInSeconds", "MaximumRetryAttempts"], idle: &["DestinationConfig"] };

/// A route of an HTTP API. There is no login here.
pub(super) const ROUTE: Known = Known {
    done: &["RouteKey", "Target"],
    idle: &["ApiId", "AuthorizationScopes", "AuthorizationType", "AuthorizerId", "OperationName"],
};

/// The integration of a route.
pub(super) const INTEGRATION: Known = Known {
    done: &["IntegrationType", "IntegrationUri", "PayloadFormatVersion", "TimeoutInMillis"],
    // Its owner, and how and with which role AWS calls the function.
    idle: &["ApiId", "ConnectionType", "CredentialsArn", "Description", "IntegrationMethod"],
};

/// A route that SAM writes as a function's event.
pub(super) const ROUTE_EVENT: Known = Known {
    done: &["Method", "Path", "PayloadFormatVersion", "TimeoutInMillis"],
    idle: &["ApiId", "Auth", "RouteSettings"],
};

/// Resources that a local run would need and doesn't support, and what to write instead.
pub(super) const REFUSED: [(&str, &str); 7] = [
    ("AWS::DynamoDB::GlobalTable", "write an AWS::DynamoDB::Table"),
    ("AWS::Lambda::EventInvokeConfig", "write EventInvokeConfig into the function"),
    ("AWS::Lambda::Url", "write routes of an HTTP API"),
    ("AWS::Pipes::Pipe", "write an AWS::Lambda::EventSourceMapping"),
    ("AWS::Serverless::Api", "write routes of an HTTP API"),
    ("AWS::Serverless::SimpleTable", "write an AWS::DynamoDB::Table"),
    ("AWS::Serverless::StateMachine", "leave it out by a Condition"),
];

impl Known {
    /// Refuses a property that is neither used nor without meaning.
    pub(super) fn check(&self, node: &Node<'_>) -> Result<(), TemplateError> {
        for (name, value) in node.entries()? {
            if self.done.contains(&name.as_str()) || self.idle.contains(&name.as_str()) {
                continue;
            }
            // A property without a value asks for nothing.
            if node.get(&name)?.is_some() {
                return Err(value.fault(format!("{name} is not done by the local stack: leave it out here")));
            }
        }
        Ok(())
    }
}
