//! What: Prints results: lines or a table for a person, or JSON for a program, one object a line.
//!
//! Data: Takes `--json`, and each result in both forms. Only the form that is asked for is made.
//!
//! Invariants: What is printed doesn't depend on whether a terminal reads it. So a script sees what a person sees.
//!
//! `docs/local-stack.md` says which commands take `--json`, and a test here asks it of each.

use std::fmt::Display;

use clap::Args;

use super::failure::Failure;

/// How results are printed.
#[derive(Debug, Clone, Copy, Args)]
pub(super) struct ResultArgs {
    /// As JSON, one object a line
    #[arg(long)]
    pub(super) json: bool,
}

impl ResultArgs {
    /// Prints a result as a line for a person, or as an object.
    pub(super) fn print<O: Display, T: Display>(
        self,
        object: impl FnOnce() -> O,
        text: impl FnOnce() -> T,
    ) -> Result<(), Failure> {
        match self.json {
            true => say!("{}", object()),
            false => say!("{}", text()),
        }
        Ok(())
    }

    /// Begins a table, whose head is printed for a person alone.
    pub(super) fn table<const N: usize>(self, columns: [Column; N]) -> Result<Table<N>, Failure> {
        if !self.json {
            say!("{}", aligned(&columns, columns.map(|column| column.name.to_owned())));
        }
        Ok(Table { columns, results: self })
    }
}

/// A column of a table.
#[derive(Debug, Clone, Copy)]
pub(super) struct Column {
    name: &'static str,
    /// How wide it is at the least. What is longer is not cut.
    width: usize,
    is_number: bool,
}

impl Column {
    /// A column of texts, which begin at its left.
    pub(super) const fn text(name: &'static str, width: usize) -> Self {
        Self { name, width, is_number: false }
    }

    /// A column of numbers, which end at its right.
    pub(super) const fn number(name: &'static str, width: usize) -> Self {
        Self { name, width, is_number: true }
    }
}

/// A table that is printed row by row.
#[derive(Debug)]
pub(super) struct Table<const N: usize> {
    columns: [Column; N],
    results: ResultArgs,
}

impl<const N: usize> Table<N> {
    /// Prints a row.
    pub(super) fn row<O: Display>(
        &self,
        object: impl FnOnce() -> O,
        cells: impl FnOnce() -> [String; N],
    ) -> Result<(), Failure> {
        self.results.print(object, || aligned(&self.columns, cells()))
    }
}

fn aligned<const N: usize>(columns: &[Column; N], cells: [String; N]) -> String {
    let cell = |(Column { width, is_number, .. }, cell): (&Column, String)| match is_number {
        true => format!("{cell:>width$}"),
        false => format!("{cell:<width$}"),
    };
    let cells: Vec<String> = columns.iter().zip(cells).map(cell).collect();
    cells.join(" ").trim_end().to_owned()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::commands::arguments;

    /// Commands that have no `--json`, and why.
    const WITHOUT: &[(&str, &str)] = &[
        ("up", "it runs the stack; `status --json` tells the same"),
        ("env", "its reader says its form; `status --json` tells the same"),
        ("logs", "its form is `--log json`"),
        ("down", "it stops the stack, and its exit code is the answer"),
        ("reset", "it names files for a person, who then says --yes"),
        ("topics create", "it makes topics; `topics list --json` shows them"),
        ("outcomes republish", "it publishes, and says how many"),
        ("dead-letters redrive", "it publishes; `dead-letters list --json` shows what became of each"),
        ("failed redrive", "it publishes; `failed list --json` shows what became of each"),
        ("restore tables", "a person reads each step, and what to do next"),
        ("restore rebuild", "a person reads what differs, and then says --write"),
        ("bench run", "it writes files"),
        ("bench check", "its figures stand beside their goals; its exit code is the answer"),
        ("bench broker", "one line of a measurement; `bench latency --json` is the machine's"),
        ("bench contend", "it is bench's own, and always prints JSON"),
        ("completions", "a shell reads it"),
        ("console", "it runs on, and prints its address alone"),
        ("engines", "it is a page of help"),
    ];

    #[test]
    fn every_command_that_prints_results_prints_them_as_json_too() {
        fn look(command: &clap::Command, path: &str, found: &mut BTreeSet<String>) {
            let below: Vec<&clap::Command> = command.get_subcommands().collect();
            // `outcomes` is a command by itself too.
            let is_called = below.is_empty() || !command.is_subcommand_required_set();
            if !path.is_empty() && is_called && !command.get_arguments().any(|known| known.get_long() == Some("json")) {
                found.insert(path.to_owned());
            }
            for command in below {
                look(command, format!("{path} {}", command.get_name()).trim(), found);
            }
        }
        let mut found = BTreeSet::new();
        look(&arguments::command(), "", &mut found);
        let told: BTreeSet<String> = WITHOUT.iter().map(|(path, _)| (*path).to_owned()).collect();
        assert_eq!(found, told, "commands without --json, and those that a reason is given for");
    }

    #[test]
    fn texts_begin_and_numbers_end_in_line() {
        let columns = [Column::text("account", 8), Column::number("balance", 9)];
        assert_eq!(aligned(&columns, ["bob".into(), "5.00".into()]), "bob           5.00");
        let long = "a-long-account";
        assert_eq!(aligned(&columns, [long.into(), "5.00".into()]), "a-long-account      5.00");
        let columns = [Column::number("offset", 6), Column::text("fate", 10)];
        assert_eq!(aligned(&columns, ["7".into(), "settled".into()]), "     7 settled");
    }
}
