//! The handler, from an event to its response, on the memory store: what is acknowledged, reported, or becomes a dead
//! letter.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use giro::domain::dead_letter::DeadLetterStatus;
use giro::domain::{Balance, Recorded, Source, Timestamp};
use giro::handlers::payment_processor::PaymentProcessor;
use giro::handlers::unfinished::Unfinished;
use giro::store::{LedgerQueries, Redrive};
use giro::wire::batch_response::BatchResponse;
use giro::wire::kafka_event::KafkaEvent;
use giro_testkit::given::{Setters as _, account, id};
use giro_testkit::memory_store::{Faults, MemoryStore};
use lambda_runtime::LambdaEvent;

use crate::handlers::invoked::{context, event, payment, reported};

fn store(faults: Faults) -> MemoryStore {
    let store = MemoryStore::with_faults(faults);
    store.insert_account(account("alice").limit(1_000_000));
    store.insert_account(account("bob"));
    store
}

async fn handle(store: &MemoryStore, event: KafkaEvent, partial: bool) -> Result<BatchResponse, Unfinished> {
    PaymentProcessor::new(store.clone(), partial).handle(LambdaEvent::new(event, context())).await
}

#[tokio::test(start_paused = true)]
async fn one_bad_record_among_500_is_set_aside_with_its_bytes() {
    let store = store(Faults::default());
    let payments: Vec<String> = (0..500).map(|ix| payment(&format!("k{ix}"), "alice", "bob", 1)).collect();
    let mut records: Vec<(i32, i64, &[u8])> =
        payments.iter().enumerate().map(|(ix, payment)| (0, ix as i64, payment.as_bytes())).collect();
    records[250] = (0, 250, b"{\"payment_id\":\"k250\",\"amount\":1.5}\x00\xff");
    assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()));
    assert_eq!(store.payments().await.unwrap().len(), 499);
    let letters = store.dead_letters().await.unwrap();
    let [letter] = letters.as_slice() else { panic!("{letters:?}") };
    assert_eq!(letter.source, Source { topic: "t".into(), partition: 0, offset: 250 });
    assert_eq!((letter.reason.as_str(), letter.key.as_deref()), ("not_utf8", Some(&b"key"[..])));
    assert_eq!(letter.value.as_deref(), Some(records[250].2));
    assert_eq!(letter.headers[0].value, Some(vec![1, 255]));
}

/// The bytes of a text, as an event has those of a header.
fn bytes(text: &str) -> String {
    text.bytes().map(|byte| byte.to_string()).collect::<Vec<_>>().join(",")
}

