//! The audit: each planted corruption is found on both stores, and no clean ledger is accused while payments run.

mod in_flight;
mod legs;
pub(crate) mod moved;
mod refunds;

use std::time::Duration;

use giro::audit::{Audited, Pace, audit};
use giro::domain::{DeadLetter, Request};
use giro::store::TableScan;
use giro_testkit::corruption::{CORRUPTIONS, Corruption, Hand, Store, clean, letter, settle_all};
use giro_testkit::engine::Engine;
use giro_testkit::given::{Placed as _, Setters as _, account, eur, payment, source};
use giro_testkit::memory_store::{Faults, MemoryStore};
use tokio::time::Instant;

fn request(offset: i64, name: &str, debtor: &str, creditor: &str, amount: u64) -> Request {
    payment(name, debtor, creditor, amount).at(0, offset)
}

async fn audit_within(store: &impl TableScan, seconds: u64) -> Audited {
    audit(store, Pace::per_second(1_000_000), Instant::now() + Duration::from_secs(seconds)).await.unwrap()
}

/// The findings, one a line: the name, and what it is about.
fn found(audited: &Audited) -> String {
    let mut lines: Vec<String> =
        audited.report.findings.iter().map(|finding| format!("{} {}", finding.name(), finding.at_fault())).collect();
    lines.sort();
    lines.join("\n")
}

/// Plants a corruption in a clean ledger, and asks what the audit finds.
async fn corrupt(corruption: Corruption, expected: &[&str], store: &impl Store, hand: &Hand) {
    clean(store).await;
    corruption.plant(store, hand).await;
    let audited = audit_within(store, 60).await;
    assert_eq!(found(&audited), expected.join("\n"), "{corruption:?}");
    // A leg that only one of two tells is judged in the second look.
    let looks = if [Corruption::LegLost, Corruption::LeggedLost].contains(&corruption) { 2 } else { 1 };
    let ended = (audited.report.undecided, audited.stopped.as_deref(), audited.report.looks);
    assert_eq!(ended, (0, None, looks), "{corruption:?}");
}

#[tokio::test(start_paused = true)]
async fn each_planted_corruption_is_found_in_memory() {
    for (corruption, expected) in CORRUPTIONS {
        let store = MemoryStore::new();
        corrupt(corruption, expected, &store, &Hand::Memory(store.clone())).await;
    }
}

#[tokio::test]
async fn each_planted_corruption_is_found_on_dynamodb() {
    for (corruption, expected) in CORRUPTIONS {
        let engine = Engine::start().await.unwrap();
        let hand = Hand::Dynamo(engine.client(), engine.tables().clone());
        corrupt(corruption, expected, &engine.ledger(), &hand).await;
    }
}

/// Runs each case on both stores, on a clean ledger of its own.
macro_rules! on_both {
    ($($case:ident)*) => {$(
        mod $case {
            use super::{Engine, Hand, MemoryStore, clean};

            #[tokio::test(start_paused = true)]
            async fn memory() {
                let store = MemoryStore::new();
                clean(&store).await;
                super::$case(&store, &Hand::Memory(store.clone())).await;
            }

            #[tokio::test]
            async fn dynamodb() {
                let engine = Engine::start().await.unwrap();
                let (store, hand) = (engine.ledger(), Hand::Dynamo(engine.client(), engine.tables().clone()));
                clean(&store).await;
                super::$case(&store, &hand).await;
            }
        }
    )*};
}

on_both! {
    a_clean_ledger_is_proved
    a_dead_letter_without_its_first_part_says_so
    dead_letters_of_older_versions_are_judged_alike
}

async fn a_clean_ledger_is_proved(store: &impl Store, _: &Hand) {
    let audited = audit_within(store, 60).await;
    assert_eq!(found(&audited), "");
    let report = &audited.report;
    assert_eq!((report.accounts, report.settled, audited.letters, report.undecided), (9, 9, 2, 0));
    assert_eq!(report.circulation[&eur()], 59);
    assert!(audited.read_milliunits > 0);
}

async fn a_dead_letter_without_its_first_part_says_so(store: &impl Store, hand: &Hand) {
    Corruption::FirstPartLost.plant(store, hand).await;
    let audited = audit_within(store, 60).await;
    let text = audited.report.findings[0].to_string();
    assert_eq!(text, "dead letter payment-requests/0/8/0123456789abcdef lacks its first part");
}

/// Dead letters that an older version named by their place alone, beside one of now at the same place.
async fn dead_letters_of_older_versions_are_judged_alike(store: &impl Store, hand: &Hand) {
    let old = |offset| DeadLetter { source: source(0, offset), digest: None, ..letter(offset, 700_000) };
    store.write_dead_letter(&old(8)).await.unwrap();
    store.write_dead_letter(&old(9)).await.unwrap();
    let audited = audit_within(store, 60).await;
    assert_eq!((found(&audited).as_str(), audited.letters), ("", 4));
    hand.lose_part(&old(9).id(), 2).await;
    assert_eq!(found(&audit_within(store, 60).await), "dead_letter dead letter payment-requests/0/9");
}

// The deadline, the store's errors, the handler.

#[tokio::test(start_paused = true)]
async fn it_stops_at_its_deadline_and_says_how_far_it_came() {
    let store = MemoryStore::new();
    for ix in 0..500 {
        store.insert_account(account(&format!("a{ix}")));
    }
    store.insert_account(account("below").holding(-1));
    let (started, until) = (Instant::now(), Instant::now() + Duration::from_secs(20));
    let audited = audit(&store, Pace::per_second(2), until).await.unwrap();
    let stopped = audited.stopped.unwrap();
    assert!(stopped.starts_with("while reading accounts, after "), "{stopped}");
    assert!(started.elapsed() <= Duration::from_secs(20));
    // Two a second, the full bucket at the start, and the pages in flight when it ran dry.
    assert!((38_000..=46_000).contains(&audited.read_milliunits), "{}", audited.read_milliunits);

    let away = MemoryStore::with_faults(Faults { unavailable_before: 1_000, ..Faults::default() });
    let audited = audit_within(&away, 20).await;
    assert!(audited.stopped.unwrap().contains("the call was lost"));
    assert_eq!(audited.report.count(), 0);
}
