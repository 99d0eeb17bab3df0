//! All clients on each broker: Apache Kafka, and the embedded one by its front.

use std::collections::BTreeSet;
use std::panic::AssertUnwindSafe;
use std::path::Path;
use std::time::Duration;

use futures_util::FutureExt;
use giro::domain::OverdraftLimit;
use giro_cli::local::kafka::REQUESTS_TOPIC;
use giro_cli::local::stack::{KafkaEngine, OUTCOME_PUBLISHER, PAYMENT_PROCESSOR, Run, Stack, StackOptions};

use super::{Language, Place, consumers, producers, types};
use crate::processes::failed::{giro, records_at_least};
use crate::processes::stack::{ledger, missing_for_apache_kafka, open, options, payment, publish};

/// A broker, and what isn't the same there.
struct Broker {
    kafka: KafkaEngine,
    /// Whether consumers see only what was committed. The embedded broker shows all.
    transactions: bool,
}

const APACHE: Broker = Broker { kafka: KafkaEngine::Apache, transactions: true };
const EMBEDDED: Broker = Broker { kafka: KafkaEngine::Embedded, transactions: false };

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
async fn runs_as_pasted(place: &Place, languages: &[Language]) -> Vec<(Language, usize)> {
    let mut read = Vec::new();
    for (ix, &language) in languages.iter().enumerate() {
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
    every_client_on(APACHE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn every_client_on_the_embedded_kafka() {
    every_client_on(EMBEDDED).await;
}

async fn every_client_on(broker: Broker) {
    let languages = Language::installed();
    // Python also has the client that only tests use.
    if languages.is_empty() {
        return;
    }
    let stack = stack(broker.kafka.clone()).await;
    let checked = AssertUnwindSafe(every_client(&broker, &stack, &languages)).catch_unwind().await;
    // Pollers end only while their broker is there, so a check that fails stops the stack as well.
    stack.stop().await.unwrap();
    if let Err(panic) = checked {
        std::panic::resume_unwind(panic);
    }
}

async fn every_client(broker: &Broker, stack: &Stack, languages: &[Language]) {
    let (place, ledger) = (Place::new(stack.endpoints(), languages), ledger(stack).await);
    let read = runs_as_pasted(&place, languages).await;
    let cases = producers::produce(&place, languages).await;
    let committed = if broker.transactions { Some(producers::transactions(&place).await) } else { None };
    let prefixes: BTreeSet<&str> = cases.keys().map(String::as_str).chain(committed).collect();
    let pasted = 10 * languages.len();
    producers::settled(&ledger, &prefixes, pasted).await;
    producers::compressed(&place, &cases).await;
    let all = prefixes.len() * producers::PAYMENTS + pasted + publish_others(stack).await;
    let records = records_at_least(&place.at, consumers::OUTCOMES_TOPIC, all).await;
    types::decode(&records).await;
    consumers::count_once(&place, &ledger, &read).await;
    giro(&place.at, &["audit"], 0, "").await;
}
