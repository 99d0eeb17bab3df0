//! All clients on Apache Kafka, and on the embedded broker those that it serves.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use giro::domain::OverdraftLimit;
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_cli::local::stack::{KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};

use super::{Language, Place, consumers, producers, tool, types, words};
use crate::processes::failed::{giro, records_at_least};
use crate::processes::stack::{ledger, missing_for_apache_kafka, open, options, payment, publish};

async fn stack(kafka: KafkaEngine) -> Stack {
    let run = Run::Only([PAYMENT_PROCESSOR, OUTCOME_PUBLISHER].map(str::to_owned).to_vec());
    let window = Some(Duration::from_millis(20));
    let stack = Stack::start(StackOptions { run, batch_window: window, ..options(kafka) }).await.unwrap();
    let ledger = ledger(&stack).await;
    open(&ledger, "bank", OverdraftLimit::Unlimited).await;
    open(&ledger, "alice", OverdraftLimit::Limited(0)).await;
    stack
}

/// Requests of each kind and end that no example makes: how many.
async fn publish_others(stack: &Stack) -> usize {
    let legs = concat!(
        r#"{"payment_id":"legs","debtor_account":"bank","reference":"\"fee\" included","legs":["#,
        r#"{"creditor_account":"alice","amount":7,"currency":"EUR"},"#,
        r#"{"debtor_account":"alice","creditor_account":"bank","amount":2,"currency":"EUR"}]}"#,
    );
    let refund = |id: &str, of: &str, amount: &str| {
        format!(r#"{{"refund_id":"{id}","original_payment_id":"{of}","debtor_account":"alice"{amount}}}"#)
    };
    let values = [
        payment("declined", "alice", "bank", 1_000_000_000),
        legs.to_owned(),
        refund("refund", "python-gzip-20", r#","amount":3,"currency":"EUR""#),
        refund("refund-declined", "nothing", ""),
    ];
    publish(stack, REQUESTS_TOPIC, &values).await;
    values.len()
}

/// The blocks of a page, as they are pasted: each command's words, and what must be printed.
fn pasted(language: Language) -> (String, String) {
    let page = std::fs::read_to_string(Path::new(crate::ROOT).join("docs/clients.md")).unwrap();
    let heading = format!("### {language:?}\n");
    let (_, section) = page.split_once(&heading).unwrap_or_else(|| panic!("docs/clients.md has no {heading}"));
    let block = |begin: &str| {
        let blocks = section.split_once(begin).and_then(|(_, rest)| rest.split_once("```"));
        blocks.unwrap_or_else(|| panic!("docs/clients.md: {heading} has no {begin}")).0.to_owned()
    };
    (block("```console\n"), block("```text\n"))
}

/// The page, on a stack where it finds its accounts: returns how many records each language has read.
async fn runs_as_pasted(place: &Place) -> Vec<(Language, usize)> {
    let mut read = Vec::new();
    for (ix, language) in Language::ALL.into_iter().enumerate() {
        let (commands, expected) = pasted(language);
        assert!(commands.contains("produce") || commands.contains("Produce"), "{commands}");
        let said = place.run(&["bash", "-ec", &commands].map(str::to_owned), &[]).await;
        assert_eq!(said, expected, "{language:?}");
        read.push((language, 10 * (ix + 1)));
    }
    read
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_on_apache_kafka() {
    if let Some(missing) = missing_for_apache_kafka() {
        eprintln!("SKIPPED: clients on Apache Kafka: there is no {missing}");
        return;
    }
    if Language::ALL.iter().any(|language| tool(language.tool().0).is_none()) {
        return;
    }
    let stack = stack(KafkaEngine::Apache).await;
    let checked = AssertUnwindSafe(every_client(&stack)).catch_unwind().await;
    // Pollers end only while their broker is there, so a check that fails stops the stack as well.
    stack.stop().await.unwrap();
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
}

async fn every_client(stack: &Stack) {
    let (place, ledger) = (Place::new(stack.endpoints(), &Language::ALL).unwrap(), ledger(stack).await);
    let read = runs_as_pasted(&place).await;
    let cases = producers::produce(&place, &Language::ALL).await;
    let committed = producers::transactions(&place).await;
    let prefixes: BTreeSet<&str> = cases.keys().map(String::as_str).chain([committed]).collect();
    producers::settled(&ledger, &prefixes, 30).await;
    producers::compressed(&place, &cases).await;
    let all = prefixes.len() * producers::PAYMENTS + 30 + publish_others(stack).await;
    records_at_least(&place.at, consumers::OUTCOMES_TOPIC, all).await;
    consumers::count_once(&place, &ledger, &read).await;
    giro(&place.at, &["audit"], 0, "").await;
}

/// The embedded broker serves librdkafka's clients, and such that speak the protocol as old brokers do.
#[tokio::test(flavor = "multi_thread")]
async fn clients_that_the_embedded_kafka_serves() {
    let languages = [Language::Python];
    let stack = stack(KafkaEngine::Embedded).await;
    let Some(place) = Place::new(stack.endpoints(), &languages) else { return };
    let ledger = ledger(&stack).await;
    let cases = producers::produce(&place, &languages).await;
    producers::settled(&ledger, &cases.keys().map(String::as_str).collect(), 0).await;
    producers::compressed(&place, &cases).await;
    let all = cases.len() * producers::PAYMENTS + publish_others(&stack).await;
    let records = records_at_least(&place.at, consumers::OUTCOMES_TOPIC, all).await;
    let consume = words(Language::Python.program("consume"), &["counted.db", &records.len().to_string()]);
    assert_eq!(place.run(&consume, &[]).await, consumers::sums(&records));
    types::decode(&records).await;
    stack.stop().await.unwrap();
}
