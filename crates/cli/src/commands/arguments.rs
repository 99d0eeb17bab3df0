//! What: The arguments as a person may write them, and the error where one can't be used.
//!
//! Data: Takes what the commands declare. Gives the same, but every argument takes a negative number for its value. An
//! error about a value that came from a variable names the variable. A `giro.toml` gives what nobody has given.

use std::ffi::OsString;

use clap::builder::StyledStr;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{Command, CommandFactory, Error, FromArgMatches};

use super::giro_toml::GiroToml;
use super::{Cli, Failure, pages};

/// Reads the arguments of this process. Ends it where they can't be used, and where they ask for help.
///
/// # Errors
/// [`Failure::Input`] if the `giro.toml` that counts can't be used.
pub(super) fn read() -> Result<Cli, Failure> {
    let arguments: Vec<OsString> = std::env::args_os().collect();
    let parse = |command: Command| {
        let matches = command.try_get_matches_from(&arguments);
        let parsed = matches.and_then(|matches| Ok((Cli::from_arg_matches(&matches)?, matches)));
        parsed.unwrap_or_else(|error| with_variable(error, &arguments).exit())
    };
    let (cli, matches) = parse(command());
    if !cli.command.reads_giro_toml() {
        return Ok(cli);
    }
    let Some(file) = GiroToml::nearest()? else { return Ok(cli) };
    let Some(("up", up)) = matches.subcommand() else {
        return Ok(Cli { engines: cli.engines.completed(&file.engines, &file.path), ..cli });
    };
    let (cli, _) = parse(file.with_defaults_of_up(command(), up));
    // Whoever says which Kafka to start means no Kafka of a file.
    if up.value_source("kafka") == Some(ValueSource::CommandLine) {
        return Ok(cli);
    }
    Ok(Cli { engines: cli.engines.completed_for_a_stack(&file.engines, &file.path), ..cli })
}

/// The command with its subcommands.
pub(super) fn command() -> Command {
    taking_negatives(pages::with_pages(Cli::command()))
}

/// Else the parser takes `-5` for a flag that nobody has, and gives advice that doesn't help. The value's own parser
/// says what it expects.
fn taking_negatives(command: Command) -> Command {
    let taking = |argument: clap::Arg| match argument.get_action().takes_values() {
        true => argument.allow_negative_numbers(true),
        false => argument,
    };
    command.mut_args(taking).mut_subcommands(taking_negatives)
}

/// Names the variable that a bad value came from, where it stands for a flag that was not given.
fn with_variable(mut error: Error, arguments: &[OsString]) -> Error {
    if error.kind() != ErrorKind::ValueValidation {
        return error;
    }
    let Some(ContextValue::String(argument)) = error.get(ContextKind::InvalidArg) else { return error };
    let Some(long) = argument.split(' ').next().and_then(|flag| flag.strip_prefix("--")) else { return error };
    let is_given = |given: &OsString| {
        let given = given.to_string_lossy();
        let rest = given.strip_prefix("--").and_then(|given| given.strip_prefix(long));
        rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
    };
    if arguments.iter().any(is_given) {
        return error;
    }
    if let Some(variable) = variable_of(&command(), long) {
        let tip = StyledStr::from(format!("the value comes from the variable {variable}"));
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip]));
    }
    error
}

/// The variable that stands for a flag. Of two flags with one name that is the variable that is set.
fn variable_of(command: &Command, long: &str) -> Option<String> {
    let own = command.get_arguments().filter(|known| known.get_long() == Some(long));
    let own = own.filter_map(|known| known.get_env()?.to_str().map(str::to_owned));
    let below = command.get_subcommands().filter_map(|command| variable_of(command, long));
    own.chain(below).find(|variable| std::env::var_os(variable).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_is_found_by_the_name_of_its_flag() {
        let command = Command::new("x")
            .arg(clap::arg!(--here <NAME>).env("PATH"))
            .subcommand(Command::new("y").arg(clap::arg!(--there <NAME>).env("PATH")))
            .subcommand(Command::new("z").arg(clap::arg!(--unset <NAME>).env("GIRO_NO_SUCH_VARIABLE")));
        assert_eq!(variable_of(&command, "here").as_deref(), Some("PATH"));
        assert_eq!(variable_of(&command, "there").as_deref(), Some("PATH"));
        assert_eq!(variable_of(&command, "unset"), None);
        assert_eq!(variable_of(&command, "nowhere"), None);
    }
}
