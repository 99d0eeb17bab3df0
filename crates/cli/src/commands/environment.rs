//! What: Treats an empty variable as unset.
//!
//! Scripts and service files set a variable to nothing if they mean none. The argument parser and the AWS SDK take an
//! empty text as a value, so such variables must be gone before they read them. A process can't change its own
//! environment safely. But it can start again without them.

use std::collections::BTreeSet;
use std::os::unix::process::CommandExt;
use std::process::Command;

use clap::CommandFactory;

use super::Cli;

/// How the variables begin that the AWS SDK reads, and those of a login to Kafka.
const OTHERS: [&str; 2] = ["AWS_", "KAFKA_"];

/// The variables that stand for arguments, of every command.
#[must_use]
pub fn variables() -> BTreeSet<String> {
    fn gather(command: &clap::Command, names: &mut BTreeSet<String>) {
        names.extend(command.get_arguments().filter_map(|argument| argument.get_env()?.to_str().map(str::to_owned)));
        command.get_subcommands().for_each(|command| gather(command, names));
    }
    let mut names = BTreeSet::new();
    gather(&Cli::command(), &mut names);
    names
}

/// Starts this program again, as the same process, if a variable that it reads is empty. Returns if none is empty, or
/// with the reason why it couldn't start.
pub(super) fn without_empty_variables() -> std::io::Result<()> {
    let empty =
        std::env::vars_os().filter(|(_, value)| value.is_empty()).filter_map(|(name, _)| name.into_string().ok());
    let mut empty: Vec<String> = empty.collect();
    if !empty.is_empty() {
        let known = variables();
        empty.retain(|name| known.contains(name) || OTHERS.iter().any(|other| name.starts_with(other)));
    }
    if empty.is_empty() {
        return Ok(());
    }
    let mut arguments = std::env::args_os();
    let mut again = Command::new(std::env::current_exe()?);
    again.arg0(arguments.next().unwrap_or_else(|| "giro".into())).args(arguments);
    for name in empty {
        again.env_remove(name);
    }
    // It returns only if it can't.
    Err(again.exec())
}
