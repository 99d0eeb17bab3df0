//! Scripts of what is polled, answered and given up, and what comes of it.

use super::*;

fn polled(partition: i32, offset: i64) -> Polled {
    Polled { topic: "t-1".into(), partition, offset, timestamp: None, key: None, value: None, headers: vec![] }
}

/// Runs a script: `poll P:O …` adds a batch; `ok`, `fail` and `report P:O …` answer the next delivery. What is
/// delivered, waited for and committed is written down.
fn check(script: &str, expected: &expect_test::Expect) {
    check_with(Deliveries::new(true), script, expected);
}

fn check_with(mut deliveries: Deliveries, script: &str, expected: &expect_test::Expect) {
    let mut log = String::new();
    for line in script.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let mut words = line.split_whitespace();
        let verb = words.next().unwrap();
        let places: Vec<(i32, i64)> = words
            .map(|word| word.split_once(':').map(|(p, o)| (p.parse().unwrap(), o.parse().unwrap())).unwrap())
            .collect();
        if verb == "poll" {
            assert_eq!(deliveries.next(), Next::Poll, "nothing else to do");
            deliveries.add(places.into_iter().map(|(p, o)| polled(p, o)).collect());
            continue;
        }
        if let Next::Wait(pause) = deliveries.next() {
            log += &format!("wait {pause:?}\n");
            deliveries.waited();
        }
        let Next::Deliver(records) = deliveries.next() else { panic!("nothing to deliver at {line}") };
        let places_of: Vec<String> = records.iter().map(|r| format!("{}:{}", r.partition, r.offset)).collect();
        let item = |(p, o): (i32, i64)| format!(r#"{{"itemIdentifier":{{"partition":"t-1-{p}","offset":{o}}}}}"#);
        let answer = match verb {
            "ok" => Answer::Response(br#"{"batchItemFailures":[]}"#.to_vec()),
            "fail" => Answer::Failed("boom".into()),
            "report" => {
                let items: Vec<String> = places.into_iter().map(item).collect();
                Answer::Response(format!(r#"{{"batchItemFailures":[{}]}}"#, items.join(",")).into_bytes())
            }
            "say" => Answer::Response(b"null".to_vec()),
            _ => panic!("{line}"),
        };
        let settled = deliveries.answered(answer);
        log += &format!("{verb} {} → commit {:?}", places_of.join(" "), settled.commit);
        log += &settled.failure.map_or("\n".to_owned(), |failure| format!(", failed: {failure}\n"));
    }
    expected.assert_eq(&log);
}

#[test]
fn a_batch_answered_well_is_committed() {
    check(
        "poll 0:1 0:2 1:7
         ok
         poll 0:3
         say",
        &expect_test::expect![[r#"
            ok 0:1 0:2 1:7 → commit [(0, 3), (1, 8)]
            say 0:3 → commit [(0, 4)]
        "#]],
    );
}

#[test]
fn a_partial_response_delivers_again_from_the_lowest_reported_offset() {
    check(
        "poll 0:1 0:2 0:3 1:7 1:8
         report 0:3 0:2
         report 0:2
         report 0:3
         ok",
        &expect_test::expect![[r#"
            report 0:1 0:2 0:3 1:7 1:8 → commit [(0, 2), (1, 9)]
            wait 100ms
            report 0:2 0:3 → commit []
            wait 100ms
            report 0:2 0:3 → commit [(0, 3)]
            wait 100ms
            ok 0:3 → commit [(0, 4)]
        "#]],
    );
}

#[test]
fn a_failure_is_cut_in_two_until_one_record_stands_alone() {
    check(
        "poll 0:1 0:2 0:3 0:4
         fail
         fail
         ok
         fail
         fail
         ok
         ok",
        &expect_test::expect![[r#"
            fail 0:1 0:2 0:3 0:4 → commit [], failed: boom
            fail 0:1 0:2 → commit [], failed: boom
            ok 0:1 → commit [(0, 2)]
            fail 0:2 → commit [], failed: boom
            wait 100ms
            fail 0:2 → commit [], failed: boom
            wait 200ms
            ok 0:2 → commit [(0, 3)]
            ok 0:3 0:4 → commit [(0, 5)]
        "#]],
    );
}

#[test]
fn a_report_of_what_was_not_delivered_fails_the_batch() {
    check(
        "poll 0:1 0:2
         report 0:9
         report 1:1
         ok
         ok",
        &expect_test::expect![[r#"
            report 0:1 0:2 → commit [], failed: reports t-1-0 at 9, which was not delivered
            report 0:1 → commit [], failed: reports t-1-1 at 1, which was not delivered
            wait 100ms
            ok 0:1 → commit [(0, 2)]
            ok 0:2 → commit [(0, 3)]
        "#]],
    );
}

#[test]
fn a_report_that_was_not_asked_for_counts_as_success() {
    check_with(
        Deliveries::new(false),
        "poll 0:1
         report 0:1",
        &expect_test::expect![[r#"
            report 0:1 → commit [(0, 2)]
        "#]],
    );
}
