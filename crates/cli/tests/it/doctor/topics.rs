//! What may differ in a topic, and in what a group has read of it.

use giro_cli::doctor::deployed::{Looked, Progress};
use giro_cli::doctor::finding::{Kind, Why};

use super::differences::{Case, check};
use super::given::{World, is};

fn at(world: &mut World, committed: Option<i64>, oldest: i64, next: i64) {
    world.group("payment-processor").partitions = [(3, Progress { committed, oldest, next })].into();
}

const KAFKA: &[Case] = &[
    (
        |w| drop(is(&mut w.deployed.topics).remove("payment-outcomes")),
        Kind::Topics,
        "topic payment-outcomes",
        "isn't there, or may not be described",
        "giro topics create",
    ),
    (
        |w| w.topic("payment-requests").partitions = 8,
        Kind::Topics,
        "topic payment-requests, partitions",
        "8",
        "add partitions",
    ),
    (
        |w| w.topic("payment-requests").partitions = 32,
        Kind::Topics,
        "topic payment-requests, partitions",
        "32",
        "can't be removed",
    ),
    (
        |w| w.topic("payment-requests").replicas = 1,
        Kind::Topics,
        "topic payment-requests, replicas",
        "1",
        "ReplicationFactor",
    ),
    (
        |w| drop(is(&mut w.topic("payment-requests").config).insert("retention.ms".into(), "1000".into())),
        Kind::Configurations,
        "topic payment-requests, retention.ms",
        "1000",
        "retention.ms=1209600000",
    ),
    (
        |w| drop(is(&mut w.topic("payment-requests-failed").config).remove("max.message.bytes")),
        Kind::Configurations,
        "topic payment-requests-failed, max.message.bytes",
        "isn't set",
        "max.message.bytes=8388608",
    ),
    (
        |w| at(w, Some(2), 5, 10),
        Kind::Groups,
        "group payment-processor on payment-requests",
        "passes over 3 records of partition 3",
        "send them again",
    ),
    (
        |w| at(w, Some(11), 5, 10),
        Kind::Groups,
        "group payment-processor on payment-requests",
        "stands at 11 of partition 3",
        "ConsumerGroupSuffix",
    ),
    // A mapping whose topic was changed in place goes on with the old one.
    (
        |w| at(w, None, 5, 10),
        Kind::Groups,
        "group payment-processor on payment-requests",
        "has read none of 5 records",
        "two deployments",
    ),
];

#[test]
fn differences_of_topics_and_groups() {
    check(KAFKA);
    for (committed, oldest, next) in [(Some(5), 5, 10), (Some(10), 5, 10), (None, 5, 5)] {
        let mut world = World::new();
        at(&mut world, committed, oldest, next);
        assert_eq!(world.differences(), [], "{committed:?} {oldest} {next}");
    }
    let mut world = World::new();
    at(&mut world, Some(7), 5, 10);
    let lag = "group payment-processor on payment-requests: 3 records wait";
    assert!(world.findings().told.contains(&lag.to_owned()), "{:?}", world.findings().told);
    // A mapping that must wait has read nothing.
    let mut world = World::with(&[("SettlePayments", "false")]);
    at(&mut world, None, 5, 10);
    assert_eq!(world.differences(), []);
}

/// A topic that may not be seen is another thing than one that is missing.
#[test]
fn a_topic_that_may_not_be_described_is_not_looked_at() {
    let mut world = World::new();
    let no_right = Looked::Not(Why::NoRight("Describe it at Kafka".into()));
    drop(is(&mut world.deployed.topics).insert("payment-outcomes".into(), no_right));
    world.topic("payment-requests").config = Looked::Missing;
    let findings = world.findings();
    assert_eq!(findings.differences, []);
    let counts = [Kind::Topics, Kind::Configurations].map(|kind| findings.counts(kind));
    assert_eq!(counts, [(4, 0, 1), (3, 0, 2)]);
}
