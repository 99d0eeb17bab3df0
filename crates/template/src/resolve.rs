//! What: Computes a template's values from its parameters. It is pure.
//!
//! Data: Takes the templates of a stack and of its nested stacks, as JSON in the long form, and parameters. Gives
//! values without intrinsic functions. A resource becomes its name, and its `Arn` an ARN of that name.
//!
//! Values are resolved only when they are needed, so other values may use any function. A needed function that isn't
//! understood is a [`TemplateError`] that names the place.
//!
//! Invariants: Nothing resolves for ever: a value that needs itself is an error.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value};

use super::TemplateError;
use super::condition;
use super::place::{Place, UNKNOWN};

/// How deep a value may lead to others. Real templates stay far below.
const DEPTH_MAX: usize = 100;

/// The templates of a stack: the first is the root, the others are nested in it.
pub(super) struct Stacks {
    pub(super) stacks: Vec<Stack>,
    /// The root's parameters that were given.
    pub(super) parameters: BTreeMap<String, String>,
    pub(super) place: Place,
}

/// One template.
pub(super) struct Stack {
    /// Its name in messages.
    pub(super) file: String,
    pub(super) template: Value,
    /// The stack that nests this one, and the resource by which it does.
    pub(super) parent: Option<(usize, String)>,
    /// The stacks nested in this one, by resource.
    pub(super) children: BTreeMap<String, usize>,
}

/// A place in a template.
#[derive(Clone)]
pub(super) struct At {
    pub(super) stack: usize,
    pub(super) path: String,
    depth: usize,
}

impl At {
    pub(super) fn new(stack: usize, path: impl Into<String>) -> Self {
        Self { stack, path: path.into(), depth: 0 }
    }

    pub(super) fn below(&self, part: impl std::fmt::Display) -> Self {
        Self { stack: self.stack, path: format!("{}.{part}", self.path), depth: self.depth.saturating_add(1) }
    }

    fn elsewhere(&self, stack: usize, path: impl Into<String>) -> Self {
        Self { stack, path: path.into(), depth: self.depth.saturating_add(1) }
    }
}

type Resolved<T> = Result<T, TemplateError>;

impl Stacks {
    pub(super) fn fault(&self, at: &At, expected: impl Into<String>) -> TemplateError {
        let file = self.stacks.get(at.stack).map_or("template", |stack| &stack.file);
        TemplateError { place: format!("{file}: {}", at.path), expected: expected.into() }
    }

    /// A section's entry, as it is written.
    pub(super) fn section(&self, stack: usize, section: &str, name: &str) -> Option<&Value> {
        self.stacks.get(stack)?.template.get(section)?.get(name)
    }

    /// Resolves a value. `AWS::NoValue` is null, and left out of lists and maps.
    pub(super) fn resolve(&self, at: &At, value: &Value) -> Resolved<Value> {
        if at.depth > DEPTH_MAX {
            return Err(self.fault(at, "expected a value that doesn't lead back to itself"));
        }
        match value {
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => Ok(value.clone()),
            Value::Array(items) => {
                let mut resolved = Vec::with_capacity(items.len());
                for (ix, item) in items.iter().enumerate() {
                    resolved.push(self.resolve(&at.below(ix), item)?);
                }
                resolved.retain(|item| !item.is_null());
                Ok(Value::Array(resolved))
            }
            Value::Object(entries) => match intrinsic(entries) {
                Some((function, argument)) => self.call(&at.below(function), function, argument),
                None => {
                    let mut resolved = Map::new();
                    for (name, entry) in entries {
                        let entry = self.resolve(&at.below(name), entry)?;
                        if !entry.is_null() {
                            resolved.insert(name.clone(), entry);
                        }
                    }
                    Ok(Value::Object(resolved))
                }
            },
        }
    }

