//! Each event that a function was given is read as the records and changes that it tells, and is answered the same.

use giro::domain::Timestamp;
use giro::handlers::outcome_publisher::OutcomePublisher;
use giro::handlers::payment_api::PaymentApi;
use giro::store::items;
use giro::store::{Ledger, LedgerQueries, PostingLists, ProvedBalances, Statements};
use giro::wire::audit_result::{AuditAnswer, AuditResult};
use giro::wire::batch_response::BatchResponse;
use giro::wire::canary_result::CanaryResult;
use giro::wire::kafka_event::KafkaEvent;
use giro::wire::proof_result::ProofResult;
use giro::wire::scheduled::AnyEvent;
use giro::wire::{payment_request, resource};
use giro_testkit::engine::Engine;
use giro_testkit::memory_store::MemoryStore;
use giro_testkit::memory_topics::MemoryTopics;
use serde_json::Value;

use super::{bytes, given, headers_of_events, invocations, records, rows};

fn written(response: &impl serde::Serialize) -> String {
    serde_json::to_string(response).unwrap()
}

/// Every record of an event is the topic's own; the response names the records that it named.
fn batches(function: &str, topic: &str) {
    let topic = records(topic);
    let mut reported = 0;
    for (event, response) in invocations(function) {
        let event: KafkaEvent = serde_json::from_str(&event).unwrap();
        let told: BatchResponse = serde_json::from_str(&response).unwrap();
        let mut again = BatchResponse::default();
        for partition in &event.partitions {
            assert_eq!(partition.unplaced, [""; 0]);
            for record in &partition.records {
                let stood = topic.iter().find(|stood| stood.source == record.source).unwrap();
                assert_eq!(record.key().bytes(), stood.key.as_deref());
                assert_eq!(record.value.bytes(), stood.value.as_deref());
                assert_eq!(record.headers_exactly().as_ref(), Some(&stood.headers));
                assert_eq!(record.timestamp, Some(stood.timestamp));
            }
            let is_named = |offset| told.failures.iter().any(|failure| failure.item.offset == offset);
            if let Some(first) = partition.records.iter().position(|record| is_named(record.source.offset)) {
                again.report_from(partition, first);
            }
        }
        assert_eq!(written(&again), response);
        reported += again.failures.len();
    }
    assert!(function != "payment-processor" || reported > 0, "no response names a record");
}

#[test]
fn batches_of_payment_requests_are_read_and_answered_as_they_were() {
    batches("payment-processor", "payment-requests");
}

#[test]
fn batches_of_account_commands_are_read_and_answered_as_they_were() {
    batches("account-processor", "account-commands");
}

