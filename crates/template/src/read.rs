//! What: Reads a blueprint from templates, with one function for each kind of resource.
//!
//! Resources that a local run doesn't need are ignored: roles, alarms, networks, authorizers, schedules. Resources that
//! it would need and doesn't support are refused (`known`).

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::TemplateError;
use super::blueprint::{Blueprint, Index, Key, Route, Table, Topic};
use super::node::Node;
use super::resolve::{At, Stacks};
use super::{function, known, mapping};

type Read<T> = Result<T, TemplateError>;

/// Reads everything that a local run needs.
pub(super) fn blueprint(stacks: &Stacks) -> Read<Blueprint> {
    let mut blueprint = Blueprint::default();
    for resource in resources(stacks)? {
        match resource.kind.as_str() {
            "AWS::MSK::Topic" => blueprint.topics.push(topic(&resource)?),
            _ if !resource.exists => {}
            "AWS::Serverless::Function" => {
                let function = function::read(stacks, &resource)?;
                function::events(&resource, &function, &mut blueprint)?;
                blueprint.functions.push(function);
            }
            "AWS::DynamoDB::Table" => blueprint.tables.push(table(stacks, &resource)?),
            "AWS::Lambda::EventSourceMapping" => blueprint.mappings.extend(mapping::read(&resource)?),
            // Deployed routes name their integrations by ids, and nobody asks for them there.
            "AWS::ApiGatewayV2::Route" if stacks.place.ids.is_some() => {}
            "AWS::ApiGatewayV2::Route" => blueprint.routes.push(route(stacks, &resource)?),
            kind => {
                if let Some((_, instead)) = known::REFUSED.iter().find(|(refused, _)| *refused == kind) {
                    let text = format!("{kind} is not run by the local stack: {instead}");
                    return Err(resource.definition.fault(text));
                }
            }
        }
    }
    check(&blueprint)?;
    Ok(blueprint)
}

/// Each mapping and route needs its function.
fn check(blueprint: &Blueprint) -> Read<()> {
    let named = blueprint.mappings.iter().map(|mapping| &mapping.function);
    for function in named.chain(blueprint.routes.iter().map(|route| &route.function)) {
        if !blueprint.functions.iter().any(|known| known.name == *function) {
            let expected = format!("expected event sources and routes to name a function: there is no {function}");
            return Err(TemplateError { place: "Resources".into(), expected });
        }
    }
    Ok(())
}

/// A resource of a template.
pub(super) struct Resource<'s> {
    /// Its name in the template.
    pub(super) id: String,
    pub(super) kind: String,
    /// Whether its condition holds, and those of the stacks around it. A topic always counts: if Kafka isn't MSK,
    /// somebody else creates the same topic.
    pub(super) exists: bool,
    pub(super) definition: Node<'s>,
    pub(super) properties: Node<'s>,
}

/// All resources, of all stacks.
pub(super) fn resources(stacks: &Stacks) -> Read<Vec<Resource<'_>>> {
    let mut found = Vec::new();
    for (ix, stack) in stacks.stacks.iter().enumerate() {
        let Some(resources) = stack.template.get("Resources").and_then(|resources| resources.as_object()) else {
            return Err(stacks.fault(&At::new(ix, "Resources"), "expected a map"));
        };
        let around = exists_around(stacks, ix)?;
        for (id, definition) in resources {
            let at = At::new(ix, format!("Resources.{id}"));
            let kind = definition.get("Type").and_then(|kind| kind.as_str());
            let Some(kind) = kind else { return Err(stacks.fault(&at, "expected a resource with a Type")) };
            let properties = definition.get("Properties").cloned().unwrap_or_else(|| serde_json::json!({}));
            found.push(Resource {
                id: id.clone(),
                kind: kind.to_owned(),
                exists: around && holds(stacks, ix, id)?,
                properties: Node::new(stacks, at.below("Properties"), properties),
                definition: Node::new(stacks, at, definition.clone()),
            });
        }
    }
    Ok(found)
}

fn holds(stacks: &Stacks, stack: usize, id: &str) -> Read<bool> {
    let condition = stacks.section(stack, "Resources", id).and_then(|resource| resource.get("Condition")?.as_str());
    condition.map_or(Ok(true), |name| {
        super::condition::holds(stacks, &At::new(stack, format!("Resources.{id}.Condition")), name)
    })
}

/// Whether the resources that nest a stack exist.
fn exists_around(stacks: &Stacks, stack: usize) -> Read<bool> {
    match stacks.stacks.get(stack).and_then(|stack| stack.parent.as_ref()) {
        None => Ok(true),
        Some((parent, id)) => Ok(holds(stacks, *parent, id)? && exists_around(stacks, *parent)?),
    }
}

