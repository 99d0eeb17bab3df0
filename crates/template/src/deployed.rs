//! What: Reads what a template asks for at AWS, beyond what a local run needs: each resource with all its properties.
//!
//! Data: Takes templates and the place where they are deployed. Gives resources without intrinsic functions. In a text,
//! [`UNKNOWN`](super::UNKNOWN) stands for what only AWS knows.
//!
//! Limits: Reads the kinds of [`KINDS`] alone. SAM's own resources, such as the roles of functions, are not among them.

use serde_json::{Map, Value};

use super::TemplateError;
use super::blueprint::Blueprint;
use super::read;
use super::resolve::Stacks;

/// The kinds of resources that are read.
pub const KINDS: [&str; 5] = [
    "AWS::DynamoDB::Table",
    "AWS::IAM::ManagedPolicy",
    "AWS::Lambda::Alias",
    "AWS::Lambda::EventSourceMapping",
    "AWS::Serverless::Function",
];

/// What a template asks for where it is deployed.
#[derive(Debug, Clone, PartialEq)]
pub struct Deployment {
    /// What a local run would need of it.
    pub blueprint: Blueprint,
    /// The resources of [`KINDS`].
    pub resources: Vec<Resource>,
}

/// A resource, as a template asks for it.
#[derive(Debug, Clone, PartialEq)]
pub struct Resource {
    /// Its name in the template, behind those of the stacks around it, with dots between.
    pub path: String,
    /// Its type.
    pub kind: String,
    /// Whether its condition holds, and those of the stacks around it.
    pub exists: bool,
    /// Its properties. Those of a function include `Globals`.
    pub properties: Value,
    /// The names of the properties that are written in its own place, also of those that come to nothing: SAM looks at
    /// names before anything is resolved.
    pub written: Vec<String>,
}

/// Reads all of it.
pub(super) fn deployment(stacks: &Stacks) -> Result<Deployment, TemplateError> {
    let mut resources = Vec::new();
    for resource in read::resources(stacks)? {
        // Tables are read in any case: a stack may use restored ones.
        let is_read = resource.exists || resource.kind == "AWS::DynamoDB::Table";
        if !is_read || !KINDS.contains(&resource.kind.as_str()) {
            continue;
        }
        let stack = resource.properties.stack();
        let mut properties = resource.properties.resolved()?;
        if let (true, Some(own), Some(globals)) = (
            resource.kind == "AWS::Serverless::Function",
            properties.as_object_mut(),
            stacks.section(stack, "Globals", "Function").and_then(Value::as_object),
        ) {
            add_globals(stacks, stack, own, globals)?;
        }
        let path = stacks.path(stack, &resource.id);
        let written = resource.properties.entries()?.into_iter().map(|(name, _)| name).collect();
        resources.push(Resource { path, kind: resource.kind, exists: resource.exists, properties, written });
    }
    Ok(Deployment { blueprint: read::blueprint(stacks)?, resources })
}

/// Adds the properties that only `Globals` has. The blueprint has the variables of both.
fn add_globals(
    stacks: &Stacks,
    stack: usize,
    own: &mut Map<String, Value>,
    globals: &Map<String, Value>,
) -> Result<(), TemplateError> {
    for (name, value) in globals.iter().filter(|(name, _)| name.as_str() != "Environment") {
        if !own.contains_key(name) {
            let at = super::resolve::At::new(stack, format!("Globals.Function.{name}"));
            own.insert(name.clone(), stacks.resolve(&at, value)?);
        }
    }
    Ok(())
}
