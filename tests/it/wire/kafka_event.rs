//! The wire: every odd shape of a Kafka event, and what names a record's dead letter.

use std::collections::{BTreeMap, BTreeSet};

use giro::domain::Instruction;
use giro::domain::{DeadLetterId, Timestamp};
use giro::wire::incoming::Incoming;
use giro::wire::instruction;
use giro::wire::kafka_event::{KafkaEvent, Payload};
use giro_template::Templates;

pub(super) fn event(json: &str) -> KafkaEvent {
    serde_json::from_str(json).unwrap()
}

/// An event as one line a record: where it stands, what it is, and its headers.
fn shown(event: &KafkaEvent) -> String {
    let mut lines = Vec::new();
    for partition in &event.partitions {
        for record in &partition.records {
            let is = match instruction::decode(&record.value) {
                Ok(Instruction::Payment(payment)) => format!("payment {}", payment.id),
                Ok(Instruction::Legged(payment)) => format!("payment with {} legs {}", payment.legs.len(), payment.id),
                Ok(Instruction::Refund(refund)) => format!("refund {}", refund.id),
                Err(malformed) => format!("{} ({malformed})", malformed.name()),
            };
            let headers: Vec<String> = record
                .headers()
                .iter()
                .map(|header| {
                    let value = header.value.as_deref().map(String::from_utf8_lossy);
                    format!(" [{} = {}]", header.name, value.as_deref().unwrap_or("(none)"))
                })
                .collect();
            lines.push(format!("{} {} {is}{}", partition.identifier, record.source, headers.concat()));
        }
        lines.extend(partition.unplaced.iter().cloned());
    }
    lines.join("\n")
}

#[test]
fn the_sample_events_read_as_their_table_says() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let mut files: Vec<_> = [folder.clone(), folder.join("odd")]
        .iter()
        .flat_map(|folder| std::fs::read_dir(folder).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .collect();
    files.sort();
    let mut all = String::new();
    for file in files {
        let Incoming(event) = serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap();
        let shown = event.map_or_else(|foreign| foreign.to_string(), |event| shown(&event));
        all += &format!("{}\n{shown}\n", file.strip_prefix(&folder).unwrap().display());
    }
    expect_test::expect_file!["fixtures/events.txt"].assert_eq(&all);
}

