//! What a poller delivers next, and what an answer means. Pure: no Kafka, no HTTP, no clock.
//!
//! In: batches polled, and answers to deliveries. Out: what to do next, and which offsets to commit.
//!
//! | answer | then |
//! |---|---|
//! | a response that reports nothing | the delivery is done |
//! | a response that reports records, where the mapping allows it | of each partition reported: from its lowest reported offset on, again; the rest is done |
//! | a response that reports what wasn't delivered | the whole delivery has failed |
//! | a failure | the delivery again: cut in two, the first half first, until it is one record; then that record, after a pause |
//!
//! Invariants: one delivery at a time, and what failed goes before anything newer, so each partition stays in order.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use crate::domain::Header;
use crate::wire::batch_response::BatchResponse;

/// The first pause after a failure that can't be cut any smaller; it doubles up to [`PAUSE_MAX`].
const PAUSE_FIRST: Duration = Duration::from_millis(100);
/// The longest pause between two tries.
const PAUSE_MAX: Duration = Duration::from_secs(10);

/// A record as it came from Kafka.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Polled {
    /// The topic.
    pub topic: String,
    /// The partition.
    pub partition: i32,
    /// The offset.
    pub offset: i64,
    /// When it was produced or appended, in milliseconds since 1970.
    pub timestamp: Option<i64>,
    /// The key.
    pub key: Option<Vec<u8>>,
    /// The value.
    pub value: Option<Vec<u8>>,
    /// The headers.
    pub headers: Vec<Header>,
}

impl Polled {
    /// The bytes it brings.
    pub(super) fn size(&self) -> usize {
        let length = |bytes: &Option<Vec<u8>>| bytes.as_ref().map_or(0, Vec::len);
        // Header bytes are written as numbers, about four characters each.
        let header = |header: &Header| length(&header.value).saturating_mul(3).saturating_add(header.name.len());
        let headers = self.headers.iter().map(header).sum::<usize>();
        length(&self.key).saturating_add(length(&self.value)).saturating_add(headers)
    }
}

/// What to do next.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// Poll a batch and [`add`](Deliveries::add) it.
    Poll,
    /// Wait this long, then say [`waited`](Deliveries::waited).
    Wait(Duration),
    /// Deliver these, and say what was [`answered`](Deliveries::answered).
    Deliver(Vec<Polled>),
}

/// A function's answer to a delivery.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// It succeeded with this response.
    Response(Vec<u8>),
    /// It failed, and said so.
    Failed(String),
}

/// What an answer settled.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Settled {
    /// By partition, the offset to commit: that of the next record to be delivered.
    pub(super) commit: Vec<(i32, i64)>,
    /// Why the delivery failed as a whole, if it did.
    pub(super) failure: Option<String>,
}

/// Deliveries waiting, the first one first.
pub(super) struct Deliveries {
    report_batch_item_failures: bool,
    waiting: VecDeque<Vec<Polled>>,
    /// How often in a row nothing was settled, and whether the pause for it is still to come.
    fruitless: u32,
    pause_due: bool,
}

impl Deliveries {
    pub(super) fn new(report_batch_item_failures: bool) -> Self {
        Self { report_batch_item_failures, waiting: VecDeque::new(), fruitless: 0, pause_due: false }
    }

    pub(super) fn next(&self) -> Next {
        match self.waiting.front() {
            None => Next::Poll,
            Some(_) if self.pause_due => Next::Wait(pause(self.fruitless)),
            Some(records) => Next::Deliver(records.clone()),
        }
    }

    pub(super) fn waited(&mut self) {
        self.pause_due = false;
    }

    pub(super) fn add(&mut self, batch: Vec<Polled>) {
        if !batch.is_empty() {
            self.waiting.push_back(batch);
        }
    }

    /// Takes the answer to the delivery that was next.
    pub(super) fn answered(&mut self, answer: Answer) -> Settled {
        let Some(records) = self.waiting.pop_front() else { return Settled::default() };
        let again = match answer {
            Answer::Failed(failure) => return self.failed(records, failure),
            Answer::Response(response) => match self.reported(&records, &response) {
                Ok(again) => again,
                Err(failure) => return self.failed(records, failure),
            },
        };
        let mut commit: BTreeMap<i32, i64> = BTreeMap::new();
        let mut rest = Vec::new();
        for record in records {
            match again.get(&record.partition) {
                Some(&lowest) if record.offset >= lowest => rest.push(record),
                _ => {
                    commit.insert(record.partition, record.offset.saturating_add(1));
                }
            }
        }
        self.fruitless = if commit.is_empty() { self.fruitless.saturating_add(1) } else { 0 };
        if !rest.is_empty() {
            // Reported because the store was in trouble: give it a moment.
            self.pause_due = true;
            self.waiting.push_front(rest);
        }
        Settled { commit: commit.into_iter().collect(), failure: None }
    }

    fn failed(&mut self, mut records: Vec<Polled>, failure: String) -> Settled {
        if records.len() > 1 {
            let second = records.split_off(records.len() / 2);
            self.waiting.push_front(second);
        } else {
            self.fruitless = self.fruitless.saturating_add(1);
            self.pause_due = true;
        }
        self.waiting.push_front(records);
        Settled { commit: Vec::new(), failure: Some(failure) }
    }

    /// The lowest offset that a response reports of each partition.
    fn reported(&self, records: &[Polled], response: &[u8]) -> Result<BTreeMap<i32, i64>, String> {
        let nothing = response.is_empty() || matches!(response, b"null" | b"{}");
        if nothing || !self.report_batch_item_failures {
            return Ok(BTreeMap::new());
        }
        let response: BatchResponse =
            serde_json::from_slice(response).map_err(|error| format!("not a batch response: {error}"))?;
        let mut lowest: BTreeMap<i32, i64> = BTreeMap::new();
        for failure in response.failures {
            let item = failure.item;
            let named = |record: &&Polled| {
                record.offset == item.offset && format!("{}-{}", record.topic, record.partition) == item.partition
            };
            let Some(record) = records.iter().find(named) else {
                return Err(format!("reports {} at {}, which was not delivered", item.partition, item.offset));
            };
            let offset = lowest.entry(record.partition).or_insert(record.offset);
            *offset = record.offset.min(*offset);
        }
        Ok(lowest)
    }
}

fn pause(fruitless: u32) -> Duration {
    let doublings = fruitless.saturating_sub(1).min(16);
    PAUSE_FIRST.saturating_mul(2_u32.saturating_pow(doublings)).min(PAUSE_MAX)
}

#[cfg(test)]
mod tests {
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
}