    fn call(&self, at: &At, function: &str, argument: &Value) -> Resolved<Value> {
        match function {
            "Ref" => self.reference(at, &self.text(at, argument)?),
            "Fn::GetAtt" => match self.resolve(at, argument)?.as_array().map(Vec::as_slice) {
                Some([Value::String(resource), Value::String(attribute)]) => self.attribute(at, resource, attribute),
                Some(_) | None => Err(self.fault(at, "expected a resource and an attribute")),
            },
            "Fn::Sub" => self.substitute(at, argument),
            "Fn::If" => {
                let [Value::String(name), yes, no] = self.arguments(at, argument)? else {
                    return Err(self.fault(at, "expected the name of a condition and two values"));
                };
                let (branch, value) = if condition::holds(self, at, name)? { (1, yes) } else { (2, no) };
                self.resolve(&at.below(branch), value)
            }
            "Fn::Equals" | "Fn::And" | "Fn::Or" | "Fn::Not" | "Condition" => {
                let call = Value::Object(Map::from_iter([(function.to_owned(), argument.clone())]));
                condition::evaluate(self, at, &call).map(Value::from)
            }
            "Fn::Join" => {
                let [separator, list] = self.arguments(at, argument)? else {
                    return Err(self.fault(at, "expected a separator and a list"));
                };
                let separator = self.text(at, separator)?;
                let parts = self.list(at, list)?;
                let parts: Option<Vec<String>> = parts.iter().map(scalar).collect();
                let parts = parts.ok_or_else(|| self.fault(at, "expected a list of texts"))?;
                Ok(Value::from(parts.join(&separator)))
            }
            "Fn::Split" => {
                let [separator, text] = self.arguments(at, argument)? else {
                    return Err(self.fault(at, "expected a separator and a text"));
                };
                let (separator, text) = (self.text(at, separator)?, self.text(at, text)?);
                Ok(text.split(separator.as_str()).map(Value::from).collect())
            }
            "Fn::Select" => self.select(at, argument),
            "Fn::FindInMap" => {
                let [map, first, second, ..] = self.arguments(at, argument)? else {
                    return Err(self.fault(at, "expected a mapping and two keys"));
                };
                let (map, first, second) = (self.text(at, map)?, self.text(at, first)?, self.text(at, second)?);
                let found = self.section(at.stack, "Mappings", &map).and_then(|map| map.get(&first)?.get(&second));
                found.cloned().ok_or_else(|| self.fault(at, format!("expected {map}.{first}.{second} in Mappings")))
            }
            "Fn::Base64" => Ok(Value::from(STANDARD.encode(self.text(at, argument)?))),
            "Fn::ImportValue" => Err(self.fault(at, "expected nothing from other stacks: a local run has none")),
            _ => Err(self.fault(at, format!("{function} is not understood here"))),
        }
    }

    fn select(&self, at: &At, argument: &Value) -> Resolved<Value> {
        let [index, list] = self.arguments(at, argument)? else {
            return Err(self.fault(at, "expected an index and a list"));
        };
        let index = self.text(at, index)?.parse::<usize>().ok();
        let list = self.list(at, list)?;
        match index.and_then(|index| list.get(index)) {
            Some(found) => Ok(found.clone()),
            // Nobody knows how many parts a text has that only AWS knows.
            None if list.iter().any(|item| item == UNKNOWN) => Ok(Value::from(UNKNOWN)),
            None => Err(self.fault(at, "expected an index of the list")),
        }
    }

