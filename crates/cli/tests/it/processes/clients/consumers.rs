//! Consumers of outcomes in three languages. Each is killed before it commits, and outcomes are published again. Each
//! counts each payment once, and all say the same.

use std::collections::{BTreeMap, BTreeSet};

use futures_util::future::join_all;
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro_cli::local::topic_reader::Polled;
use serde_json::Value;

use super::{Language, Place, words};
use crate::processes::failed::{giro, records_at_least, until};

pub(super) const OUTCOMES_TOPIC: &str = "payment-outcomes";

/// What a consumer prints of these records: a reckoning of our own, from the records alone.
pub(super) fn sums(records: &[Polled]) -> String {
    let mut seen = BTreeSet::new();
    let mut sums = BTreeMap::<String, (u64, u64)>::new();
    for record in records {
        let outcome: Value = serde_json::from_slice(record.value.as_deref().unwrap()).unwrap();
        if !seen.insert(outcome["payment_id"].as_str().unwrap().to_owned()) {
            continue;
        }
        let what = format!("{} {}", outcome["kind"].as_str().unwrap_or("payment"), outcome["status"].as_str().unwrap());
        let legs = outcome["legs"].as_array().cloned().unwrap_or_else(|| vec![outcome.clone()]);
        let mut own = BTreeMap::<&str, u64>::new();
        for leg in &legs {
            *own.entry(leg["currency"].as_str().unwrap_or("-")).or_default() += leg["amount"].as_u64().unwrap_or(0);
        }
        for (currency, amount) in own {
            let (number, sum) = sums.entry(format!("{currency} {what}")).or_default();
            (*number, *sum) = (*number + 1, *sum + amount);
        }
    }
    sums.iter().map(|(name, (number, sum))| format!("{name}: {number}, in all {sum}\n")).collect()
}

/// How many outcomes a consumer has counted by now.
async fn counted(place: &Place, language: Language, state: &str) -> usize {
    let path = place.folder.path().join(state);
    if language != Language::Python {
        return std::fs::read_to_string(path).map_or(0, |text| text.matches('\n').count());
    }
    let asked = "import sqlite3, sys\ntry: \
                 print(sqlite3.connect(sys.argv[1]).execute('select count(distinct id) from counted').fetchone()[0])\n\
                 except sqlite3.Error: print(0)";
    let begin = words(vec!["examples/python/.venv/bin/python".into()], &["-c", asked, state]);
    place.run(&begin, &[]).await.trim().parse().unwrap()
}

/// A consumer that counts all, and is killed before its first commit. It waits for one record more than there is.
async fn killed(place: &Place, language: Language, outcomes: usize, records: usize) {
    let state = format!("{}.killed", language.name());
    let begin = words(language.program("consume"), &[&state, &(records + 1).to_string()]);
    let mut child = place.start(&begin, &[("CONSUMER_GROUP", &state), ("COMMIT_SECONDS", "3600")]);
    until("it counts all", async || {
        assert_eq!(child.id().map(|_| ()), Some(()), "{language:?}");
        counted(place, language, &state).await == outcomes
    })
    .await;
    // SIGKILL, to the process that was started here.
    child.kill().await.unwrap();
}

/// Kills, redelivery, and outcomes that are published again. `committed`: how many records the group that
/// `docs/clients.md` made has committed in each language.
pub(super) async fn count_once(place: &Place, ledger: &DynamoDb, committed: &[(Language, usize)]) {
    let outcomes = ledger.payments().await.unwrap();
    let first = records_at_least(&place.at, OUTCOMES_TOPIC, outcomes.len()).await;
    let keys = |records: &[Polled]| -> BTreeSet<Vec<u8>> { records.iter().filter_map(|it| it.key.clone()).collect() };
    let stored: BTreeSet<Vec<u8>> = outcomes.iter().map(|it| it.outcome.instruction.id().as_str().into()).collect();
    assert_eq!(keys(&first), stored);
    let killed = committed.iter().map(|&(language, _)| killed(place, language, outcomes.len(), first.len()));
    join_all(killed).await;

    let time = ["--from", "2000-01-01T00:00:00Z", "--to", "9999-01-01T00:00:00Z"];
    let told = format!("published {} outcomes", outcomes.len());
    giro(&place.at, &[&["outcomes", "republish"][..], &time].concat(), 0, &told).await;
    let records = records_at_least(&place.at, OUTCOMES_TOPIC, first.len() + outcomes.len()).await;
    let expected = sums(&records);
    for what in ["payment settled", "payment declined", "refund settled", "refund declined"] {
        assert!(expected.contains(what), "{expected}");
    }
    let again = |language: Language, state: String, group: String, left: usize| {
        let begin = words(language.program("consume"), &[&state, &left.to_string()]);
        let expected = expected.as_str();
        async move {
            let said = place.run(&begin, &[("CONSUMER_GROUP", &group)]).await;
            assert_eq!(said, expected, "{language:?} {group}");
        }
    };
    let (again, records) = (&again, records.len());
    let all = committed.iter().map(|&(language, before)| async move {
        // Nothing was committed: all records come, those that it has counted too.
        let killed = format!("{}.killed", language.name());
        again(language, killed.clone(), killed, records).await;
        // What was committed doesn't come again, so there are as many records fewer.
        let (state, group) = (format!("{}.counted", language.name()), format!("example-{}", language.name()));
        again(language, state, group, records - before).await;
    });
    join_all(all).await;
}
