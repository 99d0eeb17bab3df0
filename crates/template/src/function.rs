//! What: SAM's functions, and the events that trigger them.

use std::collections::BTreeMap;
use std::time::Duration;

use super::TemplateError;
use super::blueprint::{Asynchronous, Blueprint, Function, Route};
use super::node::Node;
use super::read::{Resource, check_integration};
use super::resolve::{At, Stacks};
use super::{known, mapping};

type Read<T> = Result<T, TemplateError>;

/// Lambda's default. Source: CloudFormation, `AWS::Lambda::Function`.
const MEMORY_MIB: u32 = 128;
const TIMEOUT: Duration = Duration::from_secs(3);

/// Reads a function.
pub(super) fn read(stacks: &Stacks, resource: &Resource<'_>) -> Read<Function> {
    let properties = &resource.properties;
    known::FUNCTION.check(properties)?;
    let globals = stacks.section(properties.stack(), "Globals", "Function").cloned();
    let globals = globals.unwrap_or_else(|| serde_json::json!({}));
    let globals = Node::new(stacks, At::new(properties.stack(), "Globals.Function"), globals);
    known::FUNCTION.check(&globals)?;
    let metadata = resource.definition.get("Metadata")?;
    let binary = match &metadata {
        None => None,
        Some(metadata) => match metadata.get("BuildProperties")? {
            Some(build) => build.text_of("Binary")?,
            None => metadata.text_of("Binary")?,
        },
    };
    let binary = binary.ok_or_else(|| {
        resource.definition.fault("expected Metadata.BuildProperties.Binary to name the binary that the function is")
    })?;
    let mut environment = BTreeMap::new();
    for node in [&globals, properties] {
        let Some(variables) = node.get("Environment")?.map(|node| node.get("Variables")).transpose()?.flatten() else {
            continue;
        };
        for (name, value) in variables.entries()? {
            environment.insert(name, value.text()?);
        }
    }
    let or_global = |own: Option<u32>, name| own.map_or_else(|| globals.number_of(name), |own| Ok(Some(own)));
    let timeout = match properties.seconds_of("Timeout")? {
        Some(own) => Some(own),
        None => globals.seconds_of("Timeout")?,
    };
    Ok(Function {
        id: resource.id.clone(),
        name: properties.text_of("FunctionName")?.unwrap_or_else(|| binary.clone()),
        binary,
        memory_mib: or_global(properties.number_of("MemorySize")?, "MemorySize")?.unwrap_or(MEMORY_MIB),
        timeout: timeout.unwrap_or(TIMEOUT),
        environment,
        concurrency_max: properties.number_of("ReservedConcurrentExecutions")?,
        asynchronous: match properties.get("EventInvokeConfig")? {
            Some(own) => asynchronous(&own)?,
            None => globals.get("EventInvokeConfig")?.as_ref().map(asynchronous).transpose()?.unwrap_or_default(),
        },
    })
}

/// What happens to asynchronous invocations.
fn asynchronous(config: &Node<'_>) -> Read<Asynchronous> {
    known::EVENT_INVOKE.check(config)?;
    let Asynchronous { retries_max, age_max } = Asynchronous::default();
    Ok(Asynchronous {
        retries_max: config.number_within("MaximumRetryAttempts", 0..=2)?.unwrap_or(retries_max),
        age_max: config.number_within("MaximumEventAgeInSeconds", 60..=21_600)?.map_or(age_max, Duration::from_secs),
    })
}

/// Reads the events of a function into what triggers it.
pub(super) fn events(resource: &Resource<'_>, function: &Function, blueprint: &mut Blueprint) -> Read<()> {
    let Some(events) = resource.properties.get("Events")? else { return Ok(()) };
    for (name, _) in events.entries()? {
        let event = events.need(&name)?;
        let kind = event.need("Type")?;
        let properties = event.get("Properties")?;
        let properties = || properties.as_ref().ok_or_else(|| event.fault("expected Properties"));
        match kind.text()?.as_str() {
            kind @ ("MSK" | "SelfManagedKafka" | "DynamoDB") => {
                blueprint.mappings.extend(mapping::event(kind, properties()?, &function.name)?);
            }
            "HttpApi" => {
                let key = match event.get("Properties")? {
                    None => "$default".to_owned(),
                    Some(properties) => route_key(&properties)?,
                };
                blueprint.routes.push(Route { key, function: function.name.clone() });
            }
            // A person runs what a schedule would.
            "Schedule" | "ScheduleV2" => {}
            other => {
                let expected = "expected MSK, SelfManagedKafka, DynamoDB, HttpApi, Schedule or ScheduleV2";
                return Err(kind.fault(format!("{expected}: the local stack sends no events of the type {other}")));
            }
        }
    }
    Ok(())
}

fn route_key(properties: &Node<'_>) -> Read<String> {
    known::ROUTE_EVENT.check(properties)?;
    check_integration(properties)?;
    match (properties.text_of("Method")?, properties.text_of("Path")?) {
        (None, None) => Ok("$default".into()),
        (Some(method), Some(path)) => Ok(format!("{} {path}", method.to_ascii_uppercase())),
        (_, None) => Err(properties.fault("expected Path beside Method")),
        (None, _) => Err(properties.fault("expected Method beside Path")),
    }
}