/// One odd record must leave its neighbours alone.
fn check_odd(odd: &str, expected: &expect_test::Expect) {
    let good = r#"{"topic":"t","partition":0,"offset":1,"value":""}"#;
    let json = format!(r#"{{"records":{{"t-0":[{good},{odd},{good}]}}}}"#);
    let event = event(&json);
    let partition = &event.partitions[0];
    assert_eq!(partition.records.len() + partition.unplaced.len(), 3, "every element is accounted for");
    let goods = partition.records.iter().filter(|record| record.source.offset == 1).count();
    assert_eq!(goods, 2, "{odd}");
    let rest: Vec<String> = partition
        .records
        .iter()
        .filter(|record| record.source.offset != 1)
        .map(|record| format!("{} {:?} {:?} {:?}", record.source, record.timestamp, record.value, record.headers()))
        .chain(partition.unplaced.clone())
        .collect();
    expected.assert_eq(&rest.join("\n"));
}

/// A key is read only when it is asked for, and as a value is.
#[test]
fn a_key_is_read_as_a_value_is() {
    let base64 = ["\"\"", "\"aGk=\"", "\"aGk\"", "\"\\u0061Gk=\""].map(|json| (json, true));
    let odd = ["\"%\"", "\"aGl=\"", "7", "{}", "[]", "true", "\"\\ud800\"", "\"\\n\""].map(|json| (json, false));
    for (json, is_base64) in base64.into_iter().chain(odd).chain([("null", false)]) {
        let event = event(&format!(r#"{{"records":{{"t-0":[{{"offset":1,"key":{json},"value":{json}}}]}}}}"#));
        let record = &event.partitions[0].records[0];
        assert_eq!(record.key(), record.value, "{json}");
        assert_eq!(matches!(record.key(), Payload::Bytes(_)), is_base64, "{json}");
        let letter = record.dead_letter("not_json", String::new(), Timestamp::EPOCH);
        assert_eq!(letter.key, letter.value, "{json}");
    }
}

#[test]
fn odd_records_are_read_by_themselves() {
    check_odd("null", &expect_test::expect![[r#"records["t-0"][1]: expected an object"#]]);
    check_odd("[]", &expect_test::expect![[r#"records["t-0"][1]: expected an object"#]]);
    check_odd("{}", &expect_test::expect![[r#"records["t-0"][1].offset: expected a whole number, 0 or more"#]]);
    check_odd(
        r#"{"offset":5,"offset":6}"#,
        &expect_test::expect![[r#"records["t-0"][1]: expected an object with each field once"#]],
    );
    check_odd(r#"{"offset":5}"#, &expect_test::expect!["t/0/5 None Absent []"]);
    check_odd(r#"{"offset":"5","topic":"x-y"}"#, &expect_test::expect!["x-y/0/5 None Absent []"]);
    check_odd(r#"{"offset":5,"topic":7}"#, &expect_test::expect![[r#"records["t-0"][1].topic: expected a string"#]]);
    check_odd(r#"{"offset":5,"topic":""}"#, &expect_test::expect![[r#"records["t-0"][1].topic: expected a name"#]]);
    check_odd(
        r#"{"offset":-1}"#,
        &expect_test::expect![[r#"records["t-0"][1].offset: expected a whole number, 0 or more"#]],
    );
    check_odd(
        r#"{"offset":1e999}"#,
        &expect_test::expect![[r#"records["t-0"][1].offset: expected a whole number, 0 or more"#]],
    );
    check_odd(
        r#"{"offset":5,"partition":"x"}"#,
        &expect_test::expect![[r#"records["t-0"][1].partition: expected a whole number, 0 or more"#]],
    );
    check_odd(
        r#"{"offset":5,"partition":2147483648}"#,
        &expect_test::expect![[r#"records["t-0"][1].partition: expected a whole number, 0 or more"#]],
    );
    check_odd(r#"{"offset":5,"timestamp":1e999}"#, &expect_test::expect!["t/0/5 None Absent []"]);
    check_odd(
        r#"{"offset":5,"timestamp":"17","value":"\ud800"}"#,
        &expect_test::expect![[r#"t/0/5 Some(17) NotBase64([34, 92, 117, 100, 56, 48, 48, 34]) []"#]],
    );
    check_odd(r#"{"offset":5,"value":"aGk"}"#, &expect_test::expect!["t/0/5 None Bytes(b\"hi\") []"]);
    check_odd(r#"{"offset":5,"value":"\u0061Gk="}"#, &expect_test::expect!["t/0/5 None Bytes(b\"hi\") []"]);
    check_odd(r#"{"offset":5,"value":{}}"#, &expect_test::expect!["t/0/5 None NotBase64([123, 125]) []"]);
    check_odd(
        r#"{"offset":5,"headers":"x"}"#,
        &expect_test::expect![[
            r#"t/0/5 None Absent [Header { name: "giro-unreadable-header", value: Some([34, 120, 34]) }]"#
        ]],
    );
    check_odd(
        r#"{"offset":5,"headers":[{"a":[-128,-1,0,127,255],"b":[]}]}"#,
        &expect_test::expect![[
            r#"t/0/5 None Absent [Header { name: "a", value: Some([128, 255, 0, 127, 255]) }, Header { name: "b", value: Some([]) }]"#
        ]],
    );
}

/// What names the dead letter of a record with these members beside its place.
fn letter_id(members: &str) -> DeadLetterId {
    let event = event(&format!(r#"{{"records":{{"t-0":[{{"offset":5{members}}}]}}}}"#));
    event.partitions[0].records[0].dead_letter("not_json", String::new(), Timestamp::EPOCH).id()
}

#[test]
fn a_record_is_the_same_letter_however_its_event_spells_it() {
    let same: [&[&str]; 4] = [
        &["", r#","timestamp":null"#, r#","timestamp":-1,"key":null,"value":null,"headers":null"#, r#","headers":[]"#],
        &[r#","timestamp":17,"value":"aGk=""#, r#","timestamp":"17","value":"aGk","headers":[ ],"timestampType":"x""#],
        &[r#","headers":[{"a":[-1,0]}]"#, r#","headers":[{"a":[255,0]}]"#],
        &[r#","headers":[{"a":{}},{"b":[]}]"#, r#","headers":[{"a":null,"b":[]}]"#],
    ];
    for same in same {
        let ids: BTreeSet<DeadLetterId> = same.iter().map(|members| letter_id(members)).collect();
        assert_eq!(ids.len(), 1, "{same:?}: {ids:?}");
    }
}

#[test]
fn records_that_differ_anywhere_are_different_letters() {
    let all = [
        "",
        r#","timestamp":0"#,
        r#","timestamp":17"#,
        r#","key":"aGk=""#,
        r#","value":"aGk=""#,
        r#","value":"","x":0"#,
        // Text that isn't base64, and base64 of the same text.
        r#","value":"h!""#,
        r#","value":"aCE=""#,
        r#","headers":[{"a":null}]"#,
        r#","headers":[{"a":[]}]"#,
        r#","headers":[{"a":[]},{"a":[]}]"#,
        r#","headers":"x""#,
    ];
    let ids: BTreeSet<DeadLetterId> = all.iter().map(|members| letter_id(members)).collect();
    assert_eq!(ids.len(), all.len(), "{ids:?}");
    assert!(ids.iter().all(|id| id.source.to_string() == "t/0/5" && id.to_string().parse().as_ref() == Ok(id)));
}

/// Else the first real record at a sample's place would look like the sample to whoever looks for it.
#[test]
fn the_sample_events_name_topics_of_their_own() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("events");
    let blueprint = Templates::default().blueprint(&BTreeMap::new()).unwrap();
    let topics: Vec<&str> = blueprint.topics.iter().map(|topic| topic.name.as_str()).collect();
    let mut records = 0;
    for (below, topic) in
        [("", "payment-requests"), ("odd", "payment-requests"), ("account-commands", "account-commands")]
    {
        assert!(topics.contains(&topic), "{topics:?}");
        for entry in std::fs::read_dir(folder.join(below)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|extension| extension != "json") {
                continue;
            }
            // One that is of another service has no topic.
            let Incoming(event) = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            let event: KafkaEvent = event.unwrap_or_default();
            for record in event.partitions.iter().flat_map(|partition| &partition.records) {
                let named = &*record.source.topic;
                assert!(!topics.contains(&named), "{} names the topic {named}", path.display());
                // So that the function that it is for is plain.
                assert!(named.starts_with(&format!("{topic}-sample")), "{} names {named}", path.display());
                records += 1;
            }
        }
    }
    assert!(records > 40, "{records}");
}

#[test]
fn events_without_records_and_events_that_are_none() {
    for empty in [r#"{"records":{}}"#, r#"{"records":{"t-0":[]},"x":1}"#] {
        assert!(event(empty).partitions.iter().all(|partition| partition.records.is_empty()), "{empty}");
    }
    for none in
        ["", "{}", "[]", "null", "7", r#"{"records":null}"#, r#"{"records":[]}"#, r#"{"records":{"t-0":7,"t-1":[]}}"#]
    {
        assert!(serde_json::from_str::<KafkaEvent>(none).is_err(), "{none}");
    }
}

#[test]
fn records_given_twice_are_all_read() {
    let twice = event(r#"{"records":{"t-0":[{"offset":1}]},"records":{"t-0":[{"offset":2}]}}"#);
    assert_eq!(shown(&twice).lines().count(), 2);
    let lost = r#"{"records":{"t-0":[{"offset":1}]},"records":null}"#;
    assert!(serde_json::from_str::<KafkaEvent>(lost).is_err(), "no record is passed over");
}

#[test]
fn records_come_in_offset_order() {
    let json = r#"{"records":{"t-0":[{"offset":3},{"offset":1},{"offset":2}]}}"#;
    let offsets: Vec<i64> = event(json).partitions[0].records.iter().map(|record| record.source.offset).collect();
    assert_eq!(offsets, [1, 2, 3]);
}
