//! What: Reads whole numbers on the command line.

use std::fmt::Display;
use std::ops::RangeInclusive;
use std::str::FromStr;

/// Reads a whole number within bounds. Its type must be the argument's own.
pub(super) fn number<T>(bounds: RangeInclusive<T>) -> impl Fn(&str) -> Result<T, String> + Clone + Send + Sync + 'static
where
    T: FromStr + PartialOrd + Display + Clone + Send + Sync + 'static,
{
    move |text: &str| {
        let read = text.parse().ok().filter(|number| bounds.contains(number));
        read.ok_or_else(|| format!("expected a whole number from {} to {}", bounds.start(), bounds.end()))
    }
}

#[cfg(test)]
mod tests {
    use clap::error::ErrorKind;
    use clap::{Command, CommandFactory};

    use crate::commands::Cli;

    /// The argument parser's own text for a wrong number is not for people.
    #[test]
    fn no_argument_answers_in_rust() {
        fn look(command: &Command, path: &[&str], refused: &mut usize) {
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let flag = format!("--{flag}");
                let error = Cli::command().try_get_matches_from(path.iter().copied().chain([flag.as_str(), "x"]));
                let Some(error) = error.err().filter(|error| error.kind() == ErrorKind::ValueValidation) else {
                    continue;
                };
                *refused += 1;
                let text = error.to_string();
                assert!(text.contains("expected") && !text.contains("invalid digit"), "{path:?} {flag}: {text}");
            }
            for command in command.get_subcommands() {
                look(command, &[path, &[command.get_name()]].concat(), refused);
            }
        }
        let mut refused = 0;
        look(&Cli::command(), &["giro"], &mut refused);
        assert!(refused >= 20, "only {refused} arguments refuse a text");
    }
}
