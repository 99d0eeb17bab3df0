//! What: Shows findings: a line for each thing that differs, and how many of each kind were looked at. It is pure.

use std::collections::BTreeSet;

use serde::Serialize;
use serde_json::{Value, json};

use super::finding::{Findings, Kind};

/// Who was asked, by which program, and when.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Asked {
    /// The name of the stack.
    pub stack: String,
    /// The account that it is in.
    pub account: String,
    /// The region that it is in.
    pub region: String,
    /// Where Kafka was looked for. `None`: nobody says where it is.
    pub brokers: Option<String>,
    /// Where the stack says that Kafka is.
    pub stack_brokers: Option<String>,
    /// The version of this program.
    pub giro: String,
    /// When it began.
    pub at: String,
}

impl Asked {
    fn lines(&self) -> Vec<String> {
        let Self { stack, account, region, brokers, stack_brokers, giro, at } = self;
        let kafka = brokers.as_deref().unwrap_or("no known address");
        let mut lines = vec![
            format!("stack {stack} of account {account} in {region}, Kafka at {kafka}"),
            format!("giro {giro}, {at}"),
        ];
        if let (Some(asked), Some(named)) = (brokers, stack_brokers)
            && each(asked) != each(named)
        {
            lines.push(format!("the stack's own Kafka is at {named}: an address that was given here comes first"));
        }
        lines
    }
}

/// The addresses in a list of them.
fn each(brokers: &str) -> BTreeSet<&str> {
    brokers.split(',').map(str::trim).collect()
}

/// The lines for a person.
#[must_use]
pub fn lines(asked: &Asked, findings: &Findings) -> Vec<String> {
    let mut lines = asked.lines();
    lines.extend(findings.told.iter().cloned());
    for skipped in &findings.not_looked {
        lines.push(format!("not looked at: {}: {}", skipped.what, skipped.why));
    }
    for found in &findings.differences {
        let (what, deployed, template, todo) = (&found.what, &found.deployed, &found.template, &found.todo);
        lines.push(format!("DIFFERS {what}: deployed: {deployed}; template: {template}. To do: {todo}"));
    }
    lines.push(format!("{:<14} {:>9} {:>7} {:>14}", "", "looked at", "differ", "not looked at"));
    for (kind, name) in Kind::ALL {
        let (looked, differ, skipped) = findings.counts(kind);
        lines.push(format!("{name:<14} {looked:>9} {differ:>7} {skipped:>14}"));
    }
    match findings.not_looked.len() {
        0 => {}
        1 => lines.push("1 thing was not looked at".to_owned()),
        count => lines.push(format!("{count} things were not looked at")),
    }
    lines
}

/// The same as JSON.
#[must_use]
pub fn json(asked: &Asked, findings: &Findings) -> Value {
    let counts: serde_json::Map<String, Value> = Kind::ALL
        .into_iter()
        .map(|(kind, name)| {
            let (looked, differ, skipped) = findings.counts(kind);
            (name.to_owned(), json!({ "looked_at": looked, "differ": differ, "not_looked_at": skipped }))
        })
        .collect();
    json!({
        "asked": asked,
        "differences": findings.differences,
        "not_looked_at": findings.not_looked,
        "told": findings.told,
        "lag": findings.lag,
        "counts": counts,
    })
}
