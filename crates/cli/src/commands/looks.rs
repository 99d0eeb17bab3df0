//! What: How lines look: for a person or for a program, with colours or without.

use std::io::{IsTerminal, stderr, stdout};

use clap::{Args, ColorChoice, ValueEnum};

use crate::local::stack::LogLines;

/// How the lines of functions are shown
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct LooksArgs {
    /// How to show what functions write; by default as text on a terminal, else as the JSON that they write
    #[arg(long, value_enum, value_name = "FORMAT")]
    log: Option<LogFormat>,
    /// When to use colours; by default on a terminal, unless NO_COLOR is set
    #[arg(long, value_enum, value_name = "WHEN", default_value_t = ColorChoice::Auto)]
    color: ColorChoice,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum LogFormat {
    /// One line a batch, for a person
    Text,
    /// As it was written, for a program
    Json,
}

impl LooksArgs {
    /// For lines on stderr.
    pub(super) fn on_stderr(self) -> LogLines {
        self.on(stderr().is_terminal())
    }

    /// For lines on stdout.
    pub(super) fn on_stdout(self) -> LogLines {
        self.on(stdout().is_terminal())
    }

    fn on(self, is_terminal: bool) -> LogLines {
        let color = match self.color {
            ColorChoice::Always => true,
            ColorChoice::Never => false,
            // An empty variable counts as unset. Source: no-color.org.
            ColorChoice::Auto => is_terminal && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty()),
        };
        match self.log {
            Some(LogFormat::Json) => LogLines::Json,
            Some(LogFormat::Text) => LogLines::Text { color },
            None if is_terminal => LogLines::Text { color },
            None => LogLines::Json,
        }
    }
}
