//! What: Compares the stack itself: its state, and its parameters with those that the template has. It is pure.

use crate::doctor::deployed::Stack;
use crate::doctor::expected::Expected;
use crate::doctor::finding::{Findings, Kind};

/// The states of a stack whose last deployment is through.
const THROUGH: [&str; 3] = ["CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"];

pub(super) fn compare(expected: &Expected, stack: &Stack, findings: &mut Findings) {
    findings.look(Kind::Stack);
    let status = stack.status.as_str();
    if !THROUGH.contains(&status) {
        let todo = match status {
            _ if status.ends_with("_IN_PROGRESS") => "wait until the deployment is through, and look again",
            "UPDATE_ROLLBACK_COMPLETE" => "the last deployment failed: look at the stack's events, and deploy again",
            _ => "look at the stack's events, and mend it before anything else",
        };
        findings.differs(Kind::Stack, "the state of the stack", status, "UPDATE_COMPLETE", todo);
    }
    for name in stack.parameters.keys().filter(|name| !expected.parameters.contains(name)) {
        let todo = "another version is deployed: use the `giro` of that version, or deploy this one";
        findings.differs(Kind::Stack, format!("parameter {name}"), "is there", "doesn't have it", todo);
    }
    for name in expected.parameters.iter().filter(|name| !stack.parameters.contains_key(*name)) {
        let todo = "another version is deployed: use the `giro` of that version, or deploy this one";
        findings.differs(Kind::Stack, format!("parameter {name}"), "isn't there", "has it", todo);
    }
}
