//! What: Reads event source mappings from a template: from resources, or from events of SAM's functions.
//!
//! Defaults and limits are Lambda's. Source: CloudFormation, `AWS::Lambda::EventSourceMapping`; Lambda developer guide.

use std::ops::RangeInclusive;
use std::time::Duration;

use super::TemplateError;
use super::blueprint::{Mapping, Source, Starting};
use super::known;
use super::node::Node;
use super::read::{Resource, function_name};
use crate::filter::Filters;

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
/// With a destination for records that are given up, Lambda stops after this many tries, although no limit is set.
const RETRIES_WITH_DESTINATION_MAX: u32 = 10;

/// The largest batch, the longest window in seconds, and the most pollers that may be asked for.
const BATCH_RECORDS_MAX: usize = 10_000;
const WINDOW_SECONDS_MAX: u64 = 300;
const POLLERS_MAX: usize = 2_000;

/// Reads a mapping that is a resource. `None` if it is switched off.
pub(super) fn read(resource: &Resource<'_>) -> Read<Option<Mapping>> {
    let properties = &resource.properties;
    known::MAPPING.check(properties)?;
    let function = function_name(&properties.need("FunctionName")?.text()?);
    let mut configs = Vec::new();
    for name in ["AmazonManagedKafkaEventSourceConfig", "SelfManagedKafkaEventSourceConfig"] {
        configs.extend(properties.get(name)?);
    }
    for config in &configs {
        known::KAFKA_CONFIG.check(config)?;
    }
    let source = match properties.get("Topics")? {
        Some(topics) => kafka(&topics, &configs.iter().collect::<Vec<_>>(), &function)?,
        None => stream(&properties.need("EventSourceArn")?)?,
    };
    mapping(properties, function, source)
}

/// Reads a mapping that is an event of a function. `None` if it is switched off.
pub(super) fn event(kind: &str, properties: &Node<'_>, function: &str) -> Read<Option<Mapping>> {
    known::MAPPING_EVENT.check(properties)?;
    let source = match kind {
        "DynamoDB" => stream(&properties.need("Stream")?)?,
        _ => kafka(&properties.need("Topics")?, &[properties], function)?,
    };
    mapping(properties, function.to_owned(), source)
}

fn mapping(properties: &Node<'_>, function: String, source: Source) -> Read<Option<Mapping>> {
    if properties.flag_of("Enabled")? == Some(false) {
        return Ok(None);
    }
    let on_kafka = matches!(source, Source::Kafka { .. });
    let pollers = properties.get("ProvisionedPollerConfig")?;
    if let Some(pollers) = &pollers {
        known::POLLERS.check(pollers)?;
    }
    // Without provisioned pollers, a mapping on Kafka can only try the whole batch again.
    let controls = !on_kafka || pollers.is_some();
    let report_batch_item_failures = reports(properties)?;
    if report_batch_item_failures && !controls {
        let expected = "expected ProvisionedPollerConfig beside FunctionResponseTypes: Lambda takes a report for success without it";
        return Err(properties.fault(expected));
    }
    let destination = on_failure(properties)?.unwrap_or_default();
    let on_failure_topic = destination.strip_prefix("kafka://").filter(|_| on_kafka).map(str::to_owned);
    // Queues, SNS topics and buckets don't exist here: what they would get is logged and dropped.
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
    let window = properties.number_within("MaximumBatchingWindowInSeconds", 0..=WINDOW_SECONDS_MAX)?;
    Ok(Some(Mapping {
        function,
        starting: match starting.text()?.as_str() {
            "TRIM_HORIZON" => Starting::TrimHorizon,
            "LATEST" => Starting::Latest,
            _ => return Err(starting.fault("expected TRIM_HORIZON or LATEST")),
        },
        batch_records_max: properties.number_within("BatchSize", 1..=BATCH_RECORDS_MAX)?.unwrap_or(BATCH_RECORDS),
        batch_window: window.map_or(if on_kafka { KAFKA_WINDOW } else { Duration::ZERO }, Duration::from_secs),
        report_batch_item_failures,
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
            Some(pollers) => pollers.number_within("MaximumPollers", 1..=POLLERS_MAX)?,
        },
        filters: filters(properties, on_kafka)?,
        source,
    }))
}

/// Whether the function may report single records.
fn reports(properties: &Node<'_>) -> Read<bool> {
    let mut reports = false;
    for kind in properties.items_of("FunctionResponseTypes")? {
        match kind.text()?.as_str() {
            "ReportBatchItemFailures" => reports = true,
            _ => return Err(kind.fault("expected ReportBatchItemFailures")),
        }
    }
    Ok(reports)
}

/// The destination for records that are given up.
fn on_failure(properties: &Node<'_>) -> Read<Option<String>> {
    let Some(destinations) = properties.get("DestinationConfig")? else { return Ok(None) };
    known::DESTINATIONS.check(&destinations)?;
    let Some(on_failure) = destinations.get("OnFailure")? else { return Ok(None) };
    known::ON_FAILURE.check(&on_failure)?;
    on_failure.need("Destination")?.text().map(Some)
}

fn filters(properties: &Node<'_>, on_kafka: bool) -> Read<Filters> {
    let Some(criteria) = properties.get("FilterCriteria")? else { return Ok(Filters::default()) };
    known::FILTERS.check(&criteria)?;
    let filters = criteria.items_of("Filters")?;
    if let (Some(filter), false) = (filters.first(), on_kafka) {
        return Err(filter.fault("filters of a table's stream are not done by the local stack: leave them out here"));
    }
    let mut patterns = Vec::new();
    for filter in &filters {
        known::FILTER.check(filter)?;
        let node = filter.need("Pattern")?;
        let pattern = node.text()?;
        // Each pattern is read by itself, so that an error names its place.
        Filters::parse(std::slice::from_ref(&pattern)).map_err(|expected| node.fault(expected))?;
        patterns.push(pattern);
    }
    Filters::parse(&patterns).map_err(|expected| criteria.fault(expected))
}

fn kafka(topics: &Node<'_>, configs: &[&Node<'_>], function: &str) -> Read<Source> {
    let all = topics.items()?;
    let [topic] = all.as_slice() else { return Err(topics.fault("expected one topic")) };
    let mut consumer_group = None;
    for config in configs {
        consumer_group = consumer_group.or(config.text_of("ConsumerGroupId")?);
        if let Some(mode) = config.get("ConsumptionMode")?
            && mode.text()? != "Stream"
        {
            return Err(mode.fault("expected Stream: in other modes nothing keeps an account's payments in order"));
        }
    }
    // Lambda would make one up, new for each mapping.
    let consumer_group = consumer_group.unwrap_or_else(|| function.to_owned());
    Ok(Source::Kafka { topic: topic.text()?, consumer_group })
}

fn stream(arn: &Node<'_>) -> Read<Source> {
    let text = arn.text()?;
    let table = text.split_once(":table/").and_then(|(_, rest)| rest.split_once("/stream/")).map(|(table, _)| table);
    match table {
        Some(table) => Ok(Source::Stream { table: table.to_owned() }),
        None => Err(arn.fault(format!("expected Topics, or the ARN of a table's stream; got {text}"))),
    }
}
