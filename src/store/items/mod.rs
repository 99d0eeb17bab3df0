//! What: Items as DynamoDB holds them: the codec of each kind, and the named conditions and updates.
//!
//! Data: Takes and gives domain values. Text is S, numbers are N, bytes are B, and times are RFC 3339 in UTC with
//! milliseconds. An optional attribute without a value is left out. `docs/tables.md` is the contract of names and
//! types.
//!
//! Invariants: Reading is total. If this version can't read an item, it gives a text that names the attribute and what
//! was expected, never the value.

pub mod account;
pub mod account_command;
pub mod accounts_table;
pub mod audit_draft;
pub mod audit_head;
pub mod audit_run;
pub mod checkpoint;
pub mod conditional;
pub mod dead_letter;
pub mod lane;
pub mod legs;
mod limits;
pub mod payment;
pub mod payments_table;
pub mod refund;
pub mod refund_base;
pub mod refund_total;
pub mod scan;
pub mod stream;

use std::collections::HashMap;
use std::fmt::Display;

use aws_sdk_dynamodb::types::AttributeValue;

use crate::domain::money::AMOUNT_MAX;
use crate::domain::{AccountId, Amount, Currency, Fingerprint, OverdraftLimit, Repayment, Source};

/// An item: its attributes by name.
pub type Item = HashMap<String, AttributeValue>;

/// Text as an attribute.
pub fn s(text: impl Display) -> AttributeValue {
    AttributeValue::S(text.to_string())
}

/// A number as an attribute.
pub fn n(number: impl Display) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn text<'i>(item: &'i Item, name: &str) -> Result<&'i str, String> {
    optional_text(item, name)?.ok_or_else(|| format!("{name}: expected a string (S), got none"))
}

fn optional_text<'i>(item: &'i Item, name: &str) -> Result<Option<&'i str>, String> {
    let read = |value: &'i AttributeValue| {
        value.as_s().map(String::as_str).map_err(|_| format!("{name}: expected a string (S)"))
    };
    item.get(name).map(read).transpose()
}

/// A string attribute that `read` understands.
fn parsed<T, E: Display>(item: &Item, name: &str, read: impl Fn(&str) -> Result<T, E>) -> Result<T, String> {
    read(text(item, name)?).map_err(|expected| format!("{name}: {expected}"))
}

fn number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<T, String> {
    optional_number(item, name)?.ok_or_else(|| format!("{name}: expected a number (N), got none"))
}

fn optional_number<T: std::str::FromStr>(item: &Item, name: &str) -> Result<Option<T>, String> {
    let expected = || format!("{name}: expected a whole number (N) in range");
    let read = |value: &AttributeValue| value.as_n().ok().and_then(|digits| digits.parse().ok()).ok_or_else(expected);
    item.get(name).map(read).transpose()
}

/// A flag that is left out if it isn't set.
fn flag(item: &Item, name: &str) -> Result<bool, String> {
    let read = |value: &AttributeValue| value.as_bool().copied().map_err(|_| format!("{name}: expected a flag (BOOL)"));
    Ok(item.get(name).map(read).transpose()?.unwrap_or_default())
}

/// A string attribute that may be left out, read further by `read`.
fn optional_parsed<T, E: Display>(
    item: &Item,
    name: &str,
    read: impl Fn(&str) -> Result<T, E>,
) -> Result<Option<T>, String> {
    optional_text(item, name)?.map(read).transpose().map_err(|expected| format!("{name}: {expected}"))
}

/// Writes which record an item answers.
fn insert_source(item: &mut Item, source: &Source) {
    item.insert("source_topic".into(), s(&source.topic));
    item.insert("source_partition".into(), n(source.partition));
    item.insert("source_offset".into(), n(source.offset));
}

fn source(item: &Item) -> Result<Source, String> {
    Ok(Source {
        topic: text(item, "source_topic")?.into(),
        partition: number(item, "source_partition")?,
        offset: number(item, "source_offset")?,
    })
}

/// Who is paid, and how much.
fn paid(item: &Item) -> Result<Repayment, String> {
    Ok(Repayment {
        creditor: parsed(item, "creditor_account", AccountId::try_stored)?,
        amount: Amount::try_new(number(item, "amount")?).map_err(|expected| format!("amount: {expected}"))?,
        currency: parsed(item, "currency", Currency::try_new)?,
    })
}

fn fingerprint(item: &Item) -> Result<Fingerprint, String> {
    parsed(item, "fingerprint", |text| Fingerprint::parse(text).ok_or("expected 64 hexadecimal digits"))
}

/// An absent limit is none.
fn overdraft_limit(item: &Item) -> Result<OverdraftLimit, String> {
    match optional_number(item, "overdraft_limit")? {
        None => Ok(OverdraftLimit::Unlimited),
        Some(limit) if limit <= AMOUNT_MAX => Ok(OverdraftLimit::Limited(limit)),
        Some(_) => Err(format!("overdraft_limit: expected at most {AMOUNT_MAX}")),
    }
}

/// The size of an item as DynamoDB counts it for limits and units, in bytes.
///
/// Source: Amazon DynamoDB developer guide, "DynamoDB item sizes and formats". Names and text count in UTF-8, and bytes
/// as they are. A number takes about one byte for two digits, and one more. A list or map takes three bytes, and one
/// for each element.
#[must_use]
pub fn size(item: &Item) -> usize {
    item.iter().map(|(name, value)| name.len().saturating_add(value_size(value))).sum()
}

fn value_size(value: &AttributeValue) -> usize {
    if let Ok(text) = value.as_s() {
        text.len()
    } else if let Ok(digits) = value.as_n() {
        digits.len().div_ceil(2).saturating_add(2)
    } else if let Ok(bytes) = value.as_b() {
        bytes.as_ref().len()
    } else if let Ok(list) = value.as_l() {
        list.iter().map(|value| value_size(value).saturating_add(1)).sum::<usize>().saturating_add(3)
    } else if let Ok(map) = value.as_m() {
        size(map).saturating_add(map.len()).saturating_add(3)
    } else {
        1
    }
}

#[cfg(test)]
mod tests;
