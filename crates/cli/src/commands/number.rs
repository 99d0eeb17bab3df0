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
    use clap::Command;
    use clap::error::ErrorKind;

    use crate::commands::arguments;

    /// The argument parser's own text for a wrong number is not for people. It answers `x` in Rust, and takes `-5` for
    /// a flag.
    #[test]
    fn no_argument_answers_in_rust() {
        fn look(command: &Command, path: &[&str], refused: &mut usize) {
            for flag in command.get_arguments().filter_map(|argument| argument.get_long()) {
                let flag = format!("--{flag}");
                let refusal = |value| {
                    let words = path.iter().copied().chain([flag.as_str(), value]);
                    arguments::command().try_get_matches_from(words).err()
                };
                if refusal("x").is_none_or(|error| error.kind() != ErrorKind::ValueValidation) {
                    continue;
                }
                *refused += 1;
                for error in ["x", "-5", "1.5"].into_iter().filter_map(refusal) {
                    let text = error.to_string();
                    // Other arguments may be missing; this one must be read as its value.
                    let is_told = text.contains("expected") && !text.contains("invalid digit");
                    let is_value = error.kind() != ErrorKind::UnknownArgument;
                    assert!(
                        is_value && (is_told || error.kind() != ErrorKind::ValueValidation),
                        "{path:?} {flag}: {text}"
                    );
                }
            }
            for command in command.get_subcommands() {
                look(command, &[path, &[command.get_name()]].concat(), refused);
            }
        }
        let mut refused = 0;
        look(&arguments::command(), &["giro"], &mut refused);
        assert!(refused >= 20, "only {refused} arguments refuse a text");
    }
}