    fn arguments<'v>(&self, at: &At, argument: &'v Value) -> Resolved<&'v [Value]> {
        argument.as_array().map(Vec::as_slice).ok_or_else(|| self.fault(at, "expected a list of arguments"))
    }

    /// A value that must be text, or stand for one.
    pub(super) fn text(&self, at: &At, value: &Value) -> Resolved<String> {
        scalar(&self.resolve(at, value)?).ok_or_else(|| self.fault(at, "expected a text"))
    }

    fn list(&self, at: &At, value: &Value) -> Resolved<Vec<Value>> {
        match self.resolve(at, value)? {
            Value::Array(items) => Ok(items),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => {
                Err(self.fault(at, "expected a list"))
            }
        }
    }

    fn reference(&self, at: &At, name: &str) -> Resolved<Value> {
        match name {
            "AWS::NoValue" => return Ok(Value::Null),
            "AWS::Region" => return Ok(Value::from(self.place.region.as_str())),
            "AWS::AccountId" => return Ok(Value::from(self.place.account.as_str())),
            "AWS::Partition" => return Ok(Value::from(self.place.partition.as_str())),
            "AWS::URLSuffix" => return Ok(Value::from("amazonaws.com")),
            "AWS::StackName" => return Ok(Value::from(self.place.stack_name.as_str())),
            "AWS::StackId" => return Ok(Value::from(self.place.stack_id.as_str())),
            "AWS::NotificationARNs" => return Ok(Value::Array(Vec::new())),
            _ => {}
        }
        if let Some(parameter) = self.section(at.stack, "Parameters", name) {
            return self.parameter(at, name, parameter);
        }
        // SAM's `Function.Alias` and `Function.Version`.
        let resource = name.split_once('.').map_or(name, |(resource, _)| resource);
        // A queue is referred to by its URL.
        if self.kind(at.stack, resource) == Some("AWS::SQS::Queue")
            && let Some(id) = self.place.id(&self.path(at.stack, resource))
        {
            return Ok(Value::from(id));
        }
        self.name(at, resource).map(Value::from)
    }

    fn parameter(&self, at: &At, name: &str, parameter: &Value) -> Resolved<Value> {
        let given = match self.stacks.get(at.stack).and_then(|stack| stack.parent.as_ref()) {
            None => self.parameters.get(name).map(|given| Value::from(given.as_str())),
            Some((parent, resource)) => {
                let nested = self.section(*parent, "Resources", resource);
                let passed = nested.and_then(|nested| nested.get("Properties")?.get("Parameters")?.get(name));
                let path = format!("Resources.{resource}.Properties.Parameters.{name}");
                passed.map(|passed| self.resolve(&at.elsewhere(*parent, path), passed)).transpose()?
            }
        };
        let value = given.filter(|given| !given.is_null()).or_else(|| parameter.get("Default").cloned());
        let value = value.ok_or_else(|| self.fault(at, format!("expected the parameter {name} to be given")))?;
        let is_list = parameter.get("Type").and_then(Value::as_str).is_some_and(|kind| kind.contains("List"));
        match value.as_str().filter(|_| is_list) {
            Some(text) => Ok(text.split(',').map(|part| Value::from(part.trim())).collect()),
            None => Ok(value),
        }
    }

    /// The name of a resource behind those of the stacks around it, with dots between.
    pub(super) fn path(&self, stack: usize, resource: &str) -> String {
        match self.stacks.get(stack).and_then(|stack| stack.parent.as_ref()) {
            None => resource.to_owned(),
            Some((parent, around)) => format!("{}.{resource}", self.path(*parent, around)),
        }
    }

    fn kind(&self, stack: usize, resource: &str) -> Option<&str> {
        self.section(stack, "Resources", resource)?.get("Type")?.as_str()
    }

    /// The name of a resource: its given name, else the id that AWS gave it. In a local run that is the binary of a
    /// function, or the name in the template.
    pub(super) fn name(&self, at: &At, resource: &str) -> Resolved<String> {
        let Some(kind) = self.kind(at.stack, resource) else {
            return Err(self.fault(at, format!("expected a parameter or a resource: there is no {resource}")));
        };
        let property = match kind {
            "AWS::DynamoDB::Table" | "AWS::DynamoDB::GlobalTable" => "TableName",
            "AWS::MSK::Topic" => "TopicName",
            "AWS::SQS::Queue" => "QueueName",
            "AWS::Serverless::Function" | "AWS::Lambda::Function" => "FunctionName",
            _ => return Ok(self.place.id(&self.path(at.stack, resource)).unwrap_or(resource).to_owned()),
        };
        let definition = self.section(at.stack, "Resources", resource);
        let path = format!("Resources.{resource}.Properties.{property}");
        let named = definition.and_then(|definition| definition.get("Properties")?.get(property));
        let named = named.map(|named| self.resolve(&at.elsewhere(at.stack, path), named)).transpose()?;
        let metadata = definition.and_then(|definition| definition.get("Metadata"));
        let binary = || metadata?.get("BuildProperties").or(metadata)?.get("Binary")?.as_str();
        if let Some(named) = named.as_ref().and_then(scalar) {
            return Ok(named);
        }
        let id = self.place.id(&self.path(at.stack, resource));
        Ok(id.or_else(binary).unwrap_or(resource).to_owned())
    }

    fn attribute(&self, at: &At, resource: &str, attribute: &str) -> Resolved<Value> {
        if let Some(output) = attribute.strip_prefix("Outputs.") {
            let child = self.stacks.get(at.stack).and_then(|stack| stack.children.get(resource)).copied();
            let Some(child) = child else {
                return Err(self.fault(at, format!("expected a nested stack that is known here: {resource} is not")));
            };
            let value = self.section(child, "Outputs", output).and_then(|output| output.get("Value"));
            let value = value.ok_or_else(|| self.fault(at, format!("expected {resource} to put out {output}")))?;
            return self.resolve(&at.elsewhere(child, format!("Outputs.{output}.Value")), value);
        }
        let name = self.name(at, resource)?;
        let place = &self.place;
        let text = match (self.kind(at.stack, resource), attribute) {
            (Some("AWS::DynamoDB::Table"), "Arn") => place.arn("dynamodb", &format!("table/{name}")),
            (Some("AWS::DynamoDB::Table"), "StreamArn") => {
                let stream = if place.ids.is_some() { UNKNOWN } else { "local" };
                place.arn("dynamodb", &format!("table/{name}/stream/{stream}"))
            }
            (Some("AWS::Serverless::Function" | "AWS::Lambda::Function"), "Arn") => {
                place.arn("lambda", &format!("function:{name}"))
            }
            (Some("AWS::SQS::Queue"), "Arn") => place.arn("sqs", &name),
            (_, "Arn") if place.ids.is_some() && name.starts_with("arn:") => name,
            // Only AWS knows this value. If a local run needs it, reading it fails with an error.
            _ if place.ids.is_none() => format!("{name}.{attribute}"),
            _ => UNKNOWN.to_owned(),
        };
        Ok(Value::from(text))
    }

    fn substitute(&self, at: &At, argument: &Value) -> Resolved<Value> {
        let (text, own) = match (argument, argument.as_array().map(Vec::as_slice)) {
            (Value::String(text), _) => (text, None),
            (_, Some([Value::String(text), Value::Object(own)])) => (text, Some(own)),
            _ => return Err(self.fault(at, "expected a text, or a text and a map")),
        };
        let mut result = String::with_capacity(text.len());
        let mut rest = text.as_str();
        while let Some((before, after)) = rest.split_once("${") {
            let Some((name, after)) = after.split_once('}') else { break };
            result.push_str(before);
            rest = after;
            if let Some(literal) = name.strip_prefix('!') {
                result.push_str(&format!("${{{literal}}}"));
                continue;
            }
            let at = at.below(name);
            let value = match (own.and_then(|own| own.get(name)), name.split_once('.')) {
                (Some(value), _) => self.resolve(&at, value)?,
                (None, Some((resource, attribute))) if self.kind(at.stack, resource).is_some() => {
                    self.attribute(&at, resource, attribute)?
                }
                (None, _) => self.reference(&at, name)?,
            };
            result.push_str(&scalar(&value).ok_or_else(|| self.fault(&at, "expected a text"))?);
        }
        result.push_str(rest);
        Ok(Value::from(result))
    }
}

/// The function and its argument, if a map is a call.
fn intrinsic(entries: &Map<String, Value>) -> Option<(&str, &Value)> {
    let mut all = entries.iter();
    match (all.next(), all.next()) {
        (Some((name, argument)), None) if name == "Ref" || name.starts_with("Fn::") => Some((name, argument)),
        (Some((name, argument)), None) if name == "Condition" && argument.is_string() => Some((name, argument)),
        _ => None,
    }
}

/// A scalar as CloudFormation writes it into a text.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}
