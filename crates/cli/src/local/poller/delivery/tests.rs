//! What: Tests deliveries by scripts of what is polled, answered and given up.

use super::*;
use crate::local::poller::response;
use crate::local::reading::Polled;

/// A mapping that cuts batches and tries for ever.
const PATIENT: Policy = Policy { bisect: true, retries_max: None, record_age_max: None };

/// A record made at its offset in seconds: offset 3 at 3 s.
fn polled(partition: i32, offset: i64) -> Polled {
    let timestamp = offset.checked_mul(1000);
    Polled { topic: "t-1".into(), partition, offset, timestamp, key: None, value: None, headers: vec![] }
}

fn places(records: &[Polled]) -> String {
    records.iter().map(|record| format!("{}:{}", record.partition, record.offset)).collect::<Vec<_>>().join(" ")
}

/// Runs a script: `poll P:O …` adds a batch; `at S` sets the clock; `ok`, `fail` and `report P:O …` answer the next
/// delivery. What is delivered, waited for, finished and given up is written down.
fn check(policy: Policy, script: &str, expected: &expect_test::Expect) {
    let mut deliveries = Deliveries::new(policy);
    let (mut log, mut now_ms) = (String::new(), 0);
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let (verb, rest) = line.split_once(' ').unwrap_or((line, ""));
        if verb == "at" {
            now_ms = rest.parse::<i64>().unwrap().saturating_mul(1000);
            continue;
        }
        let named: Vec<(i32, i64)> = rest
            .split_whitespace()
            .map(|word| word.split_once(':').map(|(p, o)| (p.parse().unwrap(), o.parse().unwrap())).unwrap())
            .collect();
        let records = loop {
            match deliveries.next(now_ms) {
                Next::Wait(pause) => {
                    log += &format!("wait {pause:?}\n");
                    deliveries.waited();
                }
                Next::GiveUp(records, why, _) => {
                    log += &format!("give up {} {why:?}\n", places(&records));
                    deliveries.given_up();
                }
                Next::Poll => break Vec::new(),
                Next::Deliver(records) => break records,
            }
        };
        if verb == "poll" {
            assert_eq!(places(&records), "", "nothing else to do");
            deliveries.add(named.into_iter().map(|(p, o)| polled(p, o)).collect());
            continue;
        }
        if verb == "idle" {
            assert_eq!(places(&records), "", "nothing else to do");
            continue;
        }
        assert!(!records.is_empty(), "nothing to deliver at {line}");
        let item = |(p, o): (i32, i64)| format!(r#"{{"itemIdentifier":{{"partition":"t-1-{p}","offset":{o}}}}}"#);
        let answer = match verb {
            "ok" => response::to_kafka(&records, b"null"),
            "fail" => Answer::Failed("boom".into()),
            "report" => {
                let items: Vec<String> = named.into_iter().map(item).collect();
                let response = format!(r#"{{"batchItemFailures":[{}]}}"#, items.join(","));
                response::to_kafka(&records, response.as_bytes())
            }
            _ => panic!("{line}"),
        };
        let settled = deliveries.answered(answer);
        log += &format!("{verb} {} → finished [{}]", places(&records), places(&settled.finished));
        log += &settled.failure.map_or("\n".to_owned(), |failure| format!(", failed: {failure}\n"));
    }
    expected.assert_eq(&log);
}

#[test]
fn a_batch_answered_well_is_finished() {
    check(
        PATIENT,
        "poll 0:1 0:2 1:7
         ok
         poll 0:3
         report",
        &expect_test::expect![[r#"
            ok 0:1 0:2 1:7 → finished [0:1 0:2 1:7]
            report 0:3 → finished [0:3]
        "#]],
    );
}

#[test]
fn a_partial_response_delivers_again_from_the_first_reported_record() {
    check(
        PATIENT,
        "poll 0:1 0:2 0:3 1:7 1:8
         report 0:3 0:2
         report 0:2
         report 0:3
         ok",
        &expect_test::expect![[r#"
            report 0:1 0:2 0:3 1:7 1:8 → finished [0:1 1:7 1:8]
            wait 100ms
            report 0:2 0:3 → finished []
            wait 100ms
            report 0:2 0:3 → finished [0:2]
            wait 100ms
            ok 0:3 → finished [0:3]
        "#]],
    );
}

#[test]
fn a_failure_is_cut_in_two_until_one_record_stands_alone() {
    check(
        PATIENT,
        "poll 0:1 0:2 0:3 0:4
         fail
         fail
         ok
         fail
         fail
         ok
         ok",
        &expect_test::expect![[r#"
            fail 0:1 0:2 0:3 0:4 → finished [], failed: boom
            fail 0:1 0:2 → finished [], failed: boom
            ok 0:1 → finished [0:1]
            fail 0:2 → finished [], failed: boom
            wait 100ms
            fail 0:2 → finished [], failed: boom
            wait 200ms
            ok 0:2 → finished [0:2]
            ok 0:3 0:4 → finished [0:3 0:4]
        "#]],
    );
}

#[test]
fn a_report_of_what_was_not_delivered_fails_the_batch() {
    check(
        PATIENT,
        "poll 0:1 0:2
         report 0:9
         report 1:1
         ok
         ok",
        &expect_test::expect![[r#"
            report 0:1 0:2 → finished [], failed: reports t-1-0 at 9, which was not delivered
            report 0:1 → finished [], failed: reports t-1-1 at 1, which was not delivered
            wait 100ms
            ok 0:1 → finished [0:1]
            ok 0:2 → finished [0:2]
        "#]],
    );
}

#[test]
fn without_bisecting_the_whole_batch_comes_again() {
    check(
        Policy { bisect: false, ..PATIENT },
        "poll 0:1 0:2
         fail
         fail
         ok",
        &expect_test::expect![[r#"
            fail 0:1 0:2 → finished [], failed: boom
            wait 100ms
            fail 0:1 0:2 → finished [], failed: boom
            wait 200ms
            ok 0:1 0:2 → finished [0:1 0:2]
        "#]],
    );
}

#[test]
fn a_batch_that_was_tried_often_enough_is_given_up() {
    check(
        Policy { bisect: false, retries_max: Some(2), ..PATIENT },
        "poll 0:1 1:2
         fail
         fail
         fail
         poll 0:2
         ok",
        &expect_test::expect![[r#"
            fail 0:1 1:2 → finished [], failed: boom
            wait 100ms
            fail 0:1 1:2 → finished [], failed: boom
            wait 200ms
            fail 0:1 1:2 → finished [], failed: boom
            give up 0:1 1:2 RetriesExhausted
            ok 0:2 → finished [0:2]
        "#]],
    );
}

#[test]
fn cutting_costs_no_tries_and_only_the_broken_record_is_given_up() {
    check(
        Policy { bisect: true, retries_max: Some(1), record_age_max: None },
        "poll 0:1 0:2 0:3 0:4
         fail
         fail
         fail
         fail
         ok
         ok",
        &expect_test::expect![[r#"
            fail 0:1 0:2 0:3 0:4 → finished [], failed: boom
            fail 0:1 0:2 → finished [], failed: boom
            fail 0:1 → finished [], failed: boom
            wait 100ms
            fail 0:1 → finished [], failed: boom
            give up 0:1 RetriesExhausted
            ok 0:2 → finished [0:2]
            ok 0:3 0:4 → finished [0:3 0:4]
        "#]],
    );
}

#[test]
fn what_is_left_after_a_part_was_finished_counts_anew() {
    check(
        Policy { bisect: false, retries_max: Some(1), record_age_max: None },
        "poll 0:1 0:2 0:3
         report 0:2
         report 0:3
         report 0:3
         idle",
        &expect_test::expect![[r#"
            report 0:1 0:2 0:3 → finished [0:1]
            wait 100ms
            report 0:2 0:3 → finished [0:2]
            wait 100ms
            report 0:3 → finished []
            give up 0:3 RetriesExhausted
        "#]],
    );
}

#[test]
fn old_records_are_given_up_before_they_are_delivered_again() {
    check(
        Policy { bisect: false, retries_max: None, record_age_max: Some(Duration::from_secs(60)) },
        "poll 0:10 0:20 1:10 1:90
         at 70
         fail
         at 75
         fail
         at 200
         idle",
        &expect_test::expect![[r#"
            fail 0:10 0:20 1:10 1:90 → finished [], failed: boom
            give up 0:10 1:10 RecordAgeExceeded
            wait 100ms
            fail 0:20 1:90 → finished [], failed: boom
            give up 0:20 1:90 RecordAgeExceeded
        "#]],
    );
}

#[test]
fn an_old_record_behind_a_young_one_of_its_partition_stays() {
    check(
        Policy { bisect: false, retries_max: None, record_age_max: Some(Duration::from_secs(60)) },
        "at 100
         poll 0:90 0:10 1:10
         ok",
        &expect_test::expect![[r#"
            give up 1:10 RecordAgeExceeded
            ok 0:90 0:10 → finished [0:90 0:10]
        "#]],
    );
}
