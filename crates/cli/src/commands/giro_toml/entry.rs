//! What: The keys of a table in `giro.toml`, each read as the flag of its name.
//!
//! Data: Takes a table and the command whose long flags are its keys. Gives what the command's own parsers make of it,
//! or the line, the key and what was expected.

use std::ffi::OsString;
use std::fmt;
use std::path::Path;

use clap::builder::ValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Arg, ArgAction, ArgMatches, Command, Error, ValueHint};
use toml_edit::{Item, Table, Value};

/// What a file has that it must not have.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Wrong {
    pub(super) line: usize,
    pub(super) key: String,
    pub(super) expected: String,
}

impl fmt::Display for Wrong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "line {}: {}: {}", self.line, self.key, self.expected)
    }
}

/// A key with its values, as texts for a flag. A flag without a value has `true`, or nothing.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    pub(super) key: String,
    pub(super) line: usize,
    pub(super) values: Vec<OsString>,
    is_switch: bool,
}

/// A table as it is written.
pub(super) struct Written<'a> {
    /// The whole text, from which lines are counted.
    pub(super) text: &'a str,
    pub(super) table: &'a Table,
    /// Where relative paths begin.
    pub(super) folder: &'a Path,
}

impl Written<'_> {
    /// The line of the key of an item.
    pub(super) fn line(&self, key: &str) -> usize {
        let span = self.table.get_key_value(key).and_then(|(key, item)| key.span().or_else(|| item.span()));
        line(self.text, span.map_or(0, |span| span.start))
    }

    pub(super) fn wrong(&self, key: &str, expected: impl Into<String>) -> Wrong {
        Wrong { line: self.line(key), key: key.to_owned(), expected: expected.into() }
    }

    /// Its entries, each by the flag of this command that has its name. `unknown` tells what else a key may be.
    pub(super) fn entries(
        &self,
        known: &Command,
        unknown: impl Fn(&str) -> Option<String>,
    ) -> Result<Vec<Entry>, Wrong> {
        let mut entries = Vec::new();
        for (key, item) in self.table {
            let argument = known.get_arguments().find(|argument| argument.get_long() == Some(key));
            let Some(argument) = argument else {
                let keys: Vec<&str> = known.get_arguments().filter_map(Arg::get_long).collect();
                let expected = unknown(key).unwrap_or_else(|| format!("expected one of {}", keys.join(", ")));
                return Err(self.wrong(key, expected));
            };
            let values = values(argument, item, self.folder).map_err(|expected| self.wrong(key, expected))?;
            let is_switch = !argument.get_action().takes_values();
            entries.push(Entry { key: key.to_owned(), line: self.line(key), values, is_switch });
        }
        Ok(entries)
    }
}

/// The line in which a byte of a text stands.
pub(super) fn line(text: &str, byte: usize) -> usize {
    let before = text.as_bytes().get(..byte).unwrap_or_default();
    before.iter().filter(|byte| **byte == b'\n').count().saturating_add(1)
}

/// The values of a flag, of the type that the flag takes.
fn values(argument: &Arg, item: &Item, folder: &Path) -> Result<Vec<OsString>, &'static str> {
    // Whoever starts in a folder below means the same file.
    let is_path = argument.get_value_hint() == ValueHint::AnyPath;
    let value = |text: &str| match is_path && !text.is_empty() {
        true => folder.join(text).into_os_string(),
        false => OsString::from(text),
    };
    let action = argument.get_action();
    if !action.takes_values() {
        let is_set = item.as_bool().ok_or("expected true or false, without quotes")?;
        return Ok(if is_set { vec!["true".into()] } else { Vec::new() });
    }
    if matches!(action, ArgAction::Append) {
        let texts: Option<Vec<&str>> = match (item.as_str(), item.as_array()) {
            (Some(text), _) => Some(vec![text]),
            (None, Some(list)) => list.iter().map(Value::as_str).collect(),
            (None, None) => None,
        };
        let texts = texts.ok_or("expected a text in quotes, or a list of such texts")?;
        return Ok(texts.into_iter().map(value).collect());
    }
    if is_number(argument.get_value_parser()) {
        let number = item.as_integer().ok_or("expected a whole number, without quotes")?;
        return Ok(vec![number.to_string().into()]);
    }
    Ok(vec![item.as_str().map(value).ok_or("expected a text in quotes")?])
}

fn is_number(parser: &ValueParser) -> bool {
    use std::any::TypeId;
    let numbers = [TypeId::of::<i32>(), TypeId::of::<u32>(), TypeId::of::<u64>(), TypeId::of::<u16>()];
    numbers.iter().any(|number| parser.type_id() == *number)
}

/// What the command's own parsers make of these entries.
pub(super) fn parsed(known: &Command, entries: &[Entry]) -> Result<ArgMatches, Wrong> {
    match matches(known, entries) {
        Ok(matches) => Ok(matches),
        Err(error) => Err(wrong(known, entries, &error)),
    }
}

fn matches<'a>(known: &Command, entries: impl IntoIterator<Item = &'a Entry>) -> Result<ArgMatches, Error> {
    let mut words = vec![OsString::from("giro.toml")];
    for entry in entries {
        for value in &entry.values {
            let mut word = OsString::from(format!("--{}", entry.key));
            if !entry.is_switch {
                word.push("=");
                word.push(value);
            }
            words.push(word);
        }
    }
    known.clone().try_get_matches_from(words)
}

/// Which entry an error is about, in the words of the flag's own parser.
fn wrong(known: &Command, entries: &[Entry], error: &Error) -> Wrong {
    let texts = |kind| match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        _ => Vec::new(),
    };
    // `--key <VALUE>`
    let flags: Vec<String> = texts(ContextKind::InvalidArg);
    let key = |flag: &String| flag.split(' ').next().and_then(|flag| flag.strip_prefix("--")).map(str::to_owned);
    let keys: Vec<String> = flags.iter().filter_map(key).collect();
    let asks = |entry: &&Entry| {
        matches(known, [*entry]).is_err_and(|error| error.kind() == ErrorKind::MissingRequiredArgument)
    };
    let (entry, expected) = if error.kind() == ErrorKind::MissingRequiredArgument {
        (entries.iter().find(asks), format!("expected {} beside it", keys.join(" and ")))
    } else {
        let choices = texts(ContextKind::ValidValue);
        let expected = match std::error::Error::source(error) {
            Some(said) => said.to_string(),
            None if !choices.is_empty() => format!("expected one of {}", choices.join(", ")),
            None => {
                let said = error.to_string();
                said.lines().next().unwrap_or_default().trim_start_matches("error: ").to_owned()
            }
        };
        (entries.iter().find(|entry| keys.contains(&entry.key)), expected)
    };
    let (line, key) = entry.map_or((1, String::new()), |entry| (entry.line, entry.key.clone()));
    Wrong { line, key, expected }
}
