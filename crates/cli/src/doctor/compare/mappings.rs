//! What: Compares event source mappings: each is there once, polls, and polls as the template says. It is pure.
//!
//! Limits: Lambda has no number for a window of half a second, so it counts as none. Tags are not told. Where a
//! mapping's topic was changed in place, Lambda may tell the new one and poll the old one: its consumer group shows
//! that.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::tables::stream_of;
use crate::doctor::deployed::{Deployed, Looked, Mapping};
use crate::doctor::expected::{Expected, Mapping as Asked, table_of_stream};
use crate::doctor::finding::{Findings, Kind, Why};
use crate::doctor::pattern::fits;
use crate::doctor::setting::{SETTINGS, Setting, written};
use crate::doctor::unnamed::unnamed;
use giro::domain::Timestamp;

const KIND: Kind = Kind::Mappings;
/// How the results of polls begin that are well.
const WELL: [&str; 2] = ["OK", "No records processed"];
const BACK: &str = "deploy; if that is done already";
const REPLACE: &str = "replace it in two deployments: KafkaMappings=removed, then present (docs/deploy.md)";

pub(super) fn compare(expected: &Expected, deployed: &Deployed, findings: &mut Findings) {
    let all = match &deployed.mappings {
        Looked::Is(all) => all.as_slice(),
        Looked::Missing => &[],
        Looked::Not(why) => {
            for asked in &expected.mappings {
                findings.skip(KIND, named(asked), why);
            }
            return;
        }
    };
    let mut used: Vec<&str> = Vec::new();
    for asked in &expected.mappings {
        findings.look(KIND);
        let is_it = |mapping: &&Mapping| {
            mapping.function == asked.function && reads_stream(&mapping.properties) == asked.topic().is_none()
        };
        let mut candidates: Vec<&Mapping> = all.iter().filter(is_it).collect();
        // The one that is most like it. The others are told as too many.
        candidates.sort_by_key(|mapping| {
            let properties = &mapping.properties;
            SETTINGS.iter().filter(|setting| setting.differs(&asked.properties, properties)).count()
        });
        let Some(mapping) = candidates.first() else {
            let todo = "deploy; if the template has it already, replace it in two deployments (docs/deploy.md)";
            findings.differs(KIND, named(asked), "isn't there", "has it", todo);
            continue;
        };
        used.push(&mapping.uuid);
        one(asked, mapping, expected.is_emulated, findings);
        stream(asked, mapping, deployed, findings);
    }
    let is_ours = |mapping: &&Mapping| {
        let name = mapping.function.split(':').next().unwrap_or_default();
        expected.functions.iter().any(|function| function.name == name)
    };
    for mapping in all.iter().filter(is_ours).filter(|mapping| !used.contains(&mapping.uuid.as_str())) {
        let is_second = expected.mappings.iter().any(|asked| asked.function == mapping.function);
        let times = if is_second { "feeds it a second time" } else { "feeds it" };
        let deployed = format!("{times}, from {}, {}", source(mapping), state(mapping));
        let what = format!("mapping {} of {}", mapping.uuid, mapping.function);
        let todo = match text(mapping, "State") {
            "Deleting" => "it goes: wait, and look again".to_owned(),
            _ => format!("find out who made it; then aws lambda delete-event-source-mapping --uuid {}", mapping.uuid),
        };
        findings.differs(KIND, what, deployed, "doesn't have it", todo);
    }
}

/// What a mapping reads, for a person.
fn source(mapping: &Mapping) -> String {
    let arn = text(mapping, "EventSourceArn");
    let all = mapping.properties.get("Topics").map(written).unwrap_or_default();
    let source = if arn.is_empty() { "brokers" } else { arn };
    if all.is_empty() { source.to_owned() } else { format!("{source}, topic {all}") }
}

/// The state of a mapping, with why and since when.
fn state(mapping: &Mapping) -> String {
    // Lambda tells seconds, with a fraction.
    let seconds = |at: &Value| at.as_i64().or_else(|| at.to_string().split('.').next()?.parse().ok());
    let at = mapping.properties.get("LastModified").and_then(seconds);
    let since = at.and_then(|seconds| Timestamp::try_from_millis(seconds.saturating_mul(1000)).ok());
    let why = Some(text(mapping, "StateTransitionReason").to_owned()).filter(|why| !why.is_empty());
    let told: Vec<String> = why.into_iter().chain(since.map(|at| format!("since {at}"))).collect();
    let state = text(mapping, "State");
    if told.is_empty() { state.to_owned() } else { format!("{state} ({})", told.join(", ")) }
}

fn named(asked: &Asked) -> String {
    format!("mapping {} of {}", asked.id, asked.function)
}

fn text<'m>(mapping: &'m Mapping, name: &str) -> &'m str {
    mapping.properties.get(name).and_then(Value::as_str).unwrap_or_default()
}

fn reads_stream(properties: &Value) -> bool {
    properties.get("EventSourceArn").and_then(Value::as_str).is_some_and(|arn| table_of_stream(arn).is_some())
}

