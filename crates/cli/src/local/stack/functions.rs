//! What: Prepares the template's functions for the local Lambda: their binaries, their environment, and their output.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, anyhow};
use serde_json::{Map, Value};

use super::options::{LogLines, Run};
use crate::local::escaped::Line;
use crate::local::lambda::{Function, LogSink};
use crate::local::log_line;
use crate::local::terminal::tell;
use crate::local::{LocalError, OrLocalError};
use giro_template::Blueprint;

/// The sums of summary lines, by field. A reason of a decline or a refusal has a field of its own, such as
/// `reasons.insufficient_funds`.
pub type Summary = BTreeMap<String, u64>;
/// Summaries by function.
pub(super) type Summaries = Arc<Mutex<BTreeMap<String, Summary>>>;

/// The messages of the lines that sum up an invocation.
const SUMMARIES: [&str; 2] = ["batch finished", "outcomes published"];

/// What the field of a reason begins with, in a summary.
pub const REASONS: &str = "reasons.";

/// How many invocations of a function run at once by default. It is enough to see what happens side by side.
const CONCURRENCY: usize = 8;

/// Where the engines are that functions use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Engines {
    /// DynamoDB's URL.
    pub dynamodb: String,
    /// Kafka's address, where there is one.
    pub kafka_bootstrap_servers: Option<String>,
}

/// The folder of the program that runs, where Cargo puts the others too.
///
/// # Errors
/// [`LocalError::Engine`] if the running program can't be found.
pub fn folder_of_this_program() -> Result<PathBuf, LocalError> {
    let program = std::env::current_exe().context("finding the running program").or_engine()?;
    let mut folder = program.parent().map(PathBuf::from).unwrap_or_default();
    // Cargo puts tests one folder below the binaries.
    if folder.ends_with("deps") {
        folder.pop();
    }
    Ok(folder)
}

/// Removes the functions that don't run from a blueprint, and all that leads to them. Returns the missing binaries that
/// a person might have expected.
///
/// # Errors
/// [`LocalError::Asked`] if a wanted function isn't built, or the template doesn't have it.
pub(super) fn choose(blueprint: &mut Blueprint, run: &Run, folder: &Path) -> Result<Vec<String>, LocalError> {
    if let Run::Only(binaries) = run {
        if let Some(unknown) = binaries.iter().find(|binary| blueprint.function(binary).is_none()) {
            let known: Vec<&str> = blueprint.functions.iter().map(|function| function.binary.as_str()).collect();
            let known = known.join(", ");
            return Err(LocalError::Asked(anyhow!("the template has no function {unknown}: expected one of {known}")));
        }
        blueprint.functions.retain(|function| binaries.contains(&function.binary));
    }
    let missing: Vec<String> = blueprint.functions.iter().map(|function| function.binary.clone()).collect();
    let missing: Vec<String> = missing.into_iter().filter(|binary| !folder.join(binary).is_file()).collect();
    if let (Run::All | Run::Only(_), Some(binary)) = (run, missing.first()) {
        let place = folder.join(binary);
        let place = place.display();
        return Err(LocalError::Asked(anyhow!("the function {binary}: no binary at {place}; `make build` builds it")));
    }
    blueprint.functions.retain(|function| !missing.contains(&function.binary));
    let names: Vec<&String> = blueprint.functions.iter().map(|function| &function.name).collect();
    blueprint.mappings.retain(|mapping| names.contains(&&mapping.function));
    blueprint.routes.retain(|route| names.contains(&&route.function));
    Ok(missing)
}

