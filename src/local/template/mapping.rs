//! Event source mappings, as a template writes them.
//!
//! Defaults and limits are Lambda's. Source: CloudFormation, `AWS::Lambda::EventSourceMapping`; Lambda developer guide.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::TemplateError;
use super::blueprint::{Mapping, Source, Starting};
use super::read::{Resource, function_name};

type Read<T> = Result<T, TemplateError>;

const BATCH_RECORDS: usize = 100;
/// How a template writes that there is no limit.
const NO_LIMIT: i64 = -1;
/// A mapping on Kafka that says nothing waits this long; one on a stream not at all.
const KAFKA_WINDOW: Duration = Duration::from_millis(500);
/// The most tries again that may be asked for.
const RETRIES_MAX: u32 = 10_000;
/// The ages that may be asked for, in seconds: up to a week.
const RECORD_AGE_SECONDS: RangeInclusive<u32> = 60..=604_800;
/// Tries without end, and a destination for what is given up, don't go together: Lambda stops after this many.
const RETRIES_WITH_DESTINATION_MAX: u32 = 10;

/// Reads a mapping; none if it is switched off.
pub(super) fn read(resource: &Resource<'_>) -> Read<Option<Mapping>> {
    let properties = &resource.properties;
    if properties.flag_of("Enabled")? == Some(false) {
        return Ok(None);
    }
    let function = function_name(&properties.need("FunctionName")?.text()?);
    let source = source(resource, &function)?;
    let (on_kafka, provisioned) =
        (matches!(source, Source::Kafka { .. }), properties.get("ProvisionedPollerConfig")?.is_some());
    // What a mapping on Kafka can do beyond trying the whole batch again needs provisioned pollers.
    let controls = !on_kafka || provisioned;
    let response_types = properties.items_of("FunctionResponseTypes")?;
    let mut reports = false;
    for kind in &response_types {
        match kind.text()?.as_str() {
            "ReportBatchItemFailures" => reports = true,
            _ => return Err(kind.fault("expected ReportBatchItemFailures")),
        }
    }
    if reports && !controls {
        let expected = "expected ProvisionedPollerConfig beside FunctionResponseTypes: Lambda takes a report for success without it";
        return Err(properties.fault(expected));
    }
    let on_failure = properties.get("DestinationConfig")?.map(|config| config.get("OnFailure")).transpose()?.flatten();
    let destination = on_failure.map(|it| it.need("Destination")).transpose()?;
    let destination = destination.map(|it| it.text()).transpose()?.unwrap_or_default();
    let on_failure_topic = destination.strip_prefix("kafka://").filter(|_| on_kafka).map(str::to_owned);
    // Queues, topics of SNS and buckets are not here: what they would get is dropped, and logged.
    let on_failure_queue = destination.strip_prefix("arn:aws:sqs:").and_then(|rest| rest.rsplit_once(':'));
    let on_failure_queue = on_failure_queue.map(|(_, name)| name.to_owned());
    let starting = properties.need("StartingPosition")?;
    // -1 is no limit, and so is nothing.
    let limit = |name: &str, allowed: RangeInclusive<u32>| -> Read<Option<u32>> {
        let Some(asked) = properties.number_of::<i64>(name)?.filter(|&asked| asked != NO_LIMIT) else {
            return Ok(None);
        };
        let limit = u32::try_from(asked).ok().filter(|asked| allowed.contains(asked));
        let (least, most) = (allowed.start(), allowed.end());
        let expected = || format!("expected -1, or {least} to {most}; got {asked}");
        let place = properties.need(name)?;
        limit.map(Some).ok_or_else(|| place.fault(expected()))
    };
    let retries_max = limit("MaximumRetryAttempts", 0..=RETRIES_MAX)?.filter(|_| controls);
    let record_age_max = limit("MaximumRecordAgeInSeconds", RECORD_AGE_SECONDS)?.filter(|_| controls);
    let pollers = properties.get("ProvisionedPollerConfig")?;
    Ok(Some(Mapping {
        function,
        starting: match starting.text()?.as_str() {
            "TRIM_HORIZON" => Starting::TrimHorizon,
            "LATEST" => Starting::Latest,
            _ => return Err(starting.fault("expected TRIM_HORIZON or LATEST")),
        },
        batch_records_max: properties.number_of("BatchSize")?.unwrap_or(BATCH_RECORDS),
        batch_window: properties.seconds_of("MaximumBatchingWindowInSeconds")?.unwrap_or(if on_kafka {
            KAFKA_WINDOW
        } else {
            Duration::ZERO
        }),
        report_batch_item_failures: reports,
        bisect: controls && properties.flag_of("BisectBatchOnFunctionError")?.unwrap_or(false),
        retries_max: match (retries_max, &on_failure_topic) {
            (None, Some(_)) => Some(RETRIES_WITH_DESTINATION_MAX),
            (retries_max, _) => retries_max,
        },
        record_age_max: record_age_max.map(|seconds| Duration::from_secs(seconds.into())),
        on_failure_topic,
        on_failure_queue,
        pollers_max: match pollers {
            None => None,
            Some(pollers) => pollers.number_of("MaximumPollers")?,
        },
        source,
    }))
}

fn source(resource: &Resource<'_>, function: &str) -> Read<Source> {
    let properties = &resource.properties;
    let topics = properties.items_of("Topics")?;
    if let Some(topic) = topics.first() {
        let mut consumer_group = None;
        for config in ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"] {
            if let Some(config) = properties.get(config)? {
                consumer_group = consumer_group.or(config.text_of("ConsumerGroupId")?);
            }
        }
        // Lambda would make one up, new for each mapping.
        let consumer_group = consumer_group.unwrap_or_else(|| function.to_owned());
        return Ok(Source::Kafka { topic: topic.text()?, consumer_group });
    }
    let arn = properties.need("EventSourceArn")?;
    let text = arn.text()?;
    let table = text.split_once(":table/").and_then(|(_, rest)| rest.split_once("/stream/")).map(|(table, _)| table);
    match table {
        Some(table) => Ok(Source::Stream { table: table.to_owned() }),
        None => Err(arn.fault(format!("expected Topics, or the ARN of a table's stream; got {text}"))),
    }
}
