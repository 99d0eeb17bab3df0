//! What: Reads the template that deploys, for a local run. So nothing is wired twice.
//!
//! | part | where |
//! |---|---|
//! | YAML with short tags to JSON in the long form | `yaml` |
//! | whether parameters are what the template lets them be | `parameters` |
//! | intrinsic functions and conditions over parameters and nested stacks | `resolve`, `condition` |
//! | what AWS knows of the stack: its region, its account, the ids of resources | `place` |
//! | resources with all that they ask of AWS | `deployed` |
//! | resources to a [`Blueprint`] | `read`, `function`, `mapping`, `node` |
//! | which records a mapping delivers | [`filter`] |
//! | which properties are used, which have no meaning here, which are refused | `known` |
//! | the blueprint, and changes to it | `blueprint` |
//!
//! Data: Takes `template.yaml` and the files that it nests, from this program or from disk, and parameters. Gives a
//! [`Blueprint`], or the wrong place in the template and what was expected there.
//!
//! Topics are read even if their condition doesn't hold: a Kafka that isn't MSK gets the same topics.
//!
//! Parameters of the root are checked as CloudFormation checks them, before anything is read. Those of nested stacks
//! are not, because they may get values that only AWS knows.
//!
//! Limits: Values that only AWS knows (a cluster's address) become placeholders. `Fn::ForEach`, `Fn::Transform` and
//! macros are not understood.

mod blueprint;
mod condition;
mod deployed;
pub mod filter;
mod function;
mod known;
mod mapping;
mod node;
mod parameters;
mod place;
mod read;
mod resolve;
mod yaml;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;

pub use blueprint::{Asynchronous, Blueprint, Function, Index, Key, Mapping, Route, Source, Starting, Table, Topic};
pub use deployed::{Deployment, KINDS, Resource};
pub use place::{Place, UNKNOWN};
pub use read::function_name;
use resolve::{Stack, Stacks};
pub use yaml::read as read_yaml;

/// The template that this program was built with, and the files that it nests.
const EMBEDDED: [(&str, &str); 9] = [
    (ROOT, include_str!("../../../template.yaml")),
    ("infra/alarms.yaml", include_str!("../../../infra/alarms.yaml")),
    ("infra/encryption.yaml", include_str!("../../../infra/encryption.yaml")),
    ("infra/kafka-consumer.yaml", include_str!("../../../infra/kafka-consumer.yaml")),
    ("infra/kafka-producer.yaml", include_str!("../../../infra/kafka-producer.yaml")),
    ("infra/kafka.yaml", include_str!("../../../infra/kafka.yaml")),
    ("infra/network.yaml", include_str!("../../../infra/network.yaml")),
    ("infra/rollout.yaml", include_str!("../../../infra/rollout.yaml")),
    ("infra/tables.yaml", include_str!("../../../infra/tables.yaml")),
];
const ROOT: &str = "template.yaml";

/// The parameters that make the template run on this machine. Addresses are filled in when they are known.
///
/// The brokers don't ask who a client is, so the template wants a private network: this machine is one. What AWS
/// reserves for a function would here be processes.
const LOCAL_PARAMETERS: [(&str, &str); 7] = [
    ("Kafka", "self-managed"),
    ("KafkaAuth", "none"),
    ("KafkaBootstrapServers", "127.0.0.1"),
    ("SubnetIds", "subnet-0a,subnet-0b"),
    ("SecurityGroupIds", "sg-0a"),
    ("PaymentApiConcurrency", "0"),
    // Nobody here makes metrics of them, and a person reads the log.
    ("EmbeddedMetrics", "false"),
];

/// How deep stacks may nest. CloudFormation has no lower limit that a person would reach.
const NESTING_MAX: usize = 10;

/// The part of a template that a local run can't use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {expected}")]
pub struct TemplateError {
    /// The file, and the path in it.
    pub place: String,
    /// What was expected there.
    pub expected: String,
}

/// Where templates are read from.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Templates {
    /// What this program was built with.
    #[default]
    Embedded,
    /// A file. The files that it nests are relative to its folder.
    File(PathBuf),
    /// Texts by name; the root is `template.yaml`.
    Texts(BTreeMap<String, String>),
}