fn one(asked: &Asked, mapping: &Mapping, is_emulated: bool, findings: &mut Findings) {
    let what = named(asked);
    let now = text(mapping, "State");
    let template = if asked.is_enabled { "Enabled" } else { "Disabled" };
    if now != template {
        let uuid = &mapping.uuid;
        let update = format!("then aws lambda update-event-source-mapping --uuid {uuid}");
        let todo = match now {
            "Disabled" => format!("somebody or something switched it off: find out why first; {update} --enabled"),
            "Enabled" => {
                format!("somebody switched it on, or it was deployed so: find out why first; {update} --no-enabled")
            }
            _ => "a change is under way: wait, and look again".to_owned(),
        };
        findings.differs(KIND, format!("{what}, state"), state(mapping), template, todo);
    }
    // Of a mapping that doesn't poll, it is an old one.
    let result = text(mapping, "LastProcessingResult");
    if now == "Enabled" && !result.is_empty() && !WELL.iter().any(|well| result.starts_with(well)) {
        let todo = "look at the function's log group, and at `giro failed list`";
        findings.differs(KIND, format!("{what}, last result"), result, "OK", todo);
    }
    let mut untold = settings(&what, asked, mapping, is_emulated, findings);
    untold.extend(others(&what, asked, mapping, is_emulated, findings));
    if !untold.is_empty() {
        let why = Why::Untold("the emulator doesn't tell it".to_owned());
        findings.skip(KIND, format!("{what}, {}", untold.join(", ")), &why);
    }
}

/// Compares what has a name. Gives what an emulator doesn't tell.
fn settings(what: &str, asked: &Asked, mapping: &Mapping, is_emulated: bool, findings: &mut Findings) -> Vec<String> {
    let mut untold = Vec::new();
    for setting in &SETTINGS {
        let asked_for = &asked.properties;
        if is_emulated && setting.is_untold(asked_for, &mapping.properties) {
            untold.push(setting.name.to_owned());
        } else if setting.differs(asked_for, &mapping.properties) {
            let (deployed, template) = (setting.told(&mapping.properties), setting.told(asked_for));
            let what = format!("{what}, {}", setting.name);
            findings.differs(KIND, what, deployed, template, todo(setting, asked, mapping));
        }
    }
    untold
}

/// Compares what has no name here, such as a schema registry. Gives what an emulator doesn't tell.
fn others(what: &str, asked: &Asked, mapping: &Mapping, is_emulated: bool, findings: &mut Findings) -> Vec<String> {
    let (template, deployed) = (unnamed(&asked.properties), unnamed(&mapping.properties));
    let mut untold = Vec::new();
    let paths: BTreeSet<&String> = template.keys().chain(deployed.keys()).collect();
    for path in paths {
        let text = |all: &BTreeMap<String, String>| all.get(path).cloned().unwrap_or_else(|| "none".to_owned());
        let uuid = &mapping.uuid;
        match (template.get(path), deployed.get(path)) {
            (Some(asked), Some(found)) if fits(asked, found) => {}
            (Some(_), None) if is_emulated => untold.push(path.clone()),
            (asked, _) => {
                let todo = match asked {
                    Some(_) => format!("{BACK}: aws lambda update-event-source-mapping --uuid {uuid} …"),
                    None => format!(
                        "find out who set it: aws lambda get-event-source-mapping --uuid {uuid}; then take it away by \
                         update-event-source-mapping"
                    ),
                };
                findings.differs(KIND, format!("{what}, {path}"), text(&deployed), text(&template), todo);
            }
        }
    }
    untold
}

/// What mends a setting. Those that Lambda can't change in place need a new mapping.
fn todo(setting: &Setting, asked: &Asked, mapping: &Mapping) -> String {
    let uuid = &mapping.uuid;
    let is_new = setting.is_fixed || setting.is_kept(&asked.properties);
    match (is_new, reads_stream(&mapping.properties)) {
        (true, true) => format!("aws lambda delete-event-source-mapping --uuid {uuid}, then deploy with the change"),
        (true, false) => REPLACE.to_owned(),
        (false, _) => {
            let arguments = setting.arguments(&asked.properties).unwrap_or_else(|| "…".to_owned());
            format!("{BACK}: aws lambda update-event-source-mapping --uuid {uuid} {arguments}")
        }
    }
}

/// A mapping on a stream must read the stream that its table writes now. A restored table, or one whose stream was off,
/// has a new one.
fn stream(asked: &Asked, mapping: &Mapping, deployed: &Deployed, findings: &mut Findings) {
    let (Some(template), true) =
        (asked.properties.get("EventSourceArn").and_then(Value::as_str), asked.topic().is_none())
    else {
        return;
    };
    let arn = text(mapping, "EventSourceArn");
    let todo = "delete the mapping, and deploy with the change; then `giro outcomes republish` for what was missed";
    if table_of_stream(arn) != table_of_stream(template) {
        findings.differs(KIND, format!("{}, stream", named(asked)), arn, template, todo);
        return;
    }
    let Some(table) = table_of_stream(arn) else { return };
    match stream_of(deployed, table) {
        Looked::Is(now) if now != arn => {
            let template = format!("reads the stream that {table} writes now, {now}");
            findings.differs(KIND, format!("{}, stream", named(asked)), arn, template, todo);
        }
        Looked::Missing => {
            let template = format!("reads the stream of {table}, which writes none");
            findings.differs(KIND, format!("{}, stream", named(asked)), arn, template, "turn the table's stream on");
        }
        Looked::Not(why) => findings.skip(KIND, format!("{}, stream", named(asked)), &why),
        Looked::Is(_) => {}
    }
}
