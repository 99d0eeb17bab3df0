//! What: Reads `giro.toml`: defaults for the options of engines, and for those of `giro up`.
//!
//! | in the file | holds |
//! |---|---|
//! | its top | the options of engines, by the names of their flags, such as `accounts-table` |
//! | `[up]` | those of `giro up`, such as `partitions` |
//!
//! Data: Takes the nearest file upwards from the current folder. Gives its engines, as if they were given by flag, and
//! defaults for the flags of `giro up`.
//!
//! Invariants: An unknown key, a wrong type and a bad value are errors. They name file, line and key, and say what the
//! flag itself says. No file leads to AWS: it is found from folders below it, and nobody may have it in mind then.
//!
//! Limits: What a person decides for one run is no default ([`OF_ONE_RUN`]).

mod entry;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use clap::builder::Resettable;
use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Args, Command, FromArgMatches};
use toml_edit::{Document, Table};

use super::Failure;
use super::engines::EngineArgs;
use super::up::UpArgs;
use entry::{Entry, Written, Wrong, line, parsed};
use giro::aws::is_local;

const NAME: &str = "giro.toml";

/// The table of the options of `giro up`, and the command that takes them.
const UP: &str = "up";

/// Flags of `giro up` that the file can't have. A detached stack starts itself again without `--detach`, and the file
/// would detach it again. Who a caller is must not be mixed from flags and a file.
const OF_ONE_RUN: [&str; 3] = ["detach", "as", "scope"];

/// What a file says.
#[derive(Debug)]
pub(super) struct GiroToml {
    /// Where it is.
    pub(super) path: PathBuf,
    /// Its engines and names.
    pub(super) engines: EngineArgs,
    up: Vec<Entry>,
}

impl GiroToml {
    /// The nearest one, upwards from the current folder.
    ///
    /// # Errors
    /// [`Failure::Input`] if it can't be read, or says what it can't say.
    pub(super) fn nearest() -> Result<Option<Self>, Failure> {
        let here = std::env::current_dir().map_err(|error| Failure::input(format!("the current folder: {error}")))?;
        for folder in here.ancestors() {
            // In the current folder it is told, and its paths are, as a person writes them.
            let folder = if folder == here { Path::new("") } else { folder };
            let path = folder.join(NAME);
            let wrong = |error: &dyn std::fmt::Display| Failure::input(format!("{}: {error}", path.display()));
            let text = match std::fs::read_to_string(&path) {
                Ok(text) => text,
                Err(error) if error.kind() == ErrorKind::NotFound => continue,
                Err(error) => return Err(wrong(&error)),
            };
            let read = Self::read(&path, folder, &text);
            return read.map(Some).map_err(|text| Failure::input(format!("{}, {text}", path.display())));
        }
        Ok(None)
    }

    /// What a text says, or the line and what is wrong there.
    fn read(path: &Path, folder: &Path, text: &str) -> Result<Self, String> {
        let document = Document::parse(text).map_err(|error| {
            let line = line(text, error.span().map_or(0, |span| span.start));
            format!("line {line}: expected TOML: {}", error.message())
        })?;
        let mut top = document.as_table().clone();
        let up = top.remove(UP);
        let written = |table| Written { text, table, folder };
        let engines = engines(&written(&top)).map_err(|wrong| wrong.to_string())?;
        let up = match &up {
            None => Vec::new(),
            Some(up) => {
                let expected = || written(document.as_table()).wrong(UP, "expected a table: [up]").to_string();
                let table: Table = up.as_table().cloned().ok_or_else(expected)?;
                options_of_up(&written(&table)).map_err(|wrong| wrong.to_string())?
            }
        };
        Ok(Self { path: path.to_owned(), engines, up })
    }

    /// The command with the defaults of `giro up`. A default does not count where a flag was given that excludes it.
    pub(super) fn with_defaults_of_up(&self, command: Command, given: &ArgMatches) -> Command {
        let is_given = |argument: &Arg| {
            let source = given.value_source(argument.get_id().as_str());
            source == Some(ValueSource::CommandLine)
        };
        command.mut_subcommand(UP, |mut up| {
            for Entry { key, values, .. } in &self.up {
                let argument = up.get_arguments().find(|argument| argument.get_long() == Some(key));
                let Some(argument) = argument.filter(|_| !values.is_empty()) else { continue };
                if up.get_arg_conflicts_with(argument).into_iter().any(is_given) {
                    continue;
                }
                let id = argument.get_id().clone();
                up = up.mut_arg(id, |argument| argument.default_values(values.clone()));
            }
            up
        })
    }
}

/// The options of engines, without their variables: those count before the file does.
fn options_of_engines() -> Command {
    let options = EngineArgs::augment_args(Command::new(NAME));
    options.mut_args(|option| option.env(Resettable::Reset))
}

/// The engines at the top of a file.
fn engines(written: &Written<'_>) -> Result<EngineArgs, Wrong> {
    let known = options_of_engines();
    if written.table.contains_key("aws") {
        let text = "expected no such key: a file can't choose AWS's own engines; write --aws with the command";
        return Err(written.wrong("aws", text));
    }
    let is_of_up = |key: &str| up_command().get_arguments().any(|argument| argument.get_long() == Some(key));
    let entries = written.entries(&known, |key| is_of_up(key).then(|| format!("expected {key} below [up]")))?;
    let matches = parsed(&known, &entries)?;
    let engines = EngineArgs::from_arg_matches(&matches).map_err(|error| written.wrong("", error.to_string()))?;
    let urls = [("dynamodb-endpoint", &engines.dynamodb_endpoint), ("lambda-endpoint", &engines.lambda_endpoint)];
    for (key, url) in urls {
        if url.as_deref().is_some_and(|url| !is_local(url)) {
            let text = "expected a URL that begins with http://; name an engine of AWS by --aws, flag or variable";
            return Err(written.wrong(key, text));
        }
    }
    Ok(engines)
}

/// `giro up` with its own flags.
fn up_command() -> Command {
    UpArgs::augment_args(Command::new(UP))
}

/// The options below `[up]`.
fn options_of_up(written: &Written<'_>) -> Result<Vec<Entry>, Wrong> {
    let known = up_command();
    for key in OF_ONE_RUN {
        if written.table.contains_key(key) {
            let text = format!("expected no such key: write --{key} with the command that needs it");
            return Err(written.wrong(key, text));
        }
    }
    let engines = options_of_engines();
    let is_engine = |key: &str| engines.get_arguments().any(|argument| argument.get_long() == Some(key));
    let entries = written.entries(&known, |key| is_engine(key).then(|| format!("expected {key} above [up]")))?;
    parsed(&known, &entries)?;
    Ok(entries)
}
