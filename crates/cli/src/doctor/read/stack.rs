//! What: Reads a stack from CloudFormation: its state, its parameters, its outputs, and the ids of all its resources,
//! also of those in nested stacks.

use std::collections::BTreeMap;

use serde_json::Value;

use super::call::{Failed, Service};
use super::xml::Shape;
use crate::doctor::deployed::Stack;
use giro_template::Place;

const VERSION: &str = "2010-05-15";
/// How deep stacks may nest. The template has two levels.
const NESTING_MAX: usize = 10;
const NESTED: &str = "AWS::CloudFormation::Stack";

const STACKS: Shape = Shape::Fields(&[("DescribeStacksResult", Shape::Fields(&[("Stacks", Shape::Members(&STACK))]))]);
const STACK: Shape = Shape::Fields(&[
    ("StackId", Shape::Text),
    ("StackStatus", Shape::Text),
    ("Parameters", Shape::Members(&Shape::Fields(&[("ParameterKey", Shape::Text), ("ParameterValue", Shape::Text)]))),
    ("Outputs", Shape::Members(&Shape::Fields(&[("OutputKey", Shape::Text), ("OutputValue", Shape::Text)]))),
]);
const RESOURCES: Shape = Shape::Fields(&[(
    "ListStackResourcesResult",
    Shape::Fields(&[("StackResourceSummaries", Shape::Members(&RESOURCE)), ("NextToken", Shape::Text)]),
)]);
const RESOURCE: Shape = Shape::Fields(&[
    ("LogicalResourceId", Shape::Text),
    ("PhysicalResourceId", Shape::Text),
    ("ResourceType", Shape::Text),
    ("ResourceStatus", Shape::Text),
]);

/// A stack as CloudFormation tells it.
#[derive(Debug, Clone)]
pub struct Told {
    /// Its state, parameters and functions.
    pub stack: Stack,
    /// Its outputs.
    pub outputs: BTreeMap<String, String>,
    /// Where it is, with the ids of its resources.
    pub place: Place,
    /// Nested stacks that were not read, and why not.
    pub unread: Vec<(String, Failed)>,
}

/// Reads a stack.
///
/// # Errors
/// [`Failed`] if there is no such stack, or CloudFormation doesn't tell.
pub async fn read(cloudformation: &Service, name: &str) -> Result<Told, Failed> {
    let answer = cloudformation.query(VERSION, "DescribeStacks", &[("StackName", name)], &STACKS).await?;
    let found = answer.pointer("/DescribeStacksResult/Stacks/0").cloned().unwrap_or_default();
    let id = text(&found, "StackId");
    let place = Place::of_stack(&id);
    let place = place.ok_or_else(|| Failed::NoAnswer(format!("CloudFormation told '{id}' as the id of the stack")))?;
    let stack = Stack {
        status: text(&found, "StackStatus"),
        parameters: pairs(&found, "Parameters", "ParameterKey", "ParameterValue"),
        functions: Vec::new(),
    };
    let outputs = pairs(&found, "Outputs", "OutputKey", "OutputValue");
    let mut told = Told { stack, outputs, place, unread: Vec::new() };
    let mut ids = BTreeMap::new();
    let mut open = vec![(String::new(), id, 0_usize)];
    while let Some((around, id, depth)) = open.pop() {
        let resources = match resources(cloudformation, &id).await {
            Ok(resources) => resources,
            Err(failed) => {
                let stack = if around.is_empty() { name } else { around.trim_end_matches('.') };
                told.unread.push((stack.to_owned(), failed));
                continue;
            }
        };
        // What is deleted is listed for a while.
        let is_there = |resource: &&Value| {
            // One that is being made has no id yet.
            text(resource, "ResourceStatus") != "DELETE_COMPLETE" && !text(resource, "PhysicalResourceId").is_empty()
        };
        for resource in resources.iter().filter(is_there) {
            let path = format!("{around}{}", text(resource, "LogicalResourceId"));
            let (id, kind) = (text(resource, "PhysicalResourceId"), text(resource, "ResourceType"));
            if kind == NESTED && depth < NESTING_MAX {
                open.push((format!("{path}."), id.clone(), depth.saturating_add(1)));
            }
            if kind == "AWS::Lambda::Function" && depth == 0 {
                told.stack.functions.push(id.clone());
            }
            ids.insert(path, id);
        }
    }
    told.place.ids = Some(ids);
    Ok(told)
}

/// All resources of a stack, without those of stacks in it.
async fn resources(cloudformation: &Service, id: &str) -> Result<Vec<Value>, Failed> {
    let (mut all, mut next) = (Vec::new(), String::new());
    loop {
        let mut input = vec![("StackName", id)];
        if !next.is_empty() {
            input.push(("NextToken", &next));
        }
        let answer = cloudformation.query(VERSION, "ListStackResources", &input, &RESOURCES).await?;
        let page = answer.pointer("/ListStackResourcesResult").cloned().unwrap_or_default();
        all.extend(page.get("StackResourceSummaries").and_then(Value::as_array).cloned().unwrap_or_default());
        next = text(&page, "NextToken");
        if next.is_empty() {
            return Ok(all);
        }
    }
}

fn text(value: &Value, name: &str) -> String {
    value.get(name).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn pairs(stack: &Value, list: &str, key: &str, value: &str) -> BTreeMap<String, String> {
    let all = stack.get(list).and_then(Value::as_array);
    all.into_iter().flatten().map(|pair| (text(pair, key), text(pair, value))).collect()
}