fn topic(resource: &Resource<'_>) -> Read<Topic> {
    let properties = &resource.properties;
    let count = |name: &str| {
        let node = properties.need(name)?;
        let count = properties.number_of::<i32>(name)?.filter(|count| *count > 0);
        count.ok_or_else(|| node.fault("expected a whole number from 1 on"))
    };
    let mut config = BTreeMap::new();
    if let Some(node) = properties.get("Configs")? {
        let text = STANDARD.decode(node.text()?).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let text = text.ok_or_else(|| node.fault("expected lines of name=value in base64"))?;
        for line in text.lines().filter(|line| !line.trim().is_empty()) {
            let (name, value) = line.split_once('=').ok_or_else(|| node.fault("expected lines of name=value"))?;
            config.insert(name.trim().to_owned(), value.trim().to_owned());
        }
    }
    Ok(Topic {
        name: properties.need("TopicName")?.text()?,
        partitions: count("PartitionCount")?,
        replication: count("ReplicationFactor")?,
        config,
    })
}

fn table(stacks: &Stacks, resource: &Resource<'_>) -> Read<Table> {
    let properties = &resource.properties;
    let mut attributes = BTreeMap::new();
    for attribute in properties.items_of("AttributeDefinitions")? {
        let kind = attribute.need("AttributeType")?;
        let text = kind.text()?;
        if !matches!(text.as_str(), "S" | "N" | "B") {
            return Err(kind.fault("expected S, N or B"));
        }
        attributes.insert(attribute.need("AttributeName")?.text()?, text);
    }
    let mut indexes = Vec::new();
    for index in properties.items_of("GlobalSecondaryIndexes")? {
        let projection = index.need("Projection")?;
        let attributes = projection.items_of("NonKeyAttributes")?;
        indexes.push(Index {
            name: index.need("IndexName")?.text()?,
            key: key(&index)?,
            projection: projection.text_of("ProjectionType")?.unwrap_or_else(|| "ALL".into()),
            attributes: attributes.iter().map(Node::text).collect::<Read<_>>()?,
        });
    }
    if !properties.items_of("LocalSecondaryIndexes")?.is_empty() {
        return Err(properties.fault("LocalSecondaryIndexes are not understood here: expected global ones"));
    }
    let stream = properties.get("StreamSpecification")?;
    Ok(Table {
        name: stacks.name(&At::new(properties.stack(), "Resources"), &resource.id)?,
        attributes,
        key: key(properties)?,
        indexes,
        stream: stream.map(|stream| stream.need("StreamViewType")?.text()).transpose()?,
    })
}

fn key(node: &Node<'_>) -> Read<Key> {
    let (mut partition, mut sort) = (None, None);
    let schema = node.need("KeySchema")?;
    for part in schema.items()? {
        let kind = part.need("KeyType")?;
        match kind.text()?.as_str() {
            "HASH" => partition = Some(part.need("AttributeName")?.text()?),
            "RANGE" => sort = Some(part.need("AttributeName")?.text()?),
            _ => return Err(kind.fault("expected HASH or RANGE")),
        }
    }
    let partition = partition.ok_or_else(|| schema.fault("expected a key of type HASH"))?;
    Ok(Key { partition, sort })
}

fn route(stacks: &Stacks, resource: &Resource<'_>) -> Read<Route> {
    known::ROUTE.check(&resource.properties)?;
    let target = resource.properties.need("Target")?;
    let integration = target.text()?;
    let integration = integration.strip_prefix("integrations/").unwrap_or_default();
    let properties =
        stacks.section(target.stack(), "Resources", integration).and_then(|it| it.get("Properties")).cloned();
    let properties = properties.ok_or_else(|| target.fault("expected integrations/ and the name of an integration"))?;
    let at = At::new(target.stack(), format!("Resources.{integration}.Properties"));
    let integration = Node::new(stacks, at, properties);
    known::INTEGRATION.check(&integration)?;
    if let Some(kind) = integration.get("IntegrationType")?
        && kind.text()? != "AWS_PROXY"
    {
        return Err(kind.fault("expected AWS_PROXY: the local HTTP API invokes functions and nothing else"));
    }
    check_integration(&integration)?;
    let uri = integration.need("IntegrationUri")?.text()?;
    Ok(Route { key: resource.properties.need("RouteKey")?.text()?, function: function_name(&uri) })
}

/// Properties of the HTTP API that have only one local value.
pub(super) fn check_integration(integration: &Node<'_>) -> Read<()> {
    if let Some(version) = integration.get("PayloadFormatVersion")?
        && version.text()? != "2.0"
    {
        return Err(version.fault("expected '2.0', the format of events that the local HTTP API sends"));
    }
    if let Some(timeout) = integration.get("TimeoutInMillis")?
        && timeout.text()? != "30000"
    {
        return Err(timeout.fault("expected 30000: the local HTTP API waits for 30 seconds"));
    }
    Ok(())
}

/// The name in a function's ARN, or in the URI by which API Gateway invokes it. Otherwise the text itself is a name. A
/// version or an alias names the same function here.
#[must_use]
pub fn function_name(text: &str) -> String {
    let name = text.rsplit_once(":function:").map_or(text, |(_, name)| name);
    name.split([':', '/']).next().unwrap_or(name).to_owned()
}
