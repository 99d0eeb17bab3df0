//! What: Compares topics and consumer groups at Kafka. It is pure.
//!
//! A group that has committed an offset which its topic doesn't have any more has lost the records in between, or reads
//! another topic of the same name.

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
            for (group, topic) in expected.groups() {
                findings.skip(Kind::Groups, format!("group {group} on {topic}"), why);
            }
            return;
        }
        Looked::Missing => return,
    };
    for asked in &expected.topics {
        findings.look(Kind::Topics);
        let what = format!("topic {}", asked.name);
        match topics.get(&asked.name) {
            Some(topic) => one(&what, asked, topic, findings),
            None => {
                let todo = "make it: `giro topics create`, or deploy if Kafka is MSK";
                findings.differs(Kind::Topics, what, "isn't there", "has it", todo);
            }
        }
    }
    for mapping in &expected.mappings {
        let (Some(name), Some(topic)) = (mapping.group(), mapping.topic()) else { continue };
        let what = format!("group {name} on {topic}");
        match deployed.groups.get(name) {
            Some(Looked::Is(group)) => {
                findings.look(Kind::Groups);
                progress(&what, group, mapping.is_enabled, findings);
            }
            Some(Looked::Not(why)) => findings.skip(Kind::Groups, what, why),
            Some(Looked::Missing) | None => {
                findings.skip(Kind::Groups, what, &Why::Untold("its topic isn't there".to_owned()));
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
        Looked::Not(why) => findings.skip(Kind::Topics, format!("{what}, configuration"), why),
        Looked::Missing => {}
        Looked::Is(found) => {
            for (name, template) in &asked.config {
                let deployed = found.get(name).map_or("isn't set", String::as_str);
                if deployed != template {
                    let todo = format!("kafka-configs.sh --alter --add-config {name}={template}");
                    findings.differs(Kind::Topics, format!("{what}, {name}"), deployed, template.as_str(), todo);
                }
            }
        }
    }
}

fn progress(what: &str, group: &Group, is_enabled: bool, findings: &mut Findings) {
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
    findings.told.push(format!("{what}: {} records wait", lag.saturating_add(untouched)));
}

fn some(all: &[String]) -> String {
    let shown = all.iter().take(SHOWN_MAX).cloned().collect::<Vec<_>>().join(", ");
    match all.len().checked_sub(SHOWN_MAX) {
        None | Some(0) => shown,
        Some(more) => format!("{shown} and {more} more"),
    }
}