impl Templates {
    /// The embedded texts, to be changed.
    #[must_use]
    pub fn embedded_texts() -> BTreeMap<String, String> {
        EMBEDDED.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    /// Reads the blueprint, with the parameters for a local run and these.
    ///
    /// # Errors
    /// [`TemplateError`] if the template doesn't allow a parameter, or a file is missing, or a needed part isn't
    /// understood.
    pub fn blueprint(&self, parameters: &BTreeMap<String, String>) -> Result<Blueprint, TemplateError> {
        let mut all: BTreeMap<String, String> =
            LOCAL_PARAMETERS.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        all.extend(parameters.iter().map(|(name, value)| (name.clone(), value.clone())));
        let stacks = self.stacks(all, Place::default())?;
        parameters::check(&stacks, parameters.keys())?;
        read::blueprint(&stacks)
    }

    /// Reads what the template asks for at a place, with the parameters that the stack there has. Their values are not
    /// checked: CloudFormation took them.
    ///
    /// # Errors
    /// [`TemplateError`] if a file is missing, or a needed part isn't understood.
    pub fn deployment(&self, parameters: BTreeMap<String, String>, place: Place) -> Result<Deployment, TemplateError> {
        deployed::deployment(&self.stacks(parameters, place)?)
    }

    /// The names of the root's parameters.
    ///
    /// # Errors
    /// [`TemplateError`] if the file is missing, or isn't understood.
    pub fn parameters(&self) -> Result<Vec<String>, TemplateError> {
        let stacks = self.stacks(BTreeMap::new(), Place::default())?;
        let root = stacks.stacks.first().and_then(|root| root.template.get("Parameters")?.as_object());
        Ok(root.into_iter().flat_map(|parameters| parameters.keys().cloned()).collect())
    }

    fn stacks(&self, parameters: BTreeMap<String, String>, place: Place) -> Result<Stacks, TemplateError> {
        let mut stacks = Stacks { stacks: Vec::new(), parameters, place };
        let root = match self {
            Self::Embedded | Self::Texts(_) => ROOT.to_owned(),
            Self::File(file) => file.display().to_string(),
        };
        self.load(&mut stacks, &root, None, 0)?;
        Ok(stacks)
    }

    /// Reads a template and those nested in it.
    fn load(
        &self,
        stacks: &mut Stacks,
        file: &str,
        parent: Option<(usize, String)>,
        depth: usize,
    ) -> Result<usize, TemplateError> {
        let fault = |expected: String| TemplateError { place: file.to_owned(), expected };
        if depth > NESTING_MAX {
            return Err(fault("expected a stack that doesn't nest itself".into()));
        }
        let template = yaml::read(&self.text(file).map_err(fault)?).map_err(fault)?;
        let nested: Vec<(String, String)> =
            template.get("Resources").and_then(Value::as_object).into_iter().flatten().filter_map(nested).collect();
        let ix = stacks.stacks.len();
        stacks.stacks.push(Stack { file: file.to_owned(), template, parent, children: BTreeMap::new() });
        for (resource, location) in nested {
            let location = match self {
                Self::Embedded | Self::Texts(_) => location,
                Self::File(_) => Path::new(file).with_file_name("").join(location).display().to_string(),
            };
            let child = self.load(stacks, &location, Some((ix, resource.clone())), depth.saturating_add(1))?;
            if let Some(stack) = stacks.stacks.get_mut(ix) {
                stack.children.insert(resource, child);
            }
        }
        Ok(ix)
    }

    fn text(&self, file: &str) -> Result<String, String> {
        let missing = || "expected this template to be there".to_owned();
        match self {
            Self::Embedded => {
                let found = EMBEDDED.iter().find(|(name, _)| *name == file);
                found.map(|(_, text)| (*text).to_owned()).ok_or_else(missing)
            }
            Self::Texts(texts) => texts.get(file).cloned().ok_or_else(missing),
            Self::File(_) => std::fs::read_to_string(file).map_err(|error| format!("reading it: {error}")),
        }
    }
}

/// A resource that nests a stack, and where that stack's template is.
fn nested((id, resource): (&String, &Value)) -> Option<(String, String)> {
    let property = match resource.get("Type")?.as_str()? {
        "AWS::Serverless::Application" => "Location",
        "AWS::CloudFormation::Stack" => "TemplateURL",
        _ => return None,
    };
    let location = resource.get("Properties")?.get(property)?.as_str()?;
    Some((id.clone(), location.trim_start_matches("./").to_owned()))
}
