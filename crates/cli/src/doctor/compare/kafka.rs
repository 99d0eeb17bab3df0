//! What: Compares topics and consumer groups at Kafka. It is pure.
//!
//! A group may have committed an offset that its topic doesn't have any more. Then it has lost the records in between,
//! or reads another topic of the same name.

use crate::doctor::deployed::{Deployed, Group, Looked, Topic};
use crate::doctor::expected::Expected;
use crate::doctor::finding::{Findings, Kind, Why};
use giro_template::Topic as Asked;

/// How many partitions a line names.
const SHOWN_MAX: usize = 5;

pub(super) fn compare(expected: &Expected, deployed: &Deployed, findings: &mut Findings) {
    let topics = match &deployed.topics {
        Looked::Is(topics) => topics,
        Looked::Not(why) => {
            for topic in &expected.topics {
                findings.skip(Kind::Topics, format!("topic {}", topic.name), why);
            }
            findings.skip(Kind::Configurations, "the configuration of topics", why);
            for (group, topic) in expected.groups() {
                findings.skip(Kind::Groups, format!("group {group} on {topic}"), why);
            }
            return;
        }
        Looked::Missing => return,
    };
    for asked in &expected.topics {
        let what = format!("topic {}", asked.name);
        match topics.get(&asked.name) {
            Some(Looked::Is(topic)) => {
                findings.look(Kind::Topics);
                one(&what, asked, topic, findings);
            }
            Some(Looked::Not(why)) => {
                findings.skip(Kind::Configurations, format!("{what}, configuration"), why);
                findings.skip(Kind::Topics, what, why);
            }
            Some(Looked::Missing) | None => {
                findings.look(Kind::Topics);
                let todo = "look whether you may describe it; if so, `giro topics create`, or deploy if Kafka is MSK";
                findings.differs(Kind::Topics, what, "isn't there, or may not be described", "has it", todo);
            }
        }
    }
    for mapping in &expected.mappings {
        let (Some(name), Some(topic)) = (mapping.group(), mapping.topic()) else { continue };
        let what = format!("group {name} on {topic}");
        match deployed.groups.get(name) {
            Some(Looked::Is(group)) => {
                findings.look(Kind::Groups);
                let lag = progress(&what, group, mapping.is_enabled, findings);
                findings.told.push(format!("{what}: {lag} records wait"));
                findings.lag.insert(name.to_owned(), lag);
            }
            Some(Looked::Not(why)) => findings.skip(Kind::Groups, what, why),
            Some(Looked::Missing) | None => {
                findings.skip(Kind::Groups, what, &Why::Untold("its topic was not seen".to_owned()));
            }
        }
    }
}

fn one(what: &str, asked: &Asked, topic: &Topic, findings: &mut Findings) {
    let partitions = usize::try_from(asked.partitions).unwrap_or_default();
    if topic.partitions != partitions {
        let todo = match topic.partitions < partitions {
            true => "add partitions, in the order of docs/deploy.md, which keeps an account's order",
            false => "partitions can't be removed: set the stack's parameter to what the topic has",
        };
        let (deployed, template) = (topic.partitions.to_string(), partitions.to_string());
        findings.differs(Kind::Topics, format!("{what}, partitions"), deployed, template, todo);
    }
    let replicas = usize::try_from(asked.replication).unwrap_or_default();
    if topic.replicas != replicas {
        let (deployed, template) = (topic.replicas.to_string(), replicas.to_string());
        let todo = "reassign its partitions, or set ReplicationFactor to what the topic has";
        findings.differs(Kind::Topics, format!("{what}, replicas"), deployed, template, todo);
    }
    match &topic.config {
        Looked::Not(why) => findings.skip(Kind::Configurations, format!("{what}, configuration"), why),
        Looked::Missing => {
            let why = Why::Untold("the broker doesn't tell it".to_owned());
            findings.skip(Kind::Configurations, format!("{what}, configuration"), &why);
        }
        Looked::Is(found) => {
            findings.look(Kind::Configurations);
            for (name, template) in &asked.config {
                let deployed = found.get(name).map_or("isn't set", String::as_str);
                if deployed != template {
                    let todo = format!("kafka-configs.sh --alter --add-config {name}={template}");
                    let what = format!("{what}, {name}");
                    findings.differs(Kind::Configurations, what, deployed, template.as_str(), todo);
                }
            }
        }
    }
}

/// Compares how far a group has read. Gives how many records wait.
fn progress(what: &str, group: &Group, is_enabled: bool, findings: &mut Findings) -> i64 {
    let (mut lost, mut ahead, mut untouched, mut lag) = (Vec::new(), Vec::new(), 0_i64, 0_i64);
    for (partition, at) in &group.partitions {
        let Some(committed) = at.committed else {
            untouched = untouched.saturating_add(at.next.saturating_sub(at.oldest));
            continue;
        };
        if committed < at.oldest {
            let count = at.oldest.saturating_sub(committed);
            lost.push(format!("{count} records of partition {partition}"));
        } else if committed > at.next {
            ahead.push(format!("{committed} of partition {partition}"));
        }
        lag = lag.saturating_add(at.next.saturating_sub(committed.max(at.oldest)).max(0));
    }
    let has_read = group.partitions.values().any(|at| at.committed.is_some());
    if !has_read && untouched > 0 && is_enabled {
        let deployed = format!("has read none of {untouched} records");
        let todo =
            "look at the mapping: it may still poll another topic. Replace it in two deployments (docs/deploy.md)";
        findings.differs(Kind::Groups, what, deployed, "reads its topic", todo);
    }
    if !lost.is_empty() {
        let todo =
            "retention deleted them before they were read: have their senders send them again, with the same ids";
        findings.differs(Kind::Groups, what, format!("passes over {}", some(&lost)), "loses nothing", todo);
    }
    if !ahead.is_empty() {
        let todo = "the topic was made anew, or the group is another cluster's: begin with a new ConsumerGroupSuffix";
        findings.differs(
            Kind::Groups,
            what,
            format!("stands at {}, behind its end", some(&ahead)),
            "is within it",
            todo,
        );
    }
    lag.saturating_add(untouched)
}

fn some(all: &[String]) -> String {
    let shown = all.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