/// A batch of payments k0, k1, … with these headers.
fn with_headers(headers: &[String]) -> KafkaEvent {
    let record = |(ix, headers): (usize, &String)| {
        let value = STANDARD.encode(payment(&format!("k{ix}"), "alice", "bob", 1));
        format!(r#"{{"topic":"t","partition":0,"offset":{ix},"value":"{value}","headers":[{headers}]}}"#)
    };
    let records: Vec<String> = headers.iter().enumerate().map(record).collect();
    serde_json::from_str(&format!(r#"{{"records":{{"t-0":[{}]}}}}"#, records.join(","))).unwrap()
}

/// The header's principal stands on the item. A header that holds none, or stands twice, makes a dead letter: nobody
/// guesses who asked.
#[tokio::test(start_paused = true)]
async fn who_asked_goes_from_the_header_to_the_item() {
    let store = store(Faults::default());
    let ann = format!(r#"{{"giro-requested-by":[{}]}}"#, bytes("ann"));
    let headers = [
        ann.clone(),
        format!(r#"{{"other":[1]}},{ann}"#),
        r#"{"other":[1]}"#.into(),
        format!("{ann},{ann}"),
        format!(r#"{{"giro-requested-by":[{}]}}"#, bytes("a b")),
        r#"{"giro-requested-by":null}"#.into(),
        r#"{"giro-requested-by":[-1]}"#.into(),
    ];
    assert_eq!(handle(&store, with_headers(&headers), true).await, Ok(BatchResponse::default()));
    let recorded = store.payments().await.unwrap();
    let mut by: Vec<String> = recorded
        .iter()
        .map(|recorded| format!("{} {:?}", recorded.outcome.instruction.id(), recorded.outcome.requested_by))
        .collect();
    by.sort_unstable();
    assert_eq!(by, [r#"k0 Some(Principal("ann"))"#, r#"k1 Some(Principal("ann"))"#, "k2 None"]);
    let letters = store.dead_letters().await.unwrap();
    let details: Vec<&str> = letters.iter().map(|letter| letter.detail.as_str()).collect();
    let expected = "giro-requested-by: expected 1 to 128 printable ASCII characters without spaces, and not none";
    assert_eq!(details, ["giro-requested-by: expected once, got it more than once", expected, expected, expected]);
}

/// What is no trace, or stands twice, is as good as none. It makes no dead letter.
#[tokio::test(start_paused = true)]
async fn a_trace_goes_from_the_header_to_the_item() {
    let store = store(Faults::default());
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let header = |text: &str| format!(r#"{{"traceparent":[{}]}}"#, bytes(text));
    let headers = [
        header(trace),
        format!(r#"{{"other":[1]}},{}"#, header(trace)),
        r#"{"other":[1]}"#.into(),
        format!("{},{}", header(trace), header(trace)),
        header("00-0-0-01"),
        r#"{"traceparent":null}"#.into(),
        r#"{"traceparent":[-1]}"#.into(),
    ];
    assert_eq!(handle(&store, with_headers(&headers), true).await, Ok(BatchResponse::default()));
    let mut traced = Vec::new();
    for Recorded { outcome, .. } in store.payments().await.unwrap() {
        traced.push((outcome.instruction.id().to_string(), outcome.trace.map(|trace| trace.to_string())));
    }
    traced.sort_unstable();
    let expected = (0..7).map(|ix| (format!("k{ix}"), (ix < 2).then(|| trace.to_owned())));
    assert_eq!(traced, expected.collect::<Vec<_>>());
    assert_eq!(store.dead_letters().await.unwrap(), []);
}

#[tokio::test(start_paused = true)]
async fn a_batch_of_only_bad_records_is_acknowledged_once_they_are_parked() {
    let store = store(Faults::default());
    let bad: Vec<(i32, i64, &[u8])> = (0..40).map(|offset| (0, offset, &b"no"[..])).collect();
    assert_eq!(handle(&store, event(&bad), true).await, Ok(BatchResponse::default()));
    assert_eq!((store.dead_letters().await.unwrap().len(), store.payments().await.unwrap().len()), (40, 0));
}

/// Offsets begin again when a topic is created again, and on another cluster.
#[tokio::test(start_paused = true)]
async fn a_record_at_a_place_used_before_is_set_aside_beside_the_one_before() {
    let store = store(Faults::default());
    let bad: [&[u8]; 2] = [br#"{"payment_id":"first-bad"}"#, br#"{"payment_id":"second-bad"}"#];
    let kept = async || -> BTreeMap<Vec<u8>, DeadLetterStatus> {
        let letters = store.dead_letters().await.unwrap();
        assert_eq!(letters.len(), 2, "{letters:?}");
        letters.into_iter().map(|letter| (letter.value.unwrap(), letter.status)).collect()
    };
    for value in [bad[0], bad[1], bad[0], bad[1]] {
        assert_eq!(handle(&store, event(&[(0, 0, value)]), true).await, Ok(BatchResponse::default()));
    }
    let [first, second] = bad.map(<[u8]>::to_vec);
    let parked = |value: &Vec<u8>| (value.clone(), DeadLetterStatus::Parked);
    assert_eq!(kept().await, [parked(&first), parked(&second)].into());
    // Redriven, and its very record comes again: it waits for a person again.
    for letter in store.dead_letters().await.unwrap() {
        assert_eq!(store.mark_redriven(&letter.id()).await, Ok(true));
    }
    assert_eq!(handle(&store, event(&[(0, 0, bad[0])]), true).await, Ok(BatchResponse::default()));
    assert_eq!(kept().await, [parked(&first), (second, DeadLetterStatus::Redriven)].into());
}

#[tokio::test(start_paused = true)]
async fn an_id_with_another_body_is_a_dead_letter_in_one_batch_and_across() {
    let store = store(Faults::default());
    let (one, other) = (payment("k1", "alice", "bob", 1), payment("k1", "alice", "bob", 2));
    let records = [(0, 1, one.as_bytes()), (0, 2, other.as_bytes()), (0, 3, one.as_bytes())];
    assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()));
    assert_eq!(handle(&store, event(&[(0, 4, other.as_bytes())]), true).await, Ok(BatchResponse::default()));
    let letters = store.dead_letters().await.unwrap();
    let sources: Vec<i64> = letters.iter().map(|letter| letter.source.offset).collect();
    assert_eq!(sources, [2, 4]);
    assert!(letters.iter().all(|letter| letter.reason == "payment_id_reused" && letter.value.is_some()));
    assert_eq!(store.payments().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn what_is_unfinished_is_reported_from_its_first_offset_to_the_partitions_last() {
    let store = store(Faults::default());
    store.plant_corrupt_account(&id("broken"));
    let (good, broken) = (payment("k1", "alice", "bob", 1), payment("k2", "alice", "broken", 1));
    let (after, elsewhere) = (payment("k3", "alice", "bob", 1), payment("k4", "alice", "bob", 1));
    let records = [
        (0, 10, good.as_bytes()),
        (0, 11, broken.as_bytes()),
        (0, 12, b"not json"),
        (0, 13, after.as_bytes()),
        (1, 5, elsewhere.as_bytes()),
    ];
    let response = handle(&store, event(&records), true).await.unwrap();
    assert_eq!(reported(&response), "t-0:11 t-0:12 t-0:13", "parked or not, 12 comes again with the rest");
    let payments = store.payments().await.unwrap();
    assert_eq!(
        payments.iter().map(|recorded| recorded.outcome.instruction.id().to_string()).collect::<Vec<_>>(),
        ["k1", "k4"]
    );
}

#[tokio::test(start_paused = true)]
async fn without_partial_responses_the_whole_batch_fails() {
    let store = store(Faults::default());
    store.plant_corrupt_account(&id("broken"));
    let (good, broken) = (payment("k1", "alice", "bob", 1), payment("k2", "alice", "broken", 1));
    let records = [(0, 1, good.as_bytes()), (0, 2, broken.as_bytes())];
    assert_eq!(handle(&store, event(&records), false).await, Err(Unfinished::Records(1)));
    assert_eq!(store.payments().await.unwrap().len(), 1, "what could be done is done, and will be a replay");
}

#[tokio::test(start_paused = true)]
async fn a_store_that_is_away_leaves_every_record_reported_dead_letters_too() {
    let store = store(Faults { unavailable_before: 1_000, ..Faults::default() });
    let good = payment("k1", "alice", "bob", 1);
    let records = [(0, 1, good.as_bytes()), (1, 7, &b"no"[..])];
    let response = handle(&store, event(&records), true).await.unwrap();
    assert_eq!(reported(&response), "t-0:1 t-1:7");
}

#[tokio::test(start_paused = true)]
async fn every_record_has_its_end_under_faults() {
    for seed in 0..30 {
        let faults = Faults { conflict: 200, late: 0, unread: 0, ..Faults::all(seed, 100) };
        let store = store(faults);
        let payments: Vec<String> =
            (0..100).map(|ix| payment(&format!("k{}", ix % 90), "alice", "bob", 1 + ix / 95)).collect();
        let mut records: Vec<(i32, i64, &[u8])> =
            payments.iter().enumerate().map(|(ix, payment)| ((ix % 3) as i32, ix as i64, payment.as_bytes())).collect();
        records.push((0, 1_000, b"no payment"));
        assert_eq!(handle(&store, event(&records), true).await, Ok(BatchResponse::default()), "seed {seed}");
        assert_eq!(store.payments().await.unwrap().len(), 90);
        assert_eq!(store.dead_letters().await.unwrap().len(), 6, "five reused ids and a broken record");
    }
}

#[tokio::test(start_paused = true)]
async fn an_element_that_names_no_record_fails_the_invocation_after_the_rest_is_done() {
    let store = store(Faults::default());
    let value = STANDARD.encode(payment("k1", "alice", "bob", 1));
    let json = format!(r#"{{"records":{{"t-0":[{{"topic":"t"}},{{"offset":3,"value":"{value}"}}]}}}}"#);
    let error = handle(&store, serde_json::from_str(&json).unwrap(), true).await.unwrap_err();
    let text = r#"the event holds 1 elements that name no record: records["t-0"][0].offset: expected a whole number, 0 or more"#;
    assert_eq!(error.to_string(), text);
    assert_eq!(store.payments().await.unwrap().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn an_event_without_records_is_all_well() {
    assert_eq!(handle(&store(Faults::default()), event::<&str>(&[]), true).await, Ok(BatchResponse::default()));
}

/// A partition owns two of eight lanes. They take credits by turns, in slices of time.
#[tokio::test(start_paused = true)]
async fn a_partition_credits_the_lanes_that_it_owns() {
    for (at_ms, lane) in [(0, 1), (399, 1), (400, 5), (800, 1)] {
        let store = store(Faults::default());
        store.insert_account(account("shop").lanes(8));
        let payments: Vec<String> = (0..300).map(|ix| payment(&format!("k{ix}"), "alice", "shop", 1)).collect();
        let records: Vec<(i32, i64, &[u8])> =
            payments.iter().enumerate().map(|(ix, payment)| (1, ix as i64, payment.as_bytes())).collect();
        let processor = PaymentProcessor::new(store.clone(), true).with_partitions(4);
        let processor = processor.with_clock(move || Timestamp::try_from_millis(at_ms).unwrap());
        processor.handle(LambdaEvent::new(event(&records), context())).await.unwrap();
        let held = store.account(&id("shop")).await.unwrap().unwrap();
        let credited: Vec<u16> =
            held.lanes.iter().filter(|lane| lane.balance > Balance::ZERO).map(|lane| lane.id.lane).collect();
        assert_eq!((credited, held.balance()), (vec![lane], 300), "at {at_ms}");
    }
}
