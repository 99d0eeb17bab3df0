//! What: Compares functions: which there are, and how each is set up. It is pure.

use std::collections::BTreeMap;

use crate::doctor::deployed::{Deployed, Function, Live, Looked};
use crate::doctor::expected::{Expected, Function as Asked};
use crate::doctor::finding::{Findings, Kind, Why};
use crate::doctor::pattern::fits;
use giro_template::UNKNOWN;

const KIND: Kind = Kind::Functions;
/// CloudFormation changes what changed in the template, and doesn't see what others changed.
const BACK: &str = "deploy; if that is done already, set it back by hand";
const ABSENT: &str = "isn't set";
/// How the names of variables end whose values are names, addresses and modes. Those are printed.
const OPEN: [&str; 6] = ["_TABLE", "_TOPIC", "_GROUP", "_SERVERS", "KAFKA_AUTH", "AUTHORIZATION"];
/// How long a number may be that is no secret.
const DIGITS_MAX: usize = 9;

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
    match &asked.role {
        Some(role) if *role != function.role => {
            let todo = "find out who gave it another, and what that one allows; then set it back by hand";
            findings.differs(KIND, format!("{what}, role"), function.role.as_str(), role.as_str(), todo);
        }
        Some(_) => {}
        None => {
            findings.skip(KIND, format!("{what}, role"), &Why::Untold("the stack doesn't tell its name".to_owned()))
        }
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
    if let Some(live) = &function.live {
        rollout(what, asked, live, findings);
    }
    match &function.environment {
        Looked::Not(why) => findings.skip(KIND, format!("{what}, variables"), why),
        Looked::Missing => variables(what, &asked.environment, &BTreeMap::new(), findings),
        Looked::Is(found) => variables(what, &asked.environment, found, findings),
    }
}

/// The live version must be the one that was deployed last, and take all invocations.
fn rollout(what: &str, asked: &Asked, live: &Live, findings: &mut Findings) {
    let (version, shares, code) = (format!("{what}, version"), format!("{what}, shares"), format!("{what}, code"));
    match &asked.version {
        Some(published) if *published != live.version => {
            let todo = "look at its deployment in CodeDeploy: it runs, or went back when an alarm rang";
            findings.differs(
                KIND,
                version,
                live.version.as_str(),
                format!("{published}, as the stack published"),
                todo,
            );
        }
        Some(_) => {}
        None => findings.skip(KIND, version, &Why::Untold("the stack doesn't tell which it published".to_owned())),
    }
    match &live.others {
        Looked::Is(others) if !others.is_empty() => {
            let share = |(version, share): (&String, &String)| format!("a share of {share} goes to version {version}");
            let deployed = others.iter().map(share).collect::<Vec<_>>().join(", ");
            let todo = "a new version takes over, or was stopped halfway: look at its deployment in CodeDeploy";
            findings.differs(KIND, shares, deployed, format!("all go to version {}", live.version), todo);
        }
        Looked::Is(_) | Looked::Missing => {}
        Looked::Not(why) => findings.skip(KIND, shares, why),
    }
    match &live.latest {
        Looked::Is(latest) if *latest != live.code => {
            let todo = "deploy with another Release: without one, the old version stays live (docs/deploy.md)";
            let deployed = format!("version {} has another than was deployed last", live.version);
            findings.differs(KIND, code, deployed, "what was deployed last is live", todo);
        }
        Looked::Is(_) | Looked::Missing => {}
        Looked::Not(why) => findings.skip(KIND, code, why),
    }
}

fn variables(what: &str, asked: &BTreeMap<String, String>, found: &BTreeMap<String, String>, findings: &mut Findings) {
    for (name, template) in asked {
        match found.get(name) {
            // Any value would be as the template says.
            Some(_) if template == UNKNOWN => {
                let why = Why::Untold("the template leaves it to AWS, which doesn't tell it here".to_owned());
                findings.skip(KIND, format!("{what}, {name}"), &why);
            }
            Some(deployed) if fits(template, deployed) => {}
            deployed => {
                let deployed = deployed.map_or_else(|| ABSENT.to_owned(), |deployed| shown(name, deployed));
                findings.differs(KIND, format!("{what}, {name}"), deployed, quoted(template), BACK);
            }
        }
    }
    for (name, deployed) in found.iter().filter(|(name, _)| !asked.contains_key(*name)) {
        let todo = "find out who set it, and remove it: no version of this template sets it";
        findings.differs(KIND, format!("{what}, {name}"), measured(deployed), ABSENT, todo);
    }
}

/// The value of a variable that the template knows. It may be a secret that somebody put there by mistake.
fn shown(name: &str, value: &str) -> String {
    let is_flag = value == "true" || value == "false";
    let is_number = value.len() <= DIGITS_MAX && value.bytes().all(|byte| byte.is_ascii_digit());
    let is_open = OPEN.iter().any(|end| name.ends_with(end));
    if is_flag || is_number || is_open { quoted(value) } else { measured(value) }
}

/// What is told of a value that nobody should read.
fn measured(value: &str) -> String {
    format!("is set ({} characters)", value.chars().count())
}

fn quoted(value: &str) -> String {
    if value.is_empty() { "''".to_owned() } else { value.to_owned() }
}
