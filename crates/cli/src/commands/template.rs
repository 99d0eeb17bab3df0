//! What: The template that a command reads, and its parameters.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clap::Args;
use serde::{Deserialize, Serialize};

use super::Failure;
use giro_template::Templates;

#[derive(Debug, Args)]
#[command(next_help_heading = "Template")]
pub(super) struct TemplateArgs {
    /// The template; else the one that this program was built with
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,
    /// A parameter of the template
    #[arg(long = "parameter", value_name = "NAME=VALUE", value_parser = parameter)]
    parameters: Vec<(String, String)>,
}

/// `NAME=VALUE`
fn parameter(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').filter(|(name, _)| !name.is_empty()).ok_or("expected NAME=VALUE")?;
    Ok((name.to_owned(), value.to_owned()))
}

/// A template and its parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct ChosenTemplate {
    /// Its file. `None`: the template that this program was built with.
    file: Option<PathBuf>,
    pub(super) parameters: BTreeMap<String, String>,
}

impl TemplateArgs {
    /// What the arguments name. `None` if they name nothing.
    pub(super) fn chosen(&self) -> Result<Option<ChosenTemplate>, Failure> {
        if self.template.is_none() && self.parameters.is_empty() {
            return Ok(None);
        }
        let mut chosen = ChosenTemplate { file: self.template.clone(), parameters: BTreeMap::new() };
        for (name, value) in self.parameters.iter().cloned() {
            if let Some(other) = chosen.parameters.insert(name.clone(), value) {
                let text =
                    format!("--parameter: expected each name once, got {name} twice; its other value is '{other}'");
                return Err(Failure::input(text));
            }
        }
        chosen.checked().map(Some)
    }
}

impl ChosenTemplate {
    /// Names the parameter whose value a resource can't take: what the template says of it stands in a nested file.
    fn checked(self) -> Result<Self, Failure> {
        let Err(error) = self.templates().blueprint(&self.parameters) else { return Ok(self) };
        let is_to_blame = |name: &&String| {
            let mut others = self.parameters.clone();
            others.remove(*name);
            self.templates().blueprint(&others).is_ok()
        };
        let is_told = [": Parameters", ": Rules"].iter().any(|section| error.place.contains(section));
        let to_blame = self.parameters.keys().find(is_to_blame).filter(|_| !is_told);
        Err(match to_blame.and_then(|name| self.parameters.get_key_value(name)) {
            Some((name, value)) => Failure::input(format!("--parameter {name}={value}: {error}")),
            None => Failure::input(error),
        })
    }

    pub(super) fn templates(&self) -> Templates {
        self.file.clone().map_or(Templates::Embedded, Templates::File)
    }
}