/// A function of the template, to be run with the environment that the template gives it.
#[must_use]
pub fn function(
    function: &giro_template::Function,
    folder: &Path,
    engines: &Engines,
    concurrency: Option<usize>,
) -> Function {
    let variable = |name: &str, value: &str| (name.to_owned(), value.to_owned());
    let mut environment = Vec::new();
    // A local engine takes any credentials. A person's own AWS credentials come after these and count.
    if giro::aws::is_local(&engines.dynamodb) {
        environment.extend([
            variable("AWS_REGION", giro::aws::LOCAL_REGION),
            variable("AWS_ACCESS_KEY_ID", "local"),
            variable("AWS_SECRET_ACCESS_KEY", "local"),
        ]);
    }
    environment.extend(set_here(|name| name.starts_with("AWS_") || name == "HOME"));
    environment.extend(function.environment.iter().map(|(name, value)| variable(name, value)));
    environment.push(variable(giro::aws::DYNAMODB_ENDPOINT, &engines.dynamodb));
    if function.environment.contains_key("KAFKA_BOOTSTRAP_SERVERS") {
        // How clients log in to a person's own Kafka.
        environment.extend(set_here(|name| name.starts_with("KAFKA_")));
        let address = engines.kafka_bootstrap_servers.as_deref().unwrap_or_default();
        environment.push(variable("KAFKA_BOOTSTRAP_SERVERS", address));
    }
    Function {
        name: function.name.clone(),
        binary: folder.join(&function.binary),
        environment,
        memory_mib: function.memory_mib,
        timeout: function.timeout,
        concurrency: concurrency.or(function.concurrency_max).unwrap_or(CONCURRENCY),
        asynchronous: function.asynchronous,
    }
}

/// The variables of this process that are text and not empty. An empty one counts as unset.
fn set_here(wanted: impl Fn(&str) -> bool) -> impl Iterator<Item = (String, String)> {
    let text = |(name, value): (OsString, OsString)| Some((name.into_string().ok()?, value.into_string().ok()?));
    std::env::vars_os().filter_map(text).filter(move |(name, value)| wanted(name) && !value.is_empty())
}

/// Adds up the summary lines of functions, and shows all lines if asked to.
pub(super) fn sink(summaries: &Summaries, log: LogLines) -> LogSink {
    let summaries = Arc::clone(summaries);
    Arc::new(move |function, line| {
        match log {
            LogLines::Json => tell!("{function} {}", Line(line)),
            LogLines::Text { color } => {
                if let Some(told) = log_line::told(line, color) {
                    tell!("{function}  {told}");
                }
            }
            LogLines::Hide => {}
        }
        let Ok(Value::Object(fields)) = serde_json::from_str(line) else { return };
        if !fields.get("message").and_then(Value::as_str).is_some_and(|message| SUMMARIES.contains(&message)) {
            return;
        }
        let mut summaries = summaries.lock().unwrap_or_else(PoisonError::into_inner);
        let summary = summaries.entry(function.to_owned()).or_default();
        let numbers = fields.iter().filter_map(|(name, value)| Some((name.clone(), value.as_u64()?)));
        for (name, number) in numbers.chain(reasons(&fields)) {
            let sum = summary.entry(name).or_default();
            *sum = sum.saturating_add(number);
        }
    })
}

/// The reasons of a summary line, `insufficient_funds=3 velocity_limit=1`, as fields of a summary.
fn reasons(fields: &Map<String, Value>) -> impl Iterator<Item = (String, u64)> {
    let reasons = fields.get("reasons").and_then(Value::as_str).unwrap_or_default();
    let counted = |counted: &str| {
        let (reason, count) = counted.split_once('=')?;
        Some((format!("{REASONS}{reason}"), count.parse().ok()?))
    };
    reasons.split(' ').filter_map(counted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn summary_lines_are_added_up_with_their_reasons() {
        let summaries = Summaries::default();
        let sink = sink(&summaries, LogLines::Hide);
        sink("f", r#"{"message":"batch finished","settled":2,"reasons":"a=1 b_c=2"}"#);
        sink("f", r#"{"message":"batch finished","settled":3,"reasons":"a=4","fault":"x"}"#);
        sink("f", r#"{"message":"another","settled":9}"#);
        sink("h", r#"{"message":"outcomes published","published":7}"#);
        sink("g", r#"{"message":"batch finished","reasons":null,"declined":1}"#);
        let summaries = summaries.lock().unwrap();
        let told = |function: &str| format!("{:?}", summaries[function]);
        assert_eq!(told("f"), r#"{"reasons.a": 5, "reasons.b_c": 2, "settled": 5}"#);
        assert_eq!(told("h"), r#"{"published": 7}"#);
        assert_eq!(told("g"), r#"{"declined": 1}"#);
    }
}