/// The outcomes that a stream's images tell are published as they were, and as CloudEvents.
#[tokio::test]
async fn batches_of_a_stream_are_read_and_answered_as_they_were() {
    let (outcomes, of_events) = (records("payment-outcomes"), headers_of_events());
    let (mut published, mut reported) = (0, 0);
    for (event, response) in invocations("outcome-publisher") {
        let topics = MemoryTopics::new();
        let publisher = OutcomePublisher::new(topics.clone(), "payment-outcomes".into(), items::stream::payment);
        assert_eq!(written(&publisher.handle(given(&event)).await.unwrap()), response);
        for record in topics.records("payment-outcomes") {
            let before = outcomes.iter().find(|before| before.key == record.key).unwrap();
            let key = record.key.as_deref().unwrap();
            assert_eq!((&record.value, &record.headers), (&before.value, &of_events[key]));
            published += 1;
        }
        reported += usize::from(response != r#"{"batchItemFailures":[]}"#);
    }
    assert!(published > 0 && reported > 0, "{published} outcomes published, {reported} responses name a record");
}

/// An answer without the members that answers have gained since. Clients that don't know them pass them over.
fn as_before(answer: String) -> String {
    [r#"\"refunded\":0,"#, r#"\"refund_of\":null,"#, r#"\"leg\":null,"#, r#"\"limits\":null,"#, r#"\"owner\":null,"#]
        .iter()
        .fold(answer, |answer, gained| answer.replace(gained, ""))
}

async fn answer<S>(api: &PaymentApi<S, MemoryTopics>, event: &str) -> String
where
    S: Ledger + LedgerQueries + PostingLists + ProvedBalances + Statements,
{
    written(&api.handle(given(event)).await.unwrap())
}

/// On the golden tables the API tells what it told; where nothing is stored yet, it hands over what it handed over.
#[tokio::test]
async fn requests_over_http_are_answered_as_they_were() {
    let engine = Engine::start().await.unwrap();
    let (client, tables) = (engine.client(), engine.tables());
    for (table, name) in [(&tables.accounts, "accounts"), (&tables.payments, "payments")] {
        for item in super::items(name) {
            client.put_item().table_name(table).set_item(Some(item)).send().await.unwrap();
        }
    }
    let topics = MemoryTopics::new();
    let later = PaymentApi::new(engine.ledger(), topics.clone(), "payment-requests");
    let before = PaymentApi::new(MemoryStore::new(), topics.clone(), "payment-requests");
    let mut statuses = std::collections::BTreeSet::new();
    for (event, response) in invocations("payment-api") {
        let told: Value = serde_json::from_str(&response).unwrap();
        statuses.insert(told["statusCode"].as_u64().unwrap());
        if told["statusCode"] != 202 {
            assert_eq!(as_before(answer(&later, &event).await), response, "{event}");
            continue;
        }
        // Where the record was put is the broker's to say.
        let body = told["body"].as_str().unwrap();
        let source = &serde_json::from_str::<Value>(body).unwrap()["source"];
        let is_there = |source: &Value, record: &super::Record| {
            source["partition"] == record.source.partition && source["offset"] == record.source.offset
        };
        let record = records("payment-requests").into_iter().find(|record| is_there(source, record)).unwrap();
        let payment = payment_request::decode_json(record.value.as_deref().unwrap()).unwrap();
        assert_eq!(resource::accepted(&payment.id, &payment.fingerprint(), &record.source), body);
        let again: Value = serde_json::from_str(&answer(&before, &event).await).unwrap();
        assert_eq!((&again["statusCode"], &again["headers"]), (&told["statusCode"], &told["headers"]));
        let handed_over = topics.records("payment-requests").pop().unwrap();
        assert_eq!((handed_over.key, handed_over.value), (record.key, record.value));
    }
    assert_eq!(statuses.into_iter().collect::<Vec<_>>(), [200, 202, 400, 404, 409, 415]);
}

#[test]
fn a_canary_is_told_as_it_was() {
    for row in rows("invocations/payment-canary.json") {
        let event = String::from_utf8(bytes(&row["event"]).unwrap()).unwrap();
        assert_eq!(serde_json::from_str::<AnyEvent>(&event).unwrap(), AnyEvent);
        let response = String::from_utf8(bytes(&row["response"]).unwrap()).unwrap();
        let told: Value = serde_json::from_str(&response).unwrap();
        assert_eq!(written(&CanaryResult { seconds: told["seconds"].as_f64().unwrap() }), response);
    }
}

#[test]
fn an_audit_is_told_as_it_was() {
    for row in rows("invocations/ledger-auditor.json") {
        let response = String::from_utf8(bytes(&row["response"]).unwrap()).unwrap();
        let log = row["log"].as_str().unwrap();
        let told: Value = serde_json::from_str(log).unwrap();
        let at = Timestamp::try_from_millis(told["_aws"]["Timestamp"].as_i64().unwrap()).unwrap();
        if let Ok(result) = serde_json::from_str::<AuditResult>(&response) {
            assert_eq!(written(&AuditAnswer::All(result.clone())), response);
            assert_eq!(result.metric("ledger-auditor", at), log);
            continue;
        }
        let result: ProofResult = serde_json::from_str(&response).unwrap();
        assert_eq!(written(&AuditAnswer::Moved(result.clone())), response);
        let [widest, units] = ["WidestBounds", "ReadUnits"].map(|name| told[name].as_u64().unwrap());
        assert_eq!(result.metric(widest, units, "ledger-auditor", at), log);
    }
}
