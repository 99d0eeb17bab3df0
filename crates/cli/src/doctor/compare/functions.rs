//! What: Compares functions: which there are, and how each is set up. It is pure.

use std::collections::BTreeMap;

use crate::doctor::deployed::{Deployed, Function, Looked};
use crate::doctor::expected::{Expected, Function as Asked};
use crate::doctor::finding::{Findings, Kind};
use crate::doctor::pattern::fits;

const KIND: Kind = Kind::Functions;
/// CloudFormation changes what changed in the template, and doesn't see what others changed.
const BACK: &str = "deploy; if that is done already, set it back by hand";
const ABSENT: &str = "isn't set";

pub(super) fn compare(expected: &Expected, deployed: &Deployed, findings: &mut Findings) {
    for asked in &expected.functions {
        let what = format!("function {}", asked.called());
        match deployed.functions.get(&asked.called()) {
            Some(Looked::Is(function)) => {
                findings.look(KIND);
                one(&what, asked, function, findings);
            }
            Some(Looked::Missing) | None => {
                findings.look(KIND);
                findings.differs(KIND, what, "isn't there", "has it", "deploy");
            }
            Some(Looked::Not(why)) => findings.skip(KIND, what, why),
        }
    }
    let is_known = |name: &&String| expected.functions.iter().any(|asked| asked.name == **name);
    for name in deployed.stack.functions.iter().filter(|name| !is_known(name)) {
        let todo = "another version is deployed: use the `giro` of that version, or deploy this one";
        findings.differs(KIND, format!("function {name}"), "is there", "doesn't have it", todo);
    }
}

fn one(what: &str, asked: &Asked, function: &Function, findings: &mut Findings) {
    if let Some(trouble) = &function.trouble {
        let todo = match trouble.starts_with("InProgress") || trouble.starts_with("Pending") {
            true => "a change is under way: wait, and look again",
            false => "look at the function in Lambda, and deploy",
        };
        findings.differs(KIND, format!("{what}, state"), trouble, "Active", todo);
    }
    let seconds = |seconds: u64| format!("{seconds} s");
    if function.timeout != asked.timeout {
        let (deployed, template) = (seconds(function.timeout), seconds(asked.timeout));
        findings.differs(KIND, format!("{what}, timeout"), deployed, template, BACK);
    }
    if function.memory != asked.memory {
        let (deployed, template) = (format!("{} MiB", function.memory), format!("{} MiB", asked.memory));
        findings.differs(KIND, format!("{what}, memory"), deployed, template, BACK);
    }
    let reserved = format!("{what}, reserved concurrency");
    let count = |count: Option<u64>| count.map_or_else(|| ABSENT.to_owned(), |count| count.to_string());
    match &function.concurrency {
        Looked::Not(why) => findings.skip(KIND, reserved, why),
        Looked::Is(found) if *found != asked.concurrency => {
            let todo = if *found == Some(0) { "somebody stopped it: find out why, and deploy" } else { BACK };
            findings.differs(KIND, reserved, count(*found), count(asked.concurrency), todo);
        }
        Looked::Missing if asked.concurrency.is_some() => {
            findings.differs(KIND, reserved, count(None), count(asked.concurrency), BACK);
        }
        Looked::Is(_) | Looked::Missing => {}
    }
    match &function.environment {
        Looked::Not(why) => findings.skip(KIND, format!("{what}, variables"), why),
        Looked::Missing => variables(what, &asked.environment, &BTreeMap::new(), findings),
        Looked::Is(found) => variables(what, &asked.environment, found, findings),
    }
}

fn variables(what: &str, asked: &BTreeMap<String, String>, found: &BTreeMap<String, String>, findings: &mut Findings) {
    for (name, template) in asked {
        let deployed = found.get(name);
        if deployed.is_none_or(|deployed| !fits(template, deployed)) {
            let deployed = deployed.map_or_else(|| ABSENT.to_owned(), |deployed| shown(deployed));
            findings.differs(KIND, format!("{what}, {name}"), deployed, shown(template), BACK);
        }
    }
    for (name, deployed) in found.iter().filter(|(name, _)| !asked.contains_key(*name)) {
        let todo = "remove it: no version of this template sets it";
        findings.differs(KIND, format!("{what}, {name}"), shown(deployed), ABSENT, todo);
    }
}

fn shown(value: &str) -> String {
    if value.is_empty() { "''".to_owned() } else { value.to_owned() }
}
