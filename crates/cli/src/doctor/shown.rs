//! What: Shows findings: a line for each thing that differs, and how many of each kind were looked at. It is pure.

use serde_json::{Value, json};

use super::finding::{Findings, Kind};

/// The lines for a person.
#[must_use]
pub fn lines(findings: &Findings) -> Vec<String> {
    let mut lines = findings.told.clone();
    for skipped in &findings.not_looked {
        lines.push(format!("not looked at: {}: {}", skipped.what, skipped.why));
    }
    for found in &findings.differences {
        let (what, deployed, template, todo) = (&found.what, &found.deployed, &found.template, &found.todo);
        lines.push(format!("DIFFERS {what}: deployed: {deployed}; template: {template}. To do: {todo}"));
    }
    lines.push(format!("{:<10} {:>9} {:>7} {:>14}", "", "looked at", "differ", "not looked at"));
    for (kind, name) in Kind::ALL {
        let (looked, differ, skipped) = findings.counts(kind);
        lines.push(format!("{name:<10} {looked:>9} {differ:>7} {skipped:>14}"));
    }
    lines
}

/// The same as JSON.
#[must_use]
pub fn json(findings: &Findings) -> Value {
    let counts: serde_json::Map<String, Value> = Kind::ALL
        .into_iter()
        .map(|(kind, name)| {
            let (looked, differ, skipped) = findings.counts(kind);
            (name.to_owned(), json!({ "looked_at": looked, "differ": differ, "not_looked_at": skipped }))
        })
        .collect();
    json!({
        "differences": findings.differences,
        "not_looked_at": findings.not_looked,
        "told": findings.told,
        "counts": counts,
    })
}
