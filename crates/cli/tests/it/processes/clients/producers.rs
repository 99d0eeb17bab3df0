//! Payment requests in each codec of Kafka, from clients that share no code: librdkafka, Java, Node, and pure Python.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;

use super::{Language, Place, words};
use crate::processes::failed::until;

pub(super) const CODECS: [&str; 5] = ["none", "gzip", "snappy", "lz4", "zstd"];
/// Payments of each case: of 1, 2, … minor units.
pub(super) const PAYMENTS: usize = 20;

/// The client in pure Python that only tests use.
fn other(more: &[&str]) -> Vec<String> {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/it/processes/clients/other.py");
    words(vec!["examples/python/.venv/bin/python".into(), "-B".into(), script.into()], more)
}

/// Whether a client has a codec. Node has zstd from version 22.15 on.
async fn has(place: &Place, language: Language, codec: &str) -> bool {
    if (language, codec) != (Language::Node, "zstd") {
        return true;
    }
    let asked = "process.stdout.write(typeof require('node:zlib').zstdCompressSync)";
    let told = place.run(&["node", "-e", asked].map(str::to_owned), &[]).await;
    if told != "function" {
        eprintln!("SKIPPED: zstd from Node: this Node has none");
    }
    told == "function"
}

/// One language after another side by side: its payments in each codec. Returns the cases, by their ids' prefixes.
pub(super) async fn produce(place: &Place, languages: &[Language]) -> BTreeMap<String, String> {
    let by_language = languages.iter().map(|&language| async move {
        let mut cases = Vec::new();
        for codec in CODECS {
            if has(place, language, codec).await {
                let prefix = format!("{}-{codec}", language.name());
                let count = PAYMENTS.to_string();
                let asks = words(language.program("produce"), &["bank", "alice", "EUR", &count, &prefix]);
                // Each twice, as a client does that wasn't told whether the first went well. They are replays.
                for _ in 0..if codec == "gzip" { 2 } else { 1 } {
                    let said = place.run(&asks, &[("COMPRESSION", codec)]).await;
                    assert_eq!(said, format!("asked for {count} payments\n"), "{language:?} {codec}");
                }
                cases.push((prefix, codec.to_owned()));
            }
        }
        cases
    });
    let pure = other(&["produce", "pure", &PAYMENTS.to_string()]);
    let (cases, _) = tokio::join!(join_all(by_language), place.run(&pure, &[]));
    let pure = CODECS.map(|codec| (format!("pure-{codec}"), codec.to_owned()));
    cases.into_iter().flatten().chain(pure).collect()
}

/// Payments in a Kafka transaction that commits, and in one that is aborted. Returns the prefix of those that count.
pub(super) async fn transactions(place: &Place) -> &'static str {
    place.run(&other(&["transactions", &PAYMENTS.to_string()]), &[]).await;
    "committed"
}

/// Waits until so many payments have an outcome. Then all of these prefixes have settled, each payment once, and none
/// of another prefix is there but for those that are known.
pub(super) async fn settled(ledger: &DynamoDb, prefixes: &BTreeSet<&str>, others: usize) {
    let all = prefixes.len() * PAYMENTS + others;
    until("every payment has its outcome", async || ledger.payments().await.unwrap().len() >= all).await;
    let payments = ledger.payments().await.unwrap();
    assert_eq!(payments.len(), all);
    let mut numbers = BTreeMap::<&str, BTreeSet<usize>>::new();
    for recorded in &payments {
        let (prefix, number) = recorded.outcome.instruction.id().as_str().rsplit_once('-').unwrap();
        assert!(recorded.outcome.decision.is_ok(), "{recorded:?}");
        numbers.entry(prefix).or_default().insert(number.parse().unwrap());
    }
    for prefix in prefixes {
        assert_eq!(numbers[prefix], (1..=PAYMENTS).collect(), "{prefix}");
    }
}

/// The batches on the topic are compressed as each case says. Otherwise a case would show nothing.
pub(super) async fn compressed(place: &Place, cases: &BTreeMap<String, String>) {
    let told = place.run(&other(&["codecs"]), &[]).await;
    let found: BTreeMap<String, Vec<String>> = serde_json::from_str(&told).unwrap();
    for (prefix, codec) in cases {
        assert_eq!(found[prefix], [codec.as_str()], "{prefix}");
    }
}
