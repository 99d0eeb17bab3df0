//! What: `giro completions` prints what a shell needs to complete commands and options.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use super::{Cli, Failure};
use crate::local::terminal;

/// Print completions for a shell
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  giro completions bash > ~/.local/share/bash-completion/completions/giro\n  \
                  giro completions zsh > \"${fpath[1]}/_giro\"\n  \
                  giro completions fish > ~/.config/fish/completions/giro.fish")]
pub(super) struct CompletionsArgs {
    /// Which shell
    shell: Shell,
}

pub(super) fn run(args: &CompletionsArgs) -> Result<(), Failure> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut Cli::command(), "giro", &mut text);
    terminal::bytes(&text).map_err(|error| Failure::unwritten(&error))
}
