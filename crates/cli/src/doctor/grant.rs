//! What: What policies say, cut into single grants, so that two policies can be compared whatever their form. It is
//! pure.

use std::fmt;

use serde_json::Value;

use super::pattern::fits;

/// One action on one resource.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Grant {
    /// `Allow` or `Deny`.
    pub effect: String,
    /// Such as `dynamodb:PutItem`.
    pub action: String,
    /// An ARN, or `*`.
    pub resource: String,
    /// When it counts, as JSON; empty if always.
    pub condition: String,
}

impl fmt::Display for Grant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} on {}", self.effect, self.action, self.resource)?;
        if self.condition.is_empty() { Ok(()) } else { write!(f, " if {}", self.condition) }
    }
}

impl Grant {
    /// Whether this is the grant that a template asks for.
    #[must_use]
    pub fn fits(&self, asked: &Self) -> bool {
        self.effect == asked.effect
            && self.action.eq_ignore_ascii_case(&asked.action)
            && fits(&asked.resource, &self.resource)
            // What nobody knows here is one thing, never a pattern of many.
            && wildcards(&asked.resource) == wildcards(&self.resource)
            && fits(&asked.condition, &self.condition)
    }
}

/// Who may take a role, by the policy that says so.
#[must_use]
pub fn trusts(policy: &Value) -> Vec<String> {
    let mut trusts = Vec::new();
    for statement in policy.get("Statement").map(one_or_more).unwrap_or_default() {
        let effect = statement.get("Effect").and_then(Value::as_str).unwrap_or_default();
        let condition = statement.get("Condition").map(|condition| format!(" if {condition}")).unwrap_or_default();
        for action in named(statement, "Action") {
            for name in ["Principal", "NotPrincipal"] {
                let but = if name == "Principal" { "" } else { "all but " };
                for who in statement.get(name).map(principals).unwrap_or_default() {
                    trusts.push(format!("{effect} {action} to {but}{who}{condition}"));
                }
            }
        }
    }
    trusts.sort();
    trusts.dedup();
    trusts
}

/// All of a statement's principals, each with its kind.
fn principals(value: &Value) -> Vec<String> {
    let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
    match value {
        Value::Object(kinds) => {
            let of_kind = |(kind, all)| one_or_more(all).into_iter().map(move |who| format!("{kind} {}", text(who)));
            kinds.iter().flat_map(of_kind).collect()
        }
        Value::Null => Vec::new(),
        Value::Array(_) | Value::Bool(_) | Value::Number(_) | Value::String(_) => vec![text(value)],
    }
}

fn wildcards(resource: &str) -> usize {
    resource.matches(['*', '?']).count()
}

/// The grants of a policy, in their order.
#[must_use]
pub fn grants(policy: &Value) -> Vec<Grant> {
    let statements = policy.get("Statement").map(one_or_more).unwrap_or_default();
    let mut grants = Vec::new();
    for statement in statements {
        let text = |name: &str| statement.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
        let condition = statement.get("Condition").map(|condition| condition.to_string()).unwrap_or_default();
        for action in named(statement, "Action") {
            for resource in named(statement, "Resource") {
                let (action, condition) = (action.clone(), condition.clone());
                grants.push(Grant { effect: text("Effect"), action, resource, condition });
            }
        }
    }
    grants.sort();
    grants.dedup();
    grants
}

/// The values of a statement's part. Those that it excepts are told as that.
fn named(statement: &Value, name: &str) -> Vec<String> {
    let (not, text) = (format!("Not{name}"), |value: &Value| value.as_str().unwrap_or_default().to_owned());
    let named = statement.get(name).map(one_or_more).unwrap_or_default();
    let excepted = statement.get(&not).map(one_or_more).unwrap_or_default();
    named.into_iter().map(text).chain(excepted.into_iter().map(|value| format!("all but {}", text(value)))).collect()
}

/// A policy may leave out the brackets of a list of one.
fn one_or_more(value: &Value) -> Vec<&Value> {
    match value {
        Value::Array(all) => all.iter().collect(),
        Value::Null => Vec::new(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Object(_) => vec![value],
    }
}
