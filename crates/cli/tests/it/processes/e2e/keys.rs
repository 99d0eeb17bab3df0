//! One idempotency key, given twice over HTTP.

use std::collections::BTreeSet;
use std::time::Duration;

use giro::domain::{AccountId, DeadLetter, PaymentId};
use giro::store::LedgerQueries;
use giro::store::dynamodb::DynamoDb;
use giro::wire::instruction;
use serde_json::Value;

use super::PATIENCE;
use super::requests::BANK;
use crate::processes::stack::{http, http_with, payment};

/// Asks until the API answers so. Returns the body.
async fn answered(endpoint: &str, request: &str, wanted: u16) -> Value {
    let asked = async {
        loop {
            let (status, _, body) = http(endpoint, request, "").await;
            if status == wanted {
                return serde_json::from_str(&body).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, asked).await.unwrap_or_else(|_| panic!("{request}: no {wanted}"))
}

/// The idempotency key of a dead letter, if it can be read.
fn key_of(letter: &DeadLetter) -> Option<PaymentId> {
    let asked = instruction::decode_json(letter.value.as_deref()?).ok()?;
    Some(asked.id().clone())
}

/// One key twice: with one body one payment; with another body 409, or a dead letter, and GET tells which.
pub(super) async fn one_key_twice(endpoint: &str, ledger: &DynamoDb) {
    let twice = |id: &'static str, amount| async move {
        let key = format!("Idempotency-Key: {id}\r\n");
        http_with(endpoint, "POST /payments", &key, &payment(id, BANK, "twice", amount)).await
    };
    for _ in 0..2 {
        let (status, head, body) = twice("one-body", 5).await;
        assert!([200, 202].contains(&status), "{head} {body}");
    }
    answered(endpoint, "GET /payments/one-body", 200).await;
    assert_eq!(twice("one-body", 5).await.0, 200, "the outcome is known");
    assert_eq!(twice("one-body", 6).await.0, 409, "and answers another body");

    let (first, second) = tokio::join!(twice("two-bodies", 7), twice("two-bodies", 8));
    let outcome = answered(endpoint, "GET /payments/two-bodies", 200).await;
    let statuses = BTreeSet::from([first.0, second.0]);
    let both = statuses == BTreeSet::from([202]);
    assert!(both || statuses == BTreeSet::from([202, 409]), "{first:?} {second:?}");
    let mut told = Vec::new();
    for (status, _, body) in [&first, &second] {
        if *status == 202 {
            let accepted: Value = serde_json::from_str(body).unwrap();
            let fingerprint = accepted["fingerprint"].as_str().unwrap();
            let wanted = if outcome["fingerprint"] == fingerprint { 200 } else { 409 };
            let asked = format!("GET /payments/two-bodies?fingerprint={fingerprint}");
            assert_eq!(http(endpoint, &asked, "").await.0, wanted);
            told.push(wanted);
        }
    }
    told.sort_unstable();
    assert_eq!(told, if both { vec![200, 409] } else { vec![200] });
    let set_aside = async {
        loop {
            let mut letters = ledger.dead_letters().await.unwrap();
            letters.retain(|letter| key_of(letter).is_some_and(|key| key.as_str() == "two-bodies"));
            if letters.len() == usize::from(both) {
                return letters;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let letters = tokio::time::timeout(PATIENCE, set_aside).await.expect("the dead letter comes");
    assert!(letters.iter().all(|letter| letter.reason.as_str() == "payment_id_reused"), "{letters:?}");
    let amount = i128::from(outcome["amount"].as_i64().unwrap());
    let account = ledger.account(&AccountId::try_new("twice").unwrap()).await.unwrap().unwrap();
    assert_eq!(account.balance(), 5 + amount, "each key moved money once");
}
