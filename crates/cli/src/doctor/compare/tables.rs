//! What: Compares tables: their keys, indexes and streams, and what protects them. It is pure.

use std::collections::BTreeSet;

use crate::doctor::deployed::{Deployed, Looked, Table};
use crate::doctor::expected::{Expected, Table as Asked};
use crate::doctor::finding::{Findings, Kind, Why};
use crate::doctor::pattern::fits;
use crate::doctor::shape::NONE;

const KIND: Kind = Kind::Tables;
/// What an emulator may leave out.
const MAY_MISS: [&str; 1] = ["encryption"];

pub(super) fn compare(expected: &Expected, deployed: &Deployed, findings: &mut Findings) {
    for asked in &expected.tables {
        let what = format!("table {}", asked.name);
        match deployed.tables.get(&asked.name) {
            Some(Looked::Is(table)) => {
                findings.look(KIND);
                one(&what, asked, table, expected.is_emulated, findings);
            }
            Some(Looked::Missing) | None => {
                findings.look(KIND);
                let todo = "stop the pollers, find out who took it away, and restore it (docs/restore.md)";
                findings.differs(KIND, what, "isn't there", "has it", todo);
            }
            Some(Looked::Not(why)) => findings.skip(KIND, what, why),
        }
    }
}

fn one(what: &str, asked: &Asked, table: &Table, is_emulated: bool, findings: &mut Findings) {
    let names: BTreeSet<&String> = asked.shape.properties.keys().chain(table.shape.properties.keys()).collect();
    for name in names {
        let (deployed, template) = (table.shape.property(name), asked.shape.property(name));
        if is_emulated && deployed == NONE && MAY_MISS.contains(&name.as_str()) {
            findings.skip(KIND, format!("{what}, {name}"), &Why::Untold("the emulator doesn't tell it".to_owned()));
        } else if !fits(template, deployed) {
            findings.differs(KIND, format!("{what}, {name}"), deployed, template, todo(name, template, &asked.name));
        }
    }
    let recovery = format!("{what}, point-in-time recovery");
    let state = |on: bool| if on { "on" } else { "off" };
    match &table.recovery {
        Looked::Not(why) => findings.skip(KIND, recovery, why),
        Looked::Is(on) if *on != asked.is_recoverable => {
            let todo = format!("turn it on: aws dynamodb update-continuous-backups --table-name {}", asked.name);
            let todo = format!("{todo} --point-in-time-recovery-specification PointInTimeRecoveryEnabled=true");
            findings.differs(KIND, recovery, state(*on), state(asked.is_recoverable), todo);
        }
        Looked::Is(_) | Looked::Missing => {}
    }
    let live = format!("{what}, time to live");
    let told = |deletes: &Option<String>| match deletes {
        Some(attribute) => format!("deletes items by {attribute}"),
        None => "off".to_owned(),
    };
    match &table.deletes {
        Looked::Not(why) => findings.skip(KIND, live, why),
        Looked::Is(deletes) if *deletes != asked.deletes => {
            let attribute = deletes.as_ref().or(asked.deletes.as_ref()).map_or("", String::as_str);
            let todo = format!(
                "set it back at once, since what it deletes may be settled again: aws dynamodb update-time-to-live \
                 --table-name {} --time-to-live-specification Enabled={},AttributeName={attribute}; then find out what \
                 is gone (docs/restore.md)",
                asked.name,
                asked.deletes.is_some()
            );
            findings.differs(KIND, live, told(deletes), told(&asked.deletes), todo);
        }
        Looked::Is(_) | Looked::Missing => {}
    }
}

fn todo(property: &str, template: &str, table: &str) -> String {
    let no = if template == "true" { "" } else { "no-" };
    match property {
        "key" => "this is no table of Giro's: stop the pollers, and find out who made it".to_owned(),
        "deletion protection" => {
            format!("aws dynamodb update-table --table-name {table} --{no}deletion-protection-enabled")
        }
        "state" => "look at the table in DynamoDB; a change that is under way ends by itself".to_owned(),
        _ if property.ends_with(", state") => {
            "an index that is being made is not whole: wait, and look again".to_owned()
        }
        "encryption" => "find out who changed the key, and set it back; items stay readable meanwhile".to_owned(),
        "replicas" => {
            "find out who made it: Giro's conditions hold in one region, and a copy may be written".to_owned()
        }
        "stream" => "outcomes wait meanwhile: turn the stream on, and replace the mapping that reads it".to_owned(),
        _ => "deploy; if that is done already, set it back by hand".to_owned(),
    }
}

/// The stream that a table writes now. Missing: it writes none.
pub(super) fn stream_of<'d>(deployed: &'d Deployed, table: &str) -> Looked<&'d str> {
    match deployed.tables.get(table) {
        Some(Looked::Is(table)) => match &table.stream {
            Some(stream) if table.shape.property("stream") != NONE => Looked::Is(stream),
            Some(_) | None => Looked::Missing,
        },
        Some(Looked::Not(why)) => Looked::Not(why.clone()),
        Some(Looked::Missing) => Looked::Missing,
        None => Looked::Not(Why::Untold(format!("{table} is no table of the template"))),
    }
}
