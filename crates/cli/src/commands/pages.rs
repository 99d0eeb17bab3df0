//! What: Pages of help beside those of commands: `giro help engines`.
//!
//! Every command takes the options of engines. They are told once, on a page of their own, and the help of each command
//! names that page.
//!
//! Data: Takes the commands as they are declared. Gives them with the pages, and without those options in their help.

use clap::{Args, Command};

use super::Failure;
use super::engines::EngineArgs;

/// The command whose help is the page of engines.
const ENGINES: &str = "engines";

/// What the help of a command says instead.
const SEE: &str = "Engines: see `giro help engines`";

const FOUND: &str = "\
How commands find Kafka, DynamoDB and Lambda, and the names of topics and tables. The first that names them counts:

  1. a flag, which every command takes
  2. its variable, where it has one
  3. the `giro up` that runs in this folder
  4. giro.toml in this folder, else the nearest one above it

AWS's own are used only with --aws, or where their address is given. Kafka is always named by its address.
If you name an engine that is not the stack's, no engine and no name of the stack is used.
giro.toml has the names of these flags as its keys, such as accounts-table = \"mine\", and options of `giro up` in [up].
Its engines count all together or not at all. With --aws, or an engine that it doesn't name, nothing of it counts.
So records of one ledger never go to the topics of another. It can't say aws, and can't name an address of AWS.
`giro up` takes engines from it too, unless you say --kafka. `giro demo`, `giro bench` and `giro doctor` don't read it.
A variable that is set to nothing is unset. `giro status` shows where the stack of this folder listens.";

/// The commands with the pages.
pub(super) fn with_pages(mut root: Command) -> Command {
    let page = engines();
    let options = EngineArgs::augment_args(Command::new(ENGINES));
    for option in options.get_arguments() {
        root = root.mut_arg(option.get_id().as_str(), |option| option.hide(true));
    }
    root.mut_subcommands(naming_them).mut_subcommand(ENGINES, |engines| engines.override_help(page))
}

/// A command whose help names the page, and so do those below it.
fn naming_them(command: Command) -> Command {
    let after = command.get_after_help().map(|after| format!("{after}\n\n{SEE}"));
    // The long help has a text of its own where it is longer.
    let after_long = command.get_after_long_help().map(|after| format!("{after}\n\n{SEE}"));
    let command = command.after_help(after.unwrap_or_else(|| SEE.to_owned())).mut_subcommands(naming_them);
    match after_long {
        Some(after) => command.after_long_help(after),
        None => command,
    }
}

/// The page: how engines are found, and each option as it is declared.
fn engines() -> String {
    let options = EngineArgs::augment_args(Command::new(ENGINES)).disable_help_flag(true);
    let told = options.help_template("{all-args}").render_help();
    format!("{FOUND}\n\n{}\n", told.to_string().trim_end())
}

/// `giro engines` prints what `giro help engines` prints.
pub(super) fn run() -> Result<(), Failure> {
    for line in engines().lines() {
        say!("{line}");
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;
    use crate::commands::{Cli, arguments};

    /// Every command, with the words that call it.
    fn each(command: &Command, path: &str, look: &mut impl FnMut(&str, &Command)) {
        look(path, command);
        for below in command.get_subcommands() {
            each(below, &format!("{path} {}", below.get_name()), look);
        }
    }

    #[test]
    fn engines_are_told_on_their_page_and_nowhere_else() {
        let page = engines();
        let options = EngineArgs::augment_args(Command::new(ENGINES));
        let mut flags = Vec::new();
        for option in options.get_arguments() {
            let flag = format!("--{}", option.get_long().unwrap());
            let variable = option.get_env().map_or("", |variable| variable.to_str().unwrap());
            assert!(page.contains(&flag) && page.contains(variable), "{flag} {variable}: {page}");
            flags.push(flag);
        }
        assert!(flags.len() >= 12, "{flags:?}");
        let mut root = arguments::command();
        root.build();
        let mut looked = 0;
        each(&root, "giro", &mut |path, command| {
            if path == "giro engines" || path.contains(" help") {
                return;
            }
            looked += 1;
            for help in [command.clone().render_help(), command.clone().render_long_help()] {
                let help = help.to_string();
                // An option begins its line. An example may name one further on.
                let is_told = |flag: &&String| help.lines().any(|line| line.split_whitespace().next() == Some(flag));
                assert_eq!(flags.iter().find(is_told), None, "{path}\n{help}");
                let words: Vec<&str> = help.split_whitespace().collect();
                assert!(words.join(" ").contains("see `giro help engines`"), "{path}\n{help}");
            }
        });
        assert!(looked > 30, "{looked}");
    }

    #[test]
    fn every_command_takes_the_options_of_engines() {
        let mut taken = 0;
        let mut root = Cli::command();
        root.build();
        each(&root, "giro", &mut |path, command| {
            if path.contains(" help") {
                return;
            }
            let takes = command.get_arguments().any(|option| option.get_long() == Some("dynamodb-endpoint"));
            assert!(takes, "{path}");
            taken += 1;
        });
        assert!(taken > 30, "{taken}");
    }
}
