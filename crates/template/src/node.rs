//! What: Reads a value in a template as the type that it must have. Another type is an error that names the place.

use std::time::Duration;

use serde_json::Value;

use super::TemplateError;
use super::resolve::{At, Stacks, scalar};

/// A value and its place.
pub(super) struct Node<'s> {
    stacks: &'s Stacks,
    at: At,
    value: Value,
}

type Read<T> = Result<T, TemplateError>;

impl<'s> Node<'s> {
    /// A value as it is written. Its parts are resolved when they are needed.
    pub(super) fn new(stacks: &'s Stacks, at: At, value: Value) -> Self {
        Self { stacks, at, value }
    }

    /// An entry of a map. `None` if it isn't there or has no value.
    pub(super) fn get(&self, name: &str) -> Read<Option<Node<'s>>> {
        let Some(value) = self.value.get(name) else { return Ok(None) };
        let at = self.at.below(name);
        let value = self.stacks.resolve(&at, value)?;
        Ok((!value.is_null()).then_some(Self { stacks: self.stacks, at, value }))
    }

    /// An entry of a map that must be there.
    pub(super) fn need(&self, name: &str) -> Read<Node<'s>> {
        self.get(name)?.ok_or_else(|| self.fault(format!("expected {name}")))
    }

    pub(super) fn text(&self) -> Read<String> {
        scalar(&self.value).ok_or_else(|| self.fault("expected a text"))
    }

    /// All of it, without intrinsic functions.
    pub(super) fn resolved(&self) -> Read<Value> {
        self.stacks.resolve(&self.at, &self.value)
    }

    /// An entry that is text.
    pub(super) fn text_of(&self, name: &str) -> Read<Option<String>> {
        self.get(name)?.map(|node| node.text()).transpose()
    }

    /// An entry that is a whole number of `T`'s range.
    pub(super) fn number_of<T: std::str::FromStr>(&self, name: &str) -> Read<Option<T>> {
        let Some(node) = self.get(name)? else { return Ok(None) };
        let number = scalar(&node.value).and_then(|text| text.parse().ok());
        number.map(Some).ok_or_else(|| node.fault("expected a whole number in range"))
    }

    /// An entry that is a whole number within bounds.
    pub(super) fn number_within<T>(&self, name: &str, bounds: std::ops::RangeInclusive<T>) -> Read<Option<T>>
    where
        T: std::str::FromStr + PartialOrd + std::fmt::Display,
    {
        let Some(number) = self.number_of::<T>(name)? else { return Ok(None) };
        if bounds.contains(&number) {
            return Ok(Some(number));
        }
        let expected = format!("expected a whole number from {} to {}", bounds.start(), bounds.end());
        Err(self.need(name)?.fault(expected))
    }

    /// An entry that is a number of seconds.
    pub(super) fn seconds_of(&self, name: &str) -> Read<Option<Duration>> {
        Ok(self.number_of(name)?.map(Duration::from_secs))
    }

    /// An entry that is true or false.
    pub(super) fn flag_of(&self, name: &str) -> Read<Option<bool>> {
        let Some(node) = self.get(name)? else { return Ok(None) };
        let flag = scalar(&node.value).and_then(|text| text.parse().ok());
        flag.map(Some).ok_or_else(|| node.fault("expected true or false"))
    }

    /// The items of a list.
    pub(super) fn items(&self) -> Read<Vec<Node<'s>>> {
        let items = self.value.as_array().ok_or_else(|| self.fault("expected a list"))?;
        let item = |(ix, value): (usize, &Value)| Node::new(self.stacks, self.at.below(ix), value.clone());
        Ok(items.iter().enumerate().map(item).collect())
    }

    /// The items of a list entry. `None` if it isn't there.
    pub(super) fn items_of(&self, name: &str) -> Read<Vec<Node<'s>>> {
        self.get(name)?.map_or_else(|| Ok(Vec::new()), |node| node.items())
    }

    /// The entries of a map, in the order of their names.
    pub(super) fn entries(&self) -> Read<Vec<(String, Node<'s>)>> {
        let entries = self.value.as_object().ok_or_else(|| self.fault("expected a map"))?;
        let entry = |(name, value): (&String, &Value)| {
            (name.clone(), Node::new(self.stacks, self.at.below(name), value.clone()))
        };
        Ok(entries.iter().map(entry).collect())
    }

    /// The stack that it stands in.
    pub(super) fn stack(&self) -> usize {
        self.at.stack
    }

    pub(super) fn fault(&self, expected: impl Into<String>) -> TemplateError {
        self.stacks.fault(&self.at, expected)
    }
}
