//! What: Checks that the root template allows the parameters, as CloudFormation does before it creates anything. It is
//! pure.
//!
//! Data: Takes templates, and the given parameters. Gives the first wrong one: its name, its value, and what was
//! expected.
//!
//! Limits: Values from Systems Manager are only text here. A pattern with look-ahead or look-behind can't be checked,
//! so its parameter can't be given.
//!
//! Source: CloudFormation user guide, "Parameters" and "Rules".

use regex_lite::Regex;
use serde_json::Value;

use super::TemplateError;
use super::condition;
use super::resolve::{At, Stacks, scalar};

type Checked = Result<(), TemplateError>;

/// Checks every parameter of the root template, then its rules. `given` are those that a person named.
pub(super) fn check<'a>(stacks: &Stacks, given: impl Iterator<Item = &'a String>) -> Checked {
    for name in given {
        if stacks.section(0, "Parameters", name).is_none() {
            let expected = format!("expected a parameter of the template: there is no {name}");
            return Err(stacks.fault(&At::new(0, "Parameters"), expected));
        }
    }
    for (name, definition) in entries(stacks, "Parameters") {
        let fault = |expected: String| stacks.fault(&At::new(0, format!("Parameters.{name}")), expected);
        match stacks.parameters.get(name) {
            Some(value) => {
                constraints(definition, value).map_err(|expected| fault(told(definition, value, &expected)))?
            }
            None if definition.get("Default").is_none() => {
                return Err(fault("expected a value to be given: it has no default".into()));
            }
            // CloudFormation has already checked the template's own values.
            None => {}
        }
    }
    entries(stacks, "Rules").try_for_each(|(name, rule)| keeps(stacks, name, rule))
}

fn entries<'s>(stacks: &'s Stacks, section: &str) -> impl Iterator<Item = (&'s String, &'s Value)> {
    let root = stacks.stacks.first();
    root.and_then(|root| root.template.get(section)?.as_object()).into_iter().flatten()
}

fn told(definition: &Value, value: &str, expected: &str) -> String {
    match definition.get("ConstraintDescription").and_then(Value::as_str) {
        Some(description) => format!("expected {expected} ({description}), got '{value}'"),
        None => format!("expected {expected}, got '{value}'"),
    }
}

/// Checks one value, and says what was expected.
fn constraints(definition: &Value, value: &str) -> Result<(), String> {
    let kind = definition.get("Type").and_then(Value::as_str).unwrap_or_default();
    let is_list = kind.contains("List");
    let items: Vec<&str> = if is_list { value.split(',').map(str::trim).collect() } else { vec![value] };
    if matches!(kind, "Number" | "List<Number>") {
        let (low, high) = (bound(definition, "MinValue"), bound(definition, "MaxValue"));
        let within = |number: f64| low.is_none_or(|low| low <= number) && high.is_none_or(|high| number <= high);
        if !items.iter().all(|item| number(item).is_some_and(within)) {
            return Err(format!("a number{}", range(low, high)));
        }
    } else if !is_list {
        let (low, high) = (bound(definition, "MinLength"), bound(definition, "MaxLength"));
        let length = number(&value.chars().count().to_string());
        if length.is_none_or(|length| low.is_some_and(|low| length < low) || high.is_some_and(|high| length > high)) {
            return Err(format!("a text with a number of characters{}", range(low, high)));
        }
    }
    if let Some(allowed) = definition.get("AllowedValues").and_then(Value::as_array) {
        let allowed: Vec<String> = allowed.iter().filter_map(scalar).collect();
        if !items.iter().all(|item| allowed.iter().any(|known| known == item)) {
            return Err(format!("one of {}", allowed.join(", ")));
        }
    }
    let Some(pattern) = definition.get("AllowedPattern").and_then(scalar) else { return Ok(()) };
    // All of the value, not a part of it.
    let whole = Regex::new(&format!(r"\A(?:{pattern})\z"));
    let whole = whole.map_err(|_| format!("a pattern that is understood here, not {pattern}"))?;
    match items.iter().all(|item| whole.is_match(item)) {
        true => Ok(()),
        false => Err(format!("text of the pattern {pattern}")),
    }
}

/// A number as CloudFormation reads it: whole or decimal.
fn number(text: &str) -> Option<f64> {
    let digits = |c: char| c.is_ascii_digit() || matches!(c, '+' | '-' | '.' | 'e' | 'E');
    text.parse().ok().filter(|number: &f64| number.is_finite() && text.chars().all(digits))
}

fn bound(definition: &Value, name: &str) -> Option<f64> {
    number(&scalar(definition.get(name)?)?)
}

fn range(low: Option<f64>, high: Option<f64>) -> String {
    match (low, high) {
        (Some(low), Some(high)) => format!(" from {low} to {high}"),
        (Some(low), None) => format!(" of at least {low}"),
        (None, Some(high)) => format!(" of at most {high}"),
        (None, None) => String::new(),
    }
}

/// Whether what a rule asserts holds, where the rule counts.
fn keeps(stacks: &Stacks, name: &str, rule: &Value) -> Checked {
    let at = At::new(0, format!("Rules.{name}"));
    if let Some(condition) = rule.get("RuleCondition")
        && !condition::evaluate(stacks, &at.below("RuleCondition"), condition)?
    {
        return Ok(());
    }
    let assertions = rule.get("Assertions").and_then(Value::as_array);
    for assertion in assertions.into_iter().flatten() {
        let Some(assert) = assertion.get("Assert") else { continue };
        if condition::evaluate(stacks, &at.below("Assert"), assert)? {
            continue;
        }
        let description = assertion.get("AssertDescription").and_then(Value::as_str);
        let mut names = Vec::new();
        referenced(rule.get("RuleCondition").unwrap_or(&Value::Null), &mut names);
        referenced(assert, &mut names);
        let mut values = Vec::with_capacity(names.len());
        for name in names {
            values.push(format!("{name}='{}'", flat(&stacks.resolve(&at, &serde_json::json!({ "Ref": name }))?)));
        }
        let expected = description.unwrap_or("expected what the rule asserts to hold");
        return Err(stacks.fault(&at, format!("{expected}; got {}", values.join(", "))));
    }
    Ok(())
}

/// The parameters that a condition names, each once.
fn referenced(condition: &Value, names: &mut Vec<String>) {
    match condition {
        Value::Object(entries) => {
            for (function, argument) in entries {
                match (function.as_str(), argument.as_str()) {
                    ("Ref", Some(name)) if !names.iter().any(|known| known == name) => names.push(name.to_owned()),
                    _ => referenced(argument, names),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| referenced(item, names)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A list as a person gives it.
fn flat(value: &Value) -> String {
    match value.as_array() {
        Some(items) => items.iter().filter_map(scalar).collect::<Vec<_>>().join(","),
        None => scalar(value).unwrap_or_default(),
    }
}
